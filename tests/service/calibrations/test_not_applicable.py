"""Calibrations that cannot be applied: raw scores under `auto`, a refusal by name."""

from app.domain.score_set import split_score_set_id
from app.store.redis import score_set_key
from tests.service.calibrations.support import (
    ATTRIBUTES,
    HELD_OUT,
    TARGETS,
    ask,
    last_job,
    look_at,
    problem_of,
    problem_of_pair,
    retarget,
    score,
    selections,
)


def test_another_scorer_is_raw_under_auto_and_refused_by_name(judged, house):
    answer = score(judged, HELD_OUT[0], scoring={"orders": 3})
    assert "calibration" not in answer
    assert answer["warnings"] == []
    for path, more in (("/v1/score", {}), ("/v1/select", {"target": TARGETS[0]})):
        body = ask(HELD_OUT[0], scoring={"orders": 3}, calibration="house", **more)
        problem = problem_of(judged.post(path, body), 422, "invalid-request")
        assert "'house' was fitted for another scorer" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = problem_of_pair(judged, answer, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = look_at(judged, answer["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"


def test_a_named_calibration_that_is_not_applicable_is_refused_before_scoring(judged, house):
    before = last_job(judged)
    for more in (
        {"scoring": {"orders": 4}},
        {"attributes": ["coherence"]},
        {"calibration": "nope"},
    ):
        body = ask(HELD_OUT[30], **({"calibration": "house"} | more))
        assert judged.post("/v1/score", body).status_code in (404, 422)
    assert last_job(judged) == before


def test_an_attribute_it_does_not_cover_is_a_warning_under_auto_and_refused_by_name(judged, house):
    more = {"attributes": [*ATTRIBUTES, "coherence"]}
    answer = score(judged, HELD_OUT[4], **more)
    assert "calibration" not in answer
    (warning,) = answer["warnings"]
    assert "does not cover coherence" in warning
    assert "as the model gave them" in warning
    problem = problem_of(
        judged.post("/v1/score", ask(HELD_OUT[4], calibration="house", **more)),
        422,
        "invalid-request",
    )
    assert problem["detail"] == "calibration 'house' does not cover coherence"
    assert problem["errors"][0]["pointer"] == "#/calibration"
    # Targets that do not name it are not concerned.
    selection, *_ = selections(judged, answer, calibration="house")
    assert selection["calibration"]["name"] == "house"
    problem = problem_of_pair(judged, answer, targets={"coherence": 1}, calibration="house")
    assert problem["detail"] == "calibration 'house' does not cover coherence"
    # Under auto, targets that name it are compared with raw scores, with one warning.
    for form in ({}, {"compact": True}):
        raw = retarget(judged, answer, targets=[{"coherence": 1}, {"coherence": 0}], **form)
        assert raw["warnings"] == [warning]


def test_an_unknown_name_is_a_404_with_the_known_names(judged, house):
    score_set = score(judged, HELD_OUT[0])
    pair = {"score_set_ids": score_set["id"], "targets": TARGETS[0]}
    for response in (
        judged.post("/v1/score", ask(HELD_OUT[0], calibration="nope")),
        judged.post("/v1/retarget", pair | {"calibration": "nope"}),
    ):
        problem = problem_of(response, 404, "unknown-calibration")
        assert "house" in problem["known"]
        assert problem["errors"][0]["pointer"] == "#/calibration"


def test_a_method_that_chooses_warns_that_it_uses_no_calibration(judged, house):
    scenario = {key: HELD_OUT[0][key] for key in ("question", "responses")}
    body = scenario | {"scoring": {"method": "unaligned"}, "calibration": "house"}
    score_set = judged.post("/v1/select", body).json()["score_set"]
    assert "calibration" not in score_set
    assert any("does not use" in w and "calibration" in w for w in score_set["warnings"])


def test_a_score_set_without_surface_features_has_to_be_asked_for_again(judged, house):
    score_set = score(judged, HELD_OUT[25], calibration="none")
    key = score_set_key(split_score_set_id(score_set["id"])[0])
    assert judged.redis.hdel(key, "surface") == 1
    problem = problem_of_pair(judged, score_set, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    assert "ask for its scores again (they are cached)" in problem["detail"]
    problem = look_at(judged, score_set["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"
    # Under auto, scores stay raw, with a warning.
    plain = retarget(judged, score_set, targets=TARGETS[0])
    assert "calibration" not in plain["pairs"][0]["selection"]
    assert "ask for its scores again (they are cached)" in plain["warnings"][0]
    assert "surface features" in look_at(judged, score_set["id"])["warnings"][0]
    # One way out: no calibration.
    assert selections(judged, score_set, calibration="none")[0]["selected"]
    # The other: features come from the texts, and scores from the cache.
    queued = last_job(judged)
    assert all(cell["cached"] for cell in score(judged, HELD_OUT[25])["cells"])
    assert last_job(judged) == queued
    assert selections(judged, score_set)[0]["calibration"]["name"] == "house"


def test_a_calibration_whose_content_is_missing_is_a_404(judged, second, house):
    key = f"azimuth:calibration-data:{house['digest']}"
    judged.redis.rename(key, "elsewhere")
    try:  # at a process that has not read it yet
        response = second.post("/v1/score", ask(HELD_OUT[9], calibration="house"))
    finally:
        judged.redis.rename("elsewhere", key)
    problem = problem_of(response, 404, "unknown-calibration")
    assert "fit it again" in problem["detail"]
    assert score(second, HELD_OUT[9])["calibration"]["name"] == "house"
