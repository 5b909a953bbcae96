"""Calibrations of hidden states: learning, applying, the form on disk, and which is chosen."""

from dataclasses import asdict, replace

import msgspec
import numpy as np
import pytest

from app.calibrations.applied import Calibrated, Refused
from app.calibrations.choosing import choose_for_states
from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.ridge import cross_fit
from app.calibrations.fitting.rows import LabelledEvidence
from app.calibrations.fitting.states import learn_states
from app.calibrations.opened import opened
from app.domain.calibration.artefact import description_of, from_bytes, to_bytes, with_digest
from app.domain.calibration.estimate import estimate
from app.domain.calibration.evidence import Evidence
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.joint import others_mean
from app.domain.cells import Cell, Pending, StateReading, Unscored, Usage, finite
from app.domain.fingerprint import scorer_fingerprint, states_field
from app.domain.score_set import ScoreSet
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from app.store.builtin_calibrations import exported, imported

FIELDS = ("wit@1", "care@2")
LAYERS, WIDTH = 2, 12
DIRECTION = np.random.default_rng(9).normal(size=WIDTH)
PROBE = ScorerSettings(method="probe", examples=0, reasoning=False, reasoning_chars=0)
SCORER = Scorer(PROBE, ModelIdentity("m", "r", "states", 99, "none", {"probe": "probe/1"}))


def scenarios(count, *, seed=0, candidates=2, labelled=(0, 1)):
    """Wit shows in the second layer of states, care in the surface; noise in all the rest."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(count):
        labels = draw.integers(0, 5, (candidates, 2)) / 4
        surface = draw.normal(size=(candidates, 3))
        surface[:, 0] = labels[:, 1] + draw.normal(0, 0.1, candidates)
        states = draw.normal(size=(candidates, LAYERS, WIDTH))
        states[:, 1] += 3 * labels[:, :1] * DIRECTION
        readings = np.zeros((candidates, 2, 1))
        for column in {0, 1} - set(labelled):
            labels[:, column] = np.nan
        evidence = Evidence(surface, readings, states)
        made.append(LabelledEvidence(f"question {index}", evidence, labels))
    return made


@pytest.fixture(scope="module")
def fitted():
    return with_digest(fit(scenarios(60), scorer="s", fields=FIELDS))


def error(calibration, test, column):
    results = estimate(calibration, [t.evidence for t in test])
    losses = [
        np.square((e.scores - t.labels)[:, column]) for e, t in zip(results, test, strict=True)
    ]
    return float(np.sqrt(np.mean(losses)))


def test_states_are_used_only_for_attributes_that_they_help_with(fitted):
    wit, care = fitted.reports
    assert (wit.layer, care.layer) == ("states", "features")
    assert wit.basis == care.basis == "together"
    assert "the states of this judge lower the error" in wit.summary
    assert care.summary == "on care the states of this judge add nothing to surface features"
    assert wit.error < wit.error_features
    assert wit.error_raw < 0.3  # of the states alone


def test_the_reported_error_matches_unseen_scenarios(fitted):
    test = scenarios(100, seed=1)
    for column, report in enumerate(fitted.reports):
        assert error(fitted, test, column) == pytest.approx(report.error, abs=0.05)


def test_scores_do_not_depend_on_what_else_is_asked(fitted):
    test = scenarios(6, seed=2, candidates=3)
    together = estimate(fitted, [t.evidence for t in test])
    for one, among in zip(test, together, strict=True):
        (alone,) = estimate(fitted, [one.evidence])
        assert alone.scores == pytest.approx(among.scores, abs=1e-9)
        turned = Evidence(*(a[::-1] for a in asdict(one.evidence).values()))
        assert estimate(fitted, [turned])[0].scores[::-1] == pytest.approx(among.scores, abs=1e-9)


def test_one_candidate_alone_has_scores(fitted):
    (alone,) = scenarios(1, seed=3, candidates=1)
    (result,) = estimate(fitted, [alone.evidence])
    assert result.columns == (0, 1)
    assert ((result.scores >= 0) & (result.scores <= 1)).all()


def test_scenarios_that_could_not_be_read_and_missing_labels_are_no_hindrance():
    known = scenarios(60)
    for one in known[:10]:
        blank = Evidence(one.evidence.surface, np.full((2, 2, 1), np.nan))
        known.append(replace(one, question=one.question + "!", evidence=blank))
    known += scenarios(30, seed=4, labelled=(0,))
    calibration = fit(known, scorer="s", fields=FIELDS)
    assert [report.layer for report in calibration.reports] == ["states", "features"]


def test_an_artefact_is_unchanged_by_writing_and_reading(fitted):
    back = from_bytes(to_bytes(fitted))
    np.testing.assert_equal(asdict(back), asdict(fitted))


def test_equal_inputs_give_equal_models(fitted):
    again = with_digest(fit(scenarios(60), scorer="s", fields=FIELDS))
    assert again.digest == fitted.digest


def test_a_file_has_the_description_and_the_same_artefact(fitted):
    info = CalibrationInfo(
        "x", fitted.digest, "old", SCORER, FIELDS, BankRef("b", "0"), 60, {}, fitted.reports, 7
    )
    content = exported(info, to_bytes(fitted))
    assert exported(info, content) == content
    assert msgspec.json.decode(description_of(content), type=CalibrationInfo) == info
    builtin = imported(content)
    assert builtin.info.builtin
    assert builtin.info.fingerprint == scorer_fingerprint(SCORER)
    np.testing.assert_equal(asdict(from_bytes(builtin.content)), asdict(fitted))


def test_the_learner_has_not_seen_what_it_predicts_out_of_fold():
    """Labels without any pattern: predictions of seen rows would be near, those are not."""
    draw = np.random.default_rng(5)
    labels, number = draw.random((80, 1)), np.arange(80) // 2
    learnt = learn_states(
        draw.normal(size=(80, 3)), draw.normal(size=(80, 1, 50)), labels, number, number, (0,)
    )
    assert np.square(learnt.out_of_fold - labels).mean() > 0.9 * labels.var()
    assert np.square(learnt.opinions - labels).mean() > 0.9 * labels.var()


@pytest.mark.parametrize("width", [5, 60])
def test_ridge_regression_equals_scikit_learn_s(width):
    from sklearn.linear_model import Ridge

    draw = np.random.default_rng(6)
    inputs = draw.normal(size=(40, width))
    labels = inputs[:, :2] + draw.normal(size=(40, 2))
    inputs -= inputs.mean(axis=0)
    fitted = cross_fit(inputs, labels, np.array_split(np.arange(40), 5))
    penalties = [Ridge(alpha=alpha).fit(inputs, labels).coef_.T for alpha in np.logspace(1, 6, 16)]
    for column in range(2):
        distances = [np.abs(c[:, column] - fitted.coefficients[:, column]).max() for c in penalties]
        assert min(distances) < 1e-9


def test_the_mean_of_others_is_that_of_the_same_scenario():
    values = np.array([[1.0], [2.0], [6.0], [9.0]])
    means = others_mean(values, np.array([7, 7, 7, 3]))
    assert means[:, 0].tolist() == [4.0, 3.5, 1.5, 9.0]


def info(name, *fields, fingerprint="mine", created_ms=0, builtin=False):
    return CalibrationInfo(
        name, name, fingerprint, SCORER, fields, BankRef("b", "0"), 20, {}, (), created_ms,
        builtin=builtin,
    )  # fmt: skip


def chosen(wanted, *infos, asked=("wit",)):
    return choose_for_states(wanted, {one.name: one for one in infos}, ("mine",), asked)


def test_a_calibration_of_one_s_own_comes_before_a_built_in_one():
    mine = info("mine", "wit@1", created_ms=1)
    ships = info("ships", "wit@1", created_ms=2, builtin=True)
    assert chosen("auto", mine, ships) is mine
    assert chosen("ships", mine, ships) is ships


def test_the_calibration_that_covers_most_of_what_is_asked_is_chosen():
    one, both = info("one", "wit@1", created_ms=2), info("both", "wit@1", "care@2", created_ms=1)
    assert chosen("auto", one, both, asked=("wit", "care@2")) is both
    assert chosen("auto", one, both, asked=("wit",)) is one
    assert chosen("auto", one, asked=("art",)) is one  # which reports that it lacks art


@pytest.mark.parametrize("wanted", ["auto", "none", "other", "theirs"])
def test_without_a_calibration_for_the_scorer_there_is_a_reason(wanted):
    refused = chosen(wanted, info("theirs", "wit@1", fingerprint="another"))
    assert isinstance(refused, Refused)
    if wanted == "auto":
        assert "scripts.calibrate" in refused.detail


READ = Cell(
    "(states)", (), "states", (StateReading.of(np.ones((2, 3))),) * 2, usage=Usage(prompt_tokens=7)
)


def set_of(state, *, cached=False):
    cells = {states_field(): state}
    return ScoreSet("d", SCORER, ("mine",), cells=cells, cached=frozenset(cells if cached else ()))


def test_an_opened_set_has_a_cell_for_each_attribute(fitted):
    (result,) = estimate(fitted, [scenarios(1)[0].evidence])
    calibrated = Calibrated("x", "d", result, FIELDS)
    shown = opened(set_of(READ, cached=True), FIELDS, calibrated)
    assert list(shown.score_set.cells) == list(FIELDS)
    assert shown.score_set.cached == set(FIELDS)
    wit, care = shown.score_set.cells.values()
    assert [s.score for s in care.scores] == result.scores[:, 1].tolist()
    assert wit.usage + care.usage == READ.usage
    assert list(shown.only(["care@2"]).score_set.cells) == ["care@2"]


@pytest.mark.parametrize(
    "state", [Pending("(states)"), Unscored("(states)", "context-overflow", "too long")]
)
def test_a_set_that_is_not_read_has_unread_attributes(state):
    shown = opened(set_of(state), FIELDS, None)
    assert [c.attribute for c in shown.score_set.cells.values()] == ["wit", "care"]
    assert {type(c) for c in shown.score_set.cells.values()} == {type(state)}


def test_readings_are_half_precision_and_within_its_range():
    reading = StateReading.of(np.array([[1e9, -1e9, 0.1]]))
    assert reading.array.tolist() == [
        [65_000 // 32 * 32, -(65_000 // 32 * 32), pytest.approx(0.1, abs=1e-4)]
    ]
    text = msgspec.json.encode(READ)
    assert msgspec.json.decode(text, type=Cell) == READ


def test_a_reading_that_is_no_number_is_not_stored():
    broken = msgspec.structs.replace(READ, states=(StateReading.of(np.array([[np.nan]])),))
    assert finite(READ) is READ
    assert isinstance(finite(broken), Unscored)
