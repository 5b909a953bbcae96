"""What the methods of `/select` have in common and what sets them apart. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class MethodTraits(Struct, frozen=True):
    """What a request may expect of a method, and which of its settings matter."""

    kind: Literal["score", "choice"] = "score"
    """`score`: scores candidates on attributes, and the nearest to a target is selected.
    `choice`: prefers candidates outright; nothing of it can be retargeted."""
    reads_target: bool = False
    """Whether a choice depends on the target."""
    uses_examples: bool = False
    generates: bool = True
    """Whether a language model writes text; without, nothing is drawn and nothing reasoned."""
    compares: bool = True
    """Whether one prompt shows several candidates, so that their order can matter."""


METHODS: dict[str, MethodTraits] = {
    "comparative": MethodTraits(uses_examples=True),
    "regression": MethodTraits(uses_examples=True, compares=False),
    "prompt_aligned": MethodTraits(kind="choice", reads_target=True, uses_examples=True),
    "unaligned": MethodTraits(kind="choice"),
    "reward_model": MethodTraits(kind="choice", generates=False, compares=False),
    "kaleido": MethodTraits(generates=False, compares=False),
}
"""Every method of the paper's comparison (sections 4.2 and 5.3), by the name that requests use."""


LABELS = "+labels"
"""Ends the name under which a model announces that a method can read labels instead of text."""


def profile_name(method: str, *, reasoning: bool) -> str:
    """Under which name a model announces the prompts of a method.

    Methods that score have two ways: to have the model write, or (without reasoning) to read the
    probabilities of labels.
    """
    reads = not reasoning and METHODS[method].kind == "score" and METHODS[method].generates
    return method + LABELS if reads else method
