"""Calibrations of several banks: each is a kind of scenarios, and a gate tells them apart."""

import numpy as np
import pytest

from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.kinds import fit_gate, fit_kinds
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.calibration.artefact import from_bytes, to_bytes, with_digest
from app.domain.calibration.estimate import estimate
from app.domain.calibration.evidence import Evidence

FIELDS = ("wit@1",)
ESSAYS, ANSWERS = "essays", "answers"


def scenarios(kind, count=60, *, seed=0):
    """Wit grows with the judge's score in essays, and falls with it in answers, which are short."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(count):
        wit = draw.integers(0, 5, (2, 1)) / 4
        length = draw.normal(8.0 if kind == ESSAYS else 4.0, 0.3, (2, 1))
        surface = np.hstack([length, draw.normal(size=(2, 1))])
        score = wit if kind == ESSAYS else 1.0 - wit
        readings = (score + draw.normal(0, 0.02, (2, 1)))[:, :, None]
        evidence = Evidence(surface, readings)
        made.append(LabelledEvidence(f"{kind} {seed} {index}", evidence, wit))
    return made


@pytest.fixture(scope="module")
def both():
    banks = {ESSAYS: scenarios(ESSAYS), ANSWERS: scenarios(ANSWERS)}
    return with_digest(fit_kinds(banks, scorer="s", fields=FIELDS))


def error(calibration, test):
    results = estimate(calibration, [one.evidence for one in test])
    return np.mean([abs(e.scores - t.labels).mean() for e, t in zip(results, test, strict=True)])


@pytest.mark.parametrize("kind", [ESSAYS, ANSWERS])
def test_scenarios_of_each_kind_are_scored_by_what_was_learnt_from_their_like(both, kind):
    test = scenarios(kind, 20, seed=1)
    own = fit(scenarios(kind), scorer="s", fields=FIELDS)
    assert error(both, test) < error(own, test) + 0.01
    other = fit(scenarios(ANSWERS if kind == ESSAYS else ESSAYS), scorer="s", fields=FIELDS)
    assert error(both, test) < error(other, test) / 4


def test_between_kinds_a_score_is_between_theirs(both):
    (middle,) = scenarios(ESSAYS, 1, seed=2)
    surface = middle.evidence.surface.copy()
    surface[:, 0] = 6.0
    evidence = Evidence(surface, middle.evidence.readings)
    share = both.gate.shares(surface)
    assert share.sum() == pytest.approx(1.0)
    assert share.min() > 0.02
    first, second = (
        with_digest(fit(scenarios(kind), scorer="s", fields=FIELDS)) for kind in (ESSAYS, ANSWERS)
    )
    parts = [estimate(one, [evidence])[0].scores for one in (first, second)]
    mixed = share[0] * parts[0] + share[1] * parts[1]
    assert estimate(both, [evidence])[0].scores == pytest.approx(mixed)


def test_errors_are_those_of_the_kind_that_a_scenario_is_most_like(both):
    (answer,) = estimate(both, [scenarios(ANSWERS, 1, seed=3)[0].evidence])
    assert answer.errors.same == pytest.approx(both.others[0].errors["alone"].same)
    (essay,) = estimate(both, [scenarios(ESSAYS, 1, seed=3)[0].evidence])
    assert essay.errors.same == pytest.approx(both.errors["alone"].same)


def test_reports_name_the_bank_that_they_are_about(both):
    assert {one.bank for one in both.reports} == {ESSAYS, ANSWERS}


def test_one_bank_makes_the_same_calibration_as_before():
    of_one = fit_kinds({ESSAYS: scenarios(ESSAYS)}, scorer="s", fields=FIELDS)
    plain = fit(scenarios(ESSAYS), scorer="s", fields=FIELDS)
    assert with_digest(of_one).digest == with_digest(plain).digest


def test_writing_and_reading_changes_nothing(both):
    read = from_bytes(to_bytes(both))
    assert read.digest == both.digest
    test = [one.evidence for one in scenarios(ANSWERS, 5, seed=4)]
    for one, other in zip(estimate(read, test), estimate(both, test), strict=True):
        assert one.scores == pytest.approx(other.scores)


@pytest.mark.parametrize("count", [2, 3])
def test_a_gate_knows_any_number_of_kinds_however_large_they_are(count):
    draw = np.random.default_rng(5)
    sizes = (20, 200, 40)[:count]
    kinds = [
        [np.hstack([draw.normal(3 * kind, 1, (2, 1)), draw.normal(size=(2, 2))]) for _ in range(n)]
        for kind, n in enumerate(sizes)
    ]
    gate = fit_gate(kinds)
    for kind, members in enumerate(kinds):
        shares = np.array([gate.shares(one) for one in members])
        assert (shares.argmax(axis=1) == kind).mean() > 0.8
        assert shares.sum(axis=1) == pytest.approx(1.0)
