"""Applying a calibration, and reading its evidence from a score set."""

import numpy as np
import pytest

from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.calibration.artefact import with_digest
from app.domain.calibration.estimate import estimate, with_differences
from app.domain.calibration.evidence import Evidence, evidence_of, readings_of
from app.domain.cells import CandidateScore, Cell, DigitReading
from app.domain.scorer import ScorerSettings
from tests.made_evidence import FIELDS, scenarios


@pytest.fixture(scope="module")
def good():
    """A calibration for a judge with little noise, after serialisation."""
    return with_digest(fit(scenarios(60, noise=0.2), scorer="s", fields=FIELDS))


def test_calibrated_scores_stay_in_the_unit_interval(good):
    extreme = Evidence(np.zeros((2, 3)), np.array([[[9.0], [9.0]], [[-9.0], [-9.0]]]))
    (result,) = estimate(good, [extreme])
    assert result.scores.min() == 0
    assert result.scores.max() == 1


def test_attributes_are_calibrated_alone_if_one_is_missing(good):
    evidence = scenarios(1, noise=0.2)[0].evidence
    part = evidence.readings.copy()
    part[:, 1] = np.nan
    whole, alone = estimate(good, [evidence, Evidence(evidence.surface, part)])
    assert (whole.basis, whole.columns) == ("together", (0, 1))
    assert (alone.basis, alone.columns) == ("alone", (0,))
    assert alone.scores.shape == (2, 1)
    assert alone.errors.same.shape == (1, 1)


def test_scores_do_not_depend_on_other_scenarios_in_the_batch(good):
    """A calibration fitted on pairs of candidates also applies to any other number."""
    pair = scenarios(1, noise=0.2)[0].evidence
    five = scenarios(1, noise=0.2, candidates=5)[0].evidence
    single = scenarios(1, noise=0.2, candidates=1)[0].evidence
    many = estimate(good, [pair, five, single])
    for evidence, result in zip((pair, five, single), many, strict=True):
        assert result.scores == pytest.approx(estimate(good, [evidence])[0].scores)
        assert len(result.scores) == len(evidence.surface)


def test_partial_labels_allow_only_the_alone_basis():
    mixed = scenarios(40, noise=0.1, labelled=(0,)) + scenarios(40, noise=0.1, labelled=(1,))
    mixed = [LabelledEvidence(f"{i}", m.evidence, m.labels) for i, m in enumerate(mixed)]
    calibration = fit(mixed, scorer="s", fields=FIELDS)
    assert calibration.together is None
    assert [r.scenarios for r in calibration.reports] == [40, 40]
    whole = scenarios(1, noise=0.1)[0].evidence
    assert estimate(calibration, [whole])[0].basis == "alone"


def test_each_candidate_is_compared_with_the_others():
    assert with_differences(np.array([[1.0], [4.0], [7.0]])).tolist() == [
        [1, -4.5],
        [4, 0],
        [7, 4.5],
    ]
    assert with_differences(np.array([[1.0]])).tolist() == [[1, 0]]


def test_readings_are_score_spread_and_digits():
    plain = Cell("wit", (CandidateScore(0.25), CandidateScore(0.5)))
    assert readings_of(plain, ScorerSettings()).tolist() == [[0.25], [0.5]]
    drawn = Cell("wit", (CandidateScore(0.25, spread=0.1),))
    assert readings_of(drawn, ScorerSettings(samples=3)).tolist() == [[0.25, 0.1]]
    digits = DigitReading((0.1, 0.1, 0.1, 0.1, 0.1), mass=0.5, deviation=0.3)
    read = Cell("wit", (CandidateScore(0.5, digits=digits),))
    (row,) = readings_of(read, ScorerSettings(reasoning=False)).tolist()
    assert row == pytest.approx([0.5, 0.2, 0.2, 0.2, 0.2, 0.3, np.log(0.5)])


def test_readings_of_unscored_attributes_are_nan():
    cells = {"care@2": Cell("care", (CandidateScore(0.25), CandidateScore(0.5)))}
    evidence = evidence_of(cells, [[1.0], [2.0]], FIELDS, ScorerSettings())
    assert np.isnan(evidence.readings[:, 0]).all()
    assert evidence.readings[:, 1, 0].tolist() == [0.25, 0.5]
    with pytest.raises(ValueError, match="none of the attributes"):
        evidence_of({}, [[1.0]], FIELDS, ScorerSettings())
