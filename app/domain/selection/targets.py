"""Targets as arrays: what is wanted of each attribute.

Shapes: `T` targets, `A` attributes. Values are in the units of the scores, [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.arrays import Floats


class Bounds(Struct, frozen=True):
    """A wish that any value within satisfies: at most, at least, or between."""

    low: float = 0.0
    high: float = 1.0


Wish = float | Bounds
"""What a target says about one attribute: a value to come near, or bounds to stay within."""


class WeightlessTarget(ValueError):
    """Every attribute of a target has the weight 0: all candidates would tie."""


class TargetMatrix(Struct, frozen=True):
    """Targets as arrays: attributes that a target leaves out weigh nothing for it."""

    attributes: tuple[str, ...]
    """Names of the `A` columns: every attribute that any of the targets names."""
    values: Floats
    """(T, A), 0 where a target leaves the attribute out; of bounds the lower one."""
    weights: Floats
    """(T, A), at least 0; 0 where a target leaves the attribute out."""
    named: NDArray[np.bool_]
    """(T, A), whether a target names the attribute (a named one may still weigh 0)."""
    upper: Floats | None = None
    """(T, A), the upper bounds; None where every wish is a value."""

    @property
    def counting(self) -> NDArray[np.bool_]:
        """(T, A), whether a target names the attribute and it weighs something."""
        return self.weights > 0

    def without(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> TargetMatrix:
        """The targets, some of which leave out some of the attributes."""
        if not len(rows):
            return self
        chosen = np.ix_(rows, columns)
        weights, named = self.weights.copy(), self.named.copy()
        weights[chosen] = 0.0
        named[chosen] = False
        return TargetMatrix(self.attributes, self.values, weights, named, self.upper)

    def part(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | None = None) -> TargetMatrix:
        """Some of the targets, over some of the attributes (None: over all)."""
        if columns is None:
            columns = np.arange(len(self.attributes))
        chosen = np.ix_(rows, columns)
        return TargetMatrix(
            tuple(self.attributes[a] for a in columns),
            self.values[chosen],
            self.weights[chosen],
            self.named[chosen],
            None if self.upper is None else self.upper[chosen],
        )


def target_matrix(
    targets: Sequence[Mapping[str, Wish]], weights: Mapping[str, float] | None = None
) -> TargetMatrix:
    """Targets (attribute -> wish) and optional weights (attribute -> weight) as arrays.

    Raises `WeightlessTarget`.
    """
    attributes = tuple(dict.fromkeys(name for target in targets for name in target))
    column = {name: index for index, name in enumerate(attributes)}
    shape = (len(targets), len(attributes))
    sizes = [len(target) for target in targets]
    rows = np.repeat(np.arange(len(targets)), sizes)
    columns = np.fromiter((column[n] for t in targets for n in t), dtype=np.intp, count=sum(sizes))
    wishes = [wish for target in targets for wish in target.values()]
    values = np.zeros(shape)
    upper = None
    if any(isinstance(wish, Bounds) for wish in wishes):
        values[rows, columns] = [w.low if isinstance(w, Bounds) else w for w in wishes]
        upper = np.zeros(shape)
        upper[rows, columns] = [w.high if isinstance(w, Bounds) else w for w in wishes]
    else:
        values[rows, columns] = np.array(wishes, dtype=np.float64)
    weight_of = np.array([(weights or {}).get(name, 1.0) for name in attributes])
    weight = np.zeros(shape)
    weight[rows, columns] = weight_of[columns]
    named = np.zeros(shape, dtype=np.bool_)
    named[rows, columns] = True
    if sum(sizes) and not weight.any(axis=1).all():
        raise WeightlessTarget("a target whose attributes all weigh 0 is no wish at all")
    return TargetMatrix(attributes, values, weight, named, upper)
