"""Who scores: a model with its settings and its bank of examples."""

from __future__ import annotations

from msgspec import Struct

from app.domain.methods import profile_name
from app.domain.scenario import Attribute


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
