"""Distances, explanations and limits in `/select` and `/retarget`, over HTTP."""

import json
import statistics

import numpy as np
import pytest

from tests.support import SCENARIO, grouped

NAMES = ["helpfulness", "verbosity"]
TARGET = {"helpfulness": 1.0, "verbosity": 0.25}


def select(azimuth, question, target=TARGET, **more):
    """The answer, with the members of its selection at the top level."""
    options = {"question": question, "attributes": NAMES, "target": target} | more
    response = azimuth.post("/v1/select", SCENARIO | grouped(**options))
    assert response.status_code == 200, response.text
    answer = response.json()
    return answer | answer.pop("selection")


def retarget(azimuth, answer, target=TARGET, **more):
    body = {"score_set_ids": answer["score_set"]["id"], "targets": target} | more
    response = azimuth.post("/v1/retarget", grouped(**body))
    assert response.status_code == 200, response.text
    return response.json()


def selections(azimuth, answer, target=TARGET, **more):
    return [pair["selection"] for pair in retarget(azimuth, answer, target, **more)["pairs"]]


def refused(azimuth, path, body):
    response = azimuth.post(path, body)
    assert response.status_code == 422, response.text
    return response.json()


BESIDE = {"score_set", "usage", "timings_ms"}


def scores_of(answer):
    return {c["attribute"]: [s["score"] for s in c["scores"]] for c in answer["score_set"]["cells"]}


@pytest.mark.parametrize(
    ("target", "more"),
    [
        (TARGET, {}),
        (TARGET, {"distance": "mahalanobis"}),
        (TARGET, {"distance": "mahalanobis", "weights": {"verbosity": 3}, "explain": True}),
        ({"helpfulness": {"at_least": 0.6}, "verbosity": 0.5}, {"explain": True}),
        ({"helpfulness": {"between": [0.2, 0.4]}}, {"distance": "manhattan"}),
        (TARGET, {"max_distance": 0.0}),
        (TARGET, {"min_margin": 2.0, "explain": True}),
        (TARGET, {"samples": 4, "explain": True}),
    ],
)
def test_retarget_and_select_return_the_same_selection(azimuth, target, more):
    answer = select(azimuth, f"alike {target}", target, **more)
    kept = {name: value for name, value in more.items() if name != "samples"}
    (again,) = selections(azimuth, answer, target, **kept)
    if more.get("explain"):
        said = {
            cell["attribute"]: {score["index"]: score["reasoning"] for score in cell["scores"]}
            for cell in answer["score_set"]["cells"]
        }
        for selection in (answer, again):
            for one in selection["explanation"]["contributions"]:
                assert one["reasonings"] == {name: said[name][one["index"]] for name in target}
    alike = {name: answer[name] for name in answer.keys() - BESIDE}
    if not kept.get("explain"):  # without it, /retarget computes no probabilities
        for ranked in (*alike["ranking"], *filter(None, [alike["selected"]])):
            ranked.pop("probability", None)
    assert again == alike
    if not kept.get("explain") and "samples" not in more:
        compact = retarget(azimuth, answer, [target, target], **kept, compact=True)
        chosen = answer["selected"]["index"] if answer["selected"] else None
        assert compact["selected"] == [[chosen, chosen]]


def test_select_and_retarget_accept_bounds(azimuth):
    scores = scores_of(select(azimuth, "bounds"))["verbosity"]
    low, high = sorted(scores)
    assert low < high, "the fake engine's hashes differ"
    answer = select(azimuth, "bounds", {"verbosity": {"at_most": low}})
    assert [r["distance"] for r in answer["ranking"]] == pytest.approx([0, high - low])
    both = select(azimuth, "bounds", {"verbosity": {"at_least": 0, "at_most": 1}})
    assert [r["distance"] for r in both["ranking"]] == [0, 0]
    assert len(both["ties"]) == 1


@pytest.mark.parametrize(
    "wish",
    [{}, {"between": [0.8, 0.2]}, {"between": [0, 1], "at_most": 1}, {"at_most": 2}, {"over": 1}],
)
def test_invalid_bounds_are_rejected_with_a_pointer(azimuth, wish):
    body = SCENARIO | {"attributes": NAMES, "target": {"verbosity": wish}}
    problem = refused(azimuth, "/v1/select", body)
    assert all(e["pointer"].startswith("#/target/verbosity") for e in problem["errors"])


def test_shares_add_up_to_one_and_a_flip_changes_the_selection(azimuth):
    answer = select(azimuth, "explain me", explain=True)
    explanation = answer["explanation"]
    assert [c["id"] for c in explanation["contributions"]] == [r["id"] for r in answer["ranking"]]
    for contribution in explanation["contributions"]:
        assert sum(contribution["shares"].values()) == pytest.approx(1)
    assert explanation["never_selected"] == []
    flips = explanation["flips"]
    assert flips, "the fake engine's hashes leave no choice to flip"
    assert flips == sorted(flips, key=lambda flip: abs(flip["change"]))
    for flip in flips:
        assert flip["value"] == pytest.approx(TARGET[flip["attribute"]] + flip["change"])
        beyond = flip["value"] + (1e-6 if flip["change"] > 0 else -1e-6)
        if 0 <= beyond <= 1:
            other = select(azimuth, "explain me", TARGET | {flip["attribute"]: beyond})
            assert other["selected"]["id"] == flip["to"]["id"]


def test_probabilities_require_several_answers(azimuth):
    alone = select(azimuth, "chances")
    assert not any("probability" in r for r in alone["ranking"])
    assert "standard_error" not in alone["score_set"]["cells"][0]["scores"][0]
    drawn = select(azimuth, "chances", samples=6)
    assert sum(r["probability"] for r in drawn["ranking"]) == pytest.approx(1)
    assert drawn["score_set"]["cells"][0]["scores"][0]["standard_error"] > 0


@pytest.mark.parametrize(
    ("limit", "value"), [("min_probability", 1.0), ("min_margin", 2.0), ("max_distance", 0.0)]
)
def test_a_selection_abstains_and_names_the_missed_limit(azimuth, limit, value):
    answer = select(azimuth, "limits", samples=3, **{limit: value})
    assert answer["selected"] is None
    assert answer["abstained"]["reason"] == limit.replace("_", "-")
    assert answer["abstained"]["limit"] == value
    assert (answer["abstained"]["observed"] < value) == limit.startswith("min")
    assert len(answer["ranking"]) == 2
    (again,) = selections(azimuth, answer, **{limit: value})
    assert again["selected"] is None
    if limit != "min_probability":
        compact = retarget(azimuth, answer, [TARGET], **{limit: value}, compact=True)
        assert compact["selected"] == [[None]]
        assert compact["problems"] == []


@pytest.mark.parametrize("limit", ["min_margin", "max_distance"])
@pytest.mark.parametrize("distance", ["euclidean", "chebyshev"])
def test_limits_apply_to_each_target_separately(azimuth, limit, distance):
    answer = select(azimuth, "limits, one by one")  # its margins differ
    steps = (0.0, 0.25, 0.5, 0.75, 1.0)
    targets = [{"helpfulness": a, "verbosity": b} for a in steps for b in steps]
    how = {"distance": distance}
    free = selections(azimuth, answer, targets, **how)
    values = {
        "min_margin": [one["margin"] for one in free],
        "max_distance": [one["selected"]["distance"] for one in free],
    }[limit]
    how[limit] = statistics.median(values)
    kept = [
        one["selected"]["index"]
        if (value >= how[limit] if limit == "min_margin" else value <= how[limit])
        else None
        for one, value in zip(free, values, strict=True)
    ]
    assert 5 < kept.count(None) < 20
    full = selections(azimuth, answer, targets, **how)
    assert [one["selected"] and one["selected"]["index"] for one in full] == kept
    assert retarget(azimuth, answer, targets, **how, compact=True)["selected"] == [kept]


def test_duplicate_candidates_each_have_the_full_probability(azimuth):
    once = select(azimuth, "twins", samples=4)
    chances = {r["id"]: r["probability"] for r in once["ranking"]}
    long, short = SCENARIO["responses"]
    twin = {"id": "twin", "text": short["text"]}
    twice = select(azimuth, "twins", samples=4, responses=[long, short, twin])
    with_twin = {r["id"]: r["probability"] for r in twice["ranking"]}
    assert with_twin == chances | {"twin": chances["short"]}


def test_a_minimum_probability_abstains_if_errors_are_unknown(azimuth):
    answer = select(azimuth, "limits", min_probability=0.01)
    assert answer["abstained"] == {"reason": "min-probability", "limit": 0.01}


def test_mahalanobis_uses_the_covariance_of_the_scorer_s_bank(azimuth):
    own = select(azimuth, "together", distance="mahalanobis")
    named = select(azimuth, "together", distance="mahalanobis", covariance_bank="helpsteer2")
    assert named["ranking"] == own["ranking"]
    assert own["ranking"] != select(azimuth, "together")["ranking"]
    zero = grouped(attributes=NAMES, target=TARGET, bank=None, distance="mahalanobis")
    problem = refused(azimuth, "/v1/select", SCENARIO | zero)
    assert problem["errors"][0]["pointer"] == "#/selection/covariance_bank"
    helped = select(
        azimuth, "zero", bank=None, distance="mahalanobis", covariance_bank="helpsteer2"
    )
    assert helped["selected"]
    pair = retarget(azimuth, helped, [TARGET, TARGET], distance="mahalanobis")["pairs"][0]
    assert "covariance_bank" in pair["problem"]["detail"]


def test_retarget_uses_the_named_covariance_bank(azimuth):
    """In place of the scorer's bank, and restricted to the attributes of each target."""
    labels = [(0.0, 0.25), (0.5, 0.25), (0.75, 1.0), (1.0, 0.75)]
    pairs = [labels[:2], labels[2:]]
    lines = [
        {
            "id": str(number),
            "question": f"q{number}",
            "responses": ["one", "two"],
            "labels": [dict(zip(NAMES, values, strict=True)) for values in pair],
        }
        for number, pair in enumerate(pairs)
    ]
    with azimuth.client() as client:
        stored = client.put("/v1/banks/together", content="\n".join(map(json.dumps, lines)))
        assert stored.status_code == 200
    covariance = np.cov(np.array(labels).T, bias=True)
    covariance[[0, 1], [1, 0]] *= 0.9  # covariances are shrunk by 10 %
    answer = select(azimuth, "covariances")
    scores = np.array([scores_of(answer)[name] for name in NAMES]).T
    targets = [{"verbosity": 0}, {"helpfulness": 1, "verbosity": 0.25}, {"helpfulness": 0.5}]
    how = {"distance": "mahalanobis", "covariance_bank": "together"}
    for target, pair in zip(targets, selections(azimuth, answer, targets, **how), strict=True):
        columns = [NAMES.index(name) for name in target]
        error = scores[:, columns] - list(target.values())
        inverse = np.linalg.inv(covariance[np.ix_(columns, columns)])
        expected = np.sqrt(np.einsum("ca,ab,cb->c", error, inverse, error))
        distances = {one["index"]: one["distance"] for one in pair["ranking"]}
        assert distances == pytest.approx(dict(enumerate(expected)))
        for one in select(azimuth, "covariances", target, **how)["ranking"]:
            assert distances[one["index"]] == pytest.approx(one["distance"])


def test_retarget_rejects_an_unknown_covariance_bank(azimuth):
    answer = select(azimuth, "nowhere")
    how = grouped(distance="mahalanobis", covariance_bank="nowhere", targets=TARGET)
    response = azimuth.post("/v1/retarget", how | {"score_set_ids": answer["score_set"]["id"]})
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-bank"
    assert response.json()["errors"][0]["pointer"] == "#/selection/covariance_bank"


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        (
            {"distance": "mahalanobis", "target": {"verbosity": {"at_most": 1}}},
            "#/selection/distance",
        ),
        (
            {"distance": "mahalanobis", "covariance_bank": "moral-foundations"},
            "#/selection/distance",
        ),
        ({"method": "prompt_aligned", "explain": True}, "#/selection/explain"),
        ({"method": "unaligned", "min_margin": 0.1}, "#/selection/min_margin"),
        (
            {"method": "prompt_aligned", "target": {"verbosity": {"at_most": 1}}},
            "#/target/verbosity",
        ),
    ],
)
def test_incompatible_options_are_rejected(azimuth, more, pointer):
    body = SCENARIO | grouped(**({"attributes": NAMES, "target": TARGET} | more))
    assert refused(azimuth, "/v1/select", body)["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}])
def test_an_unknown_covariance_bank_is_rejected_before_scoring(azimuth, headers):
    how = {"distance": "mahalanobis", "covariance_bank": "nowhere"}
    body = SCENARIO | grouped(target=TARGET, **how)
    response = azimuth.post("/v1/select", body, headers=headers)
    assert response.status_code == 404
    assert response.json()["errors"][0]["pointer"] == "#/selection/covariance_bank"
    assert "'nowhere'" in response.json()["detail"]


def test_methods_that_choose_do_not_need_a_covariance_bank(azimuth):
    answer = select(
        azimuth, "no distance", method="prompt_aligned", bank=None, distance="mahalanobis",
        covariance_bank="nowhere",
    )  # fmt: skip
    (warning,) = answer["score_set"]["warnings"]
    assert warning.endswith("does not use distance, covariance_bank")


def test_options_without_effect_on_distances_get_a_warning(azimuth):
    answer = select(azimuth, "idle", {"helpfulness": 1}, weights={"verbosity": 3})
    assert answer["score_set"]["warnings"] == [
        "weights of attributes that are not in the target have no effect: verbosity"
    ]
    answer = select(azimuth, "idle", covariance_bank="helpsteer2")
    idle = "covariance_bank has no effect on the euclidean distance"
    assert answer["score_set"]["warnings"] == [idle]
    assert retarget(azimuth, answer, covariance_bank="helpsteer2")["warnings"] == [idle]


def test_missing_labels_are_a_problem_only_of_targets_that_need_them(azimuth):
    own = {"name": "warmth", "definition": "How warm the words are."}
    body = SCENARIO | grouped(question="unlabelled", attributes=["helpfulness", own], bank=None)
    score_set = azimuth.post("/v1/score", body).json()
    targets = [{"helpfulness": 1}, {"warmth": 1}, {"helpfulness": 0, "warmth": 1}]
    how = {"distance": "mahalanobis", "covariance_bank": "helpsteer2"}
    answer = retarget(azimuth, {"score_set": score_set}, targets, **how)["pairs"]
    assert ["selection" in pair for pair in answer] == [True, False, False]
    assert "labels of 'warmth'" in answer[1]["problem"]["detail"]
    compact = retarget(azimuth, {"score_set": score_set}, targets, **how, compact=True)
    assert compact["selected"] == [[answer[0]["selection"]["selected"]["index"], None, None]]
    weightless = retarget(
        azimuth, {"score_set": score_set}, [targets[2]], **how, weights={"warmth": 0}
    )
    assert weightless["pairs"][0]["selection"]["selected"]


def test_compact_rejects_explain_and_explanations_have_a_pair_limit(azimuth):
    answer = select(azimuth, "sizes")
    body = {"score_set_ids": answer["score_set"]["id"], "targets": [TARGET], "compact": True}
    refused(azimuth, "/v1/retarget", body | grouped(explain=True))
    many = body | grouped(targets=[TARGET] * 1001, compact=False, explain=True)
    assert "1000 pairs" in refused(azimuth, "/v1/retarget", many)["detail"]
