"""Committees: several judges, or one judge asked in several ways, behind one request."""

import json

import pytest

from tests.support import SCENARIO, grouped, running_service, wait_until

BOTH = ["fake", "other"]
DIGITS = {"model": "fake", "reasoning": False}
TARGET = {"helpfulness": 1.0, "verbosity": 0.25}
QUESTIONS = ("mean", "serve", "order", "errors", "new target", "first", "second", "ways", "poll",
             "known", "away", "fails")  # fmt: skip


def start(service, folder, **other):
    """Two judges that see the same labels, each through noise of its own."""
    labels = folder / "labels.jsonl"
    marks = [{"helpfulness": 0.75, "verbosity": 0.5}, {"helpfulness": 0.5, "verbosity": 0.25}]
    texts = [one["text"] for one in SCENARIO["responses"]]
    rows = [{"id": q, "question": q, "responses": texts, "labels": marks} for q in QUESTIONS]
    labels.write_text("\n".join(map(json.dumps, rows)))
    seen = {"AZIMUTH_FAKE_LABELS": str(labels), "AZIMUTH_FAKE_NOISE": "0.2"}
    service.start_api()
    service.start_worker(**seen)
    seen |= {"AZIMUTH_MODEL_NAME": "other", "AZIMUTH_FAKE_SEED": "7"}
    child = service.start_worker(ready=False, **seen, **other)
    with service.client() as client:
        wait_until(lambda: len(served(client)) == 2, what="both judges")
    return child


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    """A service with two judges whose scores differ."""
    folder = tmp_path_factory.mktemp("judges")
    with running_service(folder) as running:
        start(running, folder, AZIMUTH_FAKE_LATENCY_S="0.1")
        yield running


def served(client):
    return client.get("/readyz").json()["model"].get("models", [])


def ask(service, path, question, status=200, **more):
    body = {"attributes": ["helpfulness", "verbosity"], "bank": None} | more
    response = service.post(f"/v1/{path}", SCENARIO | grouped(question=question, **body))
    assert response.status_code == status, response.text
    return response.json()


def scores(score_set, which="score"):
    """Attribute -> scores, by attribute."""
    return {cell["attribute"]: [s[which] for s in cell["scores"]] for cell in score_set["cells"]}


def mean(*answers):
    return {
        name: pytest.approx([sum(each) / len(each) for each in zip(*columns, strict=True)])
        for name, columns in {
            name: [scores(answer)[name] for answer in answers] for name in scores(answers[0])
        }.items()
    }


def test_scores_are_the_mean_of_those_that_the_judges_give_alone(judges):
    alone = [ask(judges, "score", "mean", model=name) for name in BOTH]
    assert scores(alone[0]) != scores(alone[1])
    answer = ask(judges, "score", "mean", model=BOTH)
    assert scores(answer) == mean(*alone)
    assert answer["status"] == "complete"
    assert answer["usage"]["prompt_tokens"] == 0, "the cells are those of the judges alone"
    assert all(cell["cached"] for cell in answer["cells"])
    assert {judge["score_set_id"] for judge in answer["judges"]} == {one["id"] for one in alone}


def test_cells_of_a_committee_serve_each_judge_alone(judges):
    first = ask(judges, "score", "serve", model=BOTH)
    again = [ask(judges, "score", "serve", model=name) for name in BOTH]
    assert first["usage"]["prompt_tokens"] > 0
    assert [one["usage"]["prompt_tokens"] for one in again] == [0, 0]
    assert scores(first) == mean(*again)


def test_the_order_of_judges_makes_no_difference(judges):
    first = ask(judges, "score", "order", model=BOTH)
    turned = ask(judges, "score", "order", model=BOTH[::-1])
    assert (first["id"], first["scorer"]) == (turned["id"], turned["scorer"])
    assert scores(first) == scores(turned)
    alone = ask(judges, "score", "order", model="fake")["scorer"]
    one = ask(judges, "score", "order", model=["fake"])["scorer"]
    assert alone == one
    assert alone["fingerprint"] != first["scorer"]["fingerprint"]
    assert alone in first["scorer"]["members"]


def test_disagreement_of_the_judges_is_uncertainty(judges):
    answer = ask(judges, "score", "errors", model=BOTH, show_judges=True)
    for cell in answer["cells"]:
        for score in cell["scores"]:
            low, high = sorted(score["values"])
            assert score["spread"] == pytest.approx((high - low) / 2)
            assert score["standard_error"] > 0
    shown = {judge["model"]: judge for judge in answer["judges"]}
    assert set(shown) == set(BOTH)
    for name, judge in shown.items():
        assert scores(judge) == scores(ask(judges, "score", "errors", model=name))
    hidden = ask(judges, "score", "errors", model=BOTH)
    assert not any("cells" in judge for judge in hidden["judges"])
    selection = ask(judges, "select", "errors", model=BOTH, target=TARGET)["selection"]
    assert 0 < selection["ranking"][0]["probability"] < 1


def test_a_selection_can_be_retargeted_by_its_id(judges):
    answer = ask(judges, "select", "new target", model=BOTH, target=TARGET)
    id_ = answer["score_set"]["id"]
    again = judges.post("/v1/retarget", {"score_set_ids": id_, "targets": TARGET}).json()
    assert again["pairs"][0]["selection"]["selected"]["distance"] == pytest.approx(
        answer["selection"]["selected"]["distance"]
    )
    with judges.client() as client:
        stored = client.get(f"/v1/score-sets/{id_}", params={"show_judges": True}).json()
    assert scores(stored) == scores(answer["score_set"])
    assert all(judge["cells"] for judge in stored["judges"])


def test_ids_of_different_scenarios_make_no_committee(judges):
    one = ask(judges, "score", "first", model="fake")["id"]
    other = ask(judges, "score", "second", model="other")["id"]
    forged = f"{one.split('.')[0]}-{other}"
    answer = judges.post("/v1/retarget", {"score_set_ids": forged, "targets": TARGET}).json()
    assert answer["pairs"][0]["problem"]["type"] == "/problems/unknown-score-set"


def test_one_model_may_be_asked_in_two_ways(judges):
    model = ["fake", DIGITS]
    answer = ask(judges, "score", "ways", model=model)
    alone = [
        ask(judges, "score", "ways", model="fake", reasoning=reasoning)
        for reasoning in (True, False)
    ]
    assert scores(answer) == mean(*alone)
    assert sorted(one["reasoning"] for one in answer["scorer"]["members"]) == [False, True]


@pytest.mark.parametrize(
    ("model", "slug", "pointer"),
    [
        (["fake", "nobody"], "unknown-model", "#/scoring/model/1"),
        (["fake", {"method": "kaleido"}], "unknown-method", "#/scoring/model/1/method"),
        (["fake", "fake"], "invalid-request", "#/scoring/model"),
        (["fake", {"method": "unaligned"}], "invalid-request", "#/scoring/model"),
        ([], "invalid-request", "#/scoring/model"),
    ],
)  # fmt: skip
def test_a_judge_that_cannot_be_is_refused(judges, model, slug, pointer):
    status = 404 if slug == "unknown-model" else 422
    problem = ask(judges, "select", "refused", status, model=model, target=TARGET)
    assert problem["type"] == f"/problems/{slug}"
    assert problem["errors"][0]["pointer"] == pointer
    allowed = ask(
        judges, "select", "refused", status, model=model, target=TARGET, missing_judges="leave_out"
    )
    assert allowed["type"] == problem["type"], "a wrong name is not a judge that is away"


def test_an_answer_that_is_polled_has_the_scores_of_all(judges):
    body = SCENARIO | grouped(question="poll", model=BOTH, bank=None, attributes=["helpfulness"])
    response = judges.post("/v1/score", body, headers={"Prefer": "respond-async"})
    assert response.status_code == 202
    with judges.client() as client:
        path = response.json()["location"]

        def complete():
            seen = client.get(path).json()
            return seen if seen["status"] == "complete" else None

        done = wait_until(complete, what="both judges")
    assert len(done["judges"]) == 2


def test_a_judge_without_workers_is_refused_or_left_out(service, tmp_path):
    other = start(service, tmp_path)
    known = ask(service, "score", "known", model=BOTH)
    other.stop(10)
    assert ask(service, "score", "known", model=BOTH)["id"] == known["id"], "cells are cached"
    problem = ask(service, "score", "away", 503, model=BOTH)
    assert problem["type"] == "/problems/model-not-ready"
    assert problem["judges"] == ["other"]
    assert "'other'" in problem["detail"]
    assert service.jobs() == 0, "nothing is queued for the other judge"
    answer = ask(service, "score", "away", model=BOTH, missing_judges="leave_out")
    assert [one["model"] for one in answer["left_out"]] == ["other"]
    assert any("'other'" in warning for warning in answer["warnings"])
    alone = ask(service, "score", "away", model="fake")
    assert (answer["id"], scores(answer)) == (alone["id"], scores(alone))
    gone = ["other", {"model": "other", "reasoning": False}]
    nobody = ask(service, "score", "away", 503, model=gone, missing_judges="leave_out")
    assert nobody["type"] == "/problems/model-not-ready"


def test_a_judge_that_fails_is_named_or_left_out(service, tmp_path):
    start(service, tmp_path, AZIMUTH_FAKE_FAULTS="invalid:1")
    answer = ask(service, "score", "fails", model=BOTH)
    assert answer["status"] == "partial"
    assert all(cell["detail"].startswith("judge 'other'") for cell in answer["cells"])
    problem = ask(service, "select", "fails", 502, model=BOTH, target=TARGET)
    assert problem["type"] == "/problems/cells-unscored"
    assert all("'other'" in one["detail"] for one in problem["unscored"])
    chosen = ask(service, "select", "fails", model=BOTH, target=TARGET, missing_judges="leave_out")
    (left_out,) = chosen["score_set"]["left_out"]
    assert left_out["model"] == "other"
    assert "invalid" in left_out["detail"]
    again = {"score_set_ids": chosen["score_set"]["id"], "targets": TARGET}
    (pair,) = service.post("/v1/retarget", again).json()["pairs"]
    assert pair["selection"]["selected"] == chosen["selection"]["selected"]
