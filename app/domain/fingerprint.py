"""Digests over canonical JSON. They identify scorers, score sets and cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from app.domain.scenario import CHOICE, STATES, Attribute, Choice, Presentation, Scenario
from app.domain.scorer import Scorer, ScorerSettings
from app.domain.writing import TEXT, Turn, Writing

_EXACT = 2**53  # above, floats cannot represent every integer
DIGEST_CHARS = 32  # 128 bits: no accidental collisions, and ids stay readable

_ADDED_LATER = ("joint", "retrieval", "prompt_order", "group", "explains")
"""Settings that did not exist when the first scores were cached."""
_DEFAULTS = ScorerSettings()

_scorer_encoder = msgspec.msgpack.Encoder()
_scorer_decoder = msgspec.msgpack.Decoder(Scorer)


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no white space.

    JSON quotes strings, so no value can forge a separator. Integral floats are written as integers:
    1.0 and 1 are the same value to a caller and must give the same key.
    """
    return orjson.dumps(_normalise(msgspec.to_builtins(value)), option=orjson.OPT_SORT_KEYS)


def digest(*parts: Any) -> str:
    """SHA-256 of the canonical JSON of `parts`, truncated to 32 hexadecimal characters."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:DIGEST_CHARS]


def text_digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal characters."""
    return hashlib.sha256(text.encode()).hexdigest()


def scorer_fingerprint(scorer: Scorer) -> str:
    """Hash of everything that affects a score except the scenario and the attribute.

    It covers a bank's content, not its name, and only the prompt profile in use: adding a method to
    a model does not invalidate the scores of its other methods. For the same reason settings that
    were added later are hashed only if they are not the default, and so is the search of examples.
    """
    return _scorer_fingerprint(_scorer_encoder.encode(scorer))


@lru_cache(maxsize=1024)
def _scorer_fingerprint(encoded: bytes) -> str:
    """Kept, because all requests to a service name few scorers, and each hashes its own twice."""
    scorer = _scorer_decoder.decode(encoded)
    settings = msgspec.to_builtins(scorer.settings)
    for name in _ADDED_LATER:
        if getattr(scorer.settings, name) == getattr(_DEFAULTS, name):
            del settings[name]
    model = msgspec.structs.replace(scorer.model, profiles={})
    bank = scorer.bank.digest if scorer.bank else None
    search = [scorer.bank.search] if scorer.bank and scorer.bank.search else []
    return digest("scorer", settings, model, scorer.prompt_profile, bank, *search)


def committee_fingerprint(fingerprints: Iterable[str]) -> str:
    """Hash of the scorers of a committee, in any order; of a single one, its own."""
    members = sorted(fingerprints)
    return members[0] if len(members) == 1 else digest("committee", members)


def score_set_digest(scenario: Scenario, fingerprint: str) -> str:
    """Hash of a scenario and of its scorer's hash: the key under which cells are cached."""
    return digest("score-set/2", scenario, fingerprint)


@lru_cache(maxsize=4096)
def attribute_field(attribute: Attribute) -> str:
    """The key of an attribute's cell in a score set: `name@digest`.

    The digest covers the whole definition, so two definitions of one name never share a score.
    """
    return f"{attribute.name}@{digest('attribute', attribute)[:12]}"


def attribute_name(field: str) -> str:
    """The name in a cell field `name@digest`."""
    return field.rpartition("@")[0]


def choice_field(choice: Choice) -> str:
    """The key of a choice's cell in a score set: `(choice)@digest`, of its target and persona."""
    persona = [choice.persona] if choice.persona else []
    return f"{CHOICE}@{digest('choice', choice.attributes, choice.target, *persona)[:12]}"


@lru_cache(maxsize=1)
def states_field() -> str:
    """The key of the cell with hidden states in a score set: `(states)@digest`."""
    return f"{STATES}@{digest('states')[:12]}"


def texts_digest(messages: Sequence[Turn], fingerprint: str) -> str:
    """Hash of a conversation and of its writer: the key under which texts are cached."""
    return digest("texts/1", messages, fingerprint)


def text_field(writing: Writing) -> str:
    """The key of a written text in its set: `(text)@digest`."""
    return f"{TEXT}@{digest('text', writing)[:16]}"


def reading_digest(question: str, candidate: str, fingerprint: str) -> str:
    """Hash of one candidate and its scorer: the key under which its states are cached."""
    return digest("reading", question, candidate, fingerprint)


def presentation_digest(presentation: Presentation) -> str:
    """Short hash of a caller's ids and order of candidates."""
    return digest("presentation", presentation)[:8]


def _normalise(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _normalise(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise(item) for item in value]
    return value
