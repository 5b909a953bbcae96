"""Any OpenAI-compatible endpoint: `vllm serve`, Ray Serve LLM, or another cluster."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import httpx

from app.settings import EngineSettings
from workers.concurrency import gather_or_cancel
from workers.engines.base import (
    EngineInfo,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.engines.endpoint.client import EndpointClient, patiently
from workers.engines.endpoint.dialect import TOP_LOGPROBS
from workers.engines.endpoint.faults import is_cut
from workers.engines.endpoint.replies import Likeliest, read_generation, read_likeliest
from workers.engines.endpoint.serving import context_length, load_tokenizer
from workers.errors import (
    EngineDead,
    EngineError,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    QuotaUsedUp,
)
from workers.isolation import cache_salt, isolated
from workers.tokenization.chat import ChatEncoder, neutralised, why_not_single_tokens
from workers.tokenization.conversation import Message, Prompt

_log = logging.getLogger(__name__)
_BYTES_PER_TOKEN = 3
"""A cautious estimate where there is no tokenizer. In bytes of UTF-8, because scripts with more
bytes per character also take more tokens per character."""
_TURN_TOKENS = 8
_PROPERTIES: dict[str, Schema] = {
    "reasoning": {"type": "string", "minLength": 1, "maxLength": 20},
    "score": {"type": "integer", "minimum": 0, "maximum": 100},
    "choice": {"type": "string", "enum": ["A", "B"]},
}
_SCHEMA: Schema = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
    "additionalProperties": False,
}
"""The schema of the first question, with every keyword that methods use: which are refused?"""
_FIRST_TOKENS = 64
_FIRST_SALT = "first-question"
"""The first question has a salt, to learn whether salts are refused."""


class OpenAIEngine:
    """A model behind `/v1/completions` (token ids, exact) or `/v1/chat/completions` (messages).

    With token ids, the tokenizer is loaded here and candidate text cannot become a special token.
    With messages, the endpoint tokenizes, so text that looks like a template token is neutralised.
    """

    steps = 0  # not counted: answers are

    def __init__(
        self, settings: EngineSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = EndpointClient(settings, transport)
        self._settings = settings
        self._encoder: ChatEncoder | None = None
        self._tokenizer_version = "endpoint"
        self._model = settings.model
        self._context_length = 0
        self._unreadable: str | None = None
        """Why digits cannot be read; None if they can."""
        self._unexplored = False
        """Whether it is unknown what the endpoint refuses, because its quota was used up."""

    async def start(self) -> EngineInfo:
        """Ask the endpoint what it serves and what it refuses; load the tokenizer if needed."""
        entry = await self._client.served(self._model)
        self._context_length = context_length(entry, self._settings)
        if self._settings.openai_prompt == "tokens":
            self._encoder = await asyncio.to_thread(self._load_encoder)
        # vLLM names itself as the owner of its models. Others may refuse what they do not know.
        self._client.dialect.cache_salt = entry.get("owned_by") == "vllm"
        with isolated(_FIRST_SALT):
            await self._explore()
        described = self._client.dialect.described()
        return EngineInfo(
            engine="openai",
            model=self._settings.model_name or self._model,
            revision=self._settings.model_revision or "endpoint",
            context_length=self._context_length,
            settings=f"prompt={self._settings.openai_prompt} "
            f"tokenizer={self._tokenizer_version}{described}",
        )

    def _load_encoder(self) -> ChatEncoder:
        tokenizer, self._tokenizer_version = load_tokenizer(self._settings)
        return ChatEncoder(tokenizer, self._context_length)

    async def _explore(self) -> None:
        """Ask one question in each way, to learn and log what the endpoint refuses.

        Raises `EngineError` for what may pass, but not for as long as the waits add up to.
        """
        question = "How warm is it today, from 0 to 4? Answer in JSON."
        prompt = self.encode((Message("user", question),))
        answered = False
        try:
            first = await patiently(lambda: self._first_question(prompt))
            answered = True
            if not first.answers[0].text.lstrip().startswith("{"):
                _log.warning("the endpoint's first answer is not plain JSON: %s", first.answers[0])
        except (EngineOverloaded, EngineUnavailable):
            raise
        except EngineError as error:
            self._unexplored |= isinstance(error, QuotaUsedUp)
            _log.warning("the endpoint does not answer in JSON: %s", error)
        try:
            likeliest = await patiently(lambda: self._likeliest(prompt))
        except (EngineOverloaded, EngineUnavailable):
            raise
        except EngineError as error:
            self._unexplored |= isinstance(error, QuotaUsedUp)
            self._unreadable = str(error)
        else:
            if not likeliest.tokens:
                self._unreadable = "the endpoint's log-probabilities are all null"
        dialect = self._client.dialect
        dialect.settled = answered
        if self._unreadable is not None:
            dialect.top_logprobs = TOP_LOGPROBS[0]

    async def _first_question(self, prompt: Prompt) -> Generation:
        """Ask for JSON. Some endpoints refuse a schema and break at `json_object`."""
        dialect, sampling = self._client.dialect, Sampling(max_tokens=_FIRST_TOKENS)
        try:
            return await self._answers(prompt, _SCHEMA, sampling)
        except EngineUnavailable as error:
            if dialect.format != "json_object":
                raise
            dialect.format = "text"
            try:
                first = await self._answers(prompt, _SCHEMA, sampling)
            except EngineError:
                dialect.format = "json_object"
                raise
            _log.warning("the endpoint breaks at json_object: it is not requested (%s)", error)
            return first

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Encode as token ids, or as messages with template tokens neutralised."""
        if self._encoder is not None:
            return self._encoder.encode(messages)
        if (length := _estimated(messages)) > self._context_length:
            return Prompt(messages=(), length=length)
        safe = tuple(Message(m.role, neutralised(m.content)) for m in messages)
        return Prompt(messages=safe, length=_estimated(safe))

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt; the schema is sent as `response_format`.

        Some endpoints ignore or refuse `n`: then the samples are requested one by one.
        """
        first = await self._first_answers(prompt, schema, sampling)
        given = len(first.answers)
        if given >= sampling.samples:
            return replace(first, answers=first.answers[: sampling.samples])
        single = [
            replace(sampling, samples=1, seed=sampling.seed + sample)
            for sample in range(given, sampling.samples)
        ]
        more = await gather_or_cancel([self._answers(prompt, schema, one) for one in single])
        parts = [first, *more]
        return Generation(
            answers=(*first.answers, *(part.answers[0] for part in more)),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            cached_prompt_tokens=sum(part.cached_prompt_tokens for part in parts),
        )

    async def _first_answers(
        self, prompt: Prompt, schema: Schema, sampling: Sampling
    ) -> Generation:
        """Request all samples; if they are refused for no known reason, only the first."""
        try:
            return await self._answers(prompt, schema, sampling)
        except EngineRejected as error:
            if sampling.samples == 1:
                raise
            first = await self._answers(prompt, schema, replace(sampling, samples=1))
            _log.warning("the endpoint gives one answer a request (%s)", error)
            self._client.dialect.one_answer = True
            return first

    async def _answers(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Send one request and return its answers, at least one."""
        body: dict[str, Any] = {
            "n": sampling.samples,
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "scores", "schema": schema, "strict": True},
            },
        }
        if sampling.temperature > 0:
            body["seed"] = sampling.seed
        return read_generation(await self._post(prompt, body))

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Request a text, in parts unless the endpoint refuses to send it so."""
        body: dict[str, Any] = {
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.temperature > 0:
            body["seed"] = sampling.seed
        if on_text is not None:
            path, whole = self._request(prompt, body)
            try:
                return await self._client.write(path, whole, on_text)
            except EngineRejected as error:
                _log.warning("the endpoint refuses to send a text in parts: %s", error)
        return read_generation(await self._post(prompt, body))

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Explain why the probabilities of `tokens` cannot be read; None if they can."""
        if self._unreadable is not None or self._encoder is None:
            return self._unreadable
        return why_not_single_tokens(self._encoder, tokens)

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Request one token with its likeliest alternatives; a token not among them counts as 0.

        Endpoints report a few of the likeliest tokens, so the sum is a lower bound.
        """
        return (await self._likeliest(prompt)).of(tokens)

    async def _likeliest(self, prompt: Prompt) -> Likeliest:
        most = TOP_LOGPROBS[0]
        body: dict[str, Any] = {"max_tokens": 1, "temperature": 0.0}
        if prompt.token_ids is not None:
            body |= {"logprobs": most}
        else:
            body |= {"logprobs": True, "top_logprobs": most}
        return read_likeliest(await self._post(prompt, body))

    async def check(self) -> None:
        """Have the endpoint write one token.

        Raises `EngineDead` if it has a quota again and had none at the start: what was not found
        out then changes what is announced.
        """
        prompt = self.encode((Message("user", "Say yes."),))
        try:
            await self._post(prompt, {"max_tokens": 1})
        except EngineRejected as error:
            if not is_cut(error):
                raise
        if self._unexplored and await self._has_quota(prompt):
            raise EngineDead("the endpoint has a quota again: what it can do must be found out")

    async def _has_quota(self, prompt: Prompt) -> bool:
        """Ask for the smallest JSON: some gateways let through what is smaller still."""
        try:
            await self._answers(prompt, _SCHEMA, Sampling(max_tokens=1))
        except (QuotaUsedUp, EngineOverloaded, EngineUnavailable):
            return False
        except EngineError:
            return True  # it refuses something else by now
        return True

    async def _post(self, prompt: Prompt, body: dict[str, Any]) -> Any:
        return await self._client.post(*self._request(prompt, body))

    def _request(self, prompt: Prompt, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The path and the whole body of a request."""
        body = {"model": self._model, **body}
        if salt := cache_salt():
            body["cache_salt"] = salt
        if prompt.token_ids is not None:
            return "completions", body | {"prompt": list(prompt.token_ids)}
        turns = [{"role": m.role, "content": m.content} for m in prompt.messages]
        return "chat/completions", body | {"messages": turns}


def _estimated(messages: tuple[Message, ...]) -> int:
    sizes = [len(message.content.encode()) for message in messages]
    return sum(_TURN_TOKENS + -(-size // _BYTES_PER_TOKEN) for size in sizes)
