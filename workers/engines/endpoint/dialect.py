"""What an endpoint refuses of OpenAI's API, and how it is asked instead. Does no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from workers.errors import EngineError, EngineOverloaded, EngineRejected

TOP_LOGPROBS = (20, 10, 5)
"""Numbers of likeliest tokens to ask for. 20 is the most that OpenAI reports, 5 what all do."""
Format = Literal["json_schema", "plain_schema", "json_object", "text"]
_KEYWORDS = ("minLength", "maxLength", "minimum", "maximum")
"""Keywords of JSON Schema that some endpoints refuse."""

_LENGTH = re.compile(
    r"too (?:large|long|many tokens)|context length|context window|could not finish", re.I
)
"""Refusals of a length, which name `max_tokens` and `max_completion_tokens` as well."""
_MAX_TOKENS = re.compile(
    r"max_completion_tokens"
    r"|max_tokens\W{0,3}(?:is |are )?(?:not|un\w+|extra|deprecated)\b"
    r"|\b(?:not|un\w+|extra|deprecated)\b[^.]{0,60}max_tokens",
    re.I,
)
_TEMPERATURE = re.compile(r"\btemperature\b", re.I)
_SEED = re.compile(r"\bseed\b", re.I)
_ONE_ANSWER = re.compile(
    r"\bn\b(?!')|\b(?:one|single|multiple) (?:completion|choice|candidate|sample|sequence)"
    r"|completion choice|number of (?:completions|choices)|best_of",
    re.I,
)
_LOGPROBS = re.compile(r"log_?prob", re.I)
_FORMAT = re.compile(r"response_?format|json_schema|schema|structured|guided|grammar", re.I)


@dataclass
class Dialect:
    """How an endpoint wants to be asked. Whatever it refuses once is not asked for again."""

    settled: bool = False
    """Whether a first question was answered. From then on nothing is learned that changes scores:
    they would no longer be those of the announced model, and an error may quote a candidate."""
    max_completion_tokens: bool = False
    """Whether it knows the answer's limit by this name only."""
    own_temperature: bool = False
    """Whether answers are drawn at a temperature that cannot be set."""
    no_seed: bool = False
    one_answer: bool = False
    """Whether it gives one answer a request."""
    cache_salt: bool = False
    """Whether it caches prefixes of prompts apart for each `cache_salt`, as vLLM does. A refusal is
    learned at the start only: a candidate that an error quotes must not end the isolation."""
    top_logprobs: int = TOP_LOGPROBS[0]
    format: Format = "json_schema"

    def described(self) -> str:
        """Name what changes answers, for the model's identity: empty for OpenAI's own API."""
        parts = {
            "format": self.format if self.format != "json_schema" else "",
            "temperature": "own" if self.own_temperature else "",
            "top_logprobs": self.top_logprobs if self.top_logprobs != TOP_LOGPROBS[0] else "",
        }
        return "".join(f" {name}={value}" for name, value in parts.items() if value)

    def spoken(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request as this endpoint takes it."""
        spoken = dict(body)
        if self.max_completion_tokens and "max_tokens" in spoken and "messages" in spoken:
            spoken["max_completion_tokens"] = spoken.pop("max_tokens")
        if self.own_temperature:
            spoken.pop("temperature", None)
        if self.no_seed:
            spoken.pop("seed", None)
        if self.one_answer:
            spoken.pop("n", None)
        if not self.cache_salt:
            spoken.pop("cache_salt", None)
        if "top_logprobs" in spoken:
            spoken["top_logprobs"] = min(spoken["top_logprobs"], self.top_logprobs)
        elif "logprobs" in spoken:
            spoken["logprobs"] = min(spoken["logprobs"], self.top_logprobs)
        if "response_format" in spoken and self.format != "json_schema":
            _ask_for_json(spoken, self.format)
        return spoken

    def learn(self, sent: dict[str, Any], error: EngineError) -> str | None:
        """Learn from the error that a request got; say what, or None if there is nothing new."""
        said = str(error)
        if isinstance(error, EngineOverloaded) or _LENGTH.search(said):
            return None
        if "n" in sent and not self.one_answer and _ONE_ANSWER.search(said):
            self.one_answer = True
            return "gives one answer a request: samples are requested one by one"
        if not isinstance(error, EngineRejected):
            return None  # llama.cpp refuses `n` with status 500; all else with such a status passes
        if "seed" in sent and not self.no_seed and _SEED.search(said):
            self.no_seed = True
            return "refuses a seed: sampled answers cannot be drawn again"
        if self.settled:
            return None
        return self._learn_members(sent, said) or self._learn_format(sent, said)

    def _learn_members(self, sent: dict[str, Any], said: str) -> str | None:
        if "cache_salt" in sent and self.cache_salt and "cache_salt" in said:
            self.cache_salt = False
            return "refuses cache_salt: its prefix cache is one for all tenants"
        if "max_tokens" in sent and not self.max_completion_tokens and _MAX_TOKENS.search(said):
            self.max_completion_tokens = True
            return "refuses max_tokens: max_completion_tokens is sent instead"
        if "temperature" in sent and not self.own_temperature and _TEMPERATURE.search(said):
            self.own_temperature = True
            return "refuses a temperature: answers are drawn at its own"
        if "logprobs" in sent and _LOGPROBS.search(said):
            asked = sent.get("top_logprobs", sent["logprobs"])
            fewer = [count for count in TOP_LOGPROBS if count < asked]
            if fewer and asked <= self.top_logprobs:
                self.top_logprobs = fewer[0]
                return f"refuses {asked} log-probabilities: {fewer[0]} are requested"
        return None

    def _learn_format(self, sent: dict[str, Any], said: str) -> str | None:
        if "response_format" not in sent or not _FORMAT.search(said):
            return None
        kind = sent["response_format"]["type"]
        limits = any(keyword in said for keyword in _KEYWORDS)
        if kind == "json_schema" and self.format == "json_schema" and limits:
            self.format = "plain_schema"
            return "refuses limits in JSON schemas: they are checked in its answers"
        if kind == "json_schema" and self.format in ("json_schema", "plain_schema"):
            self.format = "json_object"
            return "refuses JSON schemas: json_object is requested, and its answers are checked"
        if kind == "json_object" and self.format == "json_object":
            self.format = "text"
            return (
                "refuses response_format: JSON is requested in words, and its answers are checked"
            )
        return None


def _ask_for_json(body: dict[str, Any], wanted: Format) -> None:
    """Replace a request's `response_format` with what the endpoint knows."""
    named = body["response_format"]["json_schema"]
    if wanted == "plain_schema":
        plain = named | {"schema": _without_limits(named["schema"])}
        body["response_format"] = {"type": "json_schema", "json_schema": plain}
        return
    if wanted == "json_object":
        body["response_format"] = {"type": "json_object"}
    else:
        del body["response_format"]
    if "messages" in body:
        # The endpoint does not know the schema, so the model has to be told.
        schema = json.dumps(named["schema"], ensure_ascii=False, separators=(",", ":"))
        wish = f"Answer with one JSON object of this JSON Schema and nothing else: {schema}"
        first, *rest = body["messages"]
        body["messages"] = [first | {"content": f"{first['content']}\n\n{wish}"}, *rest]


def _without_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the keywords that some endpoints refuse, also within objects."""
    kept = {key: value for key, value in schema.items() if key not in _KEYWORDS}
    if "properties" in kept:
        kept["properties"] = {
            name: _without_limits(one) for name, one in kept["properties"].items()
        }
    return kept
