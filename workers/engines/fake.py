"""A deterministic engine without a model, for tests and for development against the API.

Its answers are valid and always the same for the same prompt; its scores are hashes of the prompt.
Settings make it slow or make it fail. With a tokenizer it counts tokens as an engine with a prefix
cache would, so that prompts can be compared by their cost.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import itertools
import json
import math
import operator
import random
import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from app.settings import EngineSettings
from workers.engines.base import (
    Answer,
    EngineInfo,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.engines.made_up import made_up_words
from workers.engines.prefixes import PrefixCache
from workers.engines.recording import Recorder
from workers.engines.simulated import SimulatedJudge
from workers.errors import EngineDead, EngineOverloaded, EngineUnavailable
from workers.tokenization.chat import ChatEncoder
from workers.tokenization.conversation import Message, Prompt

_CHARS_PER_TOKEN = 4
_ASKED = re.compile(r"of response ([A-Z]), 0 to \d+:$")
"""The end of a prompt for digit reading: which candidate it is about."""
_CONDITIONAL = ("dead-word", "hang-check", "hang-warm-up")
"""Faults that occur on certain calls instead of at random."""
FAULTS = (
    "invalid",
    "truncated",
    "overloaded",
    "unavailable",
    "dead",
    "dead-word",
    "hang",
    "hang-check",
    "hang-warm-up",
)


class FakeEngine:
    """Fills any schema of objects, strings and integers with hashes of the prompt."""

    steps = 0  # not counted: answers are

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._faults = parse_faults(settings.fake_faults)
        self._judge: SimulatedJudge | None = None
        if settings.fake_labels:
            self._judge = SimulatedJudge.read(
                Path(settings.fake_labels), settings.fake_noise, settings.fake_seed
            )
        self._recorder = Recorder(Path(settings.fake_record)) if settings.fake_record else None
        self._encoder: ChatEncoder | None = None
        self._prefixes = PrefixCache()
        self._calls = itertools.count()
        self._checked = False

    async def start(self) -> EngineInfo:
        """Return at once, or when the tokenizer is loaded."""
        context_length = self._settings.context_length or 8192
        if self._settings.tokenizer:
            self._encoder = await asyncio.to_thread(
                _load_encoder, self._settings.tokenizer, context_length
            )
        return EngineInfo(
            engine="fake",
            model=self._settings.model_name or "fake",
            revision="1",
            context_length=context_length,
            settings=self._simulation(),
        )

    def _simulation(self) -> str:
        """Describe the simulated judge: different ones must not share cached scores."""
        settings = self._settings
        if settings.fake_labels is None:
            return f"tokenizer={settings.tokenizer}" if settings.tokenizer else ""
        content = hashlib.sha256(Path(settings.fake_labels).read_bytes()).hexdigest()[:12]
        noise = f"noise={settings.fake_noise} seed={settings.fake_seed}"
        return f"judge={SimulatedJudge.version} labels={content} {noise}"

    async def close(self) -> None:
        """Do nothing: there is no model to release."""

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Count a token for every four characters, and four for the frame of each turn.

        With a tokenizer, encode a conversation as other engines do.
        """
        if self._encoder is not None:
            return self._encoder.encode(messages)
        length = sum(4 + -(-len(m.content) // _CHARS_PER_TOKEN) for m in messages)
        return Prompt(messages=messages, length=length)

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Fill `schema` with hashes, after the latency and faults of the settings."""
        fault = await self._delay_or_fail(prompt)
        known = self._judge.scores(prompt) if self._judge else {}
        answers = tuple(
            _answer(prompt, schema, sampling, sample, fault, known)
            for sample in range(sampling.samples)
        )
        served = self._prefixes.serve(prompt.token_ids or ())
        return Generation(answers, prompt.length, served)

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Write a made-up text word by word; the latency of the settings is that of a word."""
        fault = await self._delay_or_fail(prompt)
        words = made_up_words(prompt, sampling)
        if fault == "truncated":
            words = words[: len(words) // 2]
        kept = words[: sampling.max_tokens]
        if fault == "invalid":
            kept = []
        for word in kept:
            if self._settings.fake_latency_s:
                await asyncio.sleep(self._settings.fake_latency_s)
            if on_text is not None:
                on_text(word)
        cut = fault == "truncated" or (len(kept) < len(words) and fault != "invalid")
        answer = Answer("".join(kept), "length" if cut else "stop", len(kept))
        return Generation((answer,), prompt.length, self._prefixes.serve(prompt.token_ids or ()))

    async def read_states(
        self, question: str, response: str, layers: int, width: int
    ) -> tuple[list[list[float]], int]:
        """Return made-up hidden states and the tokens read, after the latency and faults.

        They are hashes; the scores of a simulated judge show in them along fixed directions.
        """
        prompt = self.encode((Message("user", question), Message("assistant", response)))
        fault = await self._delay_or_fail(prompt)
        if fault == "invalid":
            return [[math.nan] * width] * layers, prompt.length
        known = self._judge.opinions(question, response) if self._judge else {}
        states = [
            [
                sum(
                    (_gaussians(f"{name}\x1f{layer}", width)[place] * score * 4)
                    for name, score in known.items()
                )
                + own
                for place, own in enumerate(
                    _gaussians(f"{question}\x1e{response}\x1f{layer}", width)
                )
            ]
            for layer in range(layers)
        ]
        return states, prompt.length

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Accept any tokens."""
        return None

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Return hashes that add up to 0.9, after the latency and faults of the settings."""
        fault = await self._delay_or_fail(prompt)
        content = "\x1f".join(f"{m.role}\x1e{m.content}" for m in prompt.messages)
        draw = random.Random(hashlib.sha256(content.encode()).digest())
        weights = [draw.random() for _ in tokens]
        known = self._judge.scores(prompt) if self._judge else {}
        asked = _ASKED.search(prompt.messages[-1].content)
        score = known.get((asked[1],) if asked else ())
        if score is not None:
            weights = [
                math.exp(-(((score - i / (len(tokens) - 1)) / 0.2) ** 2))
                for i in range(len(tokens))
            ]
        mass = 0.9 if fault is None else 0.0
        probabilities = tuple(mass * weight / sum(weights) for weight in weights)
        served = self._prefixes.serve(prompt.token_ids or ())
        return TokenProbabilities(probabilities, prompt.length, served)

    async def check(self) -> None:
        """Succeed; with a fault of the settings, hang in the first check or in all later ones."""
        hangs_in = "hang-check" if self._checked else "hang-warm-up"
        if any(fault == hangs_in for fault, _ in self._faults):
            await asyncio.Event().wait()
        self._checked = True

    async def _delay_or_fail(self, prompt: Prompt) -> str | None:
        """Wait for the latency; raise this call's fault, or return it if it spoils the answer."""
        with self._recorder.answering(prompt) if self._recorder else nullcontext():
            return await self._slow_or_faulty(prompt)

    async def _slow_or_faulty(self, prompt: Prompt) -> str | None:
        fault = self._draw_fault()
        if "POISON" in prompt.messages[-1].content and ("dead-word", 1.0) in self._faults:
            fault = "dead"
        if fault == "hang":
            await asyncio.Event().wait()
        if self._settings.fake_latency_s:
            await asyncio.sleep(self._settings.fake_latency_s)
        if fault == "overloaded":
            raise EngineOverloaded("the fake engine is set to be overloaded")
        if fault == "unavailable":
            raise EngineUnavailable("the fake engine is set to be unavailable")
        if fault == "dead":
            raise EngineDead("the fake engine is set to die")
        return fault

    def _draw_fault(self) -> str | None:
        draw = random.Random(next(self._calls)).random()
        for fault, probability in (f for f in self._faults if f[0] not in _CONDITIONAL):
            if draw < probability:
                return fault
            draw -= probability
        return None


@functools.lru_cache(maxsize=1024)
def _gaussians(seed: str, count: int) -> tuple[float, ...]:
    draw = random.Random(hashlib.sha256(seed.encode()).digest())
    return tuple(draw.gauss(0.0, 1.0) for _ in range(count))


def _load_encoder(name: str, context_length: int) -> ChatEncoder:
    from transformers import AutoTokenizer

    return ChatEncoder(AutoTokenizer.from_pretrained(name), context_length)


def parse_faults(text: str) -> tuple[tuple[str, float], ...]:
    """Parse `invalid:0.1,overloaded:0.05`. Raises ValueError for an unknown fault."""
    pairs: list[tuple[str, float]] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        fault, _, probability = part.partition(":")
        if fault not in FAULTS:
            raise ValueError(
                f"AZIMUTH_FAKE_FAULTS: unknown fault {fault!r}; known: {', '.join(FAULTS)}"
            )
        pairs.append((fault, float(probability or 1)))
    return tuple(pairs)


def _answer(
    prompt: Prompt,
    schema: Schema,
    sampling: Sampling,
    sample: int,
    fault: str | None,
    known: Mapping[tuple[str, ...], float],
) -> Answer:
    seed = (sample, sampling.seed) if sampling.temperature > 0 else ()
    content = "\x1f".join(f"{m.role}\x1e{m.content}" for m in prompt.messages)
    filled = _fill(schema, f"{content}\x1f{seed}", "$")
    for place, score in known.items():
        member = functools.reduce(operator.getitem, place, filled)
        member["score"] = round(100 * score)
    text = json.dumps(filled, separators=(",", ":"))
    if fault == "invalid":
        text = '{"A": "no score"}'
    length = -(-len(text) // _CHARS_PER_TOKEN)
    if fault == "truncated" or length > sampling.max_tokens:
        kept = min(length - 1, sampling.max_tokens)
        return Answer(text[: kept * _CHARS_PER_TOKEN], "length", kept)
    return Answer(text, "stop", length)


def _fill(schema: Schema, seed: str, path: str) -> Any:
    kind = schema.get("type")
    number = int.from_bytes(hashlib.sha256(f"{seed}\x1f{path}".encode()).digest()[:8], "big")
    if kind == "object":
        return {k: _fill(s, seed, f"{path}.{k}") for k, s in schema["properties"].items()}
    if kind == "integer":
        low, high = int(schema["minimum"]), int(schema["maximum"])
        return low + number % (high - low + 1)
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    if kind == "string":
        return f"A made-up reason, number {number % 1000}."[: schema.get("maxLength", 240)]
    raise ValueError(f"the fake engine cannot fill a value of type {kind!r}")
