"""Cells: the scores of a scenario on one attribute, or the reason why there are none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from app.domain.arrays import Floats
from app.domain.ratings.retrieval import Reach
from app.domain.writing import WrittenText

UnscoredReason = Literal[
    "truncated", "invalid-output", "context-overflow", "deadline", "engine-error", "lost"
]
"""Why a cell has no scores. A failure is never turned into a number."""


class Usage(Struct, frozen=True, omit_defaults=True):
    """Number of tokens read and written by the model."""

    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    """Part of `prompt_tokens` served from the engine's prefix cache."""
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_prompt_tokens + other.cached_prompt_tokens,
            self.output_tokens + other.output_tokens,
        )

    def split(self, count: int) -> list[Usage]:
        """Divide the usage of one answer evenly among `count` cells.

        The shares are whole tokens and add up to this usage; the first cells get the remainder.
        """
        columns = [
            [total // count + (share < total % count) for share in range(count)]
            for total in (self.prompt_tokens, self.cached_prompt_tokens, self.output_tokens)
        ]
        return [Usage(*share) for share in zip(*columns, strict=True)]


class DigitReading(Struct, frozen=True):
    """A judge's probabilities of the digits 0 to 4 as its answer about one candidate."""

    probabilities: tuple[float, ...]
    """Probability of each digit among all tokens; with several orders, mean share x mean mass."""
    mass: float
    """Probability that the judge answers with any digit."""
    deviation: float
    """Standard deviation of the digit, on the scale of scores: in [0, 0.5]."""


class CandidateScore(Struct, frozen=True, omit_defaults=True):
    """One candidate's score on one attribute."""

    score: float
    """Mean over samples and orders, in [0, 1]; of a committee, over its judges."""
    spread: float = 0.0
    """Population standard deviation over samples and orders, in [0, 1]; of a committee, over its
    judges."""
    reasoning: str | None = None
    """The sentence that the model wrote before the score, from the first answer."""
    values: tuple[float, ...] = ()
    """The individual scores behind the mean, grouped by order, then by sample; of a committee, one
    for each judge."""
    digits: DigitReading | None = None
    """The digit reading, if the score is an expected digit."""
    valence: tuple[float, float, float] | None = None
    """Kaleido's probabilities of supports, either and opposes."""
    reward: float | None = None
    """A reward model's scalar."""
    judges_error: float = 0.0
    """Of a committee: standard error of the mean that follows from the errors of its judges. What
    follows from their disagreement comes on top. Never stored."""


class StateReading(Struct, frozen=True):
    """Hidden states of some layers of a judge that has read question and candidate.

    Each is the mean over the candidate's tokens.
    """

    values: bytes
    """16-bit floats, little-endian, layer by layer."""
    layers: int
    width: int

    @classmethod
    def of(cls, states: Floats) -> StateReading:
        """A reading (layers, width). Values beyond the range of 16-bit floats are cut to it."""
        layers, width = states.shape
        within = np.clip(states, -_LARGEST_STATE, _LARGEST_STATE)
        return cls(within.astype("<f2").tobytes(), layers, width)

    @property
    def array(self) -> Floats:
        """(layers, width)"""
        flat = np.frombuffer(self.values, dtype="<f2").astype(np.float64)
        return flat.reshape(self.layers, self.width)


_LARGEST_STATE = 65_000.0


class ExampleUse(Struct, frozen=True, omit_defaults=True):
    """A bank example that was shown in the prompt."""

    id: str
    similarity: float
    """Cosine similarity of the example's question to the scenario's question, in [-1, 1]."""
    score: float | None = None
    """For a group, what examples are ranked by: their similarity, SPICA's predicted mismatch, or
    the distance from the expected ratings."""
    stability: float | None = None
    """For a group: equation 3, unless fewer than two of its people have rated the example."""
    contrast: float | None = None
    """For a group: equation 5."""


class CellTimings(Struct, frozen=True, omit_defaults=True):
    """Time spent on a cell, in milliseconds."""

    queue: float = 0.0
    retrieval: float = 0.0
    engine: float = 0.0


class Cell(Struct, frozen=True, omit_defaults=True):
    """Scores of one scenario on one attribute under one scorer, or a choice of a candidate, or a
    text."""

    attribute: str
    """The attribute's name; `CHOICE`, `STATES` or `TEXT` for these kinds."""
    scores: tuple[CandidateScore, ...]
    """One score for each of `Scenario.candidates`. For a choice: the candidate's share of the votes
    (for a reward model its Bradley-Terry probability); the shares add up to 1. None for states
    and texts."""
    kind: Literal["score", "choice", "states", "text"] = "score"
    states: tuple[StateReading, ...] = ()
    """For states: one reading for each of `Scenario.candidates`."""
    text: WrittenText | None = None
    """For a text: what was written."""
    examples: tuple[ExampleUse, ...] = ()
    """Examples in the prompt, most similar first."""
    reach: Reach | None = None
    """For a group: how many examples of the bank its kind of retrieval uses."""
    examples_dropped: tuple[str, ...] = ()
    """Ids of retrieved examples left out because the prompt would exceed the context length."""
    levels_uncovered: tuple[float, ...] = ()
    """Label levels that no example in the prompt has."""
    answers_discarded: int = 0
    """Answers left out of the mean because they were invalid twice (only with several samples)."""
    position_bias: float | None = None
    """Change of a score when its candidate moves from the first place in the prompt to the last;
    positive if later candidates score higher. None with a single order."""
    usage: Usage = field(default_factory=Usage)
    timings: CellTimings = field(default_factory=CellTimings)
    created_ms: int = 0
    """Time at which the cell was stored: Unix time in milliseconds."""


class Unscored(Struct, frozen=True, omit_defaults=True):
    """A cell without scores, and why it has none."""

    attribute: str
    reason: UnscoredReason
    detail: str
    prompt_tokens: int | None = None
    """With `context-overflow`: tokens of the prompt without examples."""
    output_tokens: int | None = None
    """With `context-overflow`: tokens reserved for the answer."""
    context_length: int | None = None
    """With `context-overflow`: context length of the model."""


class Pending(Struct, frozen=True):
    """A cell that is queued or being scored."""

    attribute: str


def finite(result: Cell | Unscored) -> Cell | Unscored:
    """The result, or an unscored cell if any of its numbers is not finite.

    JSON has no NaN. It would be stored as null, and the cell could not be read again.
    """
    if isinstance(result, Unscored):
        return result
    numbers = _is_finite(to_builtins(replace(result, states=())))
    if numbers and all(np.isfinite(one.array).all() for one in result.states):
        return result
    detail = "a number in the scores, states or examples is not finite"
    return Unscored(result.attribute, "engine-error", detail)


def stored(result: Cell | Unscored) -> Any:
    """The result as plain data, with floats of six digits.

    That is finer than any judge, and takes two thirds of the space of all seventeen.
    """
    return _short(to_builtins(result))


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


CellState = Cell | Unscored | Pending
"""The state of one cell of a score set."""
CellResults = Mapping[str, Cell | Unscored]
"""Settled cells to be saved in one step: field -> cell."""
