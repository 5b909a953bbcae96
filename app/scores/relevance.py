"""How relevant each attribute of a target is for a scenario, as the judge sees it (ALIGN)."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from msgspec.structs import replace

from app.domain.selection.targets import Wish
from app.schema import Rendered
from app.scores.operation import Operation
from app.scoring.planner import Planner
from app.scoring.requests import AttributeIn, CandidateIn, ScoreRequest
from app.selection.options import Options
from app.selection.requests import SelectRequest

_RELEVANCE = AttributeIn(
    name="relevance",
    definition="How much the choice of an answer to the question is about the value or quality "
    "that the response names. It matters whether good answers to the question differ in it, not "
    "whether it is a good thing.",
    low="no answer to the question has more or less of it than another",
    high="the question is about nothing else",
)


class Relevance:
    """Weighs attributes by asking the judge about a scenario's question. Cached like all scores."""

    def __init__(self, planner: Planner, operation: Operation) -> None:
        self._planner = planner
        self._operation = operation

    async def weighed(
        self,
        body: SelectRequest,
        target: Mapping[str, Wish],
        options: Options,
        prefer: str | None,
        request: Request,
    ) -> tuple[Options, Rendered]:
        """The options with relevance, and what of it the selection shows."""
        if body.relevance is None:
            return options, {}
        if body.relevance != "judge":
            (given,) = options.relevance
            return options, {"relevance": {name: given.get(name, 1.0) for name in target}}
        found = await self._judged(body, target, prefer, request)
        unknown = [name for name in target if name not in found]
        shown: Rendered = {"relevance": {name: found.get(name, 1.0) for name in target}}
        if unknown:
            shown["relevance_unknown"] = unknown
        if not any(shown["relevance"].values()):
            return options, shown
        return replace(options, relevance=(shown["relevance"],)), shown

    async def _judged(
        self,
        body: SelectRequest,
        target: Mapping[str, Wish],
        prefer: str | None,
        request: Request,
    ) -> dict[str, float]:
        """Attribute -> relevance, for those that are scored."""
        resolved = await self._planner.resolve(body, target)
        texts = {one.name: f"{one.name}: {one.definition}" for one in resolved.attributes}
        names = [name for name in target if name in texts]
        scoring = body.scoring.model_copy(update={"bank": None, "examples": 0, "joint": False})
        scoring.model_fields_set.add("bank")
        asked = ScoreRequest(
            question=body.question,
            responses=[CandidateIn(id=name, text=texts[name]) for name in names],
            attributes=[_RELEVANCE],
            scoring=scoring,
            deadline_s=body.deadline_s,
        )
        planned = await self._planner.plan(asked)
        score_set = await self._operation.score(planned, asked, prefer, request)
        presentation = planned.plan.presentation
        return {
            name: cell.scores[position].score
            for cell in score_set.scores.values()
            for name, position in zip(presentation.ids, presentation.positions, strict=True)
        }
