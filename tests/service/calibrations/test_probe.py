"""Scores from hidden states: read once for each candidate, made by a calibration."""

import pytest

from app.domain.calibration.artefact import from_bytes
from app.store.builtin_calibrations import imported
from tests.service.calibrations.support import (
    ATTRIBUTES,
    BANK,
    HELD_OUT,
    ask,
    calibrated,
    compact,
    delete,
    fitted,
    last_job,
    lines,
    look_at,
    problem_of,
    problem_of_pair,
    put,
    raw,
    score,
    select,
    selections,
)
from tests.support import wait_until

PROBE = {"method": "probe"}


@pytest.fixture(scope="module")
def reading(judged):
    """A calibration for the states of the judge of known quality."""
    with judged.client() as client:
        client.put("/v1/banks/labelled", content=lines(*BANK)).raise_for_status()
    return fitted(judged, "reading", scoring=PROBE)


def test_without_a_calibration_it_is_refused_before_anything_is_read(judged):
    before = last_job(judged)
    for model in ("slow", "fake"):
        response = judged.post("/v1/score", ask(HELD_OUT[30], scoring=PROBE | {"model": model}))
        if model == "slow":
            problem = problem_of(response, 422, "invalid-request")
            assert "scripts.calibrate" in problem["detail"]
    none = ask(HELD_OUT[30], scoring=PROBE, calibration="none", target={"verbosity": 1})
    problem = problem_of(judged.post("/v1/select", none), 422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    assert last_job(judged) == before


def test_the_report_says_how_much_states_add(reading):
    used = {report["attribute"]: report for report in reading["reports"]}
    assert used["helpfulness"]["layer"] == "states"
    assert "the states of this judge lower the error" in used["helpfulness"]["summary"]
    # Lengths show verbosity, and the judge knows nothing of it.
    assert used["verbosity"]["layer"] == "features"
    assert "the states of this judge add nothing" in used["verbosity"]["summary"]
    assert reading["scorer"]["method"] == "probe"
    assert reading["scenarios"] == len(BANK)


def test_scores_are_cells_of_the_attributes(judged, reading):
    answer = score(judged, HELD_OUT[30], scoring=PROBE)
    assert [cell["attribute"] for cell in answer["cells"]] == ATTRIBUTES
    assert answer["status"] == "complete"
    assert answer["calibration"]["digest"] == reading["digest"]
    assert raw(answer) == calibrated(answer)
    assert sum(cell["usage"]["prompt_tokens"] for cell in answer["cells"]) > 0
    assert answer["usage"]["prompt_tokens"] == sum(
        cell["usage"]["prompt_tokens"] for cell in answer["cells"]
    )
    shown = look_at(judged, answer["id"])
    assert raw(shown) == raw(answer)
    assert all(cell["cached"] for cell in shown["cells"])


def test_scores_are_near_to_unseen_labels(judged, reading):
    lost = 0.0
    for scenario in HELD_OUT[:20]:
        scores = raw(score(judged, scenario, scoring=PROBE))
        lost += sum(
            (scores["helpfulness"][index] - labels["helpfulness"]) ** 2
            for index, labels in enumerate(scenario["labels"])
        )
    assert (lost / 40) ** 0.5 < 0.3  # 0.35 is the deviation of the labels


def test_another_attribute_costs_nothing(judged, reading):
    first = score(judged, HELD_OUT[22], scoring=PROBE, attributes=["verbosity"])
    second = score(judged, HELD_OUT[22], scoring=PROBE)
    assert [cell["attribute"] for cell in first["cells"]] == ["verbosity"]
    assert second["usage"]["prompt_tokens"] == 0
    assert all(cell["cached"] for cell in second["cells"])
    assert first["id"] == second["id"]


def test_a_candidate_added_to_a_list_costs_one_reading(judged, reading):
    scenario = HELD_OUT[23]
    both = score(judged, scenario, scoring=PROBE)
    more = {**scenario, "responses": [*scenario["responses"], "A third."]}
    three = score(judged, more, scoring=PROBE)
    assert 0 < three["usage"]["prompt_tokens"] < both["usage"]["prompt_tokens"] / 1.5
    turned = {**scenario, "responses": scenario["responses"][::-1]}
    again = score(judged, turned, scoring=PROBE)
    assert again["usage"]["prompt_tokens"] == 0
    assert raw(again) == {name: scores[::-1] for name, scores in raw(both).items()}


def test_one_candidate_alone_is_scored(judged, reading):
    alone = {"question": HELD_OUT[24]["question"], "responses": HELD_OUT[24]["responses"][:1]}
    assert {len(scores) for scores in raw(score(judged, alone, scoring=PROBE)).values()} == {1}


def test_selections_and_new_targets_use_the_scores(judged, reading):
    target = {"helpfulness": 1, "verbosity": 0}
    answer = select(judged, HELD_OUT[25], scoring=PROBE, target=target, selection={"explain": True})
    scores = raw(answer["score_set"])
    expected = [
        sum((scores[name][index] - wish) ** 2 for name, wish in target.items()) ** 0.5
        for index in range(2)
    ]
    before = last_job(judged)
    (again,) = selections(judged, answer["score_set"], targets=[target])
    for selection in (answer["selection"], again):
        distances = {one["index"]: one["distance"] for one in selection["ranking"]}
        assert distances == pytest.approx(dict(enumerate(expected)))
        assert selection["calibration"]["name"] == "reading"
    assert answer["selection"]["ranking"][0]["probability"] > 0
    (indices,) = compact(judged, [answer["score_set"]], targets=[target])["selected"]
    assert indices == [again["selected"]["index"]]
    assert last_job(judged) == before


def test_targets_beyond_the_calibration_are_problems_of_their_own(judged, reading):
    score_set = score(judged, HELD_OUT[25], scoring=PROBE)
    problem = problem_of_pair(judged, score_set, targets=[{"coherence": 1}])
    assert problem["type"] == "/problems/attribute-not-scored"
    assert problem["scored"] == ATTRIBUTES
    refused = judged.post(
        "/v1/score", ask(HELD_OUT[25], scoring=PROBE) | {"attributes": ["coherence"]}
    )
    assert "does not cover coherence" in problem_of(refused, 422, "invalid-request")["detail"]
    none = problem_of_pair(judged, score_set, targets=[{"verbosity": 1}], calibration="none")
    assert none["type"] == "/problems/invalid-request"


def test_a_long_list_is_scored_and_selected_from(judged, reading):
    responses = [f"Reply number {number}." for number in range(1000)]
    body = ask({"question": "Which?", "responses": responses}, scoring=PROBE)
    answer = judged.post("/v1/select", body | {"target": {"helpfulness": 1}})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["selection"]["ranking"]) == 1000
    comparative = body | {"scoring": {"bank": None}, "target": {"helpfulness": 1}}
    problem = problem_of(judged.post("/v1/select", comparative), 422, "invalid-request")
    assert "'comparative' takes at most 26 candidates" in problem["detail"]


def test_a_set_whose_calibration_is_gone_still_shows_that_it_was_read(judged):
    assert put(judged, "short-lived", scoring=PROBE | {"model": "slow"}, bank="short").is_success
    delete(judged, "short-lived")
    score_set = score(judged, HELD_OUT[30], scoring=PROBE)
    shown = look_at(judged, score_set["id"], calibration="none")
    (cell,) = shown["cells"]
    assert (cell["attribute"], cell["kind"], cell["scores"]) == ("(states)", "states", [])


def test_a_candidate_that_is_too_long_is_refused_and_the_others_are_read_later(judged, reading):
    scenario = HELD_OUT[26]
    more = {**scenario, "responses": [*scenario["responses"], "long " * 9000]}
    problem = problem_of(
        judged.post("/v1/score", ask(more, scoring=PROBE)), 422, "context-overflow"
    )
    assert problem["prompt_tokens"] > problem["context_length"]
    assert score(judged, scenario, scoring=PROBE)["status"] == "complete"


def test_an_answer_that_is_polled_shows_the_attributes(judged, reading):
    body = ask(HELD_OUT[27], scoring=PROBE | {"model": "fake"})
    response = judged.post("/v1/score", body, headers={"Prefer": "respond-async"})
    assert response.status_code == 202
    id_ = response.json()["score_set_id"]
    shown = look_at(judged, id_)
    assert [cell["attribute"] for cell in shown["cells"]] == ATTRIBUTES
    done = wait_until(
        lambda: one if (one := look_at(judged, id_))["status"] == "complete" else None,
        what="the states",
    )
    assert raw(done) == raw(score(judged, HELD_OUT[27], scoring=PROBE))


def test_several_sets_are_retargeted_together_with_sets_of_other_methods(judged, reading):
    read = [score(judged, one, scoring=PROBE) for one in HELD_OUT[28:30]]
    written = score(judged, HELD_OUT[28])
    (*by_states, by_answers) = compact(judged, [*read, written])["selected"]
    assert all(None not in selected for selected in (*by_states, by_answers))


def test_a_fit_can_be_downloaded_as_a_file(judged, reading):
    with judged.client() as client:
        answer = client.get("/v1/calibration-files/reading")
        assert client.get("/v1/calibration-files/nothing").status_code == 404
    builtin = imported(answer.content)
    assert builtin.info.digest == from_bytes(answer.content).digest == reading["digest"]
    assert builtin.info.fingerprint == reading["scorer"]["fingerprint"]
