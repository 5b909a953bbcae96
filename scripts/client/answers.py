"""What the client and the scripts do with the cells of an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.domain.methods import reads_digits
from app.domain.scenario import STATES
from app.http.schemas import Problem, UnscoredProblem
from app.scores.schemas import CellOut, ScoredCellOut, ScoreSetOut, UnscoredCellOut
from app.scoring.schemas import CommitteeOut, ScorerOut, ScorersOut
from scripts.client.problems import ServiceProblem


def scorers_of(given: ScorersOut) -> list[ScorerOut]:
    """The scorers behind an answer: one, or the members of a committee."""
    return [given] if isinstance(given, ScorerOut) else given.members


def judges_in_words(given: ScorersOut) -> str:
    """Who scores, and how: `probe with SmolLM2 and comparative with Qwen`."""
    return " and ".join(
        f"{'digits' if reads_digits(one.method, reasoning=one.reasoning) else one.method} "
        f"with {one.model}"
        for one in scorers_of(given)
    )


def scorer_record(given: ScorersOut) -> dict[str, Any]:
    """A scorer as results of a benchmark keep it; of a committee, with the names of its judges."""
    record = given.model_dump()
    if isinstance(given, CommitteeOut):
        names = dict.fromkeys(one.model for one in given.members)
        record |= {"model": " + ".join(names), "examples": max(m.examples for m in given.members)}
    return record


def scored_of(cells: Iterable[CellOut]) -> list[ScoredCellOut]:
    """Those of the cells that are scored."""
    return [cell for cell in cells if isinstance(cell, ScoredCellOut)]


def unmark_cached(cells: Sequence[CellOut], fresh: set[str]) -> None:
    """Unmark cells that are cached by now but were scored for this request.

    While hidden states are read, their one cell is pending in place of those of attributes.
    """
    states = any(field.startswith(f"{STATES}@") for field in fresh)
    for cell in cells:
        if isinstance(cell, ScoredCellOut) and (states or cell.definition_id in fresh):
            cell.cached = False


def asked_for(cells: Sequence[CellOut], body: Mapping[str, Any]) -> list[CellOut]:
    """The cells of a looked-up score set that the request names; all if it names none."""
    given = body.get("attributes")
    if given is None:
        return list(cells)
    names = [one if isinstance(one, str) else one["name"] for one in given]
    return [cell for cell in cells if cell.attribute in names]


def never_scored(score_set: ScoreSetOut, attempts: int) -> ServiceProblem:
    """The problem of a selection whose cells stayed unscored in every attempt."""
    unscored = [
        UnscoredProblem(attribute=cell.attribute, reason=cell.reason, detail=cell.detail)
        for cell in score_set.cells
        if isinstance(cell, UnscoredCellOut)
    ]
    return ServiceProblem(
        Problem(
            type="/problems/cells-unscored",
            title="The model gave no valid answer",
            status=422,
            detail=f"{unscored[0].reason}, {attempts} times",
            request_id="",
            score_set_id=score_set.id,
            unscored=unscored,
        )
    )
