"""The methods that a worker with a language model serves."""

from __future__ import annotations

from typing import Any

from workers.methods.base import Method
from workers.methods.choosing import Choosing
from workers.methods.comparative import ComparativeRegression
from workers.methods.regression import Regression


def scoring_methods() -> dict[str, Method[Any]]:
    """Name -> method; what sets them apart is in `app.domain.methods`."""
    methods: list[Method[Any]] = [
        ComparativeRegression(),
        Regression(),
        Choosing("prompt_aligned"),
        Choosing("unaligned"),
    ]
    return {method.name: method for method in methods}
