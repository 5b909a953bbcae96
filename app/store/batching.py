"""Calls of a Lua script that are made at the same time share one round trip to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.store.scripts import script

Value = str | bytes | int | float
_LARGE = 65_536
"""A call with more bytes than this goes alone, so that small ones do not wait for it."""


class _Call(NamedTuple):
    keys: Sequence[str]
    values: Sequence[Value]
    answer: asyncio.Future[Any]


class BatchedScript:
    """A script, called as the client's own. Each call fails or succeeds by itself.

    Under load, a round trip for every request costs a busy process more than Redis.
    """

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._script = script(redis, name)
        self._waiting: list[_Call] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, keys: Sequence[str], args: Sequence[Value]) -> Any:
        """Call it, together with the calls of this turn of the event loop."""
        if sum(len(one) for one in args if isinstance(one, str | bytes)) > _LARGE:
            return await self._script(keys=keys, args=args)
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        call = _Call(keys, args, loop.create_future())
        self._waiting.append(call)
        return await call.answer

    def _send(self) -> None:
        calls, self._waiting = self._waiting, []
        task = asyncio.create_task(self._run(calls))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, calls: Sequence[_Call]) -> None:
        try:
            answers = await self._answers(calls)
        except Exception as error:
            answers = [error] * len(calls)
        except asyncio.CancelledError:
            for call in calls:
                call.answer.cancel()
            raise
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():  # its caller has gone
                continue
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)

    async def _answers(self, calls: Sequence[_Call]) -> list[Any]:
        """An answer or an error for each call."""
        if len(calls) == 1:
            return [await self._script(keys=calls[0].keys, args=calls[0].values)]
        pipe = self._redis.pipeline(transaction=False)
        for call in calls:
            pipe.evalsha(self._script.sha, len(call.keys), *call.keys, *call.values)
        answers = await pipe.execute(raise_on_error=False)
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # Redis was restarted: this loads it
                call = calls[index]
                answers[index] = await self._script(keys=call.keys, args=call.values)
        return answers
