"""`/retarget`: new targets from cached scores, without the model."""

import itertools

import numpy as np
import pytest

from tests.support import SCENARIO, grouped


@pytest.fixture(scope="module")
def scored(azimuth):
    """Three score sets; the last has no scores for verbosity."""
    attributes = [["helpfulness", "verbosity"], ["helpfulness", "verbosity"], ["helpfulness"]]
    return [
        azimuth.post("/v1/score", SCENARIO | {"question": f"q{i}", "attributes": names}).json()
        for i, names in enumerate(attributes)
    ]


def retarget(azimuth, status=200, **body):
    response = azimuth.post("/v1/retarget", grouped(**body))
    assert response.status_code == status, response.text
    return response.json()


def problem_of(azimuth, **body):
    """The problem of the only pair in the answer."""
    (pair,) = retarget(azimuth, **body)["pairs"]
    assert "selection" not in pair
    return pair["problem"]


def matrix(score_set, names):
    cells = {c["attribute"]: [s["score"] for s in c["scores"]] for c in score_set["cells"]}
    return np.array([cells[name] for name in names]).T


def test_retargeting_one_pair_returns_the_selection_of_select(azimuth, scored):
    target = {"helpfulness": 1.0, "verbosity": 0.0}
    answer = retarget(azimuth, score_set_ids=scored[0]["id"], targets=target)
    (pair,) = answer["pairs"]
    selected = azimuth.post("/v1/select", SCENARIO | {"question": "q0", "target": target}).json()
    assert pair == {
        "score_set_id": scored[0]["id"],
        "target_index": 0,
        "selection": selected["selection"],
    }


def test_pairs_are_grouped_by_score_set(azimuth, scored):
    ids = [s["id"] for s in scored[:2]]
    targets = [{"helpfulness": 1}, {"verbosity": 0}, {"helpfulness": 0, "verbosity": 1}]
    answer = retarget(azimuth, score_set_ids=ids, targets=targets)
    pairs = [(s["score_set_id"], s["target_index"]) for s in answer["pairs"]]
    assert pairs == list(itertools.product(ids, range(3)))


def test_selections_for_many_targets_match_numpy(azimuth, scored):
    names = ["helpfulness", "verbosity"]
    levels = np.linspace(0, 1, 21)
    grid = [dict(zip(names, point, strict=True)) for point in itertools.product(levels, levels)]
    ids = [s["id"] for s in scored[:2]]
    answer = retarget(azimuth, score_set_ids=ids, targets=grid, compact=True)
    points = np.array([list(t.values()) for t in grid])
    for row, score_set in zip(answer["selected"], scored, strict=False):
        scores = matrix(score_set, names)
        expected = np.linalg.norm(points[:, None] - scores[None], axis=2).argmin(axis=1)
        assert row == expected.tolist()
    assert answer["problems"] == []


def test_retarget_uses_weights_and_distance(azimuth, scored):
    body = {
        "score_set_ids": scored[0]["id"],
        "targets": {"helpfulness": 0.5, "verbosity": 0.5},
        "weights": {"verbosity": 3},
        "distance": "manhattan",
    }
    (pair,) = retarget(azimuth, **body)["pairs"]
    scores = matrix(scored[0], ["helpfulness", "verbosity"])
    expected = np.abs(scores - 0.5) @ [1, 3]
    got = {r["index"]: r["distance"] for r in pair["selection"]["ranking"]}
    assert got == pytest.approx(dict(enumerate(expected)))


def test_a_score_set_id_without_a_view_uses_canonical_order(azimuth, scored):
    bare = scored[0]["id"].partition(".")[0]
    (pair,) = retarget(azimuth, score_set_ids=bare, targets={"helpfulness": 1})["pairs"]
    first, second = matrix(scored[0], ["helpfulness"])[:, 0]
    assert first != second
    # The request lists the candidates in the reverse of canonical order.
    distances = {r["id"]: r["distance"] for r in pair["selection"]["ranking"]}
    assert distances == pytest.approx({"0": 1 - second, "1": 1 - first})


def test_an_unknown_score_set_is_a_problem_of_its_pair(azimuth):
    problem = problem_of(azimuth, score_set_ids="nope.1", targets={"helpfulness": 1})
    assert problem["type"] == "/problems/unknown-score-set"
    assert problem["status"] == 404
    assert problem["score_set_id"] == "nope.1"


def test_an_attribute_not_scored_is_a_problem_of_its_pair(azimuth, scored):
    problem = problem_of(
        azimuth, score_set_ids=scored[2]["id"], targets={"helpfulness": 1, "verbosity": 0}
    )
    assert problem["type"] == "/problems/attribute-not-scored"
    assert problem["missing"] == ["verbosity"]
    assert problem["scored"] == ["helpfulness"]


def test_pairs_with_problems_do_not_affect_the_others(azimuth, scored):
    ids = [scored[0]["id"], "nope", scored[2]["id"]]
    targets = [{"helpfulness": 1}, {"verbosity": 0}]
    answer = retarget(azimuth, score_set_ids=ids, targets=targets)
    problems = [pair.get("problem", {}).get("status") for pair in answer["pairs"]]
    assert problems == [None, None, 404, 404, None, 409]
    assert ["selection" in pair for pair in answer["pairs"]] == [p is None for p in problems]
    compact = retarget(azimuth, score_set_ids=ids, targets=targets, compact=True)
    assert compact["selected"][1] == [None, None]
    assert compact["selected"][2][1] is None
    assert compact["selected"][2][0] is not None
    assert [(p["score_set_id"], p["target_indices"]) for p in compact["problems"]] == [
        ("nope", [0, 1]),
        (scored[2]["id"], [1]),
    ]


def test_too_many_pairs_are_rejected(azimuth, scored):
    targets = [{"helpfulness": 1}] * 20_001
    body = {"score_set_ids": scored[0]["id"], "targets": targets}
    assert "compact" in retarget(azimuth, 422, **body)["detail"]
    assert len(retarget(azimuth, **body, compact=True)["selected"][0]) == 20_001
    many = [{f"a{i}": 1} for i in range(201)]
    assert "201" in retarget(azimuth, 422, **(body | {"targets": many}))["detail"]


def test_newly_scored_cells_are_visible_at_once(azimuth):
    body = SCENARIO | {"question": "meanwhile", "attributes": ["helpfulness"]}
    set_id = azimuth.post("/v1/score", body).json()["id"]
    target = {"helpfulness": 1, "verbosity": 0}
    retarget(azimuth, score_set_ids=set_id, targets={"helpfulness": 1})
    assert problem_of(azimuth, score_set_ids=set_id, targets=target)["missing"] == ["verbosity"]
    azimuth.post("/v1/score", body | {"attributes": ["helpfulness", "verbosity"]})
    (pair,) = retarget(azimuth, score_set_ids=set_id, targets=target)["pairs"]
    assert pair["selection"]["selected"]


def test_repeated_ids_and_targets_are_all_answered(azimuth, scored):
    ids, targets = [scored[0]["id"]] * 3, [{"helpfulness": 1}] * 2
    answer = retarget(azimuth, score_set_ids=ids, targets=targets, compact=True)
    assert len({tuple(row) for row in answer["selected"]}) == 1
    assert [len(row) for row in answer["selected"]] == [2, 2, 2]


def test_a_name_with_two_definitions_is_ambiguous(azimuth):
    for definition in ("kind words", "kind deeds"):
        inline = {"name": "warmth", "definition": definition}
        body = SCENARIO | grouped(question="warm", attributes=[inline], bank=None)
        score_set = azimuth.post("/v1/score", body).json()
    problem = problem_of(azimuth, score_set_ids=score_set["id"], targets={"warmth": 1})
    assert len(problem["ambiguous"]) == 2
    exact = score_set["cells"][0]["definition_id"]
    assert exact in problem["ambiguous"]
    answer = retarget(azimuth, score_set_ids=score_set["id"], targets={exact: 1})
    assert answer["pairs"][0]["selection"]["selected"]


@pytest.mark.parametrize("more", [{}, {"compact": True}, {"explain": True}])
def test_a_target_may_name_two_definitions_of_an_attribute_with_any_distance(azimuth, more):
    for definition in ("It helps.", "It helps a lot."):
        inline = {"name": "helpfulness", "definition": definition}
        body = SCENARIO | grouped(question="two of a name", attributes=[inline], bank=None)
        score_set = azimuth.post("/v1/score", body).json()
        exact = score_set["cells"][0]["definition_id"]
    problem = problem_of(azimuth, score_set_ids=score_set["id"], targets={"helpfulness": 1})
    target = dict.fromkeys(problem["ambiguous"], 1.0)
    assert exact in target
    for distance in ("euclidean", "mahalanobis"):
        how = {"distance": distance, "covariance_bank": "helpsteer2"} | more
        answer = retarget(azimuth, score_set_ids=score_set["id"], targets=[target], **how)
        if more.get("compact"):
            assert answer["problems"] == []
            assert answer["selected"][0][0] is not None
        else:
            (pair,) = answer["pairs"]
            assert pair["selection"]["selected"]["distance"] >= 0


@pytest.mark.parametrize("more", [{}, {"explain": True}, {"distance": "mahalanobis"}])
def test_one_target_must_not_name_a_cell_twice(azimuth, scored, more):
    cells = scored[0]["cells"]
    exact = next(c["definition_id"] for c in cells if c["attribute"] == "helpfulness")
    targets = [{"helpfulness": 1, "verbosity": 0}, {exact: 1, "verbosity": 0}]
    targets.append({"helpfulness": 1, exact: 0})
    ids = scored[0]["id"]
    first, second, both = retarget(azimuth, score_set_ids=ids, targets=targets, **more)["pairs"]
    rankings = (first["selection"]["ranking"], second["selection"]["ranking"])
    for one, other in zip(*rankings, strict=True):
        assert one | {"distance": pytest.approx(one["distance"])} == other
    assert both["problem"]["status"] == 422
    pointers = [error["pointer"] for error in both["problem"]["errors"]]
    assert pointers == ["#/targets/2/helpfulness", f"#/targets/2/{exact}"]
    problem = problem_of(azimuth, score_set_ids=ids, targets=targets[2], **more)
    assert problem["errors"][0]["pointer"] == "#/targets/helpfulness"


def test_problems_point_to_their_score_set_and_target(azimuth, scored):
    ids = [scored[0]["id"], "nope", scored[2]["id"]]
    targets = [{"helpfulness": 1}, {"verbosity": 0}]
    answer = retarget(azimuth, score_set_ids=ids, targets=targets)["pairs"]
    pointers = [p["problem"]["errors"][0]["pointer"] for p in answer if "problem" in p]
    assert pointers == ["#/score_set_ids/1", "#/score_set_ids/1", "#/targets/1/verbosity"]
    compact = retarget(azimuth, score_set_ids=ids, targets=targets, compact=True)
    pointers = [p["problem"]["errors"][0]["pointer"] for p in compact["problems"]]
    assert pointers == ["#/score_set_ids/1", "#/targets/1/verbosity"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"targets": {}}, "#/targets"),
        ({"targets": []}, "#/targets"),
        ({"targets": {"a": 2}}, "#/targets/a"),
        ({"targets": [{"a": 1}, {"a": -1}]}, "#/targets/1/a"),
        ({"targets": {"a": 1}, "weights": {"a": -1}}, "#/selection/weights/a"),
        ({"targets": {"a": 1}, "weights": {"b": 1}}, "#/selection/weights/b"),
        ({"targets": [{"a": 1}, {"c": 1}], "weights": {"c": 0}}, "#/selection/weights"),
        ({"targets": {"a": 1}, "distance": "cosine"}, "#/selection/distance"),
        ({"targets": {"a": 1}, "score_set_ids": []}, "#/score_set_ids"),
    ],
)
def test_invalid_input_is_rejected_with_a_pointer(azimuth, body, pointer):
    problem = retarget(azimuth, 422, **({"score_set_ids": ["x"]} | body))
    assert pointer in [e["pointer"] for e in problem["errors"]]


def test_retargeting_works_without_a_worker(service):
    service.start_api()
    worker = service.start_worker()
    score_set = service.post("/v1/score", SCENARIO).json()
    worker.kill()
    answer = service.post(
        "/v1/retarget", {"score_set_ids": score_set["id"], "targets": {"helpfulness": 1}}
    )
    assert answer.status_code == 200
