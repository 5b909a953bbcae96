"""Score sets as clients see them, with the caller's candidate indices and ids. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.calibrations.applied import Calibrated
from app.domain.cells import Cell, CellState, Pending, Unscored
from app.domain.scenario import Presentation
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.domain.selection.uncertainty import standard_errors
from app.scores.schemas import (
    CalibratedScoreOut,
    CandidateScoreOut,
    CellOut,
    CellTimingsOut,
    ExampleOut,
    PendingCellOut,
    ScoredCellOut,
    ScoreSetOut,
    TimingsOut,
    UnscoredCellOut,
    UsageOut,
    ValenceOut,
)
from app.scoring.schemas import ScorerOut
from app.selection.rendering import calibration_out
from app.selection.schemas import CandidateOut

LOW_MASS = 0.5
"""A digit mass below this gets a warning: the model prefers an answer that is not a digit."""


def score_set_out(
    score_set: ScoreSet,
    presentation: Presentation,
    warnings: Sequence[str] = (),
    calibrated: Calibrated | None = None,
) -> ScoreSetOut:
    """The score set as clients see it, with cells in the order of the request."""
    states = score_set.cells.values()
    status = "complete" if all(isinstance(cell, Cell) for cell in states) else "partial"
    return ScoreSetOut(
        id=score_set.id,
        status="pending" if score_set.pending else status,
        candidates=[CandidateOut(index=i, id=name) for i, name in enumerate(presentation.ids)],
        cells=[
            cell_out(field, cell, presentation, field in score_set.cached, calibrated)
            for field, cell in score_set.cells.items()
        ],
        scorer=ScorerOut.of(score_set.scorer),
        calibration=calibration_out(calibrated),
        warnings=[
            *warnings,
            *_choice_without_examples(score_set.scorer, score_set.choice),
            *_low_masses(list(score_set.scored.values())),
        ],
    )


def cell_out(
    field: str,
    cell: CellState,
    presentation: Presentation,
    cached: bool,
    calibrated: Calibrated | None = None,
) -> CellOut:
    """The cell as clients see it."""
    if isinstance(cell, Pending):
        return PendingCellOut(status="pending", attribute=cell.attribute, definition_id=field)
    if isinstance(cell, Unscored):
        return UnscoredCellOut(
            status="unscored",
            attribute=cell.attribute,
            definition_id=field,
            reason=cell.reason,
            detail=cell.detail,
            prompt_tokens=cell.prompt_tokens,
            output_tokens=cell.output_tokens,
            context_length=cell.context_length,
        )
    timings = cell.timings
    return ScoredCellOut(
        status="scored",
        attribute=cell.attribute,
        kind=cell.kind,
        definition_id=field,
        cached=cached,
        scores=_scores_out(field, cell, presentation, calibrated),
        examples=[ExampleOut.model_validate(example) for example in cell.examples],
        examples_dropped=list(cell.examples_dropped),
        levels_uncovered=list(cell.levels_uncovered),
        answers_discarded=cell.answers_discarded,
        position_bias=cell.position_bias,
        usage=UsageOut.model_validate(cell.usage),
        timings_ms=CellTimingsOut(
            queue=round(timings.queue, 2),
            retrieval=round(timings.retrieval, 2),
            engine=round(timings.engine, 2),
        ),
    )


def _scores_out(
    field: str, cell: Cell, presentation: Presentation, calibrated: Calibrated | None
) -> list[CandidateScoreOut]:
    if cell.kind == "states":
        return []
    several = any(len(score.values) > 1 for score in cell.scores)
    errors = standard_errors(cell.scores) if cell.kind == "score" else None
    better = _calibrated_scores(field, calibrated)
    answers: list[CandidateScoreOut] = []
    for index, position in enumerate(presentation.positions):
        score = cell.scores[position]
        digits = score.digits
        answers.append(
            CandidateScoreOut(
                index=index,
                score=score.score,
                spread=score.spread,
                calibrated=better[position] if better else None,
                standard_error=errors.deviations[position] if errors else None,
                reasoning=score.reasoning,
                values=list(score.values) if several else None,
                digit_probabilities=list(digits.probabilities) if digits else None,
                digit_mass=digits.mass if digits else None,
                valence=_valence_out(score.valence),
                reward=score.reward,
            )
        )
    return answers


def _valence_out(valence: tuple[float, float, float] | None) -> ValenceOut | None:
    if valence is None:
        return None
    supports, either, opposes = valence
    return ValenceOut(supports=supports, either=either, opposes=opposes)


def _calibrated_scores(
    field: str, calibrated: Calibrated | None
) -> list[CalibratedScoreOut] | None:
    """Calibrated scores of one cell, with candidates in canonical order; None if there are none."""
    if calibrated is None or field not in calibrated.fields:
        return None
    column = calibrated.fields.index(field)
    error = float(calibrated.estimate.errors.deviations[column])
    return [
        CalibratedScoreOut(score=score, standard_error=error)
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


def _low_masses(cells: Sequence[Cell]) -> list[str]:
    low = [
        cell.attribute
        for cell in cells
        if any(score.digits is not None and score.digits.mass < LOW_MASS for score in cell.scores)
    ]
    if not low:
        return []
    return [
        f"scores on {', '.join(low)} are unreliable: the model prefers an answer that is not a "
        "digit (see digit_mass)"
    ]


def timings_out(score_set: ScoreSet, total_ms: float) -> TimingsOut:
    """The timings of a request."""
    timings = score_set.timings
    # Shared work may have begun before the request: count no more than the request's own time.
    return TimingsOut(
        queue=round(min(timings.queue, total_ms), 2),
        retrieval=round(min(timings.retrieval, total_ms), 2),
        engine=round(min(timings.engine, total_ms), 2),
        total=round(total_ms, 2),
    )
