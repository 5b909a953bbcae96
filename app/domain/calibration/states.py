"""From hidden states to scores: how a fitted model of them is applied. Pure.

Shapes as in `model`, and `L` layers of states, each of width `D`, `P` principal components.

Every layer has an opinion on each attribute, a ridge regression of its states. A forest combines
these opinions, the principal components of the states and the surface features, each with its
difference from the mean of the other candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest

Singles = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class StatesModel:
    """Predicts `k` attributes from surface features and states."""

    columns: tuple[int, ...]
    """Predicted attributes: indices into `Calibration.attributes`."""
    center: Singles
    """(L, D), mean of the states, which is subtracted from them."""
    scale: Singles
    """(L, D), their standard deviation, by which they are divided."""
    coefficients: Singles
    """(L, D, k), of the opinions."""
    intercept: Singles
    """(k,), the same for every layer: the mean label."""
    axes: Singles
    """(P, L * D), principal axes of all layers together."""
    forest: Forest

    def __post_init__(self) -> None:
        layers, width = self.center.shape
        if not (
            self.scale.shape == (layers, width)
            and self.coefficients.shape == (layers, width, len(self.columns))
            and self.intercept.shape == (len(self.columns),)
            and self.axes.ndim == 2
            and self.axes.shape[1] == layers * width
        ):
            raise ValueError("the arrays do not describe a model of states")

    def predict(self, surface: Floats, states: Floats, scenario: Indices) -> Floats:
        """Labels expected of all rows: (R, F), (R, L, D) and (R,) -> (R, k).

        Rows with the same number in `scenario` are candidates of one scenario.
        """
        standard = (states - self.center) / self.scale
        opinions = opinions_of(standard, self.coefficients, self.intercept)
        components = components_of(standard, self.axes)
        return self.forest.predict(forest_inputs(surface, opinions, components, scenario))


def opinions_of(standard: Floats, coefficients: Singles, intercept: Singles) -> Floats:
    """What each layer expects: (R, L, D) -> (R, L, k)."""
    return np.asarray(np.einsum("rld,ldk->rlk", standard, coefficients) + intercept)


def components_of(standard: Floats, axes: Singles) -> Floats:
    """Principal components of standardised states: (R, L, D) -> (R, P)."""
    return np.asarray(standard.reshape(len(standard), -1) @ axes.T, dtype=np.float64)


def forest_inputs(
    surface: Floats, opinions: Floats, components: Floats, scenario: Indices
) -> Floats:
    """Inputs of the forest: (R, F), (R, L, k), (R, P) -> (R, K)."""
    values = np.hstack([surface, opinions.reshape(len(opinions), -1), components])
    return np.hstack([values, values - others_mean(values, scenario)])


def others_mean(values: Floats, scenario: Indices) -> Floats:
    """Mean of the other candidates of the same scenario; the row itself where it is alone."""
    number = np.unique(scenario, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((int(number.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, number, values)
    others = np.bincount(number)[number][:, None] - 1
    return np.where(others > 0, (sums[number] - values) / np.maximum(others, 1), values)
