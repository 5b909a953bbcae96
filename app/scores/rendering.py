"""Score sets as clients see them, with the caller's candidate indices and ids. Pure.

Each function renders a model of `app.scores.schemas`, as plain data.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import to_builtins

from app.calibrations.applied import Calibrated
from app.domain.cells import Cell, CellState, ExampleUse, Pending, Unscored, Usage
from app.domain.scenario import Presentation
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.domain.selection.uncertainty import standard_errors
from app.schema import Rendered
from app.scoring.schemas import scorers_out
from app.selection.rendering import calibration_out

LOW_MASS = 0.5
"""A digit mass below this gets a warning: the model prefers an answer that is not a digit."""


def score_set_out(
    score_set: ScoreSet,
    presentation: Presentation,
    warnings: Sequence[str] = (),
    calibrated: Calibrated | None = None,
    *,
    show_judges: bool = False,
) -> Rendered:
    """A `ScoreSetOut`, with cells in the order of the request.

    With `show_judges`, a committee's has the cells of each judge.
    """
    cells = score_set.cells
    if score_set.pending:
        status = "pending"
    else:
        complete = all(isinstance(cell, Cell) for cell in cells.values())
        status = "complete" if complete else "partial"
    rendered: Rendered = {
        "id": score_set.id,
        "status": status,
        "candidates": [{"index": i, "id": name} for i, name in enumerate(presentation.ids)],
        "cells": [
            cell_out(field, cell, presentation, field in score_set.cached, calibrated)
            for field, cell in cells.items()
        ],
        "scorer": scorers_out([one.scorer for one in score_set.each]),
    }
    if score_set.members:
        rendered["judges"] = [
            _judge_out(member, presentation, show_cells=show_judges) for member in score_set.members
        ]
    if score_set.left_out:
        rendered["left_out"] = [
            {"model": one.model, "method": one.method, "detail": one.detail}
            for one in score_set.left_out
        ]
    if calibrated is not None:
        rendered["calibration"] = calibration_out(calibrated)
    rendered["warnings"] = [
        *warnings,
        *(
            f"judge {one.model!r} ({one.method}) is left out: {one.detail}"
            for one in score_set.left_out
        ),
        *_choice_without_examples(score_set.scorer, score_set.choice),
        *(warning for one in score_set.each for warning in _low_masses(one, score_set)),
        *(warning for one in score_set.each for warning in degenerate(one)),
    ]
    return rendered


def _judge_out(member: ScoreSet, presentation: Presentation, *, show_cells: bool) -> Rendered:
    """A `JudgeOut`."""
    rendered: Rendered = {
        "score_set_id": member.id,
        "fingerprint": member.fingerprint,
        "model": member.scorer.model.name,
        "method": member.scorer.settings.method,
    }
    if show_cells:
        rendered["cells"] = [
            cell_out(field, cell, presentation, field in member.cached)
            for field, cell in member.cells.items()
        ]
    return rendered


def cell_out(
    field: str,
    cell: CellState,
    presentation: Presentation,
    cached: bool,
    calibrated: Calibrated | None = None,
) -> Rendered:
    """A `CellOut`."""
    if isinstance(cell, Pending):
        return {"status": "pending", "attribute": cell.attribute, "definition_id": field}
    if isinstance(cell, Unscored):
        return _unscored_out(field, cell)
    rendered: Rendered = {
        "status": "scored",
        "attribute": cell.attribute,
        "kind": cell.kind,
        "definition_id": field,
        "cached": cached,
        "scores": _scores_out(field, cell, presentation, calibrated),
        "examples": [example_out(one) for one in cell.examples],
        "examples_dropped": cell.examples_dropped,
        "levels_uncovered": cell.levels_uncovered,
        "answers_discarded": cell.answers_discarded,
    }
    if cell.reach is not None:
        rendered["reach"] = to_builtins(cell.reach)
    if cell.position_bias is not None:
        rendered["position_bias"] = cell.position_bias
    timings = cell.timings
    rendered["usage"] = usage_out(cell.usage)
    rendered["timings_ms"] = {
        "queue": round(timings.queue, 2),
        "retrieval": round(timings.retrieval, 2),
        "engine": round(timings.engine, 2),
    }
    return rendered


def _unscored_out(field: str, cell: Unscored) -> Rendered:
    rendered: Rendered = {
        "status": "unscored",
        "attribute": cell.attribute,
        "definition_id": field,
        "reason": cell.reason,
        "detail": cell.detail,
    }
    for name in ("prompt_tokens", "output_tokens", "context_length"):
        if (number := getattr(cell, name)) is not None:
            rendered[name] = number
    return rendered


def _scores_out(
    field: str, cell: Cell, presentation: Presentation, calibrated: Calibrated | None
) -> list[Rendered]:
    if cell.kind == "states":
        return []
    several = any(len(score.values) > 1 for score in cell.scores)
    errors = standard_errors(cell.scores) if cell.kind == "score" else None
    better = _calibrated_scores(field, calibrated)
    answers: list[Rendered] = []
    for index, position in enumerate(presentation.positions):
        score = cell.scores[position]
        one: Rendered = {"index": index, "score": score.score, "spread": score.spread}
        if better is not None:
            one["calibrated"] = better[position]
        if errors is not None:
            one["standard_error"] = errors.deviations[position]
        if score.reasoning is not None:
            one["reasoning"] = score.reasoning
        if several:
            one["values"] = score.values
        if score.digits is not None:
            one["digit_probabilities"] = score.digits.probabilities
            one["digit_mass"] = score.digits.mass
        if score.valence is not None:
            supports, either, opposes = score.valence
            one["valence"] = {"supports": supports, "either": either, "opposes": opposes}
        if score.reward is not None:
            one["reward"] = score.reward
        answers.append(one)
    return answers


def _calibrated_scores(field: str, calibrated: Calibrated | None) -> list[Rendered] | None:
    """Calibrated scores of one cell, with candidates in canonical order; None if there are none."""
    if calibrated is None or field not in calibrated.fields:
        return None
    column = calibrated.fields.index(field)
    error = float(calibrated.estimate.errors.deviations[column])
    return [
        {"score": score, "standard_error": error}
        for score in calibrated.estimate.scores[:, column].tolist()
    ]


def _choice_without_examples(scorer: Scorer, choice: Cell | None) -> list[str]:
    """A warning if a choice was made without examples although there is a bank.

    For scores, missing labels are reported before scoring.
    """
    if scorer.bank is None or choice is None or choice.examples or choice.examples_dropped:
        return []
    return [
        "the choice was made without examples: no scenario of bank "
        f"{scorer.bank.name!r} has labels on all attributes of the target that decide it"
    ]


def _low_masses(judge: ScoreSet, whole: ScoreSet) -> list[str]:
    low = [
        cell.attribute
        for cell in judge.scored.values()
        if any(score.digits is not None and score.digits.mass < LOW_MASS for score in cell.scores)
    ]
    if not low:
        return []
    name = f"judge {judge.scorer.model.name!r}" if whole.members else "the model"
    return [
        f"scores on {', '.join(low)} are unreliable: {name} prefers an answer that is not a "
        "digit (see digit_mass)"
    ]


def example_out(example: ExampleUse) -> Rendered:
    """An `ExampleOut`."""
    # What does not apply is absent.
    rendered: Rendered = to_builtins(example)
    return rendered


def degenerate(score_set: ScoreSet) -> list[str]:
    """A warning if a group's retrieval shows the same few examples for most questions."""
    reaches = [cell.reach for cell in score_set.scored.values() if cell.reach is not None]
    worst = next((reach for reach in reaches if reach.degenerate), None)
    settings = score_set.scorer.settings
    if worst is None or settings.group is None:
        return []
    return [
        f"retrieval {settings.retrieval!r} is degenerate for group {settings.group.name!r}: three "
        f"examples come first for {worst.top_share:.0%} of {worst.questions} questions of the "
        "bank, whatever is asked; 'expected' and 'similar' use more"
    ]


def usage_out(usage: Usage) -> Rendered:
    """A `UsageOut`."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_prompt_tokens": usage.cached_prompt_tokens,
        "output_tokens": usage.output_tokens,
    }


def timings_out(score_set: ScoreSet, total_ms: float) -> Rendered:
    """The `TimingsOut` of a request."""
    timings = score_set.timings
    # Shared work may have begun before the request: count no more than the request's own time.
    return {
        "queue": round(min(timings.queue, total_ms), 2),
        "retrieval": round(min(timings.retrieval, total_ms), 2),
        "engine": round(min(timings.engine, total_ms), 2),
        "total": round(total_ms, 2),
    }
