"""A transformers model that runs in its own thread: loading, batches, checks."""

from __future__ import annotations

import asyncio
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from app.domain.cells import Unscored
from app.settings import EngineSettings
from workers.engines.base import EngineInfo
from workers.engines.identity import model_name, model_revision
from workers.errors import EngineDead, EngineError, EngineRejected
from workers.judges.batches import batches
from workers.judges.plaintext import PlainEncoder, Tokens
from workers.retrieval.library import BankLibrary

_T = TypeVar("_T")
_ROWS = 64
_TOKENS = {"cuda": 16384, "cpu": 2048}
"""Padded tokens in one forward pass; few on a CPU, so that checks can run in between."""
_NO_LIMIT = 10**6
"""Tokenizers without a limit report about 1e30."""


class Network(ABC):
    """Loads a model by folder or Hugging Face name and runs forward passes, one at a time."""

    embedder = "none"
    library: BankLibrary | None = None

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._model: Any = None
        self._device = "cpu"
        self._pad: int | None = None
        self._encoder: PlainEncoder
        self._context_length = 0
        self.progress = 0
        # Heartbeats and leases must not wait for the tokenizer or the model.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")

    async def start(self) -> EngineInfo:
        """Load the model in the thread. Raises `EngineError` for an unsuitable model."""
        await self._in_thread(self._load)
        settings = self._settings
        return EngineInfo(
            engine=settings.engine,
            model=model_name(settings.model, settings.model_name),
            revision=await self._in_thread(model_revision, settings.model, settings.model_revision),
            context_length=self._context_length,
            settings=f"dtype={str(self._model.dtype).removeprefix('torch.')}",
        )

    async def close(self) -> None:
        """Release the model; work that waits for the thread is cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model = None

    async def check(self) -> None:
        """Run one forward pass of a few tokens."""
        await self._outputs([await self._in_thread(self._least)])

    @abstractmethod
    def _class(self) -> Any:
        """Return the transformers class that loads the model."""

    @abstractmethod
    def _accept(self, config: Any) -> None:
        """Raise `EngineError` for an unsuitable configuration, before weights are loaded."""

    @abstractmethod
    def _own_limit(self, config: Any, tokenizer_limit: int | None) -> tuple[int | None, int | None]:
        """Return the model's context in tokens: (default, hard limit); None if unknown."""

    @abstractmethod
    def _ready(self, tokenizer: Any) -> None:
        """Prepare whatever needs the loaded model. Raises `EngineError`."""

    @abstractmethod
    def _least(self) -> Tokens:
        """Return a short text to check the model with."""

    @abstractmethod
    def _forward(self, batch: dict[str, Any]) -> Any:
        """Return [rows, outputs] from `input_ids` and `attention_mask` of [rows, tokens]."""

    def _load(self) -> None:
        # Before torch is loaded. Threads that spin while they wait take the time of others: beside
        # busy processes, a pass took three times the processor time.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch
        from transformers import AutoConfig, AutoTokenizer

        settings = self._settings
        source: dict[str, Any] = {"revision": settings.model_revision}
        try:
            config = AutoConfig.from_pretrained(settings.model, **source)
            self._accept(config)
            tokenizer = AutoTokenizer.from_pretrained(settings.model, **source)
            model, loaded = self._class().from_pretrained(
                settings.model,
                config=config,
                dtype=settings.dtype,
                output_loading_info=True,
                **source,
            )
        except (OSError, ValueError) as error:
            raise EngineError(f"{settings.model} cannot be loaded: {error}") from error
        if loaded["missing_keys"]:
            # transformers would initialize them at random.
            missing = ", ".join(sorted(loaded["missing_keys"])[:3])
            raise EngineError(
                f"{settings.model} lacks weights that its model class needs: {missing}"
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        self._model.config.get_text_config().use_cache = False
        self._pad = config.get_text_config().pad_token_id
        limit = int(tokenizer.model_max_length)
        own, most = self._own_limit(config, limit if limit < _NO_LIMIT else None)
        self._context_length = self._limit(own, most)
        self._encoder = PlainEncoder(tokenizer, self._context_length)
        self._ready(tokenizer)

    def _limit(self, own: int | None, most: int | None) -> int:
        asked = self._settings.context_length
        if asked is not None and most is not None and asked > most:
            raise EngineError(
                f"AZIMUTH_CONTEXT_LENGTH={asked}: the model takes at most {most} tokens"
            )
        limit = asked or own
        if limit is None:
            raise EngineError(
                "the model does not declare its context length: set AZIMUTH_CONTEXT_LENGTH"
            )
        return limit

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _outputs(self, texts: Sequence[Tokens]) -> list[Any]:
        """Return the model's outputs for each text, in order: a tuple of numbers, or an array.

        Texts run in batches, so that other jobs and the check can run in between. Outputs depend on
        the rest of their batch within rounding.
        """
        outputs: dict[int, Any] = {}
        # Without a padding token, a model takes the last position as the last token: one row each.
        rows = _ROWS if self._pad is not None else 1
        lengths = [len(text.ids) for text in texts]
        for batch in batches(lengths, rows=rows, tokens=_TOKENS[self._device]):
            done = await self._in_thread(self._pass, [texts[position] for position in batch])
            self.progress += 1
            outputs |= zip(batch, done, strict=True)
        return [outputs[position] for position in range(len(texts))]

    def _pass(self, texts: Sequence[Tokens]) -> list[Any]:
        import torch

        outputs: list[Any] | None
        try:
            with torch.inference_mode():
                outputs = self._run(texts)
        except torch.OutOfMemoryError as error:
            if len(texts) == 1:
                detail = f"not enough memory for a text of {len(texts[0].ids)} tokens"
                raise EngineRejected(detail) from error
            # Retried below: inside this block, the error still holds the failed pass's memory.
            outputs = None
        except torch.AcceleratorError as error:
            # The device's state is lost: this process cannot use it again.
            raise EngineDead(f"the device failed: {error}") from error
        except (RuntimeError, IndexError, ValueError) as error:
            raise EngineError(f"the forward pass failed: {error}") from error
        if outputs is None:
            half = len(texts) // 2
            return self._pass(texts[:half]) + self._pass(texts[half:])
        return outputs

    def _run(self, texts: Sequence[Tokens]) -> list[Any]:
        """Return one output for each text."""
        return self._rows(self._forward(self._batch(texts)).float().cpu())

    def _rows(self, outputs: Any) -> list[Any]:
        """One output for each text, from a tensor on the CPU."""
        return [tuple(row) for row in outputs.tolist()]

    def _batch(self, texts: Sequence[Tokens]) -> dict[str, Any]:
        import torch

        longest = max(len(text.ids) for text in texts)
        pad = self._pad or 0

        def rows(values: Callable[[Tokens], Sequence[int]], fill: int) -> Any:
            padded = [[*values(t), *[fill] * (longest - len(t.ids))] for t in texts]
            return torch.tensor(padded, device=self._device)

        # Padding always comes after the text, because positions count from the start.
        return {
            "input_ids": rows(lambda t: t.ids, pad),
            "attention_mask": rows(lambda t: (1,) * len(t.ids), 0),
            "token_type_ids": rows(lambda t: t.types, 0),
        }

    def _too_long(self, name: str, texts: Sequence[Tokens]) -> Unscored | None:
        longest = max(len(text.ids) for text in texts)
        if longest <= self._context_length:
            return None
        return Unscored(
            attribute=name,
            reason="context-overflow",
            detail=(
                f"question and reply take {longest} tokens or more, "
                f"but the model's context is {self._context_length} tokens"
            ),
            prompt_tokens=longest,
            context_length=self._context_length,
        )


def not_finite(name: str, outputs: Sequence[tuple[float, ...]]) -> Unscored | None:
    """Explain why outputs are unusable, if some are not finite: half precision can overflow."""
    for position, output in enumerate(outputs):
        if not all(map(math.isfinite, output)):
            detail = f"the model's output for candidate {position} is {output[0]}, not a number"
            return Unscored(name, "engine-error", detail)
    return None
