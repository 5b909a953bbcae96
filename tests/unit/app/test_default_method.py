"""The method of requests that name none, under `auto`; and whose workers are waited for."""

import pytest
from msgspec.structs import replace

from app.calibrations.schemas import CalibrationRequest
from app.domain.calibration.info import CalibrationInfo
from app.domain.fingerprint import attribute_field
from app.domain.scenario import Attribute
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from app.errors import ModelNotReady, UnknownMethod
from app.health.readiness import readiness
from app.scoring.default_method import _fingerprint, decide_method
from app.scoring.pools import choose_pool
from app.scoring.requests import ScoreRequest
from app.store.fleet import FleetSnapshot, Pool, WorkerInfo

A, B, C = (Attribute(name, f"What {name} means.") for name in "abc")
READS = ModelIdentity("small", "r", "states", 99, "none", {"probe": "1"}, "dtype=bfloat16")
WRITES = ModelIdentity("small", "r", "vllm", 99, "minilm", {"comparative": "1"})
BOTH = FleetSnapshot(
    [
        WorkerInfo("1", "ready", "", "reads", "small", engine="states"),
        WorkerInfo("2", "ready", "", "writes", "small", engine="vllm"),
    ],
    [Pool("writes", WRITES, 2), Pool("reads", READS, 1)],
)


def info(*attributes: Attribute, name: str = "built-in", **other) -> CalibrationInfo:
    made = CalibrationInfo(
        name=name,
        digest=name,
        fingerprint=_fingerprint(READS),
        scorer=Scorer(ScorerSettings(method="probe"), READS),
        fields=tuple(map(attribute_field, attributes)),
        bank=BankRef("b", "d"),
        scenarios=1,
        left_out={},
        reports=(),
        created_ms=1,
    )
    return replace(made, **other)


READY = (info(A, B),)


def decided(*attributes: Attribute, ready=READY, fleet=BOTH, model=None, **request):
    body = ScoreRequest.model_validate({"question": "q", "responses": ["x", "y"]} | request)
    return decide_method(body, attributes, {one.name: one for one in ready}, fleet, model)


def loading(engine: str, *others: WorkerInfo, pools=()) -> FleetSnapshot:
    own = WorkerInfo("l", "loading", "loading the model", None, "small", engine=engine)
    return FleetSnapshot([own, *others], list(pools))


def test_states_are_read_where_a_calibration_covers_all_attributes():
    assert decided(A).method == "probe"
    assert decided(A, B).method == "probe"
    assert "'built-in' covers all" in decided(A, B).why


@pytest.mark.parametrize(
    ("attributes", "ready", "why"),
    [
        ((A, C), (info(A, B),), "no calibration of hidden states covers c"),
        ((A, C), (info(A), info(C, name="x")), "covers all of a, c"),
        ((Attribute("a", "Another meaning."),), (info(A),), "covers a"),
        ((A,), (info(A, automatic=False),), "covers a"),
        ((A,), (), "covers a"),
    ],
)
def test_the_judge_writes_where_no_calibration_covers_the_attributes(attributes, ready, why):
    found = decided(*attributes, ready=ready)
    assert found.method == "comparative"
    assert why in found.why


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"calibration": "none"}, "'probe' needs one"),
        ({"calibration": "mine"}, "calibration 'mine' is not for hidden states"),
        ({"scoring": {"samples": 3}}, "the request sets samples"),
        ({"scoring": {"reasoning": False, "orders": 2}}, "the request sets orders, reasoning"),
        ({"scoring": {"bank": None}}, "the request sets bank"),
        ({"scoring": {"model": "other"}}, "no worker reads hidden states of model 'other'"),
    ],
)
def test_the_judge_writes_where_the_request_asks_for_what_only_writing_has(request_, why):
    found = decided(A, **request_)
    assert found.method == "comparative"
    assert why in found.why


def test_a_calibration_that_the_request_names_decides():
    both = (info(A, B), info(A, name="mine"))
    assert decided(A, ready=both, calibration="mine").method == "probe"
    assert decided(B, ready=both, calibration="mine").method == "comparative"
    assert decided(A, scoring={"model": "small", "samples": 1}).method == "probe"


def test_the_judge_writes_where_no_worker_reads_or_reads_other_states():
    writes = FleetSnapshot(BOTH.workers[1:], BOTH.pools[:1])
    found = decided(A, fleet=writes)
    assert (found.method, found.by_fleet) == ("comparative", True)
    other = info(A, fingerprint="of other layers")
    found = decided(A, ready=(other,))
    assert (found.method, found.by_fleet) == ("comparative", True)
    assert "'built-in' is not for the hidden states" in found.why


def test_the_method_stays_while_the_worker_that_reads_is_away():
    """The same request must not get other scores because a worker is restarted."""
    assert decided(A, fleet=FleetSnapshot(BOTH.workers[1:], BOTH.pools)).method == "probe"


def test_a_request_that_could_be_read_waits_for_the_worker_that_loads_first():
    with pytest.raises(ModelNotReady, match="loading the model"):
        decided(A, fleet=loading("states", BOTH.workers[1], pools=BOTH.pools[:1]))
    assert decided(C, fleet=loading("states")).method == "comparative"


def test_a_fit_reads_states_where_a_worker_does():
    fit = CalibrationRequest(bank="b")
    assert decide_method(fit, [C], {}, BOTH, None).method == "probe"
    writes = FleetSnapshot(BOTH.workers[1:], BOTH.pools[:1])
    assert decide_method(fit, [C], {}, writes, None).method == "comparative"


def test_a_method_whose_worker_loads_for_the_first_time_is_not_unknown():
    fleet = loading("vllm", BOTH.workers[0], pools=BOTH.pools[1:])
    for model in (None, "small"):
        with pytest.raises(ModelNotReady, match="small: loading the model"):
            choose_pool(fleet, model, "comparative", None)
    with pytest.raises(UnknownMethod):
        choose_pool(fleet, None, "reward_model", None)


def test_readiness_names_what_is_ready_and_what_is_still_loading():
    ready = readiness(loading("vllm", BOTH.workers[0], pools=BOTH.pools[1:]))
    assert ready.status == "ready"
    assert ready.worker.detail == "1 of 2 ready; small: loading the model"
    assert ready.model.methods == ["probe"]
    assert readiness(BOTH).model.methods == ["comparative", "probe"]
