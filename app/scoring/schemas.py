"""A scorer as clients see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.domain.fingerprint import committee_fingerprint, scorer_fingerprint
from app.domain.methods import PromptOrder, Retrieval
from app.domain.scorer import Scorer
from app.schema import Maybe, Open, Rendered

SCORER_EXAMPLE: dict[str, Any] = {
    "fingerprint": "0f3a9d0c5be24d1f8a7d41c2b6e90d53",
    "method": "comparative",
    "model": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "model_revision": "sha256:5a1f0c9be2d34710",
    "engine": "vllm",
    "prompt_profile": "comparative/2:9c41d20b",
    "bank": {"name": "helpsteer2", "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48"},
    "embedder": "all-MiniLM-L6-v2:53aa5117",
    "examples": 5,
    "samples": 1,
    "orders": 1,
    "reasoning": True,
    "reasoning_chars": 240,
    "joint": [],
    "retrieval": "similar",
    "prompt_order": "attribute_first",
    "temperature": 0.0,
    "seed": 0,
}


class BankRefOut(Open):
    """One version of a bank."""

    name: str
    digest: str


class GroupRefOut(Open):
    """The group whose ratings choose the examples, and are their labels."""

    name: str
    version: str
    """How examples are retrieved for a group."""
    weights: Maybe[list[float]] = None
    """With `spica`, the given weights of similarity, stability and contrast; absent for those that
    are fitted on the bank."""


class ScorerOut(Open):
    """Everything that affects a score except the scenario and the attribute."""

    fingerprint: str
    method: str
    model: str
    model_revision: str
    engine: str
    prompt_profile: str
    bank: Maybe[BankRefOut] = None
    """Bank of in-context examples; absent without examples."""
    embedder: str
    examples: int
    samples: int
    orders: int
    reasoning: bool
    reasoning_chars: int
    joint: list[str]
    """Attributes scored together in one prompt; empty if each has its own prompt."""
    retrieval: Retrieval
    group: Maybe[GroupRefOut] = None
    """The group whose ratings choose the examples; absent without one."""
    prompt_order: PromptOrder
    temperature: float
    seed: int


class CommitteeOut(Open):
    """The scorers of a committee."""

    fingerprint: str
    """Hash of those of its members, in any order."""
    members: list[ScorerOut]


ScorersOut = ScorerOut | CommitteeOut
"""The scorer of a single judge, or those of a committee."""


def scorers_out(scorers: Sequence[Scorer]) -> Rendered:
    """A `ScorerOut`, or a `CommitteeOut` of several."""
    members = [scorer_out(scorer, scorer_fingerprint(scorer)) for scorer in scorers]
    if len(members) == 1:
        return members[0]
    fingerprints = [member["fingerprint"] for member in members]
    return {"fingerprint": committee_fingerprint(fingerprints), "members": members}


def scorer_out(scorer: Scorer, fingerprint: str) -> Rendered:
    """A `ScorerOut`."""
    settings, model, bank = scorer.settings, scorer.model, scorer.bank
    rendered: Rendered = {
        "fingerprint": fingerprint,
        "method": settings.method,
        "model": model.name,
        "model_revision": model.revision,
        "engine": model.engine,
        "prompt_profile": scorer.prompt_profile,
    }
    if bank is not None:
        rendered["bank"] = {"name": bank.name, "digest": bank.digest}
    if (group := settings.group) is not None:
        rendered["group"] = {"name": group.name, "version": group.version}
        if group.weights is not None:
            rendered["group"]["weights"] = group.weights
    return rendered | {
        "embedder": model.embedder,
        "examples": settings.examples,
        "samples": settings.samples,
        "orders": settings.orders,
        "reasoning": settings.reasoning,
        "reasoning_chars": settings.reasoning_chars,
        "joint": [attribute.name for attribute in settings.joint],
        "retrieval": settings.retrieval,
        "prompt_order": settings.prompt_order,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }
