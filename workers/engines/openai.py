"""Any OpenAI-compatible endpoint: `vllm serve`, Ray Serve LLM, or another cluster."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx

from app.settings import EngineSettings
from workers.concurrency import gather_or_cancel
from workers.engines.base import (
    Answer,
    EngineInfo,
    FinishReason,
    Generation,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.engines.identity import tokenizer_revision
from workers.errors import EngineError, EngineOverloaded, EngineRejected, EngineUnavailable
from workers.tokenization.chat import ChatEncoder, neutralised, why_not_single_tokens
from workers.tokenization.conversation import Message, Prompt

_TOP = 20
"""Likeliest tokens to ask for: the most that endpoints report."""
_BYTES_PER_TOKEN = 3
"""A cautious estimate where there is no tokenizer. In bytes of UTF-8, because scripts with more
bytes per character also take more tokens per character."""


class OpenAIEngine:
    """A model behind `/v1/completions` (token ids, exact) or `/v1/chat/completions` (messages).

    With token ids, the tokenizer is loaded here and candidate text cannot become a special token.
    With messages, the endpoint tokenizes, so text that looks like a template token is neutralised.
    """

    def __init__(
        self, settings: EngineSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        if not settings.openai_url:
            raise ValueError("AZIMUTH_OPENAI_URL is not set: set it to the endpoint's base URL")
        self._settings = settings
        key = settings.openai_api_key
        self._client = httpx.AsyncClient(
            base_url=settings.openai_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            # Waiting for a free connection is not the endpoint's fault, so it has no time limit.
            timeout=httpx.Timeout(settings.request_timeout_s, connect=5.0, pool=None),
            limits=httpx.Limits(max_connections=256),
            transport=transport,
        )
        self._encoder: ChatEncoder | None = None
        self._tokenizer_version = "endpoint"
        self._model = settings.model

    async def start(self) -> EngineInfo:
        """Ask the endpoint what it serves; load the tokenizer if prompts are sent as tokens."""
        listed = await self._request("GET", "models")
        with _expected_form(listed):
            served = {str(m["id"]): m for m in listed.get("data", [])}
        if self._model not in served:
            # Another model would be sent this model's tokens.
            raise EngineRejected(
                f"the endpoint serves {', '.join(sorted(served)) or 'nothing'}, "
                f"not {self._model!r}: set AZIMUTH_MODEL"
            )
        entry = served[self._model]
        if self._settings.openai_prompt == "tokens":
            self._encoder = await asyncio.to_thread(self._load_encoder)
        context = self._settings.context_length or entry.get("max_model_len")
        if context is None:
            raise EngineRejected(
                "the endpoint does not report the model's context length: "
                "set AZIMUTH_CONTEXT_LENGTH"
            )
        return EngineInfo(
            engine="openai",
            model=self._settings.model_name or self._model,
            revision=self._settings.model_revision or "endpoint",
            context_length=int(context),
            settings=f"prompt={self._settings.openai_prompt} tokenizer={self._tokenizer_version}",
        )

    def _load_encoder(self) -> ChatEncoder:
        from transformers import AutoTokenizer

        name = self._settings.tokenizer or self._settings.model
        # The revision is the model's: a tokenizer from another repository has no such revision.
        revision = None if self._settings.tokenizer else self._settings.model_revision
        try:
            tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
        except (OSError, ValueError) as error:
            raise EngineRejected(
                f"no tokenizer could be loaded for {name!r}: set AZIMUTH_TOKENIZER, "
                "or AZIMUTH_OPENAI_PROMPT=chat"
            ) from error
        self._tokenizer_version = f"{name}@{tokenizer_revision(name, revision)}"
        return ChatEncoder(tokenizer)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Encode as token ids, or as messages with template tokens neutralised."""
        if self._encoder is not None:
            return self._encoder.encode(messages)
        safe = tuple(Message(m.role, neutralised(m.content)) for m in messages)
        length = sum(8 + -(-len(m.content.encode()) // _BYTES_PER_TOKEN) for m in safe)
        return Prompt(messages=safe, length=length)

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt; the schema is sent as `response_format`.

        Some endpoints ignore `n` and return one answer: then the others are requested one by one.
        """
        first = await self._answers(prompt, schema, sampling)
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

    async def _answers(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Send one request and return its answers, at least one."""
        body: dict[str, Any] = {
            "model": self._model,
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
        if prompt.token_ids is not None:
            body["prompt"] = list(prompt.token_ids)
            answer = await self._request("POST", "completions", body)
            with _expected_form(answer):
                texts = [choice["text"] for choice in answer["choices"]]
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in prompt.messages]
            answer = await self._request("POST", "chat/completions", body)
            with _expected_form(answer):
                texts = [choice["message"]["content"] or "" for choice in answer["choices"]]
        if not texts:
            raise EngineError("the endpoint returned no answer")
        return _generation(answer, texts)

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Explain why `tokens` are not single, different tokens; None if they are or if unknown."""
        return why_not_single_tokens(self._encoder, tokens) if self._encoder is not None else None

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Request one token with its likeliest alternatives; a token not among them counts as 0.

        Endpoints report the `_TOP` likeliest tokens at most, so the sum is a lower bound.
        """
        body: dict[str, Any] = {"model": self._model, "max_tokens": 1, "temperature": 0.0}
        if prompt.token_ids is not None:
            body |= {"prompt": list(prompt.token_ids), "logprobs": _TOP}
            answer = await self._request("POST", "completions", body)
            with _expected_form(answer):
                reported = (answer["choices"][0].get("logprobs") or {}).get("top_logprobs")
                likeliest = list(reported[0].items()) if reported else None
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in prompt.messages]
            body |= {"logprobs": True, "top_logprobs": _TOP}
            answer = await self._request("POST", "chat/completions", body)
            with _expected_form(answer):
                reported = (answer["choices"][0].get("logprobs") or {}).get("content")
                likeliest = (
                    [(t["token"], t["logprob"]) for t in reported[0]["top_logprobs"]]
                    if reported
                    else None
                )
        if likeliest is None:
            raise EngineRejected(
                "the endpoint returns no log-probabilities, which digit reading needs"
            )
        usage = _generation(answer, [""])
        return TokenProbabilities(
            probabilities=tuple(
                sum(math.exp(logprob) for other, logprob in likeliest if other.strip() == token)
                for token in tokens
            ),
            prompt_tokens=usage.prompt_tokens,
            cached_prompt_tokens=usage.cached_prompt_tokens,
        )

    async def check(self) -> None:
        """Have the endpoint write one token."""
        prompt = self.encode((Message("user", "Say yes."),))
        body: dict[str, Any] = {"model": self._model, "max_tokens": 1}
        if prompt.token_ids is not None:
            await self._request("POST", "completions", body | {"prompt": list(prompt.token_ids)})
        else:
            messages = [{"role": "user", "content": "Say yes."}]
            await self._request("POST", "chat/completions", body | {"messages": messages})

    async def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise EngineUnavailable(f"the endpoint cannot be reached: {error!r}") from error
        if response.status_code == 429:
            raise EngineOverloaded("the endpoint answered 429: too many requests")
        if response.status_code >= 500:
            raise EngineUnavailable(f"the endpoint answered {response.status_code}")
        if response.status_code >= 400:
            raise EngineRejected(
                f"the endpoint answered {response.status_code}: {response.text[:500]}"
            )
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            raise EngineError("the endpoint's answer is not JSON") from error
        return answer


@contextmanager
def _expected_form(answer: Any) -> Iterator[None]:
    """Raise `EngineError` if the answer lacks the members that are read from it."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        text = json.dumps(answer, ensure_ascii=False)[:500]
        raise EngineError(f"the endpoint's answer has an unexpected form: {text}") from error


def _generation(answer: dict[str, Any], texts: list[str]) -> Generation:
    usage = answer.get("usage") or {}
    total = int(usage.get("completion_tokens") or 0)
    share, rest = divmod(total, max(1, len(texts)))
    # Endpoints report only the sum over all answers.
    answers = tuple(
        Answer(text, _finish_reason(choice.get("finish_reason")), share + (index < rest))
        for index, (text, choice) in enumerate(zip(texts, answer["choices"], strict=True))
    )
    details = usage.get("prompt_tokens_details") or {}
    return Generation(
        answers=answers,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        cached_prompt_tokens=int(details.get("cached_tokens") or 0),
    )


def _finish_reason(reason: str | None) -> FinishReason:
    if reason in ("stop", None):
        return "stop"
    return "length" if reason == "length" else "other"
