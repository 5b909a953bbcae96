"""A worker that records the prompts it gives to its engine: `… engine.recording FILE`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

import msgspec

from app.settings import Settings
from app.telemetry.logs import configure
from scripts.benchmark.engine.work import Work
from workers.engines.base import Engine, Generation, OnText, Sampling, Schema
from workers.engines.select import create_engine
from workers.main import run_worker
from workers.tokenization.conversation import Prompt


class Recording:
    """An engine whose prompts are written to a file, a line each."""

    def __init__(self, engine: Engine, file: IO[bytes]) -> None:
        self._engine = engine
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self.start = engine.start
        self.close = engine.close
        self.encode = engine.encode
        self.check = engine.check
        self.check_tokens = engine.check_tokens
        self.read_probabilities = engine.read_probabilities

    @property
    def steps(self) -> int:
        """Steps of the model so far."""
        return self._engine.steps

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Record a prompt, and answer it."""
        ids, text = prompt.token_ids or (), prompt.messages[-1].content
        work = Work(ids, text, schema, sampling.max_tokens)
        self._file.write(self._encoder.encode(work) + b"\n")
        self._file.flush()
        return await self._engine.generate(prompt, schema, sampling)

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Write a text; benchmarks ask for none."""
        return await self._engine.write(prompt, sampling, on_text)


async def _work(path: Path) -> None:
    stop: Any = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings = Settings.from_environment()
    with path.open("ab") as file:
        await run_worker(settings, stop, Recording(create_engine(settings.engine), file))


if __name__ == "__main__":  # vLLM starts processes that import this module again
    configure("warning")
    asyncio.run(_work(Path(sys.argv[1])))
    sys.stderr.flush()
    os._exit(0)  # vLLM and PyTorch leave threads that may delay the interpreter's exit
