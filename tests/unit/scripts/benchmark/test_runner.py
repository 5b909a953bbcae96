"""A run against a service that answers as Azimuth does: what is asked for, checked and kept."""

from pathlib import Path

import pytest

from app.domain.bank import LabelledScenario
from app.scores.schemas import (
    CompactRetargetOut,
    RetargetOut,
    ScoredCellOut,
    ScoreSetOut,
    UnscoredCellOut,
)
from app.scoring.schemas import SCORER_EXAMPLE
from scripts.benchmark.records.journal import Journal, OtherRun
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Run, ScenarioResult, TargetSet
from scripts.benchmark.running.cells import by_order
from scripts.benchmark.running.runner import Evaluation
from scripts.client.problems import ServiceProblem

HIGH = TargetSet("high", "high", ({"wit": 1.0},))
BOTH = TargetSet("sampled", "sampled", ({"wit": 1.0}, {"wit": 0.0}))


NO_TIME = {"queue": 0, "retrieval": 0, "engine": 0}
SCORED = {
    "status": "scored",
    "attribute": "wit",
    "kind": "score",
    "definition_id": "wit@1",
    "cached": False,
    "examples": [],
    "examples_dropped": [],
    "levels_uncovered": [],
    "answers_discarded": 0,
    "usage": {"prompt_tokens": 0, "cached_prompt_tokens": 0, "output_tokens": 0},
    "timings_ms": NO_TIME,
}
UNSCORED = {
    "status": "unscored",
    "attribute": "wit",
    "definition_id": "wit@1",
    "reason": "truncated",
    "detail": "too long",
}


def problem_of(slug, title="No"):
    return {
        "type": f"/problems/{slug}",
        "title": title,
        "status": 404,
        "detail": "no",
        "request_id": "r",
    }


class FakeService:
    """Scores the first candidate 0.9 and the second 0.1, and selects with probability 0.75."""

    concurrency = 1

    def __init__(self, *, unscored=(), calibrations=("v1",)):
        self.unscored = set(unscored)
        self.calibrations = list(calibrations)
        """Version that each answer is calibrated by, the last one for all that follow."""
        self.forgotten: set[str] = set()
        self.scored: list[str] = []
        self.retargeted: list[dict] = []
        self.compact = 0
        """Requests that asked for indices only."""

    def calibration(self, body):
        """The calibration of the next answer; None for raw scores."""
        if body["calibration"] == "none":
            return None
        version = self.calibrations[0]
        if len(self.calibrations) > 1:
            del self.calibrations[0]
        return {"name": "c", "digest": version, "basis": "together"} if version else None

    async def score(self, body):
        name = body["question"]
        self.scored.append(name)
        self.forgotten.discard(name)
        scores = [
            {"index": i, "score": s, "spread": 0, "calibrated": {"score": s, "standard_error": 0}}
            for i, s in enumerate((0.9, 0.1))
        ]
        lost = name in self.unscored
        answer = {
            "id": name,
            "status": "partial" if lost else "complete",
            "candidates": [],
            "cells": [UNSCORED if lost else SCORED | {"scores": scores}],
            "scorer": SCORER_EXAMPLE,
            "calibration": None if lost else self.calibration(body),
            "warnings": [],
        }
        return ScoreSetOut.model_validate(answer), 1.0

    async def retarget_compact(self, body):
        self.retargeted.append(body)
        self.compact += 1
        ids, targets = body["score_set_ids"], body["targets"]
        problems = {name: self.problem(name) for name in ids}
        used = self.calibration(body)
        picks = [int(target["wit"] < 0.5) for target in targets]
        answer = {
            "selected": [[None if problems[n] else pick for pick in picks] for n in ids],
            "calibrations": [None if problems[name] else used for name in ids],
            "problems": [
                {"score_set_id": name, "target_indices": [*range(len(targets))], "problem": one}
                for name, one in problems.items()
                if one
            ],
            "warnings": [],
            "timings_ms": NO_TIME,
        }
        return CompactRetargetOut.model_validate(answer)

    async def retarget(self, body):
        self.retargeted.append(body)
        used = self.calibration(body)
        pairs = [
            {"score_set_id": name, "target_index": number}
            | ({"problem": problem} if problem else {"selection": self.selection(target, used)})
            for name in body["score_set_ids"]
            for problem in [self.problem(name)]
            for number, target in enumerate(body["targets"])
        ]
        answer = {"pairs": pairs, "warnings": [], "timings_ms": NO_TIME}
        return RetargetOut.model_validate(answer)

    def selection(self, target, calibration):
        index = int(target["wit"] < 0.5)
        nearest = {"index": index, "id": "AB"[index], "distance": 0.1, "probability": 0.75}
        return {"selected": nearest, "ties": [], "ranking": [nearest], "calibration": calibration}

    def problem(self, name):
        if name in self.forgotten:
            return problem_of("unknown-score-set")
        if name in self.unscored:
            return problem_of("attribute-not-scored")
        return None


async def evaluate(
    folder: Path,
    service: FakeService,
    names="a",
    *,
    sets=(HIGH,),
    calibrated=False,
    chances=False,
    method="comparative",
) -> dict[str, ScenarioResult]:
    """Run, or go on with a run, over scenarios of these names; what the folder then holds."""
    labels = ({"wit": 1.0}, {"wit": 0.0})
    scenarios = [LabelledScenario(name, name, ("x", "y"), labels) for name in names]
    run = Run(
        method, {}, {"wit": (0.0, 1.0)}, tuple(sets), (), None, 0, tuple(names), "", {}, ""
    )  # fmt: skip
    journal = Journal.open(folder, run)
    try:
        await Evaluation(
            journal=journal,
            scenarios=scenarios,
            service=service,
            attributes={"wit": "wit"},
            request={"calibration": "c" if calibrated else "none"},
            progress=lambda _: None,
            chances=chances,
        ).run()
    finally:
        journal.close()
    return {result.id: result for result in read_results(folder).scenarios}


# Calibrations


async def test_scores_and_selections_have_the_same_calibration(tmp_path):
    found = await evaluate(tmp_path, FakeService(), "ab", calibrated=True)
    assert {result.selected["high"] for result in found.values()} == {"A"}
    assert read_results(tmp_path).run.calibration == {"name": "c", "digest": "v1"}


@pytest.mark.parametrize("versions", [("v1", "v2"), ("v1", None)])
async def test_selections_by_another_calibration_than_the_scores_end_the_run(tmp_path, versions):
    """It was fitted again, or deleted, between the scores and their targets."""
    with pytest.raises(OtherRun, match="version v1 of the calibration"):
        await evaluate(tmp_path, FakeService(calibrations=versions), calibrated=True)


async def test_probabilities_by_another_calibration_than_the_selections_end_the_run(tmp_path):
    service = FakeService(calibrations=("v1", "v1", "v2"))
    with pytest.raises(OtherRun, match="answers with v2"):
        await evaluate(tmp_path, service, calibrated=True, chances=True)


async def test_a_calibration_that_is_gone_ends_the_run_with_the_service_s_message(tmp_path):
    service = FakeService()
    gone = problem_of("unknown-calibration", "No such")
    service.problem = lambda name: gone
    with pytest.raises(ServiceProblem, match="No such"):
        await evaluate(tmp_path, service, "ab", calibrated=True)


async def test_an_answer_without_scores_needs_no_calibration(tmp_path):
    found = await evaluate(
        tmp_path, FakeService(unscored="b"), "abc", calibrated=True, chances=True
    )
    assert [found[name].selected["high"] for name in "abc"] == ["A", "-", "A"]
    assert [found[name].chances["high"] for name in "abc"] == [(0.75,), (None,), (0.75,)]


# Probabilities


async def test_each_selection_has_its_probability_if_requested(tmp_path):
    found = await evaluate(tmp_path / "with", FakeService(), "ab", sets=(HIGH, BOTH), chances=True)
    assert found["a"].chances == {"high": (0.75,), "sampled": (0.75, 0.75)}
    service = FakeService()
    without = await evaluate(tmp_path / "without", service, "ab", sets=(HIGH, BOTH))
    assert without["a"].chances == {}
    assert service.compact == len(service.retargeted)


async def test_a_single_pair_without_scores_has_no_probability_and_does_not_fail(tmp_path):
    found = await evaluate(tmp_path, FakeService(unscored="a"), "a", chances=True)
    assert found["a"].selected == {"high": "-"}
    assert found["a"].chances == {"high": (None,)}


async def test_a_run_resumed_with_probabilities_gets_those_of_its_first_part(tmp_path):
    """Without asking the service for any score again."""
    service = FakeService()
    await evaluate(tmp_path, service, "ab")
    found = await evaluate(tmp_path, service, "ab", chances=True)
    assert {name: one.chances for name, one in found.items()} == {
        "a": {"high": (0.75,)},
        "b": {"high": (0.75,)},
    }
    assert service.scored == ["a", "b"]


async def test_a_run_started_with_probabilities_continues_with_them(tmp_path):
    """Or their deciles would be those of the scenarios that happened to come first."""
    service = FakeService(unscored="a")
    await evaluate(tmp_path, service, "ab", chances=True)
    journal = tmp_path / "scenarios.jsonl"
    lines = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"a"' in line]
    journal.write_bytes(b"".join(lines))  # killed before the second scenario
    found = await evaluate(tmp_path, service, "ab")
    assert found["b"].chances == {"high": (0.75,)}


async def test_complete_scenarios_are_not_requested_again(tmp_path):
    service = FakeService(unscored="b")
    other = TargetSet("other", "sampled", ({"luck": 1.0},))  # which nothing here labels
    await evaluate(tmp_path, service, "ab", sets=(other,), chances=True)
    asked = len(service.retargeted)
    await evaluate(tmp_path, service, "ab", sets=(other,), chances=True)
    assert (len(service.scored), len(service.retargeted)) == (2, asked)


async def test_scores_that_the_cache_lost_are_requested_again(tmp_path):
    service = FakeService()
    await evaluate(tmp_path, service, "ab")
    service.forgotten = {"b"}
    found = await evaluate(tmp_path, service, "ab", chances=True)
    assert service.scored == ["a", "b", "b"]
    assert found["b"].selected == {"high": "A"}
    assert found["b"].chances == {"high": (0.75,)}


async def test_scores_that_are_lost_after_the_selections_are_requested_again(tmp_path):
    service = FakeService()
    selecting = service.retarget_compact

    async def forgetting(body):
        answer = await selecting(body)
        if len(service.retargeted) == 1:
            service.forgotten = {"a"}
        return answer

    service.retarget_compact = forgetting
    found = await evaluate(tmp_path, service, "a", chances=True)
    assert service.scored == ["a", "a"]
    assert found["a"].chances == {"high": (0.75,)}


def cell_of(*values, discarded=0):
    """A cell with the values of each candidate, order after order, in each sample after sample."""
    scores = [
        {"index": i, "score": 0.5, "spread": 0, "values": list(one)} for i, one in enumerate(values)
    ]
    return ScoredCellOut.model_validate(SCORED | {"answers_discarded": discarded, "scores": scores})


def test_an_order_check_compares_the_first_order_with_the_last_over_their_samples():
    cell = cell_of((0.1, 0.2, 0.3, 0.7, 0.8, 0.9), (1.0, 0.9, 0.8, 0.0, 0.0, 0.3))
    assert by_order(cell, 3).tolist() == [pytest.approx([0.2, 0.9]), pytest.approx([0.8, 0.1])]


def test_an_order_check_with_discarded_answers_is_unknown():
    """It is unknown which order the remaining values are from."""
    assert by_order(cell_of((0.1, 0.2), (0.3, 0.4), discarded=1), 1) is None
    assert by_order(UnscoredCellOut.model_validate(UNSCORED), 1) is None
