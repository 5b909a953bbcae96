"""Committees: what several judges of one scenario say together. Pure.

Each member of a committee has a score set of its own, with the cells that it has when it is asked
alone. A committee's score set holds these, and cells that are made of them: the mean of the
members' scores, or, where a member reads hidden states, one cell that stands for all that was read,
of which a calibration makes scores.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec.structs import replace

from app.domain.cells import CandidateScore, Cell, CellState, Pending, Unscored, Usage
from app.domain.fingerprint import committee_fingerprint, states_field
from app.domain.scenario import STATES
from app.domain.score_set import MEMBER_SEPARATOR, ScoreSet, longest
from app.domain.selection.uncertainty import standard_errors


def together(members: Sequence[ScoreSet]) -> ScoreSet:
    """The score set of a committee; of one member, that member's.

    All are of one scenario. Their order makes no difference.
    """
    if len(members) == 1:
        return members[0]
    ordered = tuple(sorted(members, key=lambda member: member.fingerprint))
    first = ordered[0]
    whole = replace(
        first,
        digest=MEMBER_SEPARATOR.join(member.digest for member in ordered),
        fingerprint=committee_fingerprint(member.fingerprint for member in ordered),
        members=ordered,
    )
    if whole.reads_states:
        fields = [states_field()] if any(member.cells for member in ordered) else []
        cells = {field: _read(ordered) for field in fields}
        all_cached = all(member.cached >= member.cells.keys() for member in ordered)
        return replace(whole, cells=cells, cached=frozenset(fields if all_cached else ()))
    shared = [field for field in first.cells if all(field in member.cells for member in ordered)]
    return replace(
        whole,
        cells={field: _averaged(field, ordered) for field in shared},
        cached=frozenset(field for field in shared if all(field in m.cached for m in ordered)),
    )


def scored_by_all(score_set: ScoreSet, fields: Sequence[str]) -> list[str]:
    """Those of `fields` on which every member has been asked for scores that gives scores.

    States serve all attributes.
    """
    scoring = [member for member in score_set.each if not member.reads_states]
    return [field for field in fields if all(field in member.cells for member in scoring)]


def _averaged(field: str, members: Sequence[ScoreSet]) -> CellState:
    """The cell of one attribute: the mean of the members' scores."""
    states = [member.cells[field] for member in members]
    cells = [state for state in states if isinstance(state, Cell)]
    if len(cells) < len(states):
        return _unsettled(members, [[state] for state in states])
    size = len(cells[0].scores)
    return replace(
        _sum(cells),
        attribute=cells[0].attribute,
        scores=tuple(
            _mean(
                [cell.scores[position] for cell in cells],
                [_own_error(cell, position) for cell in cells],
                [member.scorer.model.name for member in members],
            )
            for position in range(size)
        ),
    )


def _read(members: Sequence[ScoreSet]) -> CellState:
    """One cell in place of all, if they are all scored."""
    states = [list(member.cells.values()) for member in members]
    cells = [state for own in states for state in own if isinstance(state, Cell)]
    if len(cells) < sum(map(len, states)):
        return _unsettled(members, states)
    return _sum(cells)


def _sum(cells: Sequence[Cell]) -> Cell:
    """What cells of several judges cost together, without scores."""
    return Cell(
        attribute=STATES,
        scores=(),
        kind="states" if any(cell.kind == "states" for cell in cells) else "score",
        answers_discarded=sum(cell.answers_discarded for cell in cells),
        usage=sum((cell.usage for cell in cells), Usage()),
        timings=longest([cell.timings for cell in cells]),
        created_ms=max(cell.created_ms for cell in cells),
    )


def _unsettled(
    members: Sequence[ScoreSet], states: Sequence[Sequence[CellState]]
) -> Pending | Unscored:
    """Why there is no cell: a judge has failed, or is not ready."""
    for member, own in zip(members, states, strict=True):
        for state in own:
            if isinstance(state, Unscored):
                return replace(state, detail=f"judge {name_of(member)}: {state.detail}")
    return next(state for own in states for state in own if isinstance(state, Pending))


def name_of(member: ScoreSet) -> str:
    """A member of a committee, in words."""
    return f"{member.scorer.model.name!r} ({member.scorer.settings.method})"


def _mean(
    scores: Sequence[CandidateScore], errors: Sequence[float], names: Sequence[str]
) -> CandidateScore:
    values = tuple(score.score for score in scores)
    written = [
        f"{name}: {score.reasoning}"
        for name, score in zip(names, scores, strict=True)
        if score.reasoning
    ]
    return CandidateScore(
        score=statistics.fmean(values),
        spread=statistics.pstdev(values),
        reasoning="\n".join(written) or None,
        values=values,
        judges_error=sum(error**2 for error in errors) ** 0.5 / len(errors),
    )


def _own_error(cell: Cell, position: int) -> float:
    """The standard error of one judge's score; 0 where it is unknown."""
    errors = standard_errors(cell.scores)
    return errors.deviations[position] if errors is not None else 0.0
