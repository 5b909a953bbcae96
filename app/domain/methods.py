"""The scoring and choosing methods, and their traits. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class MethodTraits(Struct, frozen=True):
    """What a method does, and which settings apply to it."""

    kind: Literal["score", "choice"] = "score"
    """`score`: scores candidates on attributes, and the nearest to a target is selected.
    `choice`: chooses a candidate directly, without scores that could be retargeted."""
    reads_target: bool = False
    """Whether a choice depends on the target."""
    uses_examples: bool = False
    """Whether prompts contain in-context examples."""
    generates: bool = True
    """Whether a language model generates text. If not, there are no samples and no reasoning."""
    compares: bool = True
    """Whether one prompt shows several candidates, in which case their order may matter."""
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
"""The methods that the paper compares (sections 4.2 and 5.3), by their name in requests."""


DIGITS = "+digits"
"""Suffix of the prompt profile for reading digits instead of generating text."""
JOINT = "+joint"
"""Suffix of the prompt profile for asking for several attributes in one prompt."""


def reads_digits(method: str, *, reasoning: bool) -> bool:
    """Whether a score is the expected digit under the model's probabilities, not a generated one.

    This is the case without reasoning, for methods that score with a language model.
    """
    traits = METHODS[method]
    return not reasoning and traits.kind == "score" and traits.generates


def profile_name(method: str, *, reasoning: bool, joint: bool = False) -> str:
    """Name of a method's prompt profile in `ModelIdentity.profiles`."""
    if joint:
        return method + JOINT
    return method + DIGITS if reads_digits(method, reasoning=reasoning) else method
