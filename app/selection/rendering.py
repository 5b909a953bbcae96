"""Selections as clients see them, with the caller's candidate ids. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.calibrations.applied import Calibrated
from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.scenario import Presentation
from app.domain.selection.explanation import Explanation
from app.domain.selection.ranking import Selection, rank
from app.domain.selection.uncertainty import Abstention
from app.selection.schemas import (
    AbstentionOut,
    CalibrationRefOut,
    CandidateOut,
    ContributionOut,
    ExplanationOut,
    FlipOut,
    RankedOut,
    SelectionOut,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection with its probabilities and explanation. Candidates are in the caller's order."""

    selection: Selection
    probabilities: Floats | None = None
    """(C,), probability of each candidate to be the nearest; None if errors are unknown."""
    abstention: Abstention | None = None
    explanation: Explanation | None = None
    reasonings: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Attribute -> the judge's reasoning about each candidate."""
    ignored: tuple[str, ...] = ()
    calibrated: Calibrated | None = None


def selection_out(chosen: Chosen, ids: Sequence[str]) -> SelectionOut:
    """The selection as clients see it."""
    selection, chances = chosen.selection, chosen.probabilities
    ranking = [
        RankedOut(
            index=ranked.index,
            id=ids[ranked.index],
            distance=ranked.distance,
            probability=None if chances is None else float(chances[ranked.index]),
        )
        for ranked in selection.ranking
    ]
    missed, explanation = chosen.abstention, chosen.explanation
    return SelectionOut(
        selected=None if missed else ranking[0],
        margin=selection.margin,
        ties=[CandidateOut(index=i, id=ids[i]) for i in selection.ties],
        ranking=ranking,
        abstained=AbstentionOut.model_validate(missed) if missed else None,
        explanation=_explanation_out(explanation, ids, chosen.reasonings) if explanation else None,
        ignored=list(chosen.ignored),
        calibration=calibration_out(chosen.calibrated),
    )


def preferred_out(choice: Cell, presentation: Presentation) -> SelectionOut:
    """The selection of a method that chooses: the candidate with the highest preference."""
    shares = np.array([score.score for score in choice.scores])[list(presentation.positions)]
    selection = rank(1.0 - shares)
    ids = presentation.ids
    ranking = [
        RankedOut(index=r.index, id=ids[r.index], preference=float(shares[r.index]))
        for r in selection.ranking
    ]
    return SelectionOut(
        selected=ranking[0],
        margin=selection.margin,
        ties=[CandidateOut(index=i, id=ids[i]) for i in selection.ties],
        ranking=ranking,
    )


def calibration_out(calibrated: Calibrated | None) -> CalibrationRefOut | None:
    """The applied calibration, if any."""
    if calibrated is None:
        return None
    return CalibrationRefOut(
        name=calibrated.name, digest=calibrated.digest, basis=calibrated.estimate.basis
    )


def _explanation_out(
    explanation: Explanation, ids: Sequence[str], reasonings: Mapping[str, Sequence[str | None]]
) -> ExplanationOut:
    def candidate(index: int) -> CandidateOut:
        return CandidateOut(index=index, id=ids[index])

    flips = explanation.flips
    return ExplanationOut(
        contributions=[
            ContributionOut(
                index=one.candidate,
                id=ids[one.candidate],
                shares=one.shares,
                reasonings={
                    attribute: reasoning
                    for attribute, written in reasonings.items()
                    if (reasoning := written[one.candidate])
                },
            )
            for one in explanation.contributions
        ],
        flips=None
        if flips is None
        else [
            FlipOut(
                attribute=flip.attribute,
                value=flip.value,
                change=flip.change,
                to=candidate(flip.candidate),
            )
            for flip in flips
        ],
        never_selected=[candidate(index) for index in explanation.never_selected],
    )
