"""The joint opinion on states and surface features."""

import numpy as np
import pytest

from app.calibrations.fitting.joint import learn_joint
from app.domain.calibration.joint import scenario_means


def sample(count, *, candidates=2, seed=0):
    """One state raises labels between questions and lowers them within a question."""
    draw = np.random.default_rng(seed)
    scenario = np.repeat(np.arange(count), candidates)
    between = draw.normal(size=count)[scenario]
    apart = draw.normal(size=len(scenario))
    apart -= scenario_means(apart[:, None], scenario)[:, 0]
    states = draw.normal(size=(len(scenario), 1, 6))
    states[:, 0, 0] = 2 * between + apart
    labels = np.clip(0.5 + 0.2 * between - 0.1 * apart, 0, 1)[:, None]
    return draw.normal(size=(len(scenario), 2)), states, labels, scenario


def learnt(count=80, **options):
    surface, states, labels, scenario = sample(count, **options)
    folds = [np.flatnonzero(scenario % 5 == fold) for fold in range(5)]
    return learn_joint(surface, states, labels, scenario, folds), labels, scenario


def share_in_order(predicted, labels):
    return np.mean(
        np.sign(np.diff(predicted.reshape(-1, 2))) == np.sign(np.diff(labels.reshape(-1, 2)))
    )


def test_differences_between_questions_do_not_mislead_a_choice_within_one():
    (opinion, out_of_fold), labels, _ = learnt()
    assert share_in_order(out_of_fold, labels) > 0.9
    assert np.corrcoef(out_of_fold[:, 0], labels[:, 0])[0, 1] > 0.9
    surface, states, unseen, number = sample(60, seed=1)
    predicted = opinion.predict(surface, states, number)
    assert share_in_order(predicted, unseen) > 0.9
    assert np.corrcoef(predicted[:, 0], unseen[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("candidates", [1, 3, 5])
def test_scenarios_may_have_any_number_of_candidates(candidates):
    (opinion, _), _, _ = learnt(candidates=3)
    surface, states, labels, scenario = sample(40, candidates=candidates, seed=2)
    predicted = opinion.predict(surface, states, scenario)
    assert np.square(predicted - labels).mean() < 0.5 * labels.var()


def test_an_extreme_surface_feature_counts_no_more_than_a_large_one():
    (opinion, _), _, _ = learnt()
    surface, states, _, scenario = sample(2, seed=3)
    large, extreme = surface.copy(), surface.copy()
    large[0, 0], extreme[0, 0] = 50.0, 5e6
    assert opinion.predict(large, states, scenario) == pytest.approx(
        opinion.predict(extreme, states, scenario)
    )


def test_the_mean_of_a_scenario_is_that_of_its_own_rows():
    means = scenario_means(np.array([[1.0], [2.0], [6.0], [9.0]]), np.array([7, 7, 7, 3]))
    assert means[:, 0].tolist() == [3.0, 3.0, 3.0, 9.0]
