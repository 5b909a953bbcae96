"""Asking for several attributes in one prompt: where it is possible, and the scorer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.domain.methods import METHODS
from app.domain.scenario import Attribute
from app.domain.scorer import ModelIdentity, ScorerSettings
from app.errors import FieldError, InvalidRequest
from app.scoring.requests import Scoring


def check_joint(scoring: Scoring) -> None:
    """Raise `InvalidRequest` where the method cannot ask for several attributes in one prompt."""
    if not scoring.joint:
        return
    if not METHODS[scoring.method].joins:
        able = ", ".join(repr(name) for name, traits in METHODS.items() if traits.joins)
        raise _refused(
            f"method {scoring.method!r} cannot ask for several attributes in one prompt: {able} can"
        )
    if not scoring.reasoning:
        raise _refused("without reasoning, digits are read for one attribute at a time")


def asked_together(
    settings: ScorerSettings, attributes: Sequence[Attribute], model: ModelIdentity
) -> ScorerSettings:
    """Settings for asking for attributes together, sorted by name.

    One attribute alone has an ordinary prompt, and so shares its scores. Raises `InvalidRequest`
    when the model's workers cannot ask for several.
    """
    if len(attributes) < 2:
        return settings
    joint = replace(settings, joint=tuple(sorted(attributes, key=lambda a: a.name)))
    if joint.profile not in model.profiles:
        raise _refused(
            f"the workers of model {model.name!r} can ask for one attribute at a time only"
        )
    return joint


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(why, fields=[FieldError("#/scoring/joint", why)])
