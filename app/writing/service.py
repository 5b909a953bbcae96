"""Has planned texts written, and reports those that were not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import Request

from app.domain.cells import Cell, CellState
from app.domain.score_set import ScoreSet
from app.errors import ContextOverflow, DeadlinePassed, ScoringFailed, TextNotWritten
from app.http.leaving import disconnected
from app.scores.operation import Operation
from app.scores.patience import patience_for
from app.scoring.service import Patience
from app.settings import ApiSettings
from app.writing.planner import PlannedTexts, TextPlanner
from app.writing.rendering import unwritten_extension


class TextService:
    """Carries out plans of texts. Nobody waits for a text longer than for its deadline."""

    def __init__(self, settings: ApiSettings, operation: Operation, planner: TextPlanner) -> None:
        self._settings = settings
        self._operation = operation
        self.planner = planner

    def patience(self, deadline_s: float | None) -> Patience:
        """How long a request waits: until its deadline. Raises `InvalidRequest`."""
        deadline = patience_for(None, deadline_s, self._settings).deadline_s
        return Patience(wait_s=deadline, deadline_s=deadline)

    async def write(
        self,
        texts: PlannedTexts,
        patience: Patience,
        request: Request,
        *,
        left: Callable[[], Awaitable[None]] | None = None,
    ) -> ScoreSet:
        """Have texts written. When `left` returns, or by default when the client closes the
        connection, writing stops.

        Raises `ModelNotReady`, `QueueFull`, `DeadlinePassed`, `CallerLeft`, `ContextOverflow`, and
        `TextNotWritten` if no text was written.
        """
        left = left or partial(disconnected, request)
        try:
            written = await self._operation.run(texts.planned, patience, request, left=left)
        except DeadlinePassed:
            raise DeadlinePassed(
                f"the deadline of {patience.deadline_s:g} s passed, and writing was stopped"
            ) from None
        except ScoringFailed as error:
            raise TextNotWritten(error.detail) from error
        states = [written.cells[field] for field in texts.fields]
        if not any(isinstance(state, Cell) for state in states):
            raise _failure(states)
        return written


def _failure(states: list[CellState]) -> TextNotWritten | ContextOverflow:
    details = [getattr(state, "detail", "") for state in states]
    return TextNotWritten(details[0], extensions=unwritten_extension(states))
