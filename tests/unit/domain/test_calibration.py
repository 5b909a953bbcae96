"""Calibration, applied: what stands for an attribute, and what does not matter."""

import contextlib
from dataclasses import asdict, replace

import numpy as np
import pytest

from app.calibrations.fitting import (
    LabelledEvidence,
    TooFewLabels,
    UnfitBank,
    as_forest,
    fit,
    fit_features,
)
from app.calibrations.sharpening import sharpened
from app.domain.calibration.artefact import InvalidArtefact, from_bytes, to_bytes, with_digest
from app.domain.calibration.forest import Forest
from app.domain.calibration.model import (
    Evidence,
    estimate,
    evidence_of,
    judge_numbers,
    with_differences,
)
from app.domain.cells import CandidateScore, Cell, DigitReading
from app.domain.scorer import ScorerSettings
from app.domain.selection.uncertainty import SharedErrors

FIELDS = ("wit@1", "care@2")
RNG = np.random.default_rng(0)


def scenarios(count, *, noise, candidates=2, labelled=(0, 1), seed=0):
    """Labels that surface features do not tell; a judge that sees them through noise, and through
    a scale of its own."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(count):
        labels = draw.integers(0, 5, (candidates, 2)) / 4
        judge = 0.4 + 0.2 * (labels + draw.normal(0, noise, labels.shape))
        surface = draw.normal(size=(candidates, 3))
        judge, labels = judge[..., None], labels.copy()
        for column in {0, 1} - set(labelled):
            labels[:, column], judge[:, column] = np.nan, np.nan
        made.append(LabelledEvidence(f"question {index}", Evidence(surface, judge), labels))
    return made


def unscored(known):
    """The same scenario, which the judge was not asked about."""
    return replace(known, evidence=replace(known.evidence, judge=np.full((2, 2, 1), np.nan)))


@pytest.fixture(scope="module")
def fresh():
    """As it was fitted, before it was ever bytes."""
    return fit(scenarios(120, noise=0.2), scorer="s", fields=FIELDS)


@pytest.fixture(scope="module")
def good(fresh):
    return with_digest(fresh)


@pytest.fixture(scope="module")
def blind():
    # One such judge in twenty would be believed by luck; this is one of the others.
    return fit(scenarios(60, noise=50, seed=1), scorer="s", fields=FIELDS)


def error(calibration, test):
    found = estimate(calibration, [t.evidence for t in test])
    return float(
        np.sqrt(np.mean([np.square(e.scores - t.labels) for e, t in zip(found, test, strict=True)]))
    )


@pytest.mark.parametrize("said", [0.1, 0.5, 0.7, 0.85])
def test_a_judge_that_always_says_the_same_of_an_attribute_is_not_heard_on_it(said):
    """Most such numbers have a deviation that is not quite 0, by the last bit of their mean."""
    known = scenarios(60, noise=0.2)
    for one in known:
        one.evidence.judge[:, 1] = said
    calibration = fit(known, scorer="s", fields=FIELDS)
    (wit, care) = (r for r in calibration.reports if r.basis == "together")
    assert (wit.layer, care.layer) != ("features", "features")
    assert care.says == "on care this judge adds nothing to surface features"
    (test,) = scenarios(1, noise=0.2, seed=1)
    moved = Evidence(test.evidence.surface, test.evidence.judge.copy())
    test.evidence.judge[:, 1] = said
    moved.judge[:, 1] = [[0.2], [0.9]]
    before, after = (found.scores for found in estimate(calibration, [test.evidence, moved]))
    assert after == pytest.approx(before, abs=0.05)


def test_a_good_judge_s_scale_is_undone(good):
    test = scenarios(50, noise=0.2, seed=1)
    raw = np.sqrt(np.mean([np.square(t.evidence.judge[..., 0] - t.labels) for t in test]))
    assert error(good, test) < 0.2 < 0.25 < raw
    assert {report.layer for report in good.reports} <= {"alone", "together"}
    assert "lowers the error" in good.reports[0].says


def test_the_reported_error_is_that_on_scenarios_not_seen(good):
    test = scenarios(200, noise=0.2, seed=2)
    assert error(good, test) == pytest.approx(np.mean([r.error for r in good.reports]), abs=0.02)
    deviations = estimate(good, [test[0].evidence])[0].errors.deviations
    assert deviations == pytest.approx([r.error for r in good.reports[:2]], abs=0.01)


def test_a_judge_that_knows_nothing_is_not_listened_to(blind):
    assert {report.layer for report in blind.reports} == {"features"}
    assert blind.reports[0].says == "on wit this judge adds nothing to surface features"
    evidence = scenarios(1, noise=0.2)[0].evidence
    otherwise = Evidence(evidence.surface, 1 - evidence.judge)
    one, two = estimate(blind, [evidence, otherwise])
    assert one.scores.tolist() == two.scores.tolist()


def test_scores_stay_within_the_scale(good):
    extreme = Evidence(np.zeros((2, 3)), np.array([[[9.0], [9.0]], [[-9.0], [-9.0]]]))
    (found,) = estimate(good, [extreme])
    assert found.scores.min() == 0
    assert found.scores.max() == 1


def test_where_an_attribute_is_missing_each_is_calibrated_alone(good):
    evidence = scenarios(1, noise=0.2)[0].evidence
    part = evidence.judge.copy()
    part[:, 1] = np.nan
    whole, alone = estimate(good, [evidence, Evidence(evidence.surface, part)])
    assert (whole.basis, whole.columns) == ("together", (0, 1))
    assert (alone.basis, alone.columns) == ("alone", (0,))
    assert alone.scores.shape == (2, 1)
    assert alone.errors.same.shape == (1, 1)


def test_any_number_of_candidates_and_any_company_gives_the_same(good):
    """Scenarios do not influence each other, and a calibration fitted on pairs takes fives."""
    pair = scenarios(1, noise=0.2)[0].evidence
    five = scenarios(1, noise=0.2, candidates=5)[0].evidence
    single = scenarios(1, noise=0.2, candidates=1)[0].evidence
    many = estimate(good, [pair, five, single])
    for evidence, found in zip((pair, five, single), many, strict=True):
        assert found.scores == pytest.approx(estimate(good, [evidence])[0].scores)
        assert len(found.scores) == len(evidence.surface)


def test_a_bank_with_partial_labels_gives_a_calibration_for_each_attribute_alone():
    mixed = scenarios(40, noise=0.1, labelled=(0,)) + scenarios(40, noise=0.1, labelled=(1,))
    mixed = [LabelledEvidence(f"{i}", m.evidence, m.labels) for i, m in enumerate(mixed)]
    calibration = fit(mixed, scorer="s", fields=FIELDS)
    assert calibration.together is None
    assert [r.scenarios for r in calibration.reports] == [40, 40]
    whole = scenarios(1, noise=0.1)[0].evidence
    assert estimate(calibration, [whole])[0].basis == "alone"


def test_surface_features_are_learnt_from_scenarios_that_the_judge_has_not_scored_too():
    """Wit is what the first feature tells; the judge, which knows nothing, has seen few of them."""
    draw = np.random.default_rng(3)
    made = []
    for index in range(400):
        surface = draw.normal(size=(2, 3))
        labels = np.clip(0.5 + 0.3 * surface[:, :2], 0, 1)
        judge = draw.random((2, 2, 1)) if index % 10 == 0 else np.full((2, 2, 1), np.nan)
        made.append(LabelledEvidence(f"question {index}", Evidence(surface, judge), labels))
    known, test = made[:300], [m for m in made[300:] if not np.isnan(m.evidence.judge).any()]
    scored = [m for m in known if not np.isnan(m.evidence.judge).any()]
    few = fit(scored, scorer="s", fields=FIELDS)
    many = fit(known, scorer="s", fields=FIELDS)
    assert error(many, test) < 0.7 * error(few, test)
    # What is said of the judge is measured where it judged.
    assert {report.scenarios for report in many.reports} == {30}


@pytest.mark.parametrize("scored", [range(60), range(5, 60, 2)])
def test_a_judge_that_adds_nothing_leaves_exactly_what_surface_features_say(scored):
    """Whichever scenarios it was asked about: it is never worse to have asked it."""
    known = scenarios(60, noise=50, seed=1)
    asked = [m if i in scored else unscored(m) for i, m in enumerate(known)]
    heard = fit(asked, scorer="s", fields=FIELDS)
    assert {report.layer for report in heard.reports} == {"features"}
    test = [one.evidence for one in scenarios(10, noise=50, seed=2)]
    expected = estimate(fit_features(known, fields=FIELDS), test)
    for found, alone in zip(estimate(heard, test), expected, strict=True):
        assert found.scores.tolist() == alone.scores.tolist()


def test_labels_at_regular_places_of_a_bank_are_still_left_out_in_turn():
    """Every tenth scenario labelled: as good as any others."""
    made = scenarios(400, noise=0.1)
    sparse = [
        m if i % 10 == 0 else replace(m, labels=np.full((2, 2), np.nan)) for i, m in enumerate(made)
    ]
    calibration = fit(sparse, scorer="s", fields=FIELDS)
    assert {report.scenarios for report in calibration.reports} == {40}
    assert {report.layer for report in calibration.reports} <= {"alone", "together"}


def test_scenarios_that_the_judge_has_not_scored_are_not_enough():
    known = scenarios(60, noise=0.1)
    silent = [unscored(m) for m in known]
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit([*known[:19], *silent[19:]], scorer="s", fields=FIELDS)


def test_too_few_labels_are_no_ground_to_stand_on():
    with pytest.raises(TooFewLabels, match="19 scenarios are labelled and scored on 'wit'"):
        fit(scenarios(19, noise=0.1), scorer="s", fields=FIELDS)


def test_nothing_scored_is_too_few():
    with pytest.raises(TooFewLabels, match="0 scenarios"):
        fit([], scorer="s", fields=FIELDS)


def test_scenarios_that_all_ask_the_same_leave_nothing_to_be_left_out():
    same = [replace(one, question="why?") for one in scenarios(40, noise=0.1)]
    with pytest.raises(UnfitBank, match="too few different questions"):
        fit(same, scorer="s", fields=FIELDS)


def test_scenarios_that_ask_the_same_share_a_fold():
    """Twins on both sides of a fold would tell each other's labels, and a report would be a lie."""
    draw = np.random.default_rng(0)
    twins = []
    for index in range(60):
        labels = draw.integers(0, 5, (2, 2)) / 4
        surface = draw.normal(size=(2, 3))
        judge = draw.random((2, 2, 1))
        twins += [LabelledEvidence(f"{index}", Evidence(surface, judge), labels)] * 2
    calibration = fit(twins, scorer="s", fields=FIELDS)
    for report in calibration.reports:
        assert report.error_features > 0.9 * report.error_constant


def test_errors_that_go_together_are_told_by_attribute_and_candidate():
    """Labels that nobody can tell, opposite on the two attributes and for the two candidates: so
    are the errors."""
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


def test_the_same_bank_gives_the_same_calibration(good):
    again = with_digest(fit(scenarios(120, noise=0.2), scorer="s", fields=FIELDS))
    assert again.digest == good.digest
    other = with_digest(fit(scenarios(60, noise=0.3), scorer="s", fields=FIELDS))
    assert other.digest != good.digest


def test_an_artefact_comes_back_as_it_was(fresh):
    back = from_bytes(to_bytes(fresh))
    assert back.digest
    np.testing.assert_equal(asdict(replace(back, digest="")), asdict(fresh))
    assert from_bytes(to_bytes(back)).digest == back.digest


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01."], ids=repr)
def test_bytes_that_are_no_artefact_are_refused(content):
    with pytest.raises(InvalidArtefact):
        from_bytes(content)


def test_an_artefact_that_was_tampered_with_is_refused_or_another_version(good):
    content = bytearray(to_bytes(good))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(InvalidArtefact):
        from_bytes(bytes(content))


def test_any_byte_may_be_wrong_and_nothing_else_is_raised(good):
    whole = to_bytes(good)
    for place in np.linspace(0, len(whole) - 1, 60, dtype=int).tolist():
        content = bytearray(whole)
        content[place] ^= 0xFF
        with contextlib.suppress(InvalidArtefact):
            from_bytes(bytes(content))


def test_a_forest_that_goes_in_circles_is_refused():
    loop = {
        "feature": np.array([0, -1], np.int16),
        "threshold": np.zeros(2),
        "left": np.array([0, 0], np.int32),
        "right": np.array([1, 0], np.int32),
        "value": np.zeros((2, 1), np.float32),
        "roots": np.array([0], np.int32),
    }
    with pytest.raises(ValueError, match="no forest"):
        Forest(**loop)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_forest_predicts_what_scikit_learn_predicts(outputs):
    from sklearn.ensemble import ExtraTreesRegressor

    x, y = RNG.normal(size=(200, 4)), RNG.normal(size=(200, outputs))
    grown = ExtraTreesRegressor(20, min_samples_leaf=3, random_state=0)
    grown.fit(x, y if outputs > 1 else y[:, 0])
    forest = as_forest([tree.tree_ for tree in grown.estimators_])
    test = np.vstack([RNG.normal(size=(100, 4)), x])
    expected = grown.predict(test).reshape(len(test), outputs)
    assert forest.predict(test) == pytest.approx(expected, abs=1e-6)


def test_each_candidate_is_compared_with_the_others():
    assert with_differences(np.array([[1.0], [4.0], [7.0]])).tolist() == [
        [1, -4.5],
        [4, 0],
        [7, 4.5],
    ]
    assert with_differences(np.array([[1.0]])).tolist() == [[1, 0]]


def test_what_a_judge_says_is_read_from_its_cells():
    plain = Cell("wit", (CandidateScore(0.25), CandidateScore(0.5)))
    assert judge_numbers(plain, ScorerSettings()).tolist() == [[0.25], [0.5]]
    drawn = Cell("wit", (CandidateScore(0.25, spread=0.1),))
    assert judge_numbers(drawn, ScorerSettings(samples=3)).tolist() == [[0.25, 0.1]]
    read = Cell(
        "wit",
        (
            CandidateScore(
                0.5, digits=DigitReading((0.1, 0.1, 0.1, 0.1, 0.1), mass=0.5, deviation=0.3)
            ),
        ),
    )
    (row,) = judge_numbers(read, ScorerSettings(reasoning=False)).tolist()
    assert row == pytest.approx([0.5, 0.2, 0.2, 0.2, 0.2, 0.3, np.log(0.5)])


def test_evidence_has_a_gap_where_an_attribute_is_not_scored():
    cells = {"care@2": Cell("care", (CandidateScore(0.25), CandidateScore(0.5)))}
    evidence = evidence_of(cells, [[1.0], [2.0]], FIELDS, ScorerSettings())
    assert np.isnan(evidence.judge[:, 0]).all()
    assert evidence.judge[:, 1, 0].tolist() == [0.25, 0.5]
    with pytest.raises(ValueError, match="none of the attributes"):
        evidence_of({}, [[1.0]], FIELDS, ScorerSettings())


def test_probabilities_are_made_to_be_what_is_observed():
    """Errors that are claimed three times as large as they are get a third of their size."""
    draw = np.random.default_rng(0)
    labels = draw.random((800, 2))
    said = np.clip(labels + draw.normal(0, 0.1, labels.shape), 0, 1)
    scenario = np.repeat(np.arange(400), 2)
    too_large = SharedErrors(np.eye(2) * 0.09, np.zeros((2, 2)))
    assert sharpened(too_large, scenario, said, labels).sharpness == pytest.approx(1 / 3, abs=0.07)
    right = SharedErrors(np.eye(2) * 0.01, np.zeros((2, 2)))
    assert sharpened(right, scenario, said, labels).sharpness == pytest.approx(1, abs=0.2)
