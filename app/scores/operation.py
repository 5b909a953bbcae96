"""Scoring a planned request, shared by `/score` and `/select`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import Request

from app.domain.score_set import ScoreSet
from app.http.leaving import disconnected
from app.scores.afterwards import Afterwards, Chosen, Words
from app.scores.patience import patience_for
from app.scores.schemas import HostileOut
from app.scoring.hostile import flag_hostile
from app.scoring.judging import JudgingService
from app.scoring.planned import PlannedRequest
from app.scoring.planner import candidates_of
from app.scoring.requests import ScoreRequest
from app.scoring.service import Patience
from app.selection.requests import SelectRequest
from app.settings import Settings
from app.store.fleet import Fleet


class Operation:
    """Scores plans within the patience of their requests."""

    def __init__(self, settings: Settings, scoring: JudgingService, fleet: Fleet) -> None:
        self._settings = settings.api
        self._scoring = scoring
        self._afterwards = Afterwards(fleet, scoring, settings.api.default_model)

    async def score(
        self, planned: PlannedRequest, body: ScoreRequest, prefer: str | None, request: Request
    ) -> ScoreSet:
        """Score a plan, and record its cost for the access log."""
        patience = patience_for(prefer, body.deadline_s, self._settings)
        # Who wants a URL to poll need not stay.
        left = partial(disconnected, request) if patience.wait_s else None
        return await self.run(planned, patience, request, left=left)

    async def run(
        self,
        planned: PlannedRequest,
        patience: Patience,
        request: Request,
        *,
        left: Callable[[], Awaitable[None]] | None,
    ) -> ScoreSet:
        """Carry out a plan, see `ScoringService.score`; its cost is for the access log."""
        state = request.scope["state"]
        score_set = await self._scoring.score(planned, patience, state["request_id"], left=left)
        usage, timings = score_set.usage, score_set.timings
        state["log"] = {
            "score_set": score_set.digest,
            "fingerprint": score_set.fingerprint,
            "model": "+".join(one.scorer.model.name for one in score_set.each),
            "cells_cached": len(score_set.cached),
            "cells_scored": len(score_set.fresh),
            "cells_unscored": len(score_set.unscored),
            "cells_pending": len(score_set.pending),
            "prompt_tokens": usage.prompt_tokens,
            "output_tokens": usage.output_tokens,
            "queue_ms": round(timings.queue, 2),
            "retrieval_ms": round(timings.retrieval, 2),
            "engine_ms": round(timings.engine, 2),
        }
        return score_set

    async def words(
        self, chosen: Chosen, body: SelectRequest, prefer: str | None, request: Request
    ) -> Words | None:
        """What a judge writes about scores that were read, if that was asked for; None if it was
        not, and if the judge wrote before it scored."""
        if body.selection.explain != "words":
            return None
        patience = patience_for(prefer, body.deadline_s, self._settings)
        state = request.scope["state"]
        words = await self._afterwards.about(chosen, patience, state["request_id"])
        if words is not None:
            state["log"]["prompt_tokens"] += words.usage.prompt_tokens
            state["log"]["output_tokens"] += words.usage.output_tokens
        return words

    async def hostile(self, body: ScoreRequest, request: Request) -> list[HostileOut] | None:
        """The candidates that look like attacks, if that was asked for; None if not."""
        if (body.hostile or self._settings.hostile) != "flag":
            return None
        flagged = await flag_hostile(candidates_of(body))
        request.scope["state"]["log"]["hostile"] = len(flagged)
        return [HostileOut.model_validate(one) for one in flagged]
