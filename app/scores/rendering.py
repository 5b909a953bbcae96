"""From domain values to what clients see: candidates by the caller's index and id. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.calibrations.applied import Calibrated
from app.domain.arrays import Floats
from app.domain.cells import CandidateScore, Cell, Unscored, Usage
from app.domain.scenario import Attribute, Choice, Presentation
from app.domain.scorer import Scorer
from app.domain.selection.distance import Distance, distances
from app.domain.selection.explanation import Explanation, explain
from app.domain.selection.ranking import Selection, rank
from app.domain.selection.targets import Bounds, TargetMatrix, Wish
from app.domain.selection.uncertainty import (
    Abstention,
    Limits,
    OwnErrors,
    ScoreErrors,
    abstain,
    probabilities,
    standard_errors,
)
from app.scores.schemas import (
    AbstentionOut,
    CalibratedScoreOut,
    CalibrationRefOut,
    CandidateOut,
    CandidateScoreOut,
    CellOut,
    CellTimingsOut,
    ContributionOut,
    ExampleOut,
    ExplanationOut,
    FlipOut,
    RankedOut,
    ScoreSetCore,
    SelectionOut,
    TimingsOut,
    UnscoredOut,
    UsageOut,
)
from app.scoring.schemas import scorer_out
from app.scoring.service import ScoreOutcome
from app.selection.requests import BoundsIn, RetargetRequest, SelectRequest

_NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a request wants scores compared with targets."""

    weights: Mapping[str, float] | None = None
    metric: Distance = "euclidean"
    explain: bool = False
    chances: bool = True
    """Whether probabilities are wanted: they take thousands of draws."""
    limits: Limits = _NO_LIMITS

    @classmethod
    def of(cls, request: SelectRequest | RetargetRequest) -> Alignment:
        """As a request says."""
        return cls(
            weights=request.weights,
            metric=request.distance,
            explain=request.explain,
            chances=isinstance(request, SelectRequest)
            or request.explain
            or request.min_probability is not None,
            limits=Limits(request.min_probability, request.min_margin, request.max_distance),
        )


def wishes(target: Mapping[str, float | BoundsIn]) -> dict[str, Wish]:
    """A request's target in the domain's words."""
    return {
        name: Bounds(*wish.bounds) if isinstance(wish, BoundsIn) else wish
        for name, wish in target.items()
    }


Column = tuple[str, Cell]
"""What one of the `A` columns of a target is compared with: a cell, after its field."""


def _score_matrix(cells: Sequence[Cell]) -> Floats:
    """Scores as (C, A), candidates in canonical order."""
    return np.array([[s.score for s in cell.scores] for cell in cells], dtype=np.float64).T


def own_errors(cells: Sequence[Cell]) -> OwnErrors | None:
    """The scores' standard errors, (C, A); None when that of any score is not known."""
    found = [standard_errors(cell.scores) for cell in cells]
    known = [errors for errors in found if errors is not None]
    if len(known) < len(found):
        return None
    return OwnErrors(
        np.array([errors.deviations for errors in known]).T,
        np.array([errors.freedom for errors in known]),
    )


def aligned_scores(columns: Sequence[Column], calibrated: Calibrated | None) -> Floats:
    """What targets are compared with: calibrated scores where there are, else the cells'.

    (C, A), candidates in canonical order.
    """
    if calibrated is None:
        return _score_matrix([cell for _, cell in columns])
    return calibrated.estimate.scores[:, calibrated.columns([field for field, _ in columns])]


def score_errors(columns: Sequence[Column], calibrated: Calibrated | None) -> ScoreErrors | None:
    """The errors of `aligned_scores`; None where nothing tells them."""
    if calibrated is None:
        return own_errors([cell for _, cell in columns])
    return calibrated.estimate.errors.within(calibrated.columns([field for field, _ in columns]))


def select_one(
    columns: Sequence[Column],
    presentation: Presentation,
    target: TargetMatrix,
    alignment: Alignment,
    covariance: Floats | None = None,
    calibrated: Calibrated | None = None,
) -> SelectionOut:
    """The selection for a target with one row and the given columns.

    With many draws of many candidates it takes seconds: not for an event loop.
    """
    positions = list(presentation.positions)
    canonical = aligned_scores(columns, calibrated)
    scores = canonical[positions]
    metric = alignment.metric
    selection = rank(distances(scores, target, metric, covariance)[0])
    errors = score_errors(columns, calibrated) if alignment.chances else None
    chances = None
    if errors is not None:
        # Over different texts: one that is listed twice is no less likely to be the nearest.
        chances = probabilities(canonical, errors, target, metric, covariance)[positions]
    explanation = explain(scores, target, metric, covariance) if alignment.explain else None
    nearest = None if chances is None else float(chances[selection.selected.index])
    missed = abstain(selection, nearest, alignment.limits)
    answer = selection_out(selection, presentation.ids, chances, missed, explanation)
    if answer.explanation is not None:
        for contribution in answer.explanation.contributions:
            position = presentation.positions[contribution.index]
            contribution.reasonings = {
                cell.attribute: reasoning
                for _, cell in columns
                if (reasoning := cell.scores[position].reasoning)
            }
    return answer


def select_chosen(cell: Cell, presentation: Presentation) -> SelectionOut:
    """The selection of a method that chooses: the candidate that it prefers most."""
    shares = _score_matrix([cell])[list(presentation.positions), 0]
    selection = rank(1.0 - shares)
    ids = presentation.ids
    ranking = [
        RankedOut(index=r.index, id=ids[r.index], distance=None, preference=float(shares[r.index]))
        for r in selection.ranking
    ]
    return SelectionOut(
        selected=ranking[0],
        margin=selection.margin,
        ties=[CandidateOut(index=i, id=ids[i]) for i in selection.ties],
        ranking=ranking,
    )


def selection_out(
    selection: Selection,
    ids: Sequence[str],
    chances: Floats | None = None,
    missed: Abstention | None = None,
    explanation: Explanation | None = None,
) -> SelectionOut:
    """A selection with the caller's ids."""
    ranking = [
        RankedOut(
            index=r.index,
            id=ids[r.index],
            distance=r.distance,
            probability=None if chances is None else float(chances[r.index]),
        )
        for r in selection.ranking
    ]
    return SelectionOut(
        selected=None if missed else ranking[0],
        margin=selection.margin,
        ties=[CandidateOut(index=i, id=ids[i]) for i in selection.ties],
        ranking=ranking,
        abstained=AbstentionOut(reason=missed.reason, limit=missed.limit, found=missed.found)
        if missed
        else None,
        explanation=explanation_out(explanation, ids) if explanation else None,
    )


def explanation_out(explanation: Explanation, ids: Sequence[str]) -> ExplanationOut:
    """An explanation with the caller's ids."""
    flips = explanation.flips
    return ExplanationOut(
        contributions=[
            ContributionOut(index=c.candidate, id=ids[c.candidate], shares=c.shares)
            for c in explanation.contributions
        ],
        flips=None
        if flips is None
        else [
            FlipOut(
                attribute=flip.attribute,
                value=flip.value,
                change=flip.change,
                to=CandidateOut(index=flip.candidate, id=ids[flip.candidate]),
            )
            for flip in flips
        ],
        never_selected=[CandidateOut(index=i, id=ids[i]) for i in explanation.never_selected],
    )


def candidates_out(presentation: Presentation) -> list[CandidateOut]:
    """The caller's candidates."""
    return [CandidateOut(index=i, id=name) for i, name in enumerate(presentation.ids)]


def calibration_out(calibrated: Calibrated | None) -> CalibrationRefOut | None:
    """Which calibration was applied."""
    if calibrated is None:
        return None
    return CalibrationRefOut(
        name=calibrated.name, digest=calibrated.digest, basis=calibrated.estimate.basis
    )


def cell_out(
    field: str,
    cell: Cell,
    presentation: Presentation,
    *,
    cached: bool,
    calibrated: Calibrated | None = None,
) -> CellOut:
    """A scored cell in the caller's order of candidates."""
    several = any(len(s.values) > 1 for s in cell.scores)
    better = _calibrated_scores(field, calibrated)
    errors = standard_errors(cell.scores) if cell.kind == "score" else None
    scores = [
        CandidateScoreOut(
            index=index,
            score=cell.scores[position].score,
            calibrated=better[position] if better else None,
            spread=cell.scores[position].spread,
            standard_error=errors.deviations[position] if errors else None,
            reasoning=cell.scores[position].reasoning,
            values=list(cell.scores[position].values) if several else None,
            raw=_raw(cell.scores[position]),
            label_mass=digits.mass if (digits := cell.scores[position].digits) else None,
        )
        for index, position in enumerate(presentation.positions)
    ]
    return CellOut(
        attribute=cell.attribute,
        kind=cell.kind,
        definition_id=field,
        status="scored",
        cached=cached,
        scores=scores,
        examples=[ExampleOut(id=e.id, similarity=e.similarity) for e in cell.examples],
        examples_dropped=list(cell.examples_dropped),
        levels_uncovered=list(cell.levels_uncovered),
        answers_discarded=cell.answers_discarded,
        position_bias=cell.position_bias,
        usage=usage_out(cell.usage),
        timings_ms=CellTimingsOut(
            queue=round(cell.timings.queue, 2),
            retrieval=round(cell.timings.retrieval, 2),
            engine=round(cell.timings.engine, 2),
        ),
    )


def _raw(score: CandidateScore) -> list[float] | None:
    if score.digits is not None:
        return list(score.digits.probabilities)
    if score.valence is not None:
        return list(score.valence)
    return None if score.reward is None else [score.reward]


def _calibrated_scores(
    field: str, calibrated: Calibrated | None
) -> list[CalibratedScoreOut] | None:
    """Those of one cell, in the canonical order of candidates."""
    if calibrated is None or field not in calibrated.fields:
        return None
    column = calibrated.fields.index(field)
    error = float(calibrated.estimate.errors.deviations[column])
    return [
        CalibratedScoreOut(score=score, standard_error=error)
        for score in calibrated.estimate.scores[:, column].tolist()
    ]


def unscored_out(field: str, unscored: Unscored) -> CellOut:
    """A cell without scores, and why."""
    return CellOut(
        attribute=unscored.attribute,
        definition_id=field,
        status="unscored",
        cached=False,
        unscored=UnscoredOut(
            reason=unscored.reason,
            detail=unscored.detail,
            prompt_tokens=unscored.prompt_tokens,
            output_tokens=unscored.output_tokens,
            context_length=unscored.context_length,
        ),
    )


def empty_cell_out(field: str, name: str, *, pending: bool) -> CellOut:
    """A cell that is in flight, or that got lost on the way."""
    return CellOut(
        attribute=name,
        definition_id=field,
        status="pending" if pending else "lost",
        cached=False,
    )


def score_set_out(
    score_set_id: str,
    presentation: Presentation,
    scorer: Scorer,
    wanted: Mapping[str, Attribute | Choice],
    outcome: ScoreOutcome,
    warnings: Sequence[str],
    calibrated: Calibrated | None = None,
) -> ScoreSetCore:
    """The score set of an outcome, cells in the order of the request."""
    cells: list[CellOut] = []
    for field, asked in wanted.items():
        if field in outcome.cells:
            cached = field in outcome.cached
            cell = outcome.cells[field]
            cells.append(cell_out(field, cell, presentation, cached=cached, calibrated=calibrated))
        elif field in outcome.unscored:
            cells.append(unscored_out(field, outcome.unscored[field]))
        else:
            pending = field in outcome.pending
            cells.append(empty_cell_out(field, asked.name, pending=pending))
    told = [*warnings, *_without_examples(scorer, cells)]
    return assembled(score_set_id, presentation, scorer, cells, told, calibrated)


def _without_examples(scorer: Scorer, cells: Sequence[CellOut]) -> list[str]:
    """Said of choices alone: whether a bank labels an attribute at all is told beforehand."""
    bare = [
        cell
        for cell in cells
        if cell.kind == "choice" and cell.status == "scored"
        if not cell.examples and not cell.examples_dropped
    ]
    if scorer.bank is None or not bare:
        return []
    return [
        f"no scenario of bank {scorer.bank.name!r} is labelled on all attributes of the target so "
        "that it decides: the choice was made without examples"
    ]


LOW_MASS = 0.5
"""A model that would rather say something else than a label is not judging on its scale."""


def _low_masses(cells: Sequence[CellOut]) -> list[str]:
    low = [
        cell.attribute
        for cell in cells
        if any(s.label_mass is not None and s.label_mass < LOW_MASS for s in cell.scores)
    ]
    if not low:
        return []
    return [
        f"on {', '.join(low)} the model would rather answer with something else than a label "
        "(see label_mass): these scores say little"
    ]


def assembled(
    score_set_id: str,
    presentation: Presentation,
    scorer: Scorer,
    cells: list[CellOut],
    warnings: Sequence[str] = (),
    calibrated: Calibrated | None = None,
) -> ScoreSetCore:
    """A score set from its cells, with the status that follows from theirs."""
    states = {cell.status for cell in cells}
    return ScoreSetCore(
        id=score_set_id,
        status="pending"
        if "pending" in states
        else "complete"
        if states <= {"scored"}
        else "partial",
        candidates=candidates_out(presentation),
        cells=cells,
        scorer=scorer_out(scorer),
        calibration=calibration_out(calibrated),
        warnings=[*warnings, *_low_masses(cells)],
    )


def usage_out(usage: Usage) -> UsageOut:
    """Tokens."""
    return UsageOut(
        prompt_tokens=usage.prompt_tokens,
        cached_prompt_tokens=usage.cached_prompt_tokens,
        output_tokens=usage.output_tokens,
    )


def timings_out(outcome: ScoreOutcome) -> TimingsOut:
    """Where the time went."""
    timings = outcome.timings
    total = outcome.total_ms
    # Work that was joined had begun before: it counts as far as it was waited for.
    return TimingsOut(
        queue=round(min(timings.queue, total), 2),
        retrieval=round(min(timings.retrieval, total), 2),
        engine=round(min(timings.engine, total), 2),
        total=round(total, 2),
    )
