"""Joint scoring: several attributes in one prompt. Checks and scorer settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.domain.methods import METHODS
from app.domain.scenario import Attribute
from app.domain.scorer import ModelIdentity, ScorerSettings
from app.errors import FieldError, InvalidRequest
from app.scoring.requests import Scoring


def check_joint(scoring: Scoring) -> None:
    """Raise `InvalidRequest` if the options do not allow several attributes in one prompt."""
    if not scoring.joint:
        return
    if not METHODS[scoring.method].joins:
        able = ", ".join(repr(name) for name, traits in METHODS.items() if traits.joins)
        raise _refused(
            f"method {scoring.method!r} cannot score several attributes in one prompt; use {able}"
        )
    if not scoring.reasoning:
        raise _refused(
            "joint requires reasoning: without it, digits are read for one attribute at a time"
        )


def asked_together(
    settings: ScorerSettings, attributes: Sequence[Attribute], model: ModelIdentity
) -> ScorerSettings:
    """The settings for scoring attributes jointly, sorted by name.

    A single attribute has an ordinary prompt, and so shares its scores with requests that are not
    joint. Raises `InvalidRequest` if the model's workers do not support joint scoring.
    """
    if len(attributes) < 2:
        return settings
    joint = replace(settings, joint=tuple(sorted(attributes, key=lambda a: a.name)))
    if joint.profile not in model.profiles:
        raise _refused(
            f"the workers of model {model.name!r} can score only one attribute at a time; "
            "set joint to false"
        )
    return joint


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(why, fields=[FieldError("#/scoring/joint", why)])
