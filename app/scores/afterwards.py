"""Words of a judge about scores that were read, in the explanation of a selection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.calibrations.applied import Calibrated, Raw
from app.domain.cells import Cell, Unscored, Usage
from app.domain.plan import ScorePlan
from app.domain.scenario import Attribute
from app.domain.score_set import ScoreSet
from app.errors import AzimuthError, ContextOverflow, DeadlinePassed, ScoringFailed
from app.schema import Rendered
from app.scoring.afterwards import plan_words, writer_for
from app.scoring.judging import JudgingService
from app.scoring.planned import PlannedRequest
from app.scoring.service import Patience
from app.selection.choosing import compared_scores
from app.store.fleet import Fleet
from app.store.tenancy import tenant_tag

NOTE = "These words were written after the scores were read. They did not produce the scores."
_REASONS: dict[type[AzimuthError], str] = {
    DeadlinePassed: "deadline",
    ContextOverflow: "context-overflow",
    ScoringFailed: "engine-error",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a judge wrote."""

    rendered: Rendered
    """A `ReasonsOut`."""
    usage: Usage = field(default_factory=Usage)
    """Tokens that were used for it now."""


@dataclass(frozen=True, slots=True)
class _About:
    """The scores on one attribute of the candidates that are explained."""

    attribute: Attribute
    scores: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection, and the scores behind it."""

    plan: ScorePlan
    shown: ScoreSet
    applied: Calibrated | Raw
    selection: Rendered
    names: Sequence[str]
    """Attributes of the target."""

    @property
    def nearest(self) -> list[int]:
        """The nearest candidate and the runner-up, as the caller listed them."""
        return [one["index"] for one in self.selection["ranking"][:2]]

    @property
    def positions(self) -> list[int]:
        """The places of these candidates in the scenario; equal texts have one."""
        return sorted({self.plan.presentation.positions[index] for index in self.nearest})

    def abouts(self) -> list[_About] | None:
        """The scores to write about; None if the judge wrote about them before it scored."""
        named = [pair for name in self.names for pair in self.shown.named(name).items()]
        scored = [(field, cell) for field, cell in named if isinstance(cell, Cell)]
        if any(score.reasoning for _, cell in scored for score in cell.scores):
            return None
        calibrated = self.applied if isinstance(self.applied, Calibrated) else None
        scores = compared_scores(scored, calibrated)[self.positions]
        return [
            _About(self.plan.attributes[field], scores[:, column].tolist())
            for column, (field, _) in enumerate(scored)
        ]


class Afterwards:
    """Has a judge write about the scores behind a selection."""

    def __init__(self, fleet: Fleet, scoring: JudgingService, default_model: str | None) -> None:
        self._fleet = fleet
        self._scoring = scoring
        self._default_model = default_model

    async def about(self, chosen: Chosen, patience: Patience, request_id: str) -> Words | None:
        """Words about a selection; None if the judge wrote them before it scored.

        What cannot be written now is reported as absent; nothing is raised for it.
        """
        plan, abouts = chosen.plan, chosen.abouts()
        if not abouts:
            return None
        model = plan.score_set.scorer.model.name
        try:
            writer = writer_for(await self._fleet.recent(), model, self._default_model)
        except AzimuthError as error:
            absent = [_absent(one.attribute, "unavailable", error.detail) for one in abouts]
            return Words(_rendered([], absent))
        texts = [plan.scenario.candidates[position] for position in chosen.positions]
        question, owner = plan.scenario.question, tenant_tag()
        planned = [
            plan_words(question, texts, one.attribute, one.scores, writer, owner) for one in abouts
        ]
        settled = await asyncio.gather(
            *(self._written(one, patience, request_id) for one in planned)
        )
        by = {
            "model": writer[0].model.name,
            "engine": writer[0].model.engine,
            "prompt_profile": planned[0].plan.score_set.scorer.prompt_profile,
        }
        return _words(chosen, abouts, settled, by)

    async def _written(
        self, planned: PlannedRequest, patience: Patience, request_id: str
    ) -> ScoreSet | AzimuthError:
        try:
            return await self._scoring.score(planned, patience, request_id)
        except AzimuthError as error:
            return error


def _words(
    chosen: Chosen,
    abouts: Sequence[_About],
    settled: Sequence[ScoreSet | AzimuthError],
    by: Rendered,
) -> Words:
    presentation, positions = chosen.plan.presentation, chosen.positions
    places = {one: positions.index(presentation.positions[one]) for one in chosen.nearest}
    written: list[Rendered] = []
    absent: list[Rendered] = []
    usage = Usage()
    for about, result in zip(abouts, settled, strict=True):
        attribute = about.attribute
        if isinstance(result, AzimuthError):
            reason = _REASONS.get(type(result), "unavailable")
            absent.append(_absent(attribute, reason, result.detail))
            continue
        usage += result.usage
        (cell,) = result.cells.values()
        if isinstance(cell, Cell):
            written += [
                {
                    "index": index,
                    "id": presentation.ids[index],
                    "attribute": attribute.name,
                    "score": cell.scores[place].score,
                    "text": cell.scores[place].reasoning or "",
                }
                for index, place in places.items()
            ]
        elif isinstance(cell, Unscored):
            absent.append(_absent(attribute, cell.reason, cell.detail))
        else:
            detail = "it is being written: send the request again for it"
            absent.append(_absent(attribute, "pending", detail))
    return Words(_rendered(written, absent, by), usage)


def _rendered(
    written: list[Rendered], absent: list[Rendered], by: Rendered | None = None
) -> Rendered:
    """A `ReasonsOut`."""
    found: Rendered = {"written": written, "absent": absent}
    return {"source": "afterwards", "note": NOTE} | (by or {}) | found


def _absent(attribute: Attribute, reason: str, detail: str) -> Rendered:
    return {"attribute": attribute.name, "reason": reason, "detail": detail}
