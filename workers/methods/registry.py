"""The methods of a language model, by the names under which a worker announces them."""

from __future__ import annotations

from typing import Any

from app.domain.methods import METHODS, profile_name
from workers.methods.afterwards.method import Afterwards
from workers.methods.base import ReadingMethod, WritingMethod
from workers.methods.choosing.method import Choosing
from workers.methods.comparative.method import ComparativeRegression
from workers.methods.digit_reading.method import DigitRegression
from workers.methods.item_first.method import ItemFirstRegression
from workers.methods.joint.method import JointRegression
from workers.methods.regression.method import Regression


def writing_methods() -> dict[str, WritingMethod[Any]]:
    """Return profile name -> method that writes. Its traits are in `app.domain.methods`."""
    methods: list[WritingMethod[Any]] = [
        ComparativeRegression(),
        Regression(),
        Choosing("prompt_aligned"),
        Choosing("unaligned"),
    ]
    joint, item_first, afterwards = JointRegression(), ItemFirstRegression(), Afterwards()
    return {
        **{method.name: method for method in methods},
        profile_name(joint.name, reasoning=True, joint=True): joint,
        profile_name(item_first.name, reasoning=True, item_first=True): item_first,
        profile_name(afterwards.name, reasoning=True, afterwards=True): afterwards,
    }


def reading_methods() -> dict[str, ReadingMethod[Any]]:
    """Return profile name -> method that reads probabilities instead of text."""
    return {
        profile_name(name, reasoning=False): DigitRegression(name, compares=METHODS[name].compares)
        for name in ("comparative", "regression")
    }
