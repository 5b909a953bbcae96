"""Fitting a calibration: layers, reports and errors."""

from dataclasses import replace

import numpy as np
import pytest

from app.calibrations.fitting.fit import fit, fit_features
from app.calibrations.fitting.rows import LabelledEvidence, TooFewLabels, UnfitBank
from app.calibrations.fitting.sharpening import sharpened
from app.domain.calibration.estimate import estimate
from app.domain.calibration.evidence import Evidence
from app.domain.selection.uncertainty import SharedErrors
from tests.made_evidence import FIELDS, scenarios, unscored


@pytest.fixture(scope="module")
def good():
    """A calibration with trees in both layers."""
    return fit(scenarios(120, noise=0.2), scorer="s", fields=FIELDS)


@pytest.fixture(scope="module")
def blind():
    # By chance, the readings of one such judge in twenty are used. Seed 1 is not one of them.
    return fit(scenarios(60, noise=50, seed=1), scorer="s", fields=FIELDS)


def error(calibration, test):
    results = estimate(calibration, [t.evidence for t in test])
    losses = [np.square(e.scores - t.labels) for e, t in zip(results, test, strict=True)]
    return float(np.sqrt(np.mean(losses)))


@pytest.mark.parametrize("constant", [0.1, 0.5, 0.7, 0.85])
def test_constant_scores_are_not_used(constant):
    """Their standard deviation may differ from 0 by a rounding error of the mean."""
    known = scenarios(40, noise=0.2)
    for one in known:
        one.evidence.readings[:, 1] = constant
    calibration = fit(known, scorer="s", fields=FIELDS)
    (wit, care) = (r for r in calibration.reports if r.basis == "together")
    assert (wit.layer, care.layer) != ("features", "features")
    assert care.summary == "on care this judge adds nothing to surface features"
    (test,) = scenarios(1, noise=0.2, seed=1)
    moved = Evidence(test.evidence.surface, test.evidence.readings.copy())
    test.evidence.readings[:, 1] = constant
    moved.readings[:, 1] = [[0.2], [0.9]]
    before, after = (one.scores for one in estimate(calibration, [test.evidence, moved]))
    assert after == pytest.approx(before, abs=0.05)


def test_the_scale_of_the_judge_is_corrected(good):
    test = scenarios(50, noise=0.2, seed=1)
    raw = np.sqrt(np.mean([np.square(t.evidence.readings[..., 0] - t.labels) for t in test]))
    assert error(good, test) < 0.2 < 0.25 < raw
    assert {report.layer for report in good.reports} <= {"alone", "together"}
    assert "lowers the error" in good.reports[0].summary


def test_the_reported_error_matches_unseen_scenarios(good):
    test = scenarios(200, noise=0.2, seed=2)
    assert error(good, test) == pytest.approx(np.mean([r.error for r in good.reports]), abs=0.02)
    deviations = estimate(good, [test[0].evidence])[0].errors.deviations
    assert deviations == pytest.approx([r.error for r in good.reports[:2]], abs=0.01)


def test_scores_without_information_are_not_used(blind):
    assert {report.layer for report in blind.reports} == {"features"}
    assert blind.reports[0].summary == "on wit this judge adds nothing to surface features"
    evidence = scenarios(1, noise=0.2)[0].evidence
    otherwise = Evidence(evidence.surface, 1 - evidence.readings)
    one, two = estimate(blind, [evidence, otherwise])
    assert one.scores.tolist() == two.scores.tolist()


def test_surface_features_are_also_fitted_on_unscored_scenarios():
    """The first feature predicts wit; the judge knows nothing, and has scored few scenarios."""
    draw = np.random.default_rng(3)
    made = []
    for index in range(300):
        surface = draw.normal(size=(2, 3))
        labels = np.clip(0.5 + 0.3 * surface[:, :2], 0, 1)
        readings = draw.random((2, 2, 1)) if index % 8 == 0 else np.full((2, 2, 1), np.nan)
        made.append(LabelledEvidence(f"question {index}", Evidence(surface, readings), labels))
    known, test = made[:200], [m for m in made[200:] if not np.isnan(m.evidence.readings).any()]
    scored = [m for m in known if not np.isnan(m.evidence.readings).any()]
    few = fit(scored, scorer="s", fields=FIELDS)
    many = fit(known, scorer="s", fields=FIELDS)
    assert error(many, test) < 0.7 * error(few, test)
    # Reports on the judge cover the scenarios that it scored.
    assert {report.scenarios for report in many.reports} == {25}


@pytest.mark.parametrize("scored", [range(60), range(5, 60, 2)])
def test_useless_scores_leave_the_surface_predictions_unchanged(scored):
    """Scoring more scenarios never makes predictions worse."""
    known = scenarios(60, noise=50, seed=1)
    some = [m if i in scored else unscored(m) for i, m in enumerate(known)]
    calibration = fit(some, scorer="s", fields=FIELDS)
    assert {report.layer for report in calibration.reports} == {"features"}
    test = [one.evidence for one in scenarios(10, noise=50, seed=2)]
    expected = estimate(fit_features(known, fields=FIELDS), test)
    for result, alone in zip(estimate(calibration, test), expected, strict=True):
        assert result.scores.tolist() == alone.scores.tolist()


def test_regularly_spaced_labels_are_spread_over_folds():
    """If every tenth scenario is labelled, folds must not all share the same residue."""
    made = scenarios(400, noise=0.1)
    sparse = [
        m if i % 10 == 0 else replace(m, labels=np.full((2, 2), np.nan)) for i, m in enumerate(made)
    ]
    calibration = fit(sparse, scorer="s", fields=FIELDS)
    assert {report.scenarios for report in calibration.reports} == {40}
    assert {report.layer for report in calibration.reports} <= {"alone", "together"}


def test_unscored_scenarios_do_not_count_towards_the_minimum():
    known = scenarios(60, noise=0.1)
    silent = [unscored(m) for m in known]
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit([*known[:19], *silent[19:]], scorer="s", fields=FIELDS)


def test_too_few_labels_are_rejected():
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit(scenarios(19, noise=0.1), scorer="s", fields=FIELDS)


def test_a_bank_without_any_scores_is_rejected():
    with pytest.raises(TooFewLabels, match="0 scenarios"):
        fit([], scorer="s", fields=FIELDS)


def test_a_bank_with_a_single_question_is_rejected():
    same = [replace(one, question="why?") for one in scenarios(40, noise=0.1)]
    with pytest.raises(UnfitBank, match="all ask the same question"):
        fit(same, scorer="s", fields=FIELDS)


def test_scenarios_with_the_same_question_share_a_fold():
    """Duplicates in two folds would leak labels and make reports too optimistic."""
    draw = np.random.default_rng(0)
    twins = []
    for index in range(60):
        labels = draw.integers(0, 5, (2, 2)) / 4
        surface = draw.normal(size=(2, 3))
        readings = draw.random((2, 2, 1))
        twins += [LabelledEvidence(f"{index}", Evidence(surface, readings), labels)] * 2
    calibration = fit(twins, scorer="s", fields=FIELDS)
    for report in calibration.reports:
        assert report.error_features > 0.9 * report.error_constant


def test_errors_are_correlated_over_attributes_and_candidates():
    """Labels are random, and opposite for the two attributes and candidates. So must be the
    errors."""
    draw = np.random.default_rng(0)
    known = []
    for index in range(60):
        label = draw.integers(0, 5) / 4
        labels = np.array([[label, 1 - label], [1 - label, label]])
        evidence = Evidence(draw.normal(size=(2, 3)), draw.random((2, 2, 1)))
        known.append(LabelledEvidence(f"question {index}", evidence, labels))
    for errors in fit(known, scorer="s", fields=FIELDS).errors.values():
        scale = errors.same[0, 0]
        assert errors.same / scale == pytest.approx(np.array([[1, -1], [-1, 1]]), abs=0.3)
        assert errors.other / scale == pytest.approx(np.array([[-1, 1], [1, -1]]), abs=0.3)


def test_probabilities_are_scaled_to_match_observed_frequencies():
    """Errors that are three times as large as they should be are scaled to a third."""
    draw = np.random.default_rng(0)
    labels = draw.random((400, 2))
    predicted = np.clip(labels + draw.normal(0, 0.1, labels.shape), 0, 1)
    scenario = np.repeat(np.arange(200), 2)
    too_large = SharedErrors(np.eye(2) * 0.09, np.zeros((2, 2)))
    scaled = sharpened(too_large, scenario, predicted, labels)
    assert scaled.sharpness == pytest.approx(1 / 3, abs=0.07)
    right = SharedErrors(np.eye(2) * 0.01, np.zeros((2, 2)))
    assert sharpened(right, scenario, predicted, labels).sharpness == pytest.approx(1, abs=0.2)
