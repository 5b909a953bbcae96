"""Scorers: a model with its settings and its bank of examples."""

from __future__ import annotations

from msgspec import Struct

from app.domain.methods import PromptOrder, Retrieval, profile_name
from app.domain.scenario import Attribute


class BankRef(Struct, frozen=True):
    """One version of a bank."""

    name: str
    digest: str
    search: str = ""
    """How its examples are searched; empty if exactly (`app.domain.search`)."""


class ModelIdentity(Struct, frozen=True):
    """The model that a pool of workers runs, with everything about it that can affect a score."""

    name: str
    """Name of the model, e.g. `HuggingFaceTB/SmolLM2-135M-Instruct`."""
    revision: str
    """Commit of the weights, or a digest of a local folder."""
    engine: str
    """`vllm`, `openai`, `outlines`, `reward`, `kaleido` or `fake`."""
    context_length: int
    """Maximum number of tokens of a prompt and its answer together."""
    embedder: str
    """Name and revision of the sentence-embedding model used for retrieval."""
    profiles: dict[str, str]
    """Prompt profile -> version of its prompts (name and content digest)."""
    settings: str = ""
    """Engine settings that affect scores, e.g. the data type."""


class ExampleGroup(Struct, frozen=True):
    """The group whose ratings choose the examples, and are their labels."""

    name: str
    version: str
    """How examples are retrieved for a group (`app.domain.ratings.retrieval`)."""
    weights: tuple[float, float, float] | None = None
    """For `spica`: the weights of similarity, stability and contrast; None for those that are
    fitted on the bank, which bank, embedder and version determine."""


class ScorerSettings(Struct, frozen=True):
    """Scoring settings of a request, normalised."""

    method: str = "comparative"
    examples: int = 5
    """Number of in-context examples in a prompt; 0 without a bank."""
    samples: int = 1
    """Number of answers drawn and averaged for each presentation order."""
    orders: int = 1
    """Number of presentation orders averaged: canonical, reversed, then seeded shuffles."""
    reasoning: bool = True
    """Whether the model writes a sentence before each score. If not, methods that score read the
    probabilities of the digits 0 to 4, and the model generates no text."""
    reasoning_chars: int = 240
    """Maximum length of the reasoning, in characters."""
    temperature: float = 0.0
    seed: int = 0
    joint: tuple[Attribute, ...] = ()
    """Attributes scored together in one prompt, sorted by name; empty if each has its own prompt.
    Full definitions, because each attribute affects the scores of the others."""
    retrieval: Retrieval = "similar"
    """`similar`: the examples nearest to the question. `fixed`: the same for every scenario.
    `spica` and `expected`: those that suit the group."""
    group: ExampleGroup | None = None
    prompt_order: PromptOrder = "attribute_first"
    """`item_first`: question and candidates before the attribute, and the same examples for all
    attributes, so that these share most of their prompts in the engine's prefix cache."""

    explains: tuple[float, ...] = ()
    """Scores that were read, of the candidates in canonical order, on the one attribute that is
    asked for: the judge then writes why they may be so, and scores nothing. Usually empty."""

    @property
    def profile(self) -> str:
        """Name of the prompt profile of these settings in `ModelIdentity.profiles`."""
        return profile_name(
            self.method,
            reasoning=self.reasoning,
            joint=bool(self.joint),
            item_first=self.is_item_first,
            afterwards=bool(self.explains),
        )

    @property
    def is_item_first(self) -> bool:
        """Whether prompts name the attribute last."""
        return self.prompt_order == "item_first"


class Scorer(Struct, frozen=True):
    """Everything that affects a score except the scenario and the attribute."""

    settings: ScorerSettings
    model: ModelIdentity
    bank: BankRef | None = None

    @property
    def prompt_profile(self) -> str:
        """Version of the prompts in use."""
        return self.model.profiles[self.settings.profile]
