"""Normalised scorer settings from a request's options, and options without effect. Pure."""

from __future__ import annotations

from app.domain.methods import MethodTraits, reads_digits
from app.domain.scorer import ScorerSettings
from app.scoring.requests import Scoring

SAMPLING_TEMPERATURE = 0.7
"""Default temperature if there are several samples."""
_GENERATING = ("samples", "temperature", "reasoning", "reasoning_chars", "seed")


def scorer_settings(scoring: Scoring, traits: MethodTraits, *, has_bank: bool) -> ScorerSettings:
    """The scorer settings of a request, with options that have no effect set to a fixed value.

    Equivalent requests then share their scores. The seed matters only if something is random, the
    length of reasoning only with reasoning, the number of orders only if prompts show several
    candidates, the kind of retrieval only with examples.
    """
    if not traits.generates:
        return ScorerSettings(method=scoring.method, examples=0, reasoning=False, reasoning_chars=0)
    examples = scoring.examples if has_bank else 0
    orders = scoring.orders if traits.compares else 1
    retrieval = scoring.retrieval if examples else "similar"
    if reads_digits(scoring.method, reasoning=scoring.reasoning):
        # No sampling: one reading gives the whole distribution.
        return ScorerSettings(
            method=scoring.method,
            examples=examples,
            orders=orders,
            reasoning=False,
            reasoning_chars=0,
            seed=scoring.seed if orders > 2 else 0,
            retrieval=retrieval,
        )
    temperature = scoring.temperature
    if temperature is None:
        temperature = SAMPLING_TEMPERATURE if scoring.samples > 1 else 0.0
    return ScorerSettings(
        method=scoring.method,
        examples=examples,
        samples=scoring.samples,
        orders=orders,
        reasoning=scoring.reasoning,
        reasoning_chars=scoring.reasoning_chars if scoring.reasoning else 0,
        temperature=temperature,
        seed=scoring.seed if temperature > 0 or orders > 2 else 0,
        retrieval=retrieval,
        prompt_order=scoring.prompt_order,
    )


def unused_options(scoring: Scoring, traits: MethodTraits) -> list[str]:
    """Scoring options that the request sets, but that its method does not use."""
    unused: list[str] = []
    if not traits.uses_examples:
        unused += ["bank", "examples", "retrieval", "group", "retrieval_weights"]
    if not traits.compares:
        unused += ["orders"]
    if not traits.generates:
        unused += _GENERATING
    elif reads_digits(scoring.method, reasoning=scoring.reasoning):
        unused += ["samples", "temperature", "reasoning_chars"]
    return [name for name in unused if _is_set(scoring, name)]


def _is_set(scoring: Scoring, name: str) -> bool:
    """Whether the request sets an option to a value other than its default."""
    if name not in scoring.model_fields_set:
        return False
    return bool(getattr(scoring, name) != Scoring.model_fields[name].default)
