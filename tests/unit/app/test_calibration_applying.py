"""Choosing the calibration of a request, and applying it."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from app.calibrations.applied import Raw, Refused
from app.calibrations.applying import Calibrator
from app.calibrations.choosing import choose
from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.calibration.artefact import to_bytes, with_digest
from app.domain.calibration.evidence import Evidence
from app.domain.calibration.info import CalibrationInfo
from app.domain.cells import CandidateScore, Cell
from app.domain.features import NAMES, VERSION, SurfaceFeatures
from app.domain.score_set import ScoreSet
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from app.errors import InvalidRequest, UnknownCalibration

SCORER = Scorer(ScorerSettings(), ModelIdentity("m", "r", "fake", 1, "e", {"comparative": "p"}))


def info(name, *fields, fingerprint="mine", created_ms=0):
    bank = BankRef("bank", "0")
    return CalibrationInfo(
        name, f"digest of {name}", fingerprint, SCORER, fields, bank, 20, {}, (), created_ms
    )


def scored(*fields):
    cells = {field: Cell(field.partition("@")[0], ()) for field in fields}
    return ScoreSet("set", SCORER, "mine", cells=cells), fields


def chosen(wanted, *infos, asked=("wit@1",)):
    return choose(wanted, {one.name: one for one in infos}, ("mine",), asked)


def test_auto_chooses_the_latest_calibration_for_the_scorer():
    old, new = info("old", "wit@1", created_ms=1), info("new", "wit@1", created_ms=2)
    others = info("others", "wit@1", fingerprint="theirs", created_ms=3)
    assert chosen("auto", old, new, others) is new
    assert chosen("auto", others) == Raw()
    assert chosen("old", old, new, others) is old


def test_auto_passes_over_calibrations_that_are_not_automatic():
    old, new = info("old", "wit@1", created_ms=1), info("new", "wit@1", created_ms=2)
    trial = msgspec.structs.replace(new, automatic=False)
    assert chosen("auto", old, trial) is old
    assert chosen("auto", trial) == Raw()
    assert chosen("new", old, trial) is trial


def test_auto_prefers_a_calibration_of_all_attributes_to_a_later_one():
    both, one = info("both", "wit@1", "care@1", created_ms=1), info("one", "wit@1", created_ms=2)
    assert chosen("auto", both, one, asked=("wit@1", "care@1")) is both
    assert chosen("auto", both, one) is one


def test_if_none_covers_all_attributes_a_warning_names_the_missing_ones():
    choice = chosen("auto", info("house", "wit@1"), asked=("wit@1", "care@1", "art@1"))
    assert choice == Raw(
        "calibration 'house' is for this scorer but does not cover art, care: scores are as the "
        "model gave them"
    )


def test_a_calibration_does_not_cover_another_definition_of_an_attribute():
    assert chosen("auto", info("house", "wit@1"), asked=("wit@2",)).warning
    assert isinstance(chosen("house", info("house", "wit@1"), asked=("wit@2",)), Refused)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (info("house", "wit@1", fingerprint="theirs"), "was fitted for another scorer"),
        (info("house", "care@1"), "does not cover wit"),
    ],
)
async def test_a_named_calibration_that_does_not_apply_is_rejected(one, message):
    refused = chosen("house", one)
    assert refused.reason == "inapplicable"
    assert message in refused.detail
    error = refused.error()
    assert isinstance(error, InvalidRequest)
    assert [field.pointer for field in error.fields] == ["#/calibration"]
    with pytest.raises(InvalidRequest, match=message):
        await Calibrator(Store(one)).check("house", ("mine",), ["wit@1"])


class Store:
    """Ready calibrations; counts reads."""

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


async def test_auto_and_none_are_never_rejected():
    calibrator = Calibrator(Store())
    for wanted in ("auto", "none"):
        await calibrator.check(wanted, ("mine",), ["wit@1"])
        assert await calibrator.apply(wanted, [scored("wit@1"), None]) == [Raw(), Raw()]


async def test_an_unknown_calibration_is_rejected_with_the_known_names():
    calibrator = Calibrator(Store(info("house", "wit@1")))
    (refused,) = await calibrator.apply("nope", [scored("wit@1")])
    error = refused.error()
    assert isinstance(error, UnknownCalibration)
    assert error.extensions == {"known": ["house"]}
    assert [field.detail for field in error.fields] == ["known: house"]
    with pytest.raises(UnknownCalibration, match="'nope'"):
        await calibrator.check("nope", ("mine",), ["wit@1"])


async def test_calibrations_are_read_again_only_after_a_change_notice():
    store = Store(info("house", "wit@1"))
    calibrator = Calibrator(store)
    for _ in range(3):
        await calibrator.check("house", ("mine",), ["wit@1"])
    assert store.reads == 1
    calibrator.forget()
    await calibrator.check("house", ("mine",), ["wit@1"])
    assert store.reads == 2


async def test_a_notice_during_the_read_is_not_missed():
    store = Store(info("house", "wit@1"))
    calibrator = Calibrator(store)
    store.while_read = calibrator.forget
    await calibrator.check("house", ("mine",), ["wit@1"])
    store.while_read = lambda: None
    await calibrator.check("house", ("mine",), ["wit@1"])
    assert store.reads == 2


async def test_missing_content_affects_only_the_score_sets_of_its_scorer():
    calibrator = Calibrator(Store(info("house", "wit@1")))
    results = await calibrator.apply("house", [scored("wit@1"), scored("care@1"), None])
    assert isinstance(results[0].error(), UnknownCalibration)
    assert "fit it again" in results[0].detail
    assert isinstance(results[1].error(), InvalidRequest)
    assert results[2] == Raw()


async def test_auto_falls_back_to_raw_scores_with_a_warning_if_content_is_unreadable():
    calibrator = Calibrator(Store(info("house", "wit@1")))
    (result,) = await calibrator.apply("auto", [scored("wit@1")])
    assert result == await calibrator.apply_to_one("auto", *scored("wit@1"))
    assert "fit it again: scores are as the model gave them" in result.warning


SURFACE = SurfaceFeatures(VERSION, ((0.0,) * len(NAMES), (1.0,) * len(NAMES)))


def judged(*scores, made=0, surface=SURFACE):
    cell = Cell("wit", tuple(map(CandidateScore, scores)), created_ms=made)
    return ScoreSet("set", SCORER, "mine", surface, cells={"wit@1": cell}), ["wit@1"]


@pytest.fixture(scope="module")
def fitted():
    """A calibration that uses readings."""
    draw = np.random.default_rng(0)
    known = []
    for number in range(40):
        labels = draw.random((2, 1))
        evidence = Evidence(draw.normal(size=(2, len(NAMES))), labels[..., None] / 2)
        known.append(LabelledEvidence(f"question {number}", evidence, labels))
    return with_digest(fit(known, scorer="mine", fields=["wit@1"]))


class Stored(Store):
    """One calibration with its content."""

    def __init__(self, calibration):
        super().__init__(info("house", "wit@1"))
        self.content = to_bytes(calibration)

    async def artefact(self, digest):
        return self.content


async def test_a_rescored_cell_is_calibrated_again(fitted):
    """After it expired, its new scores may differ."""
    calibrator = Calibrator(Stored(fitted))
    before = await calibrator.apply_to_one("auto", *judged(0.1, 0.4, made=1))
    after = await calibrator.apply_to_one("auto", *judged(0.4, 0.1, made=2))
    assert before.estimate.scores[0, 0] < before.estimate.scores[1, 0]
    assert after.estimate.scores[0, 0] > after.estimate.scores[1, 0]


async def test_a_calibration_with_older_surface_features_is_rejected(fitted):
    old = replace(fitted, features="surface/0")
    calibrator = Calibrator(Stored(old))
    with pytest.raises(InvalidRequest, match="an older version of the surface features: fit it"):
        await calibrator.apply_to_one("house", *judged(0.1, 0.4))


async def test_a_score_set_with_older_surface_features_is_rejected(fitted):
    calibrator = Calibrator(Stored(fitted))
    for surface in (None, SurfaceFeatures("surface/0", SURFACE.values)):
        with pytest.raises(InvalidRequest, match="ask for its scores again"):
            await calibrator.apply_to_one("house", *judged(0.1, 0.4, surface=surface))
