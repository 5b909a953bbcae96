"""Calibrations of committees: fitted through the API, applied to all judges and to each choice."""

import pytest

from tests.service.calibrations.support import (
    ATTRIBUTES,
    BANK,
    HELD_OUT,
    ask,
    calibrated,
    fitted,
    lines,
    look_at,
    models,
    problem_of,
    put,
    raw,
    score,
    select,
    selections,
)
from tests.support import running_service, wait_until

READING = ["fake", "other"]
MIXED = [{"model": "fake"}, {"model": "fake", "method": "comparative", "reasoning": False}]
PROBE = {"method": "probe", "model": READING}
BOTH_WAYS = {"method": "probe", "model": MIXED}


@pytest.fixture(scope="module")
def two(labels, tmp_path_factory):
    """Two judges that see the same labels, each through noise of its own."""
    with running_service(tmp_path_factory.mktemp("two")) as running:
        running.start_api()
        running.start_worker(ready=False, **labels)
        running.start_worker(
            ready=False, **{**labels, "AZIMUTH_MODEL_NAME": "other", "AZIMUTH_FAKE_SEED": "5"}
        )
        with running.client() as client:
            client.put("/v1/banks/labelled", content=lines(*BANK)).raise_for_status()
        wait_until(lambda: len(models(running)) == 2, what="both judges")
        yield running


@pytest.fixture(scope="module")
def reading(two):
    """Fitted for the states of both."""
    return fitted(two, "reading", scoring=PROBE)


@pytest.fixture(scope="module")
def both_ways(two):
    """Fitted for the states and the digits of one judge."""
    return fitted(two, "both-ways", scoring=BOTH_WAYS)


def error(service, **scoring):
    """Of calibrated scores on helpfulness, on scenarios that the calibration has not seen."""
    lost = 0.0
    for scenario in HELD_OUT[:16]:
        scores = calibrated(score(service, scenario, scoring=scoring))["helpfulness"]
        pairs = zip(scores, scenario["labels"], strict=True)
        lost += sum((one - labels["helpfulness"]) ** 2 for one, labels in pairs)
    return (lost / 32) ** 0.5


def test_a_committee_that_reads_states_is_refused_without_a_calibration(two):
    problem = problem_of(
        two.post("/v1/score", ask(HELD_OUT[30], scoring=PROBE)), 422, "invalid-request"
    )
    assert "this committee" in problem["detail"]
    assert "--model" in problem["detail"]


def test_the_report_says_what_each_judge_adds(reading):
    assert [one["model"] for one in reading["scorer"]["members"]] != []
    used = {report["attribute"]: report for report in reading["reports"]}
    helpful = used["helpfulness"]
    assert helpful["layer"] == "committee"
    assert {one["judge"] for one in helpful["judges"]} == {"fake (probe)", "other (probe)"}
    assert any("lowers the error of the others" in one["summary"] for one in helpful["judges"])
    assert used["verbosity"]["layer"] == "features"
    assert all(one["weight"] == 0 for one in used["verbosity"]["judges"])


def test_both_judges_make_the_scores_together(two, reading):
    answer = score(two, HELD_OUT[30], scoring=PROBE)
    assert answer["calibration"]["name"] == "reading"
    assert [cell["attribute"] for cell in answer["cells"]] == ATTRIBUTES
    assert raw(answer) == calibrated(answer)
    assert len(answer["judges"]) == 2
    shown = look_at(two, answer["id"])
    assert raw(shown) == raw(answer)
    turned = score(two, HELD_OUT[30], scoring=PROBE | {"model": READING[::-1]})
    assert (turned["id"], raw(turned)) == (answer["id"], raw(answer))
    assert turned["usage"]["prompt_tokens"] == 0
    target = {"helpfulness": 1, "verbosity": 0}
    chosen = select(two, HELD_OUT[30], scoring=PROBE, target=target)
    (again,) = selections(two, answer, targets=[target])
    assert again["selected"]["distance"] == pytest.approx(
        chosen["selection"]["selected"]["distance"]
    )
    assert chosen["selection"]["ranking"][0]["probability"] > 0


def test_a_judge_of_the_committee_is_calibrated_alone_as_well(two, reading):
    alone = score(two, HELD_OUT[31], scoring={"method": "probe", "model": "other"})
    assert alone["calibration"]["name"] == "reading"
    assert raw(alone) != raw(score(two, HELD_OUT[31], scoring=PROBE))
    assert error(two, **PROBE) < error(two, method="probe", model="other") + 0.02


def test_states_and_digits_of_one_judge_are_combined(two, both_ways):
    ways = {one["method"] for one in both_ways["scorer"]["members"]}
    assert ways == {"probe", "comparative"}
    judges = {one["judge"] for report in both_ways["reports"] for one in report["judges"]}
    assert judges == {"fake (probe)", "fake (digits)"}
    answer = score(two, HELD_OUT[32], scoring=BOTH_WAYS)
    assert answer["calibration"]["basis"] == "together"
    one = score(two, HELD_OUT[32], scoring=BOTH_WAYS, attributes=["helpfulness"])
    assert list(raw(one)) == ["helpfulness"]
    fewer = score(two, HELD_OUT[33], scoring=BOTH_WAYS, attributes=["helpfulness"])
    assert fewer["calibration"]["basis"] == "alone"
    assert error(two, **BOTH_WAYS) < 0.3  # 0.35 is the deviation of the labels


def test_attributes_that_the_digits_lack_are_not_scored(two, both_ways):
    fewer = score(two, HELD_OUT[34], scoring=BOTH_WAYS, attributes=["helpfulness"])
    pairs = two.post(
        "/v1/retarget", {"score_set_ids": fewer["id"], "targets": {"verbosity": 1}}
    ).json()["pairs"]
    assert pairs[0]["problem"]["type"] == "/problems/attribute-not-scored"


def test_a_fit_needs_every_judge(two):
    nobody = PROBE | {"model": ["fake", "nobody"]}
    problem_of(put(two, "never", scoring=nobody), 404, "unknown-model")


def test_a_judge_that_is_left_out_leaves_the_calibration_of_the_others(two, reading):
    stopped = two.children[-1]
    stopped.stop(10)
    away = two.post("/v1/score", ask(HELD_OUT[35], scoring=PROBE))
    assert problem_of(away, 503, "model-not-ready")["judges"] == ["other"]
    more = {"calibration": "reading"}
    answer = score(two, HELD_OUT[35], scoring=PROBE, missing_judges="leave_out", **more)
    assert [one["model"] for one in answer["left_out"]] == ["other"]
    assert answer["calibration"]["name"] == "reading"
    alone = score(two, HELD_OUT[35], scoring={"method": "probe", "model": "fake"}, **more)
    assert (answer["id"], raw(answer)) == (alone["id"], raw(alone))
