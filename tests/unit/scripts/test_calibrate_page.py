"""The report page: which scenarios trials learn from, what is measured, what the page shows."""

import random
import re

import pytest

from app.calibrations.schemas import FittedOut
from app.domain.bank import LabelledScenario, bank_of
from app.domain.bank_files.reading import AS_THEY_ARE
from app.scores.schemas import CandidateScoreOut, ScoredCellOut, ScoreSetOut
from app.scoring.schemas import SCORER_EXAMPLE, BankRefOut
from scripts.calibrate.pages.draws import PARTS, draws_of, sizes_of
from scripts.calibrate.pages.held_out import Findings, scenarios_of
from scripts.calibrate.pages.measures import (
    Point,
    curve,
    disagreements,
    error_of,
    expected,
    honesty,
    pairs_in_order,
    reliability,
    unseen,
)
from scripts.calibrate.pages.page import page
from scripts.calibrate.pages.trials import Prediction, Trial, predictions_in, score_request


def scenario(number, question=None, **labels):
    return LabelledScenario(
        id=f"s{number}",
        question=question or f"Why {number} <b>?",
        responses=(f"because {number}", f"so {number}"),
        labels=({"wit": 0.5} | labels, {"wit": 1.0}),
    )


MANY = [scenario(number) for number in range(80)]


def predicted(scenario, response, label, used, error=0.1, attribute="wit", raw=0.5):
    return Prediction(scenario, response, attribute, label, raw, used, error)


def test_every_scenario_is_kept_aside_by_one_draw_that_does_not_learn_from_it():
    draws = draws_of(MANY, 0)
    aside = [one.id for draw in draws for one in draw.aside]
    assert sorted(aside) == sorted(one.id for one in MANY)
    for draw in draws:
        assert len(draw.ids) == 60
        assert not set(draw.ids) & {one.id for one in draw.aside}
    assert draws == draws_of(MANY, 0)
    assert draws != draws_of(MANY, 1)


def test_scenarios_that_share_a_question_are_kept_aside_together():
    twice = [*MANY, *(scenario(100 + n, question=MANY[n].question) for n in range(80))]
    for draw in draws_of(twice, 0):
        numbers = {int(one.id[1:]) % 100 for one in draw.aside}
        assert len(draw.aside) == 2 * len(numbers)


def test_sizes_double_up_to_all_that_a_draw_can_learn_from():
    assert sizes_of(draws_of(MANY, 0)) == [25, 60]
    assert sizes_of(draws_of([scenario(n) for n in range(500)], 0)) == [25, 50, 100, 200, 375]
    assert sizes_of(draws_of(MANY[:28], 0)) == [21]
    assert draws_of(MANY[:26], 0) == []
    assert sizes_of([]) == []


def test_a_scenario_is_asked_for_its_labelled_attributes_as_the_fit_asks():
    body = {"bank": "b", "attribute_set": "s", "scoring": {"method": "probe"}}
    asked = score_request(body, ["care", "wit"], MANY[0])
    assert asked["attributes"] == ["wit"]
    assert asked["scoring"] == {"method": "probe"}
    assert asked["responses"] == ["because 0", "so 0"]
    own = body | {"attributes": [{"name": "wit", "definition": "W."}, {"name": "care"}]}
    assert score_request(own, [], MANY[0])["attributes"] == [own["attributes"][0]]


def test_predictions_are_calibrated_scores_of_labelled_responses():
    scores = [
        {"index": 0, "score": 0.2, "spread": 0, "calibrated": {"score": 0.4, "standard_error": 1}},
        {"index": 1, "score": 0.3, "spread": 0, "calibrated": {"score": 0.6, "standard_error": 1}},
    ]
    cell = ScoredCellOut.model_construct(
        attribute="care", scores=[CandidateScoreOut.model_validate(one) for one in scores]
    )
    answer = ScoreSetOut.model_construct(cells=[cell])
    found = predictions_in(answer, scenario(1, care=0.25))
    assert found == [Prediction("s1", 0, "care", 0.25, 0.2, 0.4, 1.0)]


def test_errors_count_each_scenario_once():
    two = [predicted("a", 0, 0.0, 0.2), predicted("a", 1, 0.0, 0.2), predicted("b", 0, 0.0, 0.4)]
    assert error_of(two) == pytest.approx(((0.04 + 0.16) / 2) ** 0.5)


def test_pairs_are_of_one_scenario_and_equal_scores_count_as_half():
    right = [predicted("a", 0, 0.0, 0.1), predicted("a", 1, 1.0, 0.9)]
    level = [predicted("b", 0, 0.0, 0.5), predicted("b", 1, 1.0, 0.5)]
    assert pairs_in_order(right) == 1
    assert pairs_in_order([*right, *level]) == 0.75
    assert pairs_in_order([right[0], level[1]]) is None


def test_a_curve_has_a_point_for_each_size_with_its_best_and_worst_draw():
    def trial(draw, size, used):
        made = tuple(predicted(f"s{n}", 0, n % 2, used) for n in range(4))
        return Trial(draw, size, made, frozenset({"wit"} if draw else ()))

    trials = [trial(0, 25, 0.5), trial(1, 25, 1.0), Trial(2, 25, (), problem="x"), trial(0, 60, 0)]
    first, last = curve(trials, "wit")
    assert (first.size, first.draws, first.judged) == (25, 2, 1)
    assert (first.low, first.high) == (pytest.approx(0.5), pytest.approx(0.5**0.5))
    assert first.constant == 0.5
    assert last.size == 60
    assert curve(trials, "care") == []
    assert unseen(trials) == list(trials[-1].predictions)


def test_the_error_to_expect_falls_with_the_root_of_the_labels():
    points = [Point(n, 4, 0.1 + n**-0.5, 0, 0, 1, 4, None) for n in (25, 100, 400)]
    assert expected(points, [400, 10_000]) == pytest.approx([0.15, 0.11])
    worse = [Point(n, 4, 0.1 + n / 1000, 0, 0, 1, 4, None) for n in (25, 50, 100)]
    now, later = expected(worse, [100, 1000])
    assert now == later  # more labels are not expected to harm
    assert expected(points[:2], [500]) is None


def test_reliability_has_equal_bins_in_the_order_of_scores():
    every = [predicted(f"s{n}", 0, n / 100, n / 100) for n in range(100)]
    bins = reliability(every)
    assert [one.count for one in bins] == [34, 33, 33]
    assert all(one.predicted == pytest.approx(one.label) for one in bins)
    assert [one.count for one in reliability(every[:1])] == [1]


def test_standard_errors_are_compared_with_the_errors_found():
    measured = honesty([predicted("a", 0, 0.5, 0.55), predicted("b", 0, 0.5, 0.65)])
    assert measured.claimed == pytest.approx(0.1)
    assert (measured.within_one, measured.within_two) == (0.5, 1.0)


def test_the_most_surprising_labels_are_farthest_in_standard_errors():
    near, far = predicted("a", 0, 0.0, 0.5, error=0.5), predicted("b", 0, 0.0, 0.3, error=0.1)
    assert disagreements([near, far], 1) == [far]


def fitted(method="probe", **more):
    def report(name):
        return {
            "attribute": name, "basis": "together", "scenarios": 80, "layer": "states",
            "error_constant": 0.3, "error_raw": 0.31, "error_features": 0.25,
            "error_combined": 0.2, "error": 0.2, "pairs_raw": 0.6, "pairs_features": 0.7,
            "pairs": 0.75, "summary": f"on {name} the states of this judge add something",
        }  # fmt: skip

    return FittedOut.model_validate(
        {
            "digest": "0d1e", "attributes": ["wit", "care"], "scenarios": 80, "labelled": 80,
            "scorer": SCORER_EXAMPLE | {"model": "small", "method": method}, "left_out": {},
            "bank": {"name": "people", "digest": "b"}, "created_ms": 0,
            "reports": [report("wit"), report("care")],
        }
        | more
    )  # fmt: skip


def findings(*, raw=None, attributes=("wit", "care")):
    draw = random.Random(0)
    trials = []
    for size in (25, 50, 60):
        for number in range(PARTS):
            made = []
            for place in range(number, 80, PARTS):
                for response in range(2):
                    for name in attributes:
                        label = draw.randrange(5) / 4
                        used = min(1, max(0, label + draw.gauss(0, 0.2 + 1 / size)))
                        score = used if raw is None else raw
                        made.append(predicted(f"s{place}", response, label, used, 0.2, name, score))
            trials.append(Trial(number, size, tuple(made), frozenset(attributes)))
    trials.append(Trial(3, 20, (), problem="no <labels>"))
    return Findings(trials, {one.id: one for one in MANY})


def test_the_page_needs_no_other_file_and_quotes_texts_only_if_asked():
    html = page("house <i>", fitted(), findings(), texts=False)
    assert not re.search(r'(src|href)="(?!#)', html)
    assert "<h1>Calibration house &lt;i&gt;</h1>" in html
    assert "no &lt;labels&gt;" in html
    assert html.count("<svg") == 3
    assert "hidden states alone" in html
    assert "because" not in html
    assert "200 more" in html
    quoting = page("house", fitted(), findings(), texts=True)
    assert "&lt;b&gt;?" in quoting
    assert "<b>" not in quoting
    assert "because" in quoting


def test_written_scores_are_shown_beside_calibrated_ones():
    html = page("house", fitted("comparative"), findings(raw=0.123), texts=False)
    assert "the judge&#39;s scores" in html
    assert "<td>0.12</td>" in html
    assert "the judge&#39;s score</th>" not in page("h", fitted(), findings(), texts=False)


def test_without_trials_the_page_has_the_services_figures_and_the_reason():
    html = page("house", fitted(), Findings(note="no scenarios"), texts=False)
    assert "no scenarios" in html
    assert 'id="sources"' in html
    assert 'id="curve"' not in html


def test_scenarios_come_from_the_file_or_from_a_bank_that_ships():
    line = b'{"id": "a", "question": "Q?", "responses": ["x", "y"], "labels": [{"w": 1}, {"w": 0}]}'
    unknown = BankRefOut(name="people", digest="0")
    assert "--bank-file" in scenarios_of(unknown, None, AS_THEY_ARE)
    assert "does not have the scenarios" in scenarios_of(unknown, line, AS_THEY_ARE)
    bank = bank_of([LabelledScenario("a", "Q?", ("x", "y"), ({"w": 1.0}, {"w": 0.0}))])
    same = BankRefOut(name="people", digest=bank.digest)
    assert scenarios_of(same, line, AS_THEY_ARE) == bank
