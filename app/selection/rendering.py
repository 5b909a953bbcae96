"""Selections as clients see them, with the caller's candidate ids. Pure.

Each function renders a model of `app.selection.schemas`, as plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from app.calibrations.applied import Calibrated
from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.scenario import Presentation
from app.domain.selection.explanation import Explanation
from app.domain.selection.ranking import Selection, rank
from app.domain.selection.uncertainty import Abstention
from app.schema import Rendered


class Chosen(Struct, frozen=True):
    """A selection with its probabilities and explanation. Candidates are in the caller's order."""

    selection: Selection
    probabilities: Floats | None = None
    """(C,), probability of each candidate to be the nearest; None if errors are unknown."""
    abstention: Abstention | None = None
    explanation: Explanation | None = None
    reasonings: Mapping[str, Sequence[str | None]] = {}
    """Attribute -> the judge's reasoning about each candidate."""
    ignored: tuple[str, ...] = ()
    calibrated: Calibrated | None = None


def selection_out(chosen: Chosen, ids: Sequence[str]) -> Rendered:
    """A `SelectionOut`."""
    selection, chances = chosen.selection, chosen.probabilities
    ranking: list[Rendered] = []
    for ranked in selection.ranking:
        one = {"index": ranked.index, "id": ids[ranked.index], "distance": ranked.distance}
        if chances is not None:
            one["probability"] = float(chances[ranked.index])
        ranking.append(one)
    missed, explanation = chosen.abstention, chosen.explanation
    rendered = _selection(None if missed else ranking[0], selection, ranking, ids)
    if missed is not None:
        rendered["abstained"] = _abstention_out(missed)
    if explanation is not None:
        rendered["explanation"] = _explanation_out(explanation, ids, chosen.reasonings)
    rendered["ignored"] = list(chosen.ignored)
    if chosen.calibrated is not None:
        rendered["calibration"] = calibration_out(chosen.calibrated)
    return rendered


def preferred_out(choice: Cell, presentation: Presentation) -> Rendered:
    """The `SelectionOut` of a method that chooses: the candidate with the highest preference."""
    shares = np.array([score.score for score in choice.scores])[list(presentation.positions)]
    selection = rank(1.0 - shares)
    ids = presentation.ids
    ranking: list[Rendered] = [
        {"index": r.index, "id": ids[r.index], "preference": float(shares[r.index])}
        for r in selection.ranking
    ]
    return _selection(ranking[0], selection, ranking, ids) | {"ignored": []}


def calibration_out(calibrated: Calibrated) -> Rendered:
    """A `CalibrationRefOut`."""
    rendered: Rendered = {
        "name": calibrated.name,
        "digest": calibrated.digest,
        "basis": calibrated.estimate.basis,
    }
    if calibrated.notice:
        rendered["notice"] = calibrated.notice
    return rendered


def _selection(
    selected: Rendered | None, selection: Selection, ranking: list[Rendered], ids: Sequence[str]
) -> Rendered:
    rendered: Rendered = {"selected": selected}
    if selection.margin is not None:
        rendered["margin"] = selection.margin
    rendered["ties"] = [_candidate_out(index, ids) for index in selection.ties]
    rendered["ranking"] = ranking
    return rendered


def _candidate_out(index: int, ids: Sequence[str]) -> Rendered:
    return {"index": index, "id": ids[index]}


def _abstention_out(missed: Abstention) -> Rendered:
    rendered: Rendered = {"reason": missed.reason, "limit": missed.limit}
    if missed.observed is not None:
        rendered["observed"] = missed.observed
    return rendered


def _explanation_out(
    explanation: Explanation, ids: Sequence[str], reasonings: Mapping[str, Sequence[str | None]]
) -> Rendered:
    rendered: Rendered = {
        "contributions": [
            {
                **_candidate_out(one.candidate, ids),
                "shares": one.shares,
                "reasonings": {
                    attribute: reasoning
                    for attribute, written in reasonings.items()
                    if (reasoning := written[one.candidate])
                },
            }
            for one in explanation.contributions
        ]
    }
    if explanation.flips is not None:
        rendered["flips"] = [
            {
                "attribute": flip.attribute,
                "value": flip.value,
                "change": flip.change,
                "to": _candidate_out(flip.candidate, ids),
            }
            for flip in explanation.flips
        ]
    rendered["never_selected"] = [
        _candidate_out(index, ids) for index in explanation.never_selected
    ]
    return rendered
