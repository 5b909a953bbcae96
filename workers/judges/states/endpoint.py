"""Hidden states from an endpoint: `vllm serve --runner pooling`, or one that makes embeddings.

vLLM's `/pooling` gives the states of every token, and the mean over the candidate's tokens is taken
here. `/embeddings` gives one vector for question and candidate together, pooled in the endpoint's
own way; what is read is part of the fingerprint.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from app.domain.arrays import Floats
from app.settings import EngineSettings
from workers.concurrency import gather_or_cancel
from workers.engines.base import EngineInfo
from workers.engines.endpoint.client import EndpointClient, patiently
from workers.engines.endpoint.serving import context_length, load_tokenizer
from workers.engines.endpoint.vectors import Vectors, read_vectors
from workers.errors import (
    EngineError,
    EngineLacks,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    QuotaUsedUp,
)
from workers.isolation import cache_salt, isolated
from workers.judges.plaintext import PlainEncoder, Tokens
from workers.judges.states.base import Reading, chosen_layers, means_of
from workers.tokenization.chat import neutralised

_log = logging.getLogger(__name__)
_QUESTION, _REPLIES = "Is it day?", ("Yes.", "No, it is night, and has been for some hours.")
_FIRST_SALT = "first-question"
_DEEPEST = 1000
_HOW = 'start vLLM with --runner pooling --pooler-config \'{"task": "token_embed"}\''


@dataclass(frozen=True, slots=True)
class _Text(Tokens):
    text: str | None = None
    """Sent where the endpoint tokenizes."""


class EndpointStates:
    """Reads states of a model that an endpoint serves. Answers of `/pooling` are preferred."""

    def __init__(
        self, settings: EngineSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = EndpointClient(settings, transport)
        self._settings = settings
        self._encoder: PlainEncoder | None = None
        self._encoding = asyncio.Lock()
        self._tokenizer_version = "endpoint"
        self._of_tokens = False
        self._width = 0
        """Numbers of a token, or of a whole text."""
        asked = settings.state_layers
        self._layers = chosen_layers(asked, _DEEPEST) if asked else None
        self.progress = 0

    @property
    def reads(self) -> str:
        """Means over the candidate's tokens, or whole texts as the endpoint pools them."""
        layers = means_of(self._layers or "last")
        return layers if self._of_tokens else layers.replace("mean", "whole-text")

    async def start(self) -> EngineInfo:
        """Find out what the endpoint gives, and how many numbers."""
        settings = self._settings
        entry = await self._entry()
        context = context_length(entry, settings)
        if settings.openai_prompt == "tokens":
            tokenizer, self._tokenizer_version = await asyncio.to_thread(load_tokenizer, settings)
            self._encoder = PlainEncoder(tokenizer, context)
        self._client.dialect.cache_salt = entry.get("owned_by") == "vllm"
        with isolated(_FIRST_SALT):
            await self._explore()
        self._client.dialect.settled = True
        return EngineInfo(
            engine=settings.engine,
            model=settings.model_name or settings.model,
            revision=settings.model_revision or "endpoint",
            context_length=context,
            settings=f"prompt={settings.openai_prompt} tokenizer={self._tokenizer_version}",
        )

    async def _entry(self) -> dict[str, Any]:
        """The endpoint's entry for the model; an empty one if it has no list of models, as TEI."""
        try:
            return await self._client.served(self._settings.model)
        except EngineLacks as error:
            _log.warning("the endpoint does not list its models (%s)", error)
            return {}

    async def _explore(self) -> None:
        texts = await self.encode(_QUESTION, _REPLIES)
        if self._encoder is None:
            _log.warning(
                "the endpoint tokenizes, so it is asked for one vector of question and candidate; "
                "for states of the candidate's tokens alone set AZIMUTH_OPENAI_PROMPT=tokens"
            )
        else:
            try:
                self._of_tokens = True
                self._width = await self._explored(texts)
            except (EngineOverloaded, EngineUnavailable, QuotaUsedUp):
                raise
            except EngineError as error:
                self._of_tokens = False
                _log.warning(
                    "the endpoint gives no states of tokens, so it is asked for one vector of "
                    "question and candidate; for states of the candidate's tokens alone %s (%s)",
                    _HOW,
                    error,
                )
        if not self._of_tokens:
            self._width = await self._explored(texts)
        if self._width % self._depth:
            raise EngineError(
                f"AZIMUTH_STATE_LAYERS={self._settings.state_layers}: the endpoint gives "
                f"{self._width} numbers, which {self._depth} layers cannot share equally"
            )

    async def _explored(self, texts: Sequence[Tokens]) -> int:
        """The numbers that the endpoint gives for a token, or for a text."""
        found = await patiently(lambda: gather_or_cancel([self._rows(text) for text in texts]))
        widths = {int(rows.shape[1]) for rows in found}
        if len(widths) > 1:
            # Of one vector for each text, too, there may be as many numbers for each token.
            raise EngineRejected(f"the endpoint gives {sorted(widths)} numbers for one token")
        return widths.pop()

    @property
    def _depth(self) -> int:
        return len(self._layers or (0,))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def check(self) -> None:
        """Read a short text."""
        (text,) = await self.encode(_QUESTION, _REPLIES[:1])
        await self._read(text)

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Encode each candidate as the reply to a question; as text where the endpoint tokenizes.

        Such a text has no length that is known here: the endpoint refuses what is too long.
        """
        if (encoder := self._encoder) is None:
            asked = neutralised(question)
            return [
                _Text((), (), text=f"{asked}\n\n{neutralised(candidate)}")
                for candidate in candidates
            ]

        def texts() -> list[Tokens]:
            return [encoder.conversation(question, candidate) for candidate in candidates]

        async with self._encoding:
            return await asyncio.to_thread(texts)

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Read encoded texts at once."""
        return await gather_or_cancel([self._read(text) for text in texts])

    async def _read(self, text: Tokens) -> Reading:
        vectors = await self._vectors(text)
        rows = self._rows_of(text, vectors)
        if rows.shape[1] != self._width:
            raise EngineError(
                f"the endpoint gave {rows.shape[1]} numbers and {self._width} when the worker "
                "started: does it serve another model now? Restart the worker"
            )
        self.progress += 1
        candidate = rows[text.begin :] if self._of_tokens else rows
        read = len(text.ids) if vectors.prompt_tokens is None else vectors.prompt_tokens
        return Reading(candidate.mean(axis=0).reshape(self._depth, -1), read)

    async def _rows(self, text: Tokens) -> Floats:
        return self._rows_of(text, await self._vectors(text))

    def _rows_of(self, text: Tokens, vectors: Vectors) -> Floats:
        """The numbers of each token, or one row for a whole text."""
        sent, read = len(text.ids), vectors.prompt_tokens
        if sent and read and read != sent:
            raise EngineRejected(
                f"the endpoint read {read} tokens where {sent} were sent: it cuts texts or adds "
                "to them"
            )
        if self._of_tokens:
            return vectors.of_tokens(sent)
        return vectors.of_tokens(1)

    async def _vectors(self, text: Tokens) -> Vectors:
        words = text.text if isinstance(text, _Text) else None
        body: dict[str, Any] = {
            "model": self._settings.model,
            "input": list(text.ids) if words is None else words,
        }
        if salt := cache_salt():
            body["cache_salt"] = salt
        if not self._of_tokens:
            return read_vectors(await self._client.post("embeddings", body))
        body |= {
            "task": "token_embed",
            "use_activation": False,
            "encoding_format": "base64",
            "embed_dtype": "float32",
            "endianness": "little",
        }
        return read_vectors(await self._client.post(self._client.beside("pooling"), body))
