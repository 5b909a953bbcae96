"""Labels and rows for fitting a calibration."""

import numpy as np
from numpy.testing import assert_array_equal

from app.calibrations.fitting.rows import LabelledEvidence, folds_of, in_rows, labels_of
from app.domain.bank import LabelledScenario
from app.domain.calibration.evidence import Evidence


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


def test_questions_that_differ_in_white_space_and_case_share_a_fold():
    """Otherwise a model would be tested on what it has learnt from."""
    evidence = Evidence(np.zeros((2, 1)), np.full((2, 1, 1), 0.5))
    labels = np.array([[0.0], [1.0]])
    asked = [f"{start} {number}?{end}" for number in range(10) for start, end in CASES]
    rows = in_rows([LabelledEvidence(one, evidence, labels) for one in asked], ["wit"])
    for fold in folds_of(rows, np.arange(len(rows.question)), 5):
        numbers = [asked[scenario].split()[1].strip("?") for scenario in rows.scenario[fold]]
        assert all(numbers.count(number) == 2 * len(CASES) for number in set(numbers))


CASES = (("how", ""), ("HOW", "\r\n"), (" How", " "))
