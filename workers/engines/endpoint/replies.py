"""Reads an endpoint's answers: texts, log-probabilities, counts of tokens. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workers.engines.base import Answer, FinishReason, Generation, TokenProbabilities
from workers.engines.endpoint.faults import outline
from workers.errors import EngineError, EngineRejected

_BLANKS = " \t\n\u2581\u0120"
"""What the first token of an answer may begin with: blanks, also as SentencePiece (`▁3`) and
byte-level vocabularies (`Ġ3`) spell them."""
_TOKEN_ID = re.compile(r"token_id:\d+")
"""vLLM with `--return-tokens-as-token-ids`."""


def read_generation(document: Any) -> Generation:
    """Read the answers of a completion, at least one. Raises `EngineError`."""
    with expected_form(document):
        answers = [_answer_of(choice) for choice in document["choices"]]
        prompt_tokens, cached, written = counts_of(document)
    if not answers:
        raise EngineError("the endpoint returned no answer")
    # Endpoints report only the sum over all answers.
    share, rest = divmod(written, len(answers))
    return Generation(
        answers=tuple(
            Answer(text, finish_reason, share + (index < rest))
            for index, (text, finish_reason) in enumerate(answers)
        ),
        prompt_tokens=prompt_tokens,
        cached_prompt_tokens=cached,
    )


def read_likeliest(document: Any) -> Likeliest:
    """Read the likeliest first tokens; those whose log-probability is null are left out.

    Raises `EngineRejected` if the endpoint reports none at all.
    """
    with expected_form(document):
        pairs = _pairs(document["choices"][0].get("logprobs") or {})
        prompt_tokens, cached, _ = counts_of(document)
    if not pairs:
        raise EngineRejected("the endpoint returns no log-probabilities, which digit reading needs")
    if all(_TOKEN_ID.fullmatch(token) for token, _ in pairs):
        raise EngineRejected("the endpoint names tokens by their ids, which cannot be read")
    with expected_form(document):
        probabilities = [
            (token.strip(_BLANKS), math.exp(min(value, 0)))
            for token, value in pairs
            if value is not None and not math.isnan(value)
        ]
    return Likeliest(probabilities, prompt_tokens, cached)


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The likeliest first tokens of an answer, without blanks around them."""

    tokens: list[tuple[str, float]]
    prompt_tokens: int
    cached_prompt_tokens: int

    def of(self, tokens: tuple[str, ...]) -> TokenProbabilities:
        """Return the probabilities of `tokens`; one that is not among the likeliest counts as 0."""
        return TokenProbabilities(
            probabilities=tuple(
                sum(probability for other, probability in self.tokens if other == token)
                for token in tokens
            ),
            prompt_tokens=self.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens,
        )


def _answer_of(choice: Any) -> tuple[str, FinishReason]:
    reason = finish_reason_of(choice.get("finish_reason"))
    if "message" not in choice:
        return text_of(choice["text"]), reason
    message = choice["message"]
    if message.get("refusal"):
        return "", "refused"
    text = text_of(message["content"])
    if not text.strip() and reason == "stop":
        # Some servers take the whole answer for the model's thoughts.
        thoughts = text_of(message.get("reasoning_content") or message.get("reasoning")).strip()
        text = thoughts if thoughts.startswith("{") else text
    return text, reason


def text_of(content: Any) -> str:
    """Return a message's content: a text, or the texts of its parts without the thoughts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise TypeError("neither a text nor a list of parts")
    parts = [{"type": "text", "text": p} if isinstance(p, str) else p for p in content]
    texts = [part["text"] for part in parts if part.get("type") in ("text", "output_text")]
    return "".join(texts)


def _pairs(reported: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the likeliest first tokens with their log-probabilities, in chat's or older form."""
    if "content" in reported:
        first = (reported["content"] or [{}])[0]
        return [(str(t["token"]), t["logprob"]) for t in first.get("top_logprobs") or ()]
    steps = reported.get("top_logprobs") or [{}]
    return [(str(token), logprob) for token, logprob in (steps[0] or {}).items()]


def counts_of(document: dict[str, Any]) -> tuple[int, int, int]:
    """Return the tokens of the prompt, those of them from a cache, and those written."""
    usage = document.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    prompt, cached, written = (
        int(count or 0)
        for count in (
            usage.get("prompt_tokens"),
            details.get("cached_tokens"),
            usage.get("completion_tokens"),
        )
    )
    return prompt, cached, written


def finish_reason_of(reason: Any) -> FinishReason:
    if reason in ("stop", None):
        return "stop"
    if reason == "content_filter":
        return "refused"
    return "length" if reason == "length" else "other"


@contextmanager
def expected_form(document: Any) -> Iterator[None]:
    """Raise `EngineError` if the document lacks the members that are read from it."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise EngineError(
            f"the endpoint's answer has an unexpected form: {outline(document)}"
        ) from error
