"""How the examples of a bank are searched, which depends on its size. Pure."""

from __future__ import annotations

EXACT_UP_TO = 20_000
"""Largest bank with exact search."""
APPROXIMATE = "ivf/1"
"""The search in larger banks. It may miss a near example, so it is part of a scorer: another search
is another name."""


def search_of(scenarios: int) -> str:
    """The search in a bank of this size; empty if it is exact."""
    return APPROXIMATE if scenarios > EXACT_UP_TO else ""
