"""Fitting: which layer is used for an attribute, what is reported, and what is refused."""

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
    """With trees in both layers."""
    return fit(scenarios(120, noise=0.2), scorer="s", fields=FIELDS)


@pytest.fixture(scope="module")
def blind():
    # One such judge in twenty is used by chance; this is one of the others.
    return fit(scenarios(60, noise=50, seed=1), scorer="s", fields=FIELDS)


def error(calibration, test):
    results = estimate(calibration, [t.evidence for t in test])
    losses = [np.square(e.scores - t.labels) for e, t in zip(results, test, strict=True)]
    return float(np.sqrt(np.mean(losses)))


@pytest.mark.parametrize("constant", [0.1, 0.5, 0.7, 0.85])
def test_scores_that_are_always_the_same_are_not_used(constant):
    """The deviation of most such numbers is not quite 0, by the last bit of their mean."""
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


def test_the_judge_s_own_scale_is_corrected(good):
    test = scenarios(50, noise=0.2, seed=1)
    raw = np.sqrt(np.mean([np.square(t.evidence.readings[..., 0] - t.labels) for t in test]))
    assert error(good, test) < 0.2 < 0.25 < raw
    assert {report.layer for report in good.reports} <= {"alone", "together"}
    assert "lowers the error" in good.reports[0].summary


def test_the_reported_error_is_that_on_unseen_scenarios(good):
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


def test_surface_features_are_also_learnt_from_scenarios_that_are_not_scored():
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
    # Reports on the judge are about the scenarios that it scored.
    assert {report.scenarios for report in many.reports} == {25}


@pytest.mark.parametrize("scored", [range(60), range(5, 60, 2)])
def test_useless_scores_leave_exactly_what_surface_features_predict(scored):
    """For any choice of scored scenarios: scoring never makes it worse."""
    known = scenarios(60, noise=50, seed=1)
    some = [m if i in scored else unscored(m) for i, m in enumerate(known)]
    calibration = fit(some, scorer="s", fields=FIELDS)
    assert {report.layer for report in calibration.reports} == {"features"}
    test = [one.evidence for one in scenarios(10, noise=50, seed=2)]
    expected = estimate(fit_features(known, fields=FIELDS), test)
    for result, alone in zip(estimate(calibration, test), expected, strict=True):
        assert result.scores.tolist() == alone.scores.tolist()


def test_labels_at_regular_places_of_a_bank_are_still_split_into_folds():
    """Every tenth scenario labelled is as good as any other tenth."""
    made = scenarios(400, noise=0.1)
    sparse = [
        m if i % 10 == 0 else replace(m, labels=np.full((2, 2), np.nan)) for i, m in enumerate(made)
    ]
    calibration = fit(sparse, scorer="s", fields=FIELDS)
    assert {report.scenarios for report in calibration.reports} == {40}
    assert {report.layer for report in calibration.reports} <= {"alone", "together"}


def test_scenarios_without_scores_do_not_count_as_labelled_and_scored():
    known = scenarios(60, noise=0.1)
    silent = [unscored(m) for m in known]
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit([*known[:19], *silent[19:]], scorer="s", fields=FIELDS)


def test_too_few_labels_are_refused():
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit(scenarios(19, noise=0.1), scorer="s", fields=FIELDS)


def test_no_scores_at_all_are_refused():
    with pytest.raises(TooFewLabels, match="0 scenarios"):
        fit([], scorer="s", fields=FIELDS)


def test_scenarios_that_all_ask_the_same_question_are_refused():
    same = [replace(one, question="why?") for one in scenarios(40, noise=0.1)]
    with pytest.raises(UnfitBank, match="all ask the same question"):
        fit(same, scorer="s", fields=FIELDS)


def test_scenarios_with_the_same_question_share_a_fold():
    """Twins in two folds would reveal each other's labels, and reports would be wrong."""
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
    """Unpredictable labels, opposite on the two attributes and for the two candidates: so are the
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


def test_probabilities_are_made_to_match_what_is_observed():
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
