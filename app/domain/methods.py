"""The scoring and choosing methods, and their traits. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from app.domain.scenario import MAX_CANDIDATES, MAX_SHOWN_TOGETHER


class MethodTraits(Struct, frozen=True):
    """What a method does, and which settings apply to it."""

    kind: Literal["score", "choice", "text"] = "score"
    """`score`: scores candidates on attributes, and the nearest to a target is selected.
    `choice`: chooses a candidate directly, without scores that could be retargeted. `text`: writes
    candidates."""
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
    item_first: bool = False
    """Whether a prompt can show the candidates before it names the attribute."""
    reads_states: bool = False
    """Whether the judge's hidden states are read, once for all attributes. Scores come from a
    calibration, which such a method therefore needs."""
    most_candidates: int = MAX_SHOWN_TOGETHER
    """Most candidates of a scenario."""


METHODS: dict[str, MethodTraits] = {
    "comparative": MethodTraits(uses_examples=True, joins=True, item_first=True),
    "regression": MethodTraits(uses_examples=True, compares=False),
    "prompt_aligned": MethodTraits(kind="choice", reads_target=True, uses_examples=True),
    "unaligned": MethodTraits(kind="choice"),
    "reward_model": MethodTraits(
        kind="choice", generates=False, compares=False, most_candidates=MAX_CANDIDATES
    ),
    "kaleido": MethodTraits(generates=False, compares=False, most_candidates=MAX_CANDIDATES),
    "probe": MethodTraits(
        generates=False, compares=False, reads_states=True, most_candidates=MAX_CANDIDATES
    ),
}
"""The methods by their name in requests: those that the paper compares (sections 4.2 and 5.3), and
the reading of hidden states."""

WRITE = "write"
"""The method that writes texts for `/generate` and `/respond`. Scoring requests cannot name it."""
TRAITS: dict[str, MethodTraits] = METHODS | {
    WRITE: MethodTraits(kind="text", uses_examples=True, compares=False)
}
"""The methods that a worker may serve."""


AUTO_METHOD = "auto"
"""In place of a default method: `probe` where it can score a request, else `comparative`."""

_ALONE = {
    "states": "probe",
    "vllm_states": "probe",
    "reward": "reward_model",
    "kaleido": "kaleido",
}
"""Engine -> the one method that it serves."""


def may_serve(engine: str, method: str) -> bool:
    """Whether a worker with this engine may serve a method, before its model is loaded.

    An engine that is not known ("") may serve every method.
    """
    if engine in _ALONE:
        return _ALONE[engine] == method
    return engine in ("", "fake") or TRAITS[method].generates


DIGITS = "+digits"
"""Suffix of the prompt profile for reading digits instead of generating text."""
JOINT = "+joint"
"""Suffix of the prompt profile for asking for several attributes in one prompt."""
ITEM_FIRST = "+item-first"
"""Suffix of the prompt profile for prompts that name the attribute last."""

AFTERWARDS = "+afterwards"
"""Suffix of the prompt profile for words about scores that were read."""

Retrieval = Literal["similar", "fixed", "spica", "expected"]
"""Which examples of a bank a prompt shows: those nearest to the question, or always the same; for a
group, by SPICA's weighted measures, or those nearest to the ratings to expect."""
PromptOrder = Literal["attribute_first", "item_first"]
"""Whether a prompt begins with the attribute, or with question and candidates."""


def reads_digits(method: str, *, reasoning: bool) -> bool:
    """Whether a score is the expected digit under the model's probabilities, not a generated one.

    This is the case without reasoning, for methods that score with a language model.
    """
    traits = TRAITS[method]
    return not reasoning and traits.kind == "score" and traits.generates


def profile_name(
    method: str,
    *,
    reasoning: bool,
    joint: bool = False,
    item_first: bool = False,
    afterwards: bool = False,
) -> str:
    """Name of a method's prompt profile in `ModelIdentity.profiles`."""
    if afterwards:
        return method + AFTERWARDS
    if joint:
        return method + JOINT
    if item_first:
        return method + ITEM_FIRST
    return method + DIGITS if reads_digits(method, reasoning=reasoning) else method
