"""The scoring methods that a worker serves."""

from __future__ import annotations

from workers.methods.base import Method
from workers.methods.comparative import ComparativeRegression


def scoring_methods() -> dict[str, Method]:
    """Name -> method."""
    methods: list[Method] = [ComparativeRegression()]
    return {method.name: method for method in methods}
