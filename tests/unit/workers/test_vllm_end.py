"""vLLM's objects may outlive the event loop of their tasks; nothing is printed then."""

from __future__ import annotations

import asyncio
import gc
import sys

from workers.engines.vllm import ending_quietly


class Llm:
    """Ends as `AsyncLLM` does: it cancels its task, from the loop that the task belongs to."""

    def __init__(self, task: asyncio.Task[None] | None) -> None:
        self.task = task
        self.ended: list[str] = []

    def __del__(self) -> None:
        self.ended.append("shut down")
        if self.task is not None:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)


def complaints_of(kind: type[Llm], monkeypatch) -> list[BaseException | None]:
    """What Python would print when such an object is collected after its loop was closed."""
    unraisable: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda given: unraisable.append(given.exc_value))
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(0))
    loop.run_until_complete(task)
    loop.close()
    llm = kind(task)
    del llm
    gc.collect()
    return unraisable


def test_an_object_that_is_collected_after_its_loop_was_closed_raises_nothing(monkeypatch):
    assert [str(one) for one in complaints_of(Llm, monkeypatch)] == ["Event loop is closed"]
    assert complaints_of(ending_quietly(Llm), monkeypatch) == []


def test_it_is_shut_down_all_the_same():
    llm = ending_quietly(Llm)(None)
    ended = llm.ended
    del llm
    gc.collect()
    assert ended == ["shut down"]
