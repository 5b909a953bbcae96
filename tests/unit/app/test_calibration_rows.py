"""Labels and rows for fitting a calibration."""

import numpy as np
from numpy.testing import assert_array_equal

from app.calibrations.fitting.rows import labels_of
from app.domain.bank import LabelledScenario


def test_labels_follow_responses_to_their_candidates():
    scenario = LabelledScenario(
        id="s", question="?", responses=("b", "a"), labels=({"wit": 0.25, "care": 1}, {"wit": 1})
    )
    labels = labels_of(scenario, (1, 0), ["care", "wit"])
    assert_array_equal(labels, [[np.nan, 1], [1, 0.25]])


def test_duplicate_texts_have_the_mean_of_their_labels():
    scenario = LabelledScenario(
        id="s",
        question="?",
        responses=("a", "b", "a"),
        labels=({"wit": 0.25}, {"wit": 1}, {"wit": 0.75, "care": 0.5}),
    )
    labels = labels_of(scenario, (0, 1, 0), ["wit", "care"])
    assert_array_equal(labels, [[0.5, 0.5], [1, np.nan]])
