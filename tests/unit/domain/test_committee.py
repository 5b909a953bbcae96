"""Committees: the cells of several judges together, and their calibrations."""

from dataclasses import asdict

import numpy as np
import pytest
from msgspec.structs import replace

from app.calibrations.fitting.committee import Member, fit_committee
from app.calibrations.fitting.kinds import fit_committee_kinds
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.calibration.committee import estimate_together
from app.domain.calibration.committee_artefact import from_bytes, to_bytes, with_digest
from app.domain.calibration.evidence import Evidence
from app.domain.cells import CandidateScore, Cell, Pending, Unscored, Usage
from app.domain.committee import together
from app.domain.score_set import ScoreSet
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.domain.selection.uncertainty import standard_errors

FIELDS = ("wit@1", "care@2")


def member(name, *scores, cached=(), state=None):
    scorer = Scorer(ScorerSettings(), ModelIdentity(name, "r", "fake", 9, "e", {}))
    cell = Cell("wit", tuple(map(CandidateScore, scores)), usage=Usage(7), created_ms=len(name))
    return ScoreSet(f"d{name}", scorer, name, cells={"wit@1": state or cell}, cached=set(cached))


def test_the_score_is_the_mean_and_disagreement_is_uncertainty():
    whole = together([member("b", 0.2, 0.4), member("a", 0.6, 0.4)])
    assert (whole.digest, whole.fingerprints) == ("da-db", ("a", "b"))
    (cell,) = whole.cells.values()
    assert [one.score for one in cell.scores] == pytest.approx([0.4, 0.4])
    assert [one.values for one in cell.scores] == [(0.6, 0.2), (0.4, 0.4)]
    errors = standard_errors(cell.scores)
    assert errors.deviations[0] > 0
    assert whole.usage.prompt_tokens == 14
    assert together([whole.members[1], whole.members[0]]) == whole
    assert together([whole.members[0]]) is whole.members[0]


def test_errors_of_the_judges_are_part_of_that_of_the_mean():
    sampled = member("a", 0.5, 0.5)
    scores = tuple(CandidateScore(0.5, 0.1, values=(0.4, 0.6)) for _ in "xy")
    cell = replace(sampled.cells["wit@1"], scores=scores)
    whole = together([replace(sampled, cells={"wit@1": cell}), member("b", 0.5, 0.5)])
    own = standard_errors(scores).deviations[0]
    assert standard_errors(whole.cells["wit@1"].scores).deviations[0] == pytest.approx(own / 2)


def test_cells_are_cached_only_if_those_of_all_are():
    both = [member("a", 0.1, 0.2, cached=["wit@1"]), member("b", 0.1, 0.2)]
    assert not together(both).cached
    assert together([both[0], replace(both[1], cached={"wit@1"})]).cached == {"wit@1"}


def test_a_judge_without_scores_is_named():
    failed = member("b", state=Unscored("wit", "truncated", "cut"))
    (cell,) = together([member("a", 0.1), failed]).cells.values()
    assert (cell.reason, cell.detail) == ("truncated", "judge 'b' (comparative): cut")
    (cell,) = together([member("a", 0.1), member("b", state=Pending("wit"))]).cells.values()
    assert cell == Pending("wit")


def made(count, *, seed=0):
    """Evidence of three judges: two that see half of wit each, and one that sees nothing."""
    draw = np.random.default_rng(seed)
    halves = draw.random((count, 2, 2)) / 2
    care = draw.random((count, 2))
    each = [[], [], []]
    for index in range(count):
        labels = np.stack([halves[index].sum(axis=1), care[index]], axis=1)
        surface = draw.normal(size=(2, 3))
        surface[:, 0] = care[index] + draw.normal(0, 0.05, 2)
        seen = [halves[index][:, 0], halves[index][:, 1], draw.random(2)]
        for own, wit in zip(each, seen, strict=True):
            readings = np.stack([wit, draw.random(2)], axis=1)[:, :, None]
            own.append(LabelledEvidence(f"q{index}", Evidence(surface, readings), labels))
    return each


@pytest.fixture(scope="module")
def fitted():
    members = [Member(name, name, own) for name, own in zip("abc", made(120), strict=True)]
    return with_digest(fit_committee(members, fields=FIELDS))


def test_judges_who_know_different_things_are_better_together(fitted):
    test = made(80, seed=1)

    def error(*members):
        given = [[test[m][i].evidence for m in members] for i in range(80)]
        results = estimate_together(fitted, members, given)
        losses = [
            np.square(one.scores[:, 0] - test[0][i].labels[:, 0]).mean()
            for i, one in enumerate(results)
        ]
        return float(np.sqrt(np.mean(losses)))

    assert error(0, 1) < 0.75 * min(error(0), error(1))
    assert error(0, 1, 2) == pytest.approx(error(0, 1), abs=0.02)


def test_reports_say_what_each_judge_adds_and_leave_out_the_others(fitted):
    wit = next(one for one in fitted.reports if one.attribute == "wit")
    care = next(one for one in fitted.reports if one.attribute == "care")
    assert (wit.layer, care.layer) == ("committee", "features")
    a, b, c = wit.judges
    assert a.weight > 0.5
    assert b.weight > 0.5
    assert c.weight < 0.3
    assert a.error_without > wit.error
    assert "a lowers the error of the others by" in a.summary
    assert all(one.weight == 0 for one in care.judges)


def test_each_choice_of_judges_has_errors_of_its_own(fitted):
    every = {members for _, members in fitted.combinations}
    assert every == {(0, 1), (0, 2), (1, 2), (0, 1, 2)}
    for basis in ("together", "alone"):
        both = fitted.combinations[basis, (0, 1)].errors.deviations[0]
        assert both < fitted.combinations[basis, (0, 2)].errors.deviations[0]


def test_an_artefact_of_a_committee_is_unchanged_by_writing_and_reading(fitted):
    back = from_bytes(to_bytes(fitted))
    np.testing.assert_equal(asdict(back), asdict(fitted))


def test_kinds_of_scenarios_are_mixed():
    banks = {
        bank: [Member(n, n, own) for n, own in zip("ab", made(40, seed=s)[:2], strict=True)]
        for s, bank in enumerate(("one", "two"))
    }
    kinds = with_digest(fit_committee_kinds(banks, fields=FIELDS))
    assert len(kinds.others) == 1
    np.testing.assert_equal(asdict(from_bytes(to_bytes(kinds))), asdict(kinds))
    (scenario,) = [made(1, seed=9)]
    (result,) = estimate_together(kinds, (0, 1), [[own[0].evidence for own in scenario[:2]]])
    assert result.scores.shape == (2, 2)
