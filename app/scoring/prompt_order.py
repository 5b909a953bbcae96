"""Prompts that name the attribute last: which options allow them. Pure."""

from __future__ import annotations

from app.domain.methods import METHODS
from app.domain.scorer import ModelIdentity, ScorerSettings
from app.errors import FieldError, InvalidRequest
from app.scoring.requests import Scoring


def check_prompt_order(scoring: Scoring) -> None:
    """Raise `InvalidRequest` if the options do not allow the order of the prompt."""
    if scoring.prompt_order != "item_first":
        return
    if not METHODS[scoring.method].item_first:
        able = ", ".join(repr(name) for name, traits in METHODS.items() if traits.item_first)
        raise _refused(
            f"method {scoring.method!r} has one order of prompts; use {able} for 'item_first'"
        )
    if not scoring.reasoning:
        raise _refused(
            "'item_first' requires reasoning: without it, prompts have the candidates first anyway"
        )
    if scoring.joint:
        raise _refused(
            "'item_first' asks for one attribute in a prompt, joint for all of them: choose one"
        )


def check_served(settings: ScorerSettings, model: ModelIdentity) -> None:
    """Raise `InvalidRequest` if the model's workers are of a version without this order."""
    if settings.is_item_first and settings.profile not in model.profiles:
        raise _refused(
            f"the workers of model {model.name!r} know no prompts with the item first; "
            "set prompt_order to 'attribute_first'"
        )


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(why, fields=[FieldError("#/scoring/prompt_order", why)])
