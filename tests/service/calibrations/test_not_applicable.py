"""Calibrations that cannot be applied: raw scores under `auto`, a refusal by name."""

from app.domain.plan import split_score_set_id
from app.store.redis import score_set_key
from tests.service.calibrations.support import (
    ATTRIBUTES,
    HELD_OUT,
    TARGETS,
    ask,
    last_job,
    look_at,
    problem_of,
    retarget,
    score,
)


def test_another_scorer_is_raw_under_auto_and_refused_by_name(judged, house):
    answer = score(judged, HELD_OUT[0], orders=3)
    assert answer["calibration"] is None
    assert answer["warnings"] == []
    for path, more in (("/v1/score", {}), ("/v1/select", {"target": TARGETS[0]})):
        body = ask(HELD_OUT[0], orders=3, calibration="house", **more)
        problem = problem_of(judged.post(path, body), 422, "invalid-request")
        assert "'house' was fitted for another scorer" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = retarget(judged, answer, 422, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = look_at(judged, answer["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"


def test_a_named_calibration_that_is_not_applicable_is_refused_before_scoring(judged, house):
    before = last_job(judged)
    for more in ({"orders": 4}, {"attributes": ["coherence"]}, {"calibration": "nope"}):
        body = ask(HELD_OUT[30], **({"calibration": "house"} | more))
        assert judged.post("/v1/score", body).status_code in (404, 422)
    assert last_job(judged) == before


def test_an_attribute_it_does_not_cover_is_a_warning_under_auto_and_refused_by_name(judged, house):
    more = {"attributes": [*ATTRIBUTES, "coherence"]}
    answer = score(judged, HELD_OUT[4], **more)
    assert answer["calibration"] is None
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
    # What a target does not name does not matter to it.
    pair, *_ = retarget(judged, answer, calibration="house")["selections"]
    assert pair["calibration"]["name"] == "house"
    problem = retarget(judged, answer, 422, targets={"coherence": 1}, calibration="house")
    assert problem["detail"] == "calibration 'house' does not cover coherence"
    # Targets that name it are answered by raw scores under auto, which says so, once.
    for form in ({}, {"compact": True}):
        told = retarget(judged, answer, targets=[{"coherence": 1}, {"coherence": 0}], **form)
        assert told["warnings"] == [warning]


def test_an_unknown_name_is_a_404_with_the_known_names(judged, house):
    answer = score(judged, HELD_OUT[0])
    for response in (
        judged.post("/v1/score", ask(HELD_OUT[0], calibration="nope")),
        judged.post(
            "/v1/retarget",
            {"score_set_ids": answer["id"], "targets": TARGETS[0], "calibration": "nope"},
        ),
    ):
        problem = problem_of(response, 404, "unknown-calibration")
        assert "house" in problem["known"]
        assert problem["errors"][0]["pointer"] == "#/calibration"


def test_a_method_that_chooses_warns_that_it_uses_no_calibration(judged, house):
    scenario = {key: HELD_OUT[0][key] for key in ("question", "responses")}
    body = scenario | {"method": "unaligned", "calibration": "house"}
    answer = judged.post("/v1/select", body).json()
    assert answer["score_set"]["calibration"] is None
    assert any(
        "makes no use of" in w and "calibration" in w for w in answer["score_set"]["warnings"]
    )


def test_a_score_set_without_surface_features_has_to_be_asked_for_again(judged, house):
    score_set = score(judged, HELD_OUT[25], calibration="none")
    key = score_set_key(split_score_set_id(score_set["id"])[0])
    assert judged.redis.hdel(key, "surface") == 1
    problem = retarget(judged, score_set, 422, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    assert "ask for its scores again (they are cached)" in problem["detail"]
    problem = look_at(judged, score_set["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"
    # Where nobody asked for this calibration, scores are as they were, and say why.
    plain = retarget(judged, score_set, targets=TARGETS[0])
    assert plain["selections"][0]["calibration"] is None
    assert "ask for its scores again (they are cached)" in plain["warnings"][0]
    assert "surface features" in look_at(judged, score_set["id"])["warnings"][0]
    # The first way out: nothing is calibrated.
    assert retarget(judged, score_set, calibration="none")["selections"][0]["selected"]
    # The second: features are taken from the texts, and scores from the cache.
    queued = last_job(judged)
    assert all(cell["cached"] for cell in score(judged, HELD_OUT[25])["cells"])
    assert last_job(judged) == queued
    assert retarget(judged, score_set)["selections"][0]["calibration"]["name"] == "house"


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
