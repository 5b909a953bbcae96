"""Hidden states of a language model in vLLM's pooling runner, for GPUs.

For each token vLLM gives the states of the layers (see `vllm_model`), and the mean over the
candidate's tokens is taken here. The question's prefix comes from the cache where candidates of one
question are read one after the other.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.settings import EngineSettings
from workers.concurrency import gather_or_cancel
from workers.engines.base import EngineInfo
from workers.engines.identity import model_name, model_revision
from workers.engines.vllm import (
    as_input,
    ending_quietly,
    engine_arguments,
    last_of,
    prepare_environment,
)
from workers.judges.plaintext import PlainEncoder, Tokens
from workers.judges.states.base import Reading, chosen_layers, means_of
from workers.judges.states.vllm_model import ARCHITECTURE, EXTENSION, register

_QUESTION, _REPLY = "Is it day?", "Yes."


class VllmStates:
    """Reads states in vLLM's AsyncLLM, which batches all candidates in flight."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._llm: Any = None
        self._encoder: PlainEncoder
        self._request_ids = itertools.count()
        self.layers: tuple[int, ...] = ()
        self.progress = 0

    @property
    def reads(self) -> str:
        """The layers' means."""
        return means_of(self.layers)

    async def start(self) -> EngineInfo:
        """Load the model in a thread, so that heartbeats go on meanwhile."""
        self._llm = await asyncio.to_thread(self._load)
        config = self._llm.vllm_config.model_config
        self._encoder = PlainEncoder(self._llm.get_tokenizer(), int(config.max_model_len))
        settings = self._settings
        return EngineInfo(
            engine=settings.engine,
            model=model_name(settings.model, settings.model_name),
            revision=model_revision(settings.model, settings.model_revision),
            context_length=int(config.max_model_len),
            settings=f"dtype={str(config.dtype).removeprefix('torch.')}",
        )

    def _load(self) -> Any:
        prepare_environment(self._settings)
        from transformers import AutoConfig
        from vllm import AsyncEngineArgs
        from vllm.config import PoolerConfig
        from vllm.v1.engine.async_llm import AsyncLLM

        settings = self._settings
        config: Any = AutoConfig.from_pretrained(settings.model, revision=settings.model_revision)
        text = config.get_text_config()
        self.layers = chosen_layers(settings.state_layers, text.num_hidden_layers)
        register(config.architectures[0], self.layers)
        cut: dict[str, Any] = {"num_hidden_layers": self.layers[-1]}
        if getattr(text, "layer_types", None):
            cut["layer_types"] = text.layer_types[: self.layers[-1]]
        arguments = engine_arguments(settings) | {
            "runner": "pooling",
            "convert": "embed",
            "pooler_config": PoolerConfig(tok_pooling_type="ALL", use_activation=False),
            "hf_overrides": cut | {"architectures": [ARCHITECTURE]},
            "worker_extension_cls": EXTENSION,
        }
        for name in ("structured_outputs_config", "generation_config"):
            arguments.pop(name, None)
        return ending_quietly(AsyncLLM).from_engine_args(AsyncEngineArgs(**arguments))

    async def close(self) -> None:
        """Stop vLLM's engine process."""
        if self._llm is not None:
            await asyncio.to_thread(self._llm.shutdown)
            self._llm = None

    async def check(self) -> None:
        """Read a short text: vLLM's own health check cannot see a hang."""
        await self._read(self._encoder.conversation(_QUESTION, _REPLY))

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Encode each candidate as the reply to a question."""

        def texts() -> list[Tokens]:
            return [self._encoder.conversation(question, candidate) for candidate in candidates]

        return await asyncio.to_thread(texts)

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Read encoded texts at once."""
        return await gather_or_cancel([self._read(text) for text in texts])

    async def _read(self, text: Tokens) -> Reading:
        wanted = len(text.ids) - text.begin
        output = await self._run(text, from_cache=True)
        if len(output.outputs.data) < wanted:
            # The cache held some of the candidate's tokens, and so their states are missing.
            output = await self._run(text, from_cache=False)
        # Only the candidate's tokens: what precedes them differs with what the cache held.
        states = np.asarray(output.outputs.data[-wanted:].float().numpy(), dtype=np.float64)
        self.progress += 1
        return Reading(
            states=states.mean(axis=0).reshape(len(self.layers), -1),
            prompt_tokens=len(text.ids),
            cached_prompt_tokens=int(output.num_cached_tokens or 0),
        )

    async def _run(self, text: Tokens, *, from_cache: bool) -> Any:
        from vllm import PoolingParams

        parameters = PoolingParams(
            task="token_embed", use_activation=False, skip_reading_prefix_cache=not from_cache
        )
        request_id = f"azimuth-{next(self._request_ids)}"
        return await last_of(
            self._llm.encode(as_input(text.ids), parameters, request_id=request_id)
        )
