"""Which calibration a request means, and what keeps it from one."""

import pytest

from app.domain.types import BankRef, Cell, ModelIdentity, Scorer, ScorerSettings
from app.errors import InvalidRequest, UnknownCalibration
from app.scoring.calibrator import Calibrator, Scored, Uncalibrated, choose
from app.store.calibrations import CalibrationInfo

SCORER = Scorer(ScorerSettings(), ModelIdentity("m", "r", "fake", 1, "e", {"comparative": "p"}))


def info(name, *fields, fingerprint="mine", created_ms=0):
    bank = BankRef("bank", "0")
    return CalibrationInfo(
        name, f"digest of {name}", fingerprint, SCORER, fields, bank, 20, {}, (), created_ms
    )


def scored(*fields):
    cells = {field: Cell(field.partition("@")[0], ()) for field in fields}
    return Scored("set", "mine", SCORER, cells, fields, None)


def chosen(wanted, *infos, asked=("wit@1",)):
    return choose(wanted, {one.name: one for one in infos}, scored(*asked))


def test_auto_means_the_latest_for_this_very_scorer():
    old, new = info("old", "wit@1", created_ms=1), info("new", "wit@1", created_ms=2)
    others = info("others", "wit@1", fingerprint="theirs", created_ms=3)
    assert chosen("auto", old, new, others) is new
    assert chosen("auto", others) is None
    assert chosen("old", old, new, others) is old


def test_auto_prefers_one_that_knows_all_attributes_to_a_later_one():
    both, one = info("both", "wit@1", "care@1", created_ms=1), info("one", "wit@1", created_ms=2)
    assert chosen("auto", both, one, asked=("wit@1", "care@1")) is both
    assert chosen("auto", both, one) is one


def test_where_none_knows_them_all_the_latest_says_what_it_lacks():
    found = chosen("auto", info("house", "wit@1"), asked=("wit@1", "care@1", "art@1"))
    assert isinstance(found, Uncalibrated)
    assert found.warning == (
        "calibration 'house' is for this scorer but does not know art, care: scores are as the "
        "model gave them"
    )


def test_an_attribute_with_another_definition_is_another_attribute():
    assert isinstance(chosen("auto", info("house", "wit@1"), asked=("wit@2",)), Uncalibrated)
    assert isinstance(chosen("house", info("house", "wit@1"), asked=("wit@2",)), InvalidRequest)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (info("house", "wit@1", fingerprint="theirs"), "was fitted for another scorer"),
        (info("house", "care@1"), "does not know wit"),
    ],
)
async def test_by_name_one_that_does_not_fit_is_refused_before_and_after_scoring(one, says):
    refused = chosen("house", one)
    assert isinstance(refused, InvalidRequest)
    assert says in refused.detail
    assert [field.pointer for field in refused.fields] == ["#/calibration"]
    with pytest.raises(InvalidRequest, match=says):
        await Calibrator(Store(one)).check("house", "mine", ["wit@1"])


class Store:
    """Calibrations that are ready, and how often they were read."""

    def __init__(self, *infos):
        self.infos = infos
        self.reads = 0
        self.while_read = lambda: None

    async def ready(self):
        self.reads += 1
        self.while_read()
        return {one.name: one for one in self.infos}

    async def artefact(self, digest):
        return None


async def test_auto_and_none_are_never_refused():
    calibrator = Calibrator(Store())
    for wanted in ("auto", "none"):
        await calibrator.check(wanted, "mine", ["wit@1"])
        assert await calibrator.apply(wanted, [scored("wit@1"), None]) == [None, None]


async def test_an_unknown_name_says_which_are_known():
    calibrator = Calibrator(Store(info("house", "wit@1")))
    (outcome,) = await calibrator.apply("nope", [scored("wit@1")])
    assert isinstance(outcome, UnknownCalibration)
    assert outcome.extensions == {"known": ["house"]}
    with pytest.raises(UnknownCalibration, match="'nope'"):
        await calibrator.check("nope", "mine", ["wit@1"])


async def test_what_is_ready_is_read_once_until_a_notice_says_that_it_changed():
    store = Store(info("house", "wit@1"))
    calibrator = Calibrator(store)
    for _ in range(3):
        await calibrator.check("house", "mine", ["wit@1"])
    assert store.reads == 1
    calibrator.forget()
    await calibrator.check("house", "mine", ["wit@1"])
    assert store.reads == 2


async def test_a_notice_that_comes_while_it_is_read_is_not_missed():
    store = Store(info("house", "wit@1"))
    calibrator = Calibrator(store)
    store.while_read = calibrator.forget
    await calibrator.check("house", "mine", ["wit@1"])
    store.while_read = lambda: None
    await calibrator.check("house", "mine", ["wit@1"])
    assert store.reads == 2


async def test_one_whose_content_is_gone_is_a_problem_of_the_sets_that_mean_it():
    calibrator = Calibrator(Store(info("house", "wit@1")))
    found = await calibrator.apply("auto", [scored("wit@1"), scored("care@1"), None])
    assert isinstance(found[0], UnknownCalibration)
    assert "fit it again" in found[0].detail
    assert isinstance(found[1], Uncalibrated)
    assert found[2] is None
