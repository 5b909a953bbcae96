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
    joins: bool = False
    """Whether one prompt can ask for several attributes."""


METHODS: dict[str, MethodTraits] = {
    "comparative": MethodTraits(uses_examples=True, joins=True),
    "regression": MethodTraits(uses_examples=True, compares=False),
    "prompt_aligned": MethodTraits(kind="choice", reads_target=True, uses_examples=True),
    "unaligned": MethodTraits(kind="choice"),
    "reward_model": MethodTraits(kind="choice", generates=False, compares=False),
    "kaleido": MethodTraits(generates=False, compares=False),
}
"""Every method of the paper's comparison (sections 4.2 and 5.3), by the name that requests use."""


DIGITS = "+digits"
"""Ends the name under which a model announces that a method can read digits instead of text."""
JOINT = "+joint"
"""Ends the name under which a model announces that a method can ask for several attributes."""


def reads_digits(method: str, *, reasoning: bool) -> bool:
    """Whether scores are expected digits under the model's probabilities instead of written ones.

    So it is without reasoning, for methods that score with a language model.
    """
    traits = METHODS[method]
    return not reasoning and traits.kind == "score" and traits.generates


def profile_name(method: str, *, reasoning: bool, joint: bool = False) -> str:
    """Under which name a model announces the prompts of a method."""
    if joint:
        return method + JOINT
    return method + DIGITS if reads_digits(method, reasoning=reasoning) else method
