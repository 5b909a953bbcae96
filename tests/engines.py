"""Engines for tests, each with an event loop in a thread, so that a model loads once a run."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from app.settings import EngineSettings
from scripts.serve.processes import Child, free_port
from tests.support import wait_until
from workers.engines.base import (
    Engine,
    EngineInfo,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.tokenization.conversation import Message, Prompt

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
SMALL_MODEL = ROOT / ".azimuth" / "models" / "SmolLM2-135M-Instruct"
SERVED_NAME = "smol"
_COMPACT_JSON = '{"backend": "guidance", "disable_any_whitespace": true}'


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = 300) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class RunningEngine:
    """A started engine with a synchronous interface."""

    def __init__(self, engine: Engine, thread: LoopThread | None = None) -> None:
        self.engine = engine
        self.thread = thread or LoopThread()
        self.info: EngineInfo = self.thread.run(engine.start())

    def encode(self, *messages: Message) -> Prompt:
        return self.engine.encode(messages)

    def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        return self.thread.run(self.engine.generate(prompt, schema, sampling))

    def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        return self.thread.run(self.engine.write(prompt, sampling, on_text))

    def read_probabilities(self, prompt: Prompt, tokens: tuple[str, ...]) -> TokenProbabilities:
        return self.thread.run(self.engine.read_probabilities(prompt, tokens))

    def generate_all(self, work: list[tuple[Prompt, Schema, Sampling]]) -> list[Generation]:
        async def together() -> list[Generation]:
            return list(await asyncio.gather(*(self.engine.generate(*one) for one in work)))

        return self.thread.run(together())

    def check(self) -> None:
        self.thread.run(self.engine.check())

    def close(self) -> None:
        self.thread.run(self.engine.close())
        self.thread.close()


class Shared:
    """A running engine for a worker that must neither start nor close it."""

    def __init__(self, running: RunningEngine) -> None:
        self._running = running
        self.encode = running.engine.encode
        self.generate = running.engine.generate
        self.write = running.engine.write
        self.check = running.engine.check
        self.check_tokens = running.engine.check_tokens
        self.read_probabilities = running.engine.read_probabilities

    @property
    def steps(self) -> int:
        return int(self._running.engine.steps)

    async def start(self) -> EngineInfo:
        return self._running.info

    async def close(self) -> None:
        return None


def small_model_dtype() -> str:
    """As in `scripts/run`: 32-bit floats if the processor has no bfloat16 instructions.

    They take half the time there.
    """
    flags = Path("/proc/cpuinfo")
    known = flags.exists() and not re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags.read_text())
    return "float32" if known else "auto"


BATCH_TOKENS = 2048
"""Tokens of one step of vLLM: few, so that a batch can be overfilled in seconds."""


def small_model_settings(**changes: Any) -> EngineSettings:
    own = {
        "kv_cache_gb": 2,
        "max_num_batched_tokens": BATCH_TOKENS,
        "dtype": small_model_dtype(),
    }
    return EngineSettings(model=str(SMALL_MODEL), **own | changes)


WRITES = (
    "--structured-outputs-config",
    '{"backend":"guidance","disable_any_whitespace":true}',
    "--dtype",
    small_model_dtype(),
)


class VllmServe:
    """`vllm serve`, in the place of an existing cluster; with the small model if no other is given.

    `options` are about what it serves.
    """

    def __init__(
        self, folder: Path, model: Path = SMALL_MODEL, options: Sequence[str] = WRITES
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", str(model), "--served-model-name", SERVED_NAME]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--enforce-eager"]
        command += ["--max-model-len", "4096", "--block-size", "32"]
        command += options
        cores = ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))
        environment = os.environ | {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": cores,
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        self._child = Child("vllm-serve", command, environment, folder / "vllm-serve.log")

    def wait(self) -> None:
        wait_until(self._answers, timeout_s=240, what="vllm serve")

    def _answers(self) -> bool:
        if not self._child.alive():
            raise AssertionError(self._child.last_lines(40))
        try:
            return httpx.get(self.url + "/models", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._child.kill()
