"""Texts as server-sent events, while they are written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import orjson
from starlette.responses import StreamingResponse

from app.domain.cells import Cell
from app.domain.score_set import ScoreSet
from app.errors import AzimuthError, CallerLeft
from app.http.problems import error_document
from app.schema import Rendered
from app.store.notice_hub import NoticeHub
from app.store.notices import PieceNotice
from app.writing.planner import PlannedTexts
from app.writing.progress import News, TextProgress

_log = logging.getLogger(__name__)
_ACCEPTED_S = 1.0
"""Time in which an error becomes the answer's status. Later ones become an event."""
_ALIVE_S = 15.0
"""Silence after which a comment is sent, so that proxies keep the connection."""
_leaving: set[asyncio.Task[ScoreSet]] = set()
"""Tasks of clients that have left, until they have ended."""
Write = Callable[[Callable[[], Awaitable[None]]], Awaitable[ScoreSet]]
"""Has the texts written; stops when its argument returns."""
Render = Callable[[ScoreSet], Rendered]


class TextStream:
    """The events of one request: `text`, `restart`, and at the end `done` or `problem`."""

    def __init__(
        self, texts: PlannedTexts, hub: NoticeHub, write: Write, render: Render, request_id: str
    ) -> None:
        self._digest = texts.planned.plan.score_set.digest
        self._fields = texts.fields
        self._hub = hub
        self._write = write
        self._render = render
        self._request_id = request_id
        self._gone = asyncio.Event()
        self._pieces: asyncio.Queue[PieceNotice | None] = asyncio.Queue()
        self._progress = {field: TextProgress() for field in texts.fields}

    async def response(self) -> StreamingResponse:
        """The response, once it is known that the request is accepted. Raises its error if not."""
        events = self._events()
        first = await anext(events)  # raises what goes wrong before anything is sent
        return StreamingResponse(
            _with_first(first, events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self) -> AsyncIterator[bytes]:
        with self._hub.listen(self._digest, self._pieces.put_nowait), self._writing() as task:
            if (early := await self._next(_ACCEPTED_S)) is None and task.done():
                task.result()
            yield b": accepted\n\n"
            waiting = early
            while True:
                if waiting is not None:
                    for event in self._taken(waiting):
                        yield event
                elif task.done():
                    break
                else:
                    yield b": waiting\n\n"
                waiting = await self._next(0 if task.done() else _ALIVE_S)
            for event in self._ended(task):
                yield event

    @contextmanager
    def _writing(self) -> Iterator[asyncio.Task[ScoreSet]]:
        """The task that has the texts written. It stops when the client leaves."""

        async def write() -> ScoreSet:
            return await self._write(self._left)

        task = asyncio.create_task(write())
        task.add_done_callback(lambda _: self._pieces.put_nowait(None))
        try:
            yield task
        finally:
            self._gone.set()
            if not task.done():
                _leaving.add(task)
                task.add_done_callback(_forget)

    async def _left(self) -> None:
        await self._gone.wait()

    async def _next(self, timeout_s: float) -> PieceNotice | None:
        """The next part; None after `timeout_s` without one, or when the writing has ended."""
        if timeout_s == 0:
            return None if self._pieces.empty() else self._pieces.get_nowait()
        try:
            return await asyncio.wait_for(self._pieces.get(), timeout_s)
        except TimeoutError:
            return None

    def _taken(self, piece: PieceNotice) -> list[bytes]:
        if piece.field not in self._progress:
            return []
        news = self._progress[piece.field].take(piece.run, piece.start, piece.text)
        return self._news(piece.field, news)

    def _ended(self, task: asyncio.Task[ScoreSet]) -> list[bytes]:
        try:
            written = task.result()
        except AzimuthError as error:
            return [event("problem", error_document(error, self._request_id))]
        except Exception:
            _log.exception("unexpected error")
            return [event("problem", error_document(None, self._request_id))]
        events: list[bytes] = []
        for field, progress in self._progress.items():
            cell = written.cells[field]
            if isinstance(cell, Cell) and cell.text is not None:
                events += self._news(field, progress.finish(cell.text.text))
        return [*events, event("done", self._render(written))]

    def _news(self, field: str, news: News) -> list[bytes]:
        events: list[bytes] = []
        for index in _places(self._fields, field):
            if news.restarted:
                events.append(event("restart", {"index": index}))
            if news.part:
                events.append(event("text", {"index": index, "text": news.part}))
        return events


def event(name: str, data: Mapping[str, object]) -> bytes:
    """One server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for one in rest:
        yield one


def _places(fields: Sequence[str], wanted: str) -> list[int]:
    return [index for index, field in enumerate(fields) if field == wanted]


def _forget(task: asyncio.Task[ScoreSet]) -> None:
    _leaving.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, CallerLeft):
        _log.warning("a text whose client has left: %s", error)
