"""The methods that a worker with a language model serves."""

from __future__ import annotations

from typing import Any

from app.domain.methods import METHODS, profile_name
from workers.methods.base import Method
from workers.methods.choosing import Choosing
from workers.methods.comparative import ComparativeRegression
from workers.methods.joint import JointRegression
from workers.methods.labels import LabelReading
from workers.methods.regression import Regression


def label_readings() -> dict[str, Method[Any]]:
    """Profile name -> how a method asks when labels are read instead of text."""
    return {
        profile_name(name, reasoning=False): LabelReading(name, compares=METHODS[name].compares)
        for name in ("comparative", "regression")
    }


def joint_scorings() -> dict[str, Method[Any]]:
    """Profile name -> how a method asks for several attributes in one prompt."""
    method = JointRegression()
    return {profile_name(method.name, reasoning=True, joint=True): method}


def scoring_methods() -> dict[str, Method[Any]]:
    """Name -> method; what sets them apart is in `app.domain.methods`."""
    methods: list[Method[Any]] = [
        ComparativeRegression(),
        Regression(),
        Choosing("prompt_aligned"),
        Choosing("unaligned"),
    ]
    return {method.name: method for method in methods}
