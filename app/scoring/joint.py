"""Attributes asked for together: when that can be, and what of it is part of the scorer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.domain.methods import METHODS
from app.domain.scenario import Attribute
from app.domain.scorer import ModelIdentity, ScorerSettings
from app.errors import FieldError, InvalidRequest
from app.scoring.requests import ScorerIn


def check_joint(request: ScorerIn) -> None:
    """Refuse `joint` where it cannot be. Raises `InvalidRequest`."""
    if not request.joint:
        return
    if not METHODS[request.method].joins:
        able = ", ".join(repr(name) for name, traits in METHODS.items() if traits.joins)
        raise _refused(
            f"method {request.method!r} cannot ask for several attributes in one prompt: {able} can"
        )
    if not request.reasoning:
        raise _refused(
            "without reasoning nothing is written: labels are read for one attribute at a time"
        )


def asked_together(
    settings: ScorerSettings, attributes: Sequence[Attribute], model: ModelIdentity
) -> ScorerSettings:
    """Settings for asking for attributes together, in one order whatever the request's.

    One attribute alone is asked for as ever, and so shares its scores. Raises `InvalidRequest`
    when the model's workers do not know how to ask.
    """
    if len(attributes) < 2:
        return settings
    joint = replace(settings, joint=tuple(sorted(attributes, key=lambda a: a.name)))
    if joint.profile not in model.profiles:
        raise _refused(f"the workers of model {model.name!r} ask for one attribute at a time")
    return joint


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(why, fields=[FieldError("#/joint", why)])
