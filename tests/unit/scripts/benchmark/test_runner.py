"""A run against a service that answers as Azimuth does: what is asked for, checked and kept."""

from pathlib import Path

import httpx
import orjson
import pytest

from app.domain.bank import LabelledScenario
from scripts.benchmark.records.journal import Journal, OtherRun
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Run, ScenarioResult, TargetSet
from scripts.benchmark.running.runner import Evaluation, _halves
from scripts.benchmark.running.service import ServiceProblem

HIGH = TargetSet("high", "high", ({"wit": 1.0},))
BOTH = TargetSet("sampled", "sampled", ({"wit": 1.0}, {"wit": 0.0}))


class Judge:
    """Scores the first candidate 0.9 and the second 0.1, and selects with probability 0.75."""

    concurrency = 1

    def __init__(self, *, unscored=(), calibrations=("v1",)):
        self.unscored = set(unscored)
        self.calibrations = list(calibrations)
        """Version that each answer is calibrated by, the last one for all that follow."""
        self.forgotten: set[str] = set()
        self.scored: list[str] = []
        self.retargeted: list[dict] = []

    def calibration(self):
        version = self.calibrations[0]
        if len(self.calibrations) > 1:
            del self.calibrations[0]
        return {"name": "c", "digest": version, "basis": "together"} if version else None

    async def score(self, body):
        name = body["question"]
        self.scored.append(name)
        self.forgotten.discard(name)
        scores = [
            {
                "index": i,
                "score": s,
                "spread": 0.0,
                "calibrated": {"score": s, "standard_error": 0.1},
            }
            for i, s in enumerate((0.9, 0.1))
        ]
        cell = {"attribute": "wit", "definition_id": "wit@1"}
        if name in self.unscored:
            cell |= {"status": "unscored", "reason": "truncated", "detail": "too long"}
        else:
            cell |= {"status": "scored", "scores": scores, "cached": False}
        used = body["calibration"] != "none" and name not in self.unscored
        answer = {
            "id": name,
            "cells": [cell],
            "scorer": {"fingerprint": "f"},
        }
        if used and (calibration := self.calibration()):
            answer["calibration"] = calibration
        return answer, 1.0

    async def post(self, path, body):
        assert path == "/v1/retarget"
        self.retargeted.append(body)
        ids, targets = body["score_set_ids"], body["targets"]
        problems = {name: self.problem(name) for name in ids}
        used = self.calibration() if body["calibration"] != "none" else None
        applied = {name: None if problems[name] else used for name in ids}
        picks = [int(target["wit"] < 0.5) for target in targets]
        if body.get("compact"):
            answer = {
                "selected": [[None if problems[n] else pick for pick in picks] for n in ids],
                "calibrations": [applied[name] for name in ids],
                "problems": [
                    {"score_set_id": n, "target_indices": [*range(len(targets))], "problem": p}
                    for n, p in problems.items()
                    if p
                ],
            }
        else:
            answer = {
                "pairs": [
                    {"score_set_id": name, "target_index": number}
                    | (
                        {"problem": problems[name]}
                        if problems[name]
                        else {"selection": self.selection(pick, used)}
                    )
                    for name in ids
                    for number, pick in enumerate(picks)
                ]
            }
        return httpx.Response(200, content=orjson.dumps(answer))

    def selection(self, pick, calibration):
        nearest = {"index": pick, "id": "AB"[pick], "distance": 0.1, "probability": 0.75}
        selection = {"selected": nearest, "ties": [], "ranking": [nearest]}
        return selection | ({"calibration": calibration} if calibration else {})

    def problem(self, name):
        if name in self.forgotten:
            return {
                "type": "/problems/unknown-score-set",
                "title": "No",
                "status": 404,
                "detail": "no",
            }
        if name in self.unscored:
            return {
                "type": "/problems/attribute-not-scored",
                "title": "No",
                "status": 404,
                "detail": "no",
            }
        return None


async def evaluate(
    folder: Path,
    judge: Judge,
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
            service=judge,
            attributes={"wit": "wit"},
            request={"calibration": "c" if calibrated else "none"},
            progress=lambda _: None,
            chances=chances,
        ).run()
    finally:
        journal.close()
    return {result.id: result for result in read_results(folder).scenarios}


# Calibrations


async def test_one_calibration_is_behind_scores_and_selections(tmp_path):
    found = await evaluate(tmp_path, Judge(), "ab", calibrated=True)
    assert {result.selected["high"] for result in found.values()} == {"A"}
    assert read_results(tmp_path).run.calibration == {"name": "c", "digest": "v1"}


@pytest.mark.parametrize("versions", [("v1", "v2"), ("v1", None)])
async def test_selections_by_another_calibration_than_the_scores_end_the_run(tmp_path, versions):
    """It was fitted anew, or deleted, between the scores and their targets."""
    with pytest.raises(OtherRun, match="version v1 of the calibration"):
        await evaluate(tmp_path, Judge(calibrations=versions), calibrated=True)


async def test_probabilities_by_another_calibration_than_the_selections_end_the_run(tmp_path):
    judge = Judge(calibrations=("v1", "v1", "v2"))
    with pytest.raises(OtherRun, match="answers with v2"):
        await evaluate(tmp_path, judge, calibrated=True, chances=True)


async def test_a_calibration_that_is_gone_ends_the_run_with_the_service_s_words(tmp_path):
    judge = Judge()
    gone = {"type": "/problems/unknown-calibration", "title": "No such", "status": 404}
    judge.problem = lambda name: gone
    with pytest.raises(ServiceProblem, match="No such"):
        await evaluate(tmp_path, judge, "ab", calibrated=True)


async def test_where_nothing_is_scored_no_calibration_is_no_other_one(tmp_path):
    found = await evaluate(tmp_path, Judge(unscored="b"), "abc", calibrated=True, chances=True)
    assert [found[name].selected["high"] for name in "abc"] == ["A", "-", "A"]
    assert [found[name].chances["high"] for name in "abc"] == [(0.75,), (None,), (0.75,)]


# Probabilities


async def test_each_selection_has_its_probability_where_they_are_asked_for(tmp_path):
    found = await evaluate(tmp_path / "with", Judge(), "ab", sets=(HIGH, BOTH), chances=True)
    assert found["a"].chances == {"high": (0.75,), "sampled": (0.75, 0.75)}
    judge = Judge()
    without = await evaluate(tmp_path / "without", judge, "ab", sets=(HIGH, BOTH))
    assert without["a"].chances == {}
    assert all(body.get("compact") for body in judge.retargeted)


async def test_a_single_pair_without_scores_has_no_probability_and_is_no_problem(tmp_path):
    found = await evaluate(tmp_path, Judge(unscored="a"), "a", chances=True)
    assert found["a"].selected == {"high": "-"}
    assert found["a"].chances == {"high": (None,)}


async def test_a_run_that_goes_on_with_probabilities_gets_those_of_its_first_part(tmp_path):
    """Without asking the judge for any score again."""
    judge = Judge()
    await evaluate(tmp_path, judge, "ab")
    found = await evaluate(tmp_path, judge, "ab", chances=True)
    assert {name: one.chances for name, one in found.items()} == {
        "a": {"high": (0.75,)},
        "b": {"high": (0.75,)},
    }
    assert judge.scored == ["a", "b"]


async def test_a_run_that_was_begun_with_probabilities_goes_on_with_them(tmp_path):
    """Or their deciles would be those of the scenarios that happened to come first."""
    judge = Judge(unscored="a")
    await evaluate(tmp_path, judge, "ab", chances=True)
    journal = tmp_path / "scenarios.jsonl"
    lines = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"a"' in line]
    journal.write_bytes(b"".join(lines))  # killed before the second scenario
    found = await evaluate(tmp_path, judge, "ab")
    assert found["b"].chances == {"high": (0.75,)}


async def test_what_is_complete_is_not_asked_for_again(tmp_path):
    judge = Judge(unscored="b")
    other = TargetSet("other", "sampled", ({"luck": 1.0},))  # which nothing here labels
    await evaluate(tmp_path, judge, "ab", sets=(other,), chances=True)
    asked = len(judge.retargeted)
    await evaluate(tmp_path, judge, "ab", sets=(other,), chances=True)
    assert (len(judge.scored), len(judge.retargeted)) == (2, asked)


async def test_scores_that_the_cache_forgot_are_asked_for_again(tmp_path):
    judge = Judge()
    await evaluate(tmp_path, judge, "ab")
    judge.forgotten = {"b"}
    found = await evaluate(tmp_path, judge, "ab", chances=True)
    assert judge.scored == ["a", "b", "b"]
    assert found["b"].selected == {"high": "A"}
    assert found["b"].chances == {"high": (0.75,)}


async def test_scores_that_are_forgotten_after_the_selections_are_asked_for_again(tmp_path):
    judge = Judge()
    known = judge.post

    async def forgetting(path, body):
        answer = await known(path, body)
        if len(judge.retargeted) == 1:
            judge.forgotten = {"a"}
        return answer

    judge.post = forgetting
    found = await evaluate(tmp_path, judge, "a", chances=True)
    assert judge.scored == ["a", "a"]
    assert found["a"].chances == {"high": (0.75,)}


def cell_of(*values, **more):
    """A cell with the values of each candidate, order after order, in each sample after sample."""
    scores = [{"score": 0.5, "values": list(one)} for one in values]
    return {"status": "scored", "answers_discarded": 0, "scores": scores} | more


def test_an_order_check_compares_the_first_order_with_the_last_over_their_samples():
    cell = cell_of((0.1, 0.2, 0.3, 0.7, 0.8, 0.9), (1.0, 0.9, 0.8, 0.0, 0.0, 0.3))
    assert _halves(cell, 3).tolist() == [pytest.approx([0.2, 0.9]), pytest.approx([0.8, 0.1])]


def test_of_an_order_check_with_lost_answers_nothing_is_known():
    """Which order they are from is not told."""
    assert _halves(cell_of((0.1, 0.2), (0.3, 0.4), answers_discarded=1), 1) is None
    assert _halves({"status": "unscored"}, 1) is None
