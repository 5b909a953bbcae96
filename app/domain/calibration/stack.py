"""The two layers of a calibration on surface features and readings. Shapes as in `model`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest


@dataclass(frozen=True, slots=True)
class FeatureModel:
    """First layer: a forest over surface features, for some of the attributes."""

    columns: tuple[int, ...]
    """Predicted attributes: indices into `Calibration.attributes`."""
    forest: Forest


@dataclass(frozen=True, slots=True)
class Stack:
    """Second layer: combines the first layer's prediction with readings, for `k` attributes."""

    read: tuple[int, ...]
    """Attributes whose readings are inputs; empty for a stack on surface features only."""
    columns: tuple[int, ...]
    """Predicted attributes."""
    center: Floats
    """(K,), mean of the inputs, which is subtracted from them."""
    scale: Floats
    """(K,), standard deviation of the inputs, by which they are divided."""
    coefficients: Floats
    """(K, k)"""
    intercept: Floats
    """(k,)"""
    forest: Forest | None
    """Averaged with the linear model; None without readings or with too few scenarios."""

    def predict(self, inputs: Floats) -> Floats:
        """Predict labels: (R, K) -> (R, k)."""
        linear: Floats = (inputs - self.center) / self.scale @ self.coefficients + self.intercept
        return linear if self.forest is None else (linear + self.forest.predict(inputs)) / 2
