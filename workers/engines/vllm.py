"""vLLM in this process: AsyncLLM batches all requests in flight."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from ctypes.util import find_library
from pathlib import Path
from typing import Any

from app.settings import EngineSettings
from workers.concurrency import gather_or_cancel
from workers.engines.base import (
    Answer,
    EngineInfo,
    FinishReason,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.engines.identity import model_name, model_revision
from workers.errors import EngineDead, EngineError, EngineRejected
from workers.isolation import cache_salt
from workers.tokenization.chat import ChatEncoder, why_not_single_tokens
from workers.tokenization.conversation import Message, Prompt

_CPU_BLOCK_TOKENS = 32  # vLLM's 128 would waste most of a prefix shared by two prompts


def ending_quietly(kind: type[Any]) -> type[Any]:
    """Return the class with a finalizer whose errors are dropped.

    vLLM's cancels a task when the interpreter ends or collects garbage. The task's event loop may
    be closed by then, and Python would print the error. `VllmEngine.close` has ended all before.
    """

    class Quiet(kind):  # type: ignore[misc]
        def __del__(self) -> None:
            with suppress(Exception):
                super().__del__()

    return Quiet


class VllmEngine:
    """Runs a model in vLLM's AsyncLLM, on a GPU or with the CPU build."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._llm: Any = None
        self._encoder: ChatEncoder | None = None
        self._request_ids = itertools.count()
        self.steps = 0

    async def start(self) -> EngineInfo:
        """Load the model in a thread, so that heartbeats go on meanwhile."""
        self._llm = await asyncio.to_thread(self._load)
        self._count_steps(self._llm.engine_core)
        config = self._llm.vllm_config.model_config
        self._encoder = ChatEncoder(self._llm.get_tokenizer(), int(config.max_model_len))
        settings = self._settings
        return EngineInfo(
            engine="vllm",
            model=model_name(settings.model, settings.model_name),
            revision=model_revision(settings.model, settings.model_revision),
            context_length=int(config.max_model_len),
            settings=f"dtype={str(config.dtype).removeprefix('torch.')}",
        )

    def _load(self) -> Any:
        prepare_environment(self._settings)
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = AsyncEngineArgs(**engine_arguments(self._settings))
        return ending_quietly(AsyncLLM).from_engine_args(arguments)

    def _count_steps(self, core: Any) -> None:
        """Count what the engine process sends: with a full batch, no answer may end for long."""
        receive = core.get_output_async

        async def counted() -> Any:
            outputs = await receive()
            self.steps += 1
            return outputs

        core.get_output_async = counted

    async def close(self) -> None:
        """Stop vLLM's engine process."""
        if self._llm is not None:
            await asyncio.to_thread(self._llm.shutdown)
            self._llm = None

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Encode a conversation as token ids."""
        assert self._encoder is not None, "start() comes first"
        return self._encoder.encode(messages)

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt; concurrent prompts share batches and prefixes.

        Each sample is a request of its own, which is also how vLLM implements `n`. So each reports
        how much of its prompt came from the prefix cache.
        """
        outputs = await gather_or_cancel(
            [self._sample(prompt, schema, sampling, index) for index in range(sampling.samples)]
        )
        return Generation(
            answers=tuple(map(_answer, outputs)),
            prompt_tokens=prompt.length * sampling.samples,
            cached_prompt_tokens=sum(int(output.num_cached_tokens or 0) for output in outputs),
        )

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Write a text, see `Engine.write`."""
        parameters = sampling_parameters(None, sampling, in_parts=on_text is not None)
        output = await self._run(prompt.token_ids or (), parameters, on_text)
        cached = int(output.num_cached_tokens or 0)
        return Generation((_answer(output),), prompt.length, cached)

    async def _sample(self, prompt: Prompt, schema: Schema, sampling: Sampling, index: int) -> Any:
        parameters = sampling_parameters(schema, sampling, index)
        return await self._run(prompt.token_ids or (), parameters)

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Explain why `tokens` are not single, different tokens; None if they are."""
        assert self._encoder is not None, "start() comes first"
        return why_not_single_tokens(self._encoder, tokens)

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Run one step of the model.

        vLLM's log-probabilities are raw by default: before temperature and masks.
        """
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        assert self._encoder is not None, "start() comes first"
        ids = self._encoder.answer_ids(tokens)
        parameters = SamplingParams(
            max_tokens=1,
            temperature=0.0,
            logprob_token_ids=list(ids),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        output = await self._run(prompt.token_ids or (), parameters)
        (logprobs,) = output.outputs[0].logprobs
        return TokenProbabilities(
            probabilities=tuple(math.exp(logprobs[token].logprob) for token in ids),
            prompt_tokens=prompt.length,
            cached_prompt_tokens=int(output.num_cached_tokens or 0),
        )

    async def check(self) -> None:
        """Write one token: vLLM's own health check cannot see a hang."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        prompt = self.encode((Message("user", "Say yes."),))
        kind = RequestOutputKind.FINAL_ONLY
        await self._run(prompt.token_ids or (), SamplingParams(max_tokens=1, output_kind=kind))

    async def _run(
        self, token_ids: tuple[int, ...], parameters: Any, on_text: OnText | None = None
    ) -> Any:
        request_id = f"azimuth-{next(self._request_ids)}"
        return await last_of(
            self._llm.generate(as_input(token_ids), parameters, request_id=request_id), on_text
        )


async def last_of(outputs: AsyncIterator[Any], on_text: OnText | None = None) -> Any:
    """The last output of a request to vLLM. Translates vLLM's errors to an `EngineError`.

    `on_text` gets what each output has more than the one before.
    """
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

    last: Any = None
    shown = 0
    try:
        async for output in outputs:
            last = output
            if on_text is not None:
                text = output.outputs[0].text
                on_text(text[shown:])
                shown = len(text)
    except EngineDeadError as error:
        raise EngineDead("vLLM's engine process has ended") from error
    except ValueError as error:
        raise EngineRejected(str(error)) from error
    except EngineGenerateError as error:
        raise EngineError(f"vLLM could not answer: {error}") from error
    if last is None:
        raise EngineError("vLLM ended without an answer")
    return last


def sampling_parameters(
    schema: Schema | None, sampling: Sampling, index: int = 0, *, in_parts: bool = False
) -> Any:
    """vLLM's parameters for one of the samples of a prompt: JSON, or without a schema a text.

    `in_parts` asks for an output after each step, with the text so far.
    """
    from vllm.sampling_params import (
        RequestOutputKind,
        SamplingParams,
        StructuredOutputsParams,
    )

    return SamplingParams(
        temperature=sampling.temperature,
        seed=sampling.seed + index if sampling.temperature > 0 else None,
        max_tokens=sampling.max_tokens,
        structured_outputs=None if schema is None else StructuredOutputsParams(json=schema),
        output_kind=RequestOutputKind.CUMULATIVE if in_parts else RequestOutputKind.FINAL_ONLY,
    )


def as_input(token_ids: Sequence[int]) -> dict[str, Any]:
    """A prompt as vLLM takes it. Its prefix is cached for the tenant of the job."""
    prompt: dict[str, Any] = {"prompt_token_ids": list(token_ids)}
    if salt := cache_salt():
        prompt["cache_salt"] = salt
    return prompt


def engine_arguments(settings: EngineSettings) -> dict[str, Any]:
    """vLLM's arguments for the settings. The environment must be prepared."""
    from vllm import AsyncEngineArgs
    from vllm.platforms import current_platform

    on_cpu = current_platform.is_cpu()
    arguments: dict[str, Any] = {
        "model": settings.model,
        "revision": settings.model_revision,
        "dtype": settings.dtype,
        "max_model_len": settings.context_length,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": settings.max_num_batched_tokens,
        "tokenizer_mode": "hf",  # ChatEncoder needs a tokenizer of transformers
        "enable_prefix_caching": True,
        # guidance honours integer bounds, maxLength and the order of properties.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        # The model folder's sampling defaults must not override a request's settings.
        "generation_config": "vllm",
        "disable_log_stats": True,
    }
    if on_cpu:
        # A batch of long prompts may take minutes, and after five vLLM would exit. The worker's
        # canary and its settings decide how long is too long.
        os.environ.setdefault("VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS", "3600")
        if sys.platform == "linux":
            os.environ["LD_PRELOAD"] = preload_with_tcmalloc(os.environ.get("LD_PRELOAD", ""))
        # Compilation needs a C++ compiler and takes minutes; on CPUs it gains little.
        arguments |= {"enforce_eager": True, "block_size": _CPU_BLOCK_TOKENS}
        # vLLM 0.32 fails with "CPU Generator does not use offset" when a prompt is processed in
        # chunks and its answer is drawn with a seed: on CPUs prompts are not chunked.
        longest = AsyncEngineArgs(**arguments).create_model_config().max_model_len
        arguments |= {
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": max(settings.max_num_batched_tokens, longest),
        }
    else:
        arguments |= {
            "gpu_memory_utilization": settings.gpu_memory_utilization,
            "tensor_parallel_size": settings.tensor_parallel_size,
        }
    return arguments


def prepare_environment(settings: EngineSettings) -> None:
    """Set the environment variables that vLLM reads at import, unless the user has set them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    defaults = {
        "VLLM_NO_USAGE_STATS": "1",
        # This process has threads and event loops, so a fork could hang.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_CPU_KVCACHE_SPACE": str(settings.kv_cache_gb),
    }
    if cores and cores <= 4:
        # vLLM would reserve a core for itself: too much on a small machine.
        defaults |= {
            "VLLM_CPU_OMP_THREADS_BIND": _core_list(),
            "OMP_NUM_THREADS": str(cores),
        }
    if Path(settings.model).is_dir():
        defaults["HF_HUB_OFFLINE"] = "1"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def preload_with_tcmalloc(preload: str, find: Callable[[str], str | None] = find_library) -> str:
    """Return the value of `LD_PRELOAD` with the system's tcmalloc, if any, in front.

    glibc returns the memory of a large tensor at once and requests new pages for the next one,
    which takes much of the time with long prompts; tcmalloc keeps the pages. vLLM preloads the copy
    that some of its wheels bundle, but not the system's. If an allocator is already preloaded,
    nothing is added.
    """
    if "malloc" in preload:
        return preload
    library = find("tcmalloc_minimal") or find("tcmalloc")
    return ":".join(part for part in (library, preload) if part)


def _core_list() -> str:
    if not hasattr(os, "sched_getaffinity"):
        return "nobind"
    return ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))


def _answer(output: Any) -> Answer:
    written = output.outputs[0]
    return Answer(written.text, _finish_reason(written.finish_reason), len(written.token_ids))


def _finish_reason(reason: str | None) -> FinishReason:
    if reason == "stop":
        return "stop"
    return "length" if reason == "length" else "other"
