"""The words of Azimuth as frozen values: attributes, scenarios, scorers, cells, jobs.

They are `msgspec` structs, so that they go to JSON and back without a line of code here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from app.domain.methods import profile_name

UnscoredReason = Literal[
    "truncated", "invalid-output", "context-overflow", "deadline", "engine-error"
]
"""Why a cell has no scores. A failure never becomes a number."""


MAX_CANDIDATES = 26
"""Different texts that one scenario may have: prompts name them by letters."""


class Attribute(Struct, frozen=True):
    """One dimension that candidates are scored on."""

    name: str
    """Short name, unique within a request: `helpfulness`."""
    definition: str
    """What the attribute means, as the model reads it."""
    low: str = ""
    """What a score of 0 looks like."""
    high: str = ""
    """What a score of 1 looks like."""
    levels: tuple[float, ...] = ()
    """The values in [0, 1] that labels of this attribute take; empty when labels are continuous."""


class AttributeSet(Struct, frozen=True):
    """Attributes that belong together, and the bank that labels them."""

    name: str
    attributes: tuple[Attribute, ...]
    description: str = ""
    bank: str | None = None
    """Name of the bank that examples come from unless a request says otherwise."""

    def find(self, name: str) -> Attribute | None:
        """The attribute called `name`, or None."""
        return next((a for a in self.attributes if a.name == name), None)


CHOICE = "(choice)"
"""Name of a cell that holds a choice. No attribute can be called so: no target can name it."""


class Choice(Struct, frozen=True):
    """What a method is asked that prefers candidates outright, without scoring any attribute."""

    attributes: tuple[Attribute, ...] = ()
    """The attributes of the target; none for methods that read no target."""
    target: dict[str, float] = {}
    """Attribute -> desired value."""

    @property
    def name(self) -> str:
        """What its cell is called."""
        return CHOICE


class Candidate(Struct, frozen=True):
    """One response as its caller sent it."""

    id: str
    text: str


class Scenario(Struct, frozen=True):
    """A question and its distinct candidate texts, in canonical order.

    The order is by content, so the same candidates listed in another order, or one of them twice,
    are the same scenario (see `app.domain.plan.canonical_scenario`).
    """

    question: str
    candidates: tuple[str, ...]


class Presentation(Struct, frozen=True):
    """How one caller listed the candidates of a scenario."""

    ids: tuple[str, ...]
    """The caller's candidate ids, in the caller's order."""
    positions: tuple[int, ...]
    """For each of the caller's candidates, its place in `Scenario.candidates`."""


class BankRef(Struct, frozen=True):
    """A bank at one version."""

    name: str
    digest: str


class ModelIdentity(Struct, frozen=True):
    """What a pool of workers runs: everything about them that can change a score."""

    name: str
    """The model's name as users say it, e.g. `HuggingFaceTB/SmolLM2-135M-Instruct`."""
    revision: str
    """Commit of the weights, or a digest of the local folder."""
    engine: str
    """`vllm`, `openai`, `outlines`, `reward`, `kaleido` or `fake`."""
    context_length: int
    """Tokens that a prompt and its answer may take together."""
    embedder: str
    """Name and revision of the sentence-embedding model that retrieval uses."""
    profiles: dict[str, str]
    """Scoring method -> version of the prompts it uses (name and content digest)."""
    settings: str = ""
    """Engine settings that change numbers, e.g. the data type."""


class ScorerSettings(Struct, frozen=True):
    """What a request may choose about how scores are made."""

    method: str = "comparative"
    examples: int = 5
    """In-context examples in a prompt; 0 when there is no bank."""
    samples: int = 1
    """Answers drawn for each presentation order and averaged."""
    orders: int = 1
    """Presentation orders averaged over: the canonical one, its reverse, then seeded shuffles."""
    reasoning: bool = True
    """Whether the model writes a sentence before each score; without, methods that score read the
    probabilities of labels and have it write nothing."""
    reasoning_chars: int = 240
    """Longest sentence of reasoning, in characters."""
    temperature: float = 0.0
    seed: int = 0
    joint: tuple[Attribute, ...] = ()
    """Attributes asked for together in one prompt and answer, by name; empty where each has a
    prompt of its own. Definitions and all, because each of them changes the others' scores."""

    @property
    def profile(self) -> str:
        """Under which name a model announces the prompts that these settings use."""
        return profile_name(self.method, reasoning=self.reasoning, joint=bool(self.joint))


class Scorer(Struct, frozen=True):
    """Everything that changes a score beside the scenario and the attribute."""

    settings: ScorerSettings
    model: ModelIdentity
    bank: BankRef | None = None

    @property
    def prompt_profile(self) -> str:
        """Version of the prompts that this scorer's method uses."""
        return self.model.profiles[self.settings.profile]


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
    raw: tuple[float, ...] = ()
    """What a judge without text gave: the reward, the probabilities of Kaleido's supports, either
    and opposes, or those of the labels 0 to 4 (over orders, mean shares times mean mass)."""
    label_mass: float | None = None
    """Where labels were read: probability that the model would write one at all."""
    label_deviation: float | None = None
    """Where labels were read: standard deviation of the label under its probabilities."""


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


CellResults = Mapping[str, Cell | Unscored]
"""Cells that are done, to be saved in one step: field -> cell, or why it has no scores."""


class Job(Struct, frozen=True):
    """The work of scoring one scenario on the attributes that nobody has scored yet."""

    id: str
    score_set: str
    """Digest of scenario and scorer: where the cells go."""
    scenario: Scenario
    attributes: dict[str, Attribute]
    """Cell field -> attribute."""
    scorer: Scorer
    request_id: str
    submitted_ms: int
    choices: dict[str, Choice] = {}
    """Cell field -> choice, for methods that choose instead of scoring."""

    @property
    def cells(self) -> dict[str, Attribute | Choice]:
        """Everything that is asked: cell field -> attribute or choice."""
        return {**self.attributes, **self.choices}
