"""Digests over canonical JSON: what makes two scores the same score."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from app.domain.scenario import CHOICE, Attribute, Choice, Presentation, Scenario
from app.domain.scorer import Scorer

_EXACT = 2**53  # beyond, floats are no longer every integer
_DIGEST_CHARS = 32  # 128 bits: collisions do not happen by accident, and ids stay readable


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no white space.

    JSON quotes every string, so no value can forge a separator between two others. Integral floats
    are written as integers (1.0 and 1 are one value to a caller, and must be one key).
    """
    return orjson.dumps(_normalise(msgspec.to_builtins(value)), option=orjson.OPT_SORT_KEYS)


def digest(*parts: Any) -> str:
    """SHA-256 over the canonical JSON of `parts`, as 32 hexadecimal characters."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:_DIGEST_CHARS]


def text_digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal characters."""
    return hashlib.sha256(text.encode()).hexdigest()


def scorer_fingerprint(scorer: Scorer) -> str:
    """Hash of everything that changes a score beside scenario and attribute.

    A bank counts by its content, not its name; of the model's prompt profiles only the one in use
    counts, so that a new method does not make the old ones' scores stale. For the same reason
    attributes asked for together count only where there are any.
    """
    settings = msgspec.to_builtins(scorer.settings)
    if not scorer.settings.joint:
        del settings["joint"]
    model = msgspec.structs.replace(scorer.model, profiles={})
    bank = scorer.bank.digest if scorer.bank else None
    return digest("scorer", settings, model, scorer.prompt_profile, bank)


def score_set_digest(scenario: Scenario, scorer: Scorer) -> str:
    """Hash of a scenario and its scorer: the key under which cells are cached."""
    return digest("score-set/2", scenario, scorer_fingerprint(scorer))


def attribute_field(attribute: Attribute) -> str:
    """`name@digest`: names a cell within a score set by the attribute's whole definition.

    Two definitions under one name (a set that was edited) so never share a score.
    """
    return f"{attribute.name}@{digest('attribute', attribute)[:12]}"


def attribute_name(field: str) -> str:
    """The name in a cell field `name@digest`."""
    return field.rpartition("@")[0]


def choice_field(choice: Choice) -> str:
    """`(choice)@digest`: names a choice by the target that it is made for, if any."""
    return f"{CHOICE}@{digest('choice', choice.attributes, choice.target)[:12]}"


def presentation_digest(presentation: Presentation) -> str:
    """Short hash of how a caller listed the candidates."""
    return digest("presentation", presentation)[:8]


def _normalise(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _normalise(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise(item) for item in value]
    return value
