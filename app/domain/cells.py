"""What scoring gives: scored cells, or the reason why a cell has no scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

UnscoredReason = Literal[
    "truncated", "invalid-output", "context-overflow", "deadline", "engine-error", "lost"
]
"""Why a cell has no scores. A failure never becomes a number."""


class Usage(Struct, frozen=True):
    """Tokens that the model read and wrote."""

    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    """Part of `prompt_tokens` that the engine took from its prefix cache."""
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_prompt_tokens + other.cached_prompt_tokens,
            self.output_tokens + other.output_tokens,
        )

    def split(self, count: int) -> list[Usage]:
        """Shares of `count` cells that one answer served: as equal as whole tokens can be.

        They add up to this usage exactly; the first ones carry what is left over.
        """
        columns = [
            [total // count + (share < total % count) for share in range(count)]
            for total in (self.prompt_tokens, self.cached_prompt_tokens, self.output_tokens)
        ]
        return [Usage(*share) for share in zip(*columns, strict=True)]


class DigitReading(Struct, frozen=True):
    """A judge's probabilities of the digits 0 to 4 as its answer about one candidate."""

    probabilities: tuple[float, ...]
    """Of each digit among all tokens; over several orders, the mean shares times the mean mass."""
    mass: float
    """Probability that the judge would answer with a digit at all."""
    deviation: float
    """Standard deviation of the digit under its probabilities, on the scale of scores: [0, 0.5]."""


class CandidateScore(Struct, frozen=True):
    """One candidate's score on one attribute."""

    score: float
    """Mean over samples and orders, in [0, 1]."""
    spread: float = 0.0
    """Population standard deviation over samples and orders, in [0, 1]."""
    reasoning: str | None = None
    """The sentence that the model wrote before the score, from the first answer."""
    values: tuple[float, ...] = ()
    """Every single score behind the mean: orders first, samples within each."""
    digits: DigitReading | None = None
    """What was read, where the score is an expected digit."""
    valence: tuple[float, float, float] | None = None
    """Kaleido's probabilities of supports, either and opposes."""
    reward: float | None = None
    """A reward model's scalar."""


class ExampleUse(Struct, frozen=True):
    """An example that was in the prompt."""

    id: str
    similarity: float
    """Cosine similarity of the example's question and the scenario's, in [-1, 1]."""


class CellTimings(Struct, frozen=True):
    """Milliseconds that a cell took."""

    queue: float = 0.0
    retrieval: float = 0.0
    engine: float = 0.0


class Cell(Struct, frozen=True):
    """One attribute of one scenario under one scorer, scored; or a choice among its candidates."""

    attribute: str
    """The attribute's name; `CHOICE` where `kind` is `choice`."""
    scores: tuple[CandidateScore, ...]
    """One for each of `Scenario.candidates`, in that order. Of a choice: the share of the votes
    that a candidate got (for a reward model its Bradley-Terry probability), adding up to 1."""
    kind: Literal["score", "choice"] = "score"
    examples: tuple[ExampleUse, ...] = ()
    """Examples in the prompt, most similar first."""
    examples_dropped: tuple[str, ...] = ()
    """Ids of retrieved examples that were left out because the prompt would not fit."""
    levels_uncovered: tuple[float, ...] = ()
    """Label levels that no example in the prompt shows."""
    answers_discarded: int = 0
    """Answers that were invalid twice and so are not in the mean (only with several samples)."""
    position_bias: float | None = None
    """Change of a score when its candidate moves from the first place to the last, with several
    orders; positive where later candidates fare better."""
    usage: Usage = field(default_factory=Usage)
    timings: CellTimings = field(default_factory=CellTimings)
    created_ms: int = 0
    """When the cell was stored, Unix time in milliseconds."""


class Unscored(Struct, frozen=True):
    """Why one attribute of one scenario has no scores."""

    attribute: str
    reason: UnscoredReason
    detail: str
    prompt_tokens: int | None = None
    """With `context-overflow`: tokens of the prompt without examples."""
    output_tokens: int | None = None
    """With `context-overflow`: tokens kept free for the answer."""
    context_length: int | None = None
    """With `context-overflow`: tokens that the model can take."""


class Pending(Struct, frozen=True):
    """A cell that a worker has been asked for and has not settled yet."""

    attribute: str


CellState = Cell | Unscored | Pending
"""One cell of a score set."""
CellResults = Mapping[str, Cell | Unscored]
"""Cells that are done, to be saved in one step: field -> cell, or why it has no scores."""
