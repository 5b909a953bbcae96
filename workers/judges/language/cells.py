"""Cells from what the asks of a group have given. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from app.domain.cells import Cell, CellResults, CellTimings, ExampleUse, Unscored, Usage
from app.domain.job import Job
from app.domain.ratings.retrieval import Reach
from app.domain.scenario import Attribute, Choice
from workers.judges.language.averaging import Reading, average, position_bias
from workers.judges.language.trimming import Example, Trimmed
from workers.subject import Subject

Uncovered = Callable[[Attribute | Choice], tuple[float, ...]]
"""The label levels of a subject that no example shows."""


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that come from the same prompts."""

    subject: Subject
    cells: dict[str, Attribute | Choice]
    """Cell field -> the subject, or those of its attributes that the job names."""

    def unscored(self, why: Unscored) -> CellResults:
        """Return all cells of the group as unscored."""
        return {
            field: msgspec.structs.replace(why, attribute=subject.name)
            for field, subject in self.cells.items()
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the asks of a group have given."""

    candidates: int
    trimmed: Trimmed
    readings: Sequence[Reading]
    """One for each of the prompts."""
    timings: CellTimings
    reach: Reach | None = None
    """For a group: how many examples of the bank its kind of retrieval uses."""


def groups_of(job: Job) -> list[Group]:
    """Group a job's cells by the prompts they come from: one each, or attributes together.

    Empty if all cells have been scored meanwhile, as may happen to a job that is delivered again.
    """
    if job.scorer.settings.joint and job.attributes:
        return [Group(job.scorer.settings.joint, dict(job.attributes))]
    asked: dict[str, Attribute | Choice] = {**job.attributes, **job.choices}
    return [Group(subject, {field: subject}) for field, subject in asked.items()]


def cells_of(group: Group, outcome: Outcome, uncovered: Uncovered) -> CellResults:
    """Return the cells of a group: all scored, or none if one ask has no valid answer.

    Tokens are divided among them, so that the sum over the cells is what was used.
    """
    readings = outcome.readings
    problem = next((r.problem for r in readings if r.problem is not None), None)
    if problem is not None:
        return group.unscored(problem)
    common = _common(outcome)
    usages = sum((reading.usage for reading in readings), Usage()).split(len(group.cells))
    asks = [prompt.ask for prompt in outcome.trimmed.prompts]
    joint = isinstance(group.subject, tuple)
    cells: dict[str, Cell | Unscored] = {}
    for (field, subject), usage in zip(group.cells.items(), usages, strict=True):
        own = [reading.about(subject.name) for reading in readings] if joint else readings
        cells[field] = msgspec.structs.replace(
            common,
            attribute=subject.name,
            kind="choice" if isinstance(subject, Choice) else "score",
            scores=average(outcome.candidates, own),
            position_bias=position_bias(asks, own),
            levels_uncovered=uncovered(subject),
            usage=usage,
        )
    return cells


def _common(outcome: Outcome) -> Cell:
    """Return what the cells of a group have in common."""
    return Cell(
        attribute="",
        scores=(),
        examples=tuple(map(example_use, _best_first(outcome.trimmed.used))),
        reach=outcome.reach,
        examples_dropped=outcome.trimmed.dropped,
        answers_discarded=sum(reading.discarded for reading in outcome.readings),
        timings=outcome.timings,
        created_ms=int(time.time() * 1000),
    )


def _best_first(used: Sequence[Example]) -> Sequence[Example]:
    """Return the examples most similar first, or as a group ranks them."""
    if any(example.neighbour.parts for example in used):
        return used
    return sorted(used, key=lambda e: (-e.neighbour.similarity, e.neighbour.row))


def example_use(example: Example) -> ExampleUse:
    """Return how an example is reported."""
    near, parts = example.neighbour, example.neighbour.parts
    use = ExampleUse(example.scenario.id, round(near.similarity, 4))
    if parts is None:
        return use
    return msgspec.structs.replace(
        use, score=parts.score, stability=parts.stability, contrast=parts.contrast
    )
