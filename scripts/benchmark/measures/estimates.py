"""Shares and means with their standard errors over scenarios."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL_95 = 1.959963984540054
"""Half the width of a 95 % interval in standard errors."""


def standard_error(influences: Floats, n: int) -> float | None:
    """Standard error of an estimate from the influences of its `n` independent parts."""
    if n < 2:
        return None
    return math.sqrt(n / (n - 1) * float(np.square(influences).sum()))


class Ratio(Struct, frozen=True):
    """A share or mean over parts that come in scenarios."""

    value: float | None
    """None without any part."""
    error: float | None
    """Standard error over scenarios; None with fewer than two."""
    scenarios: int
    """Scenarios with at least one part."""
    parts: int

    @classmethod
    def of(cls, sums: Sequence[float], counts: Sequence[int]) -> Ratio:
        """From the sum and the number of parts of each scenario; both (S,)."""
        total, parts = np.array(sums, dtype=np.float64), np.array(counts, dtype=np.float64)
        n, scenarios = float(parts.sum()), int(np.count_nonzero(parts))
        if not n:
            return cls(None, None, 0, 0)
        value = float(total.sum()) / n
        error = standard_error((total - value * parts) / n, scenarios)
        return cls(value, error, scenarios, int(n))
