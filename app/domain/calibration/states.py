"""From hidden states to scores: how a fitted model of them is applied. Pure.

Shapes as in `model`, and `L` layers of states, each of width `D`, `P` principal components.

Every layer has an opinion on each attribute, a ridge regression of its states, and all of them have
a joint one together with the surface features. A forest combines these opinions, the principal
components of the states and the surface features, each with its difference from the mean of the
other candidates. A score is the mean of the forest's prediction, counted twice, and the joint
opinion: trees are robust but coarse, and what they round off decides between similar candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest
from app.domain.calibration.joint import Indices, JointOpinion, Singles, others_mean


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
    joint: JointOpinion
    forest: Forest

    def __post_init__(self) -> None:
        layers, width = self.center.shape
        if not (
            self.scale.shape == (layers, width)
            and self.coefficients.shape == (layers, width, len(self.columns))
            and self.intercept.shape == (len(self.columns),)
            and self.joint.within.shape == self.joint.between.shape
            and self.joint.within.shape
            == (len(self.joint.center) + layers * width, len(self.columns))
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
        joint = self.joint.predict(surface, standard, scenario)
        components = components_of(standard, self.axes)
        inputs = forest_inputs(surface, with_joint(opinions, joint), components, scenario)
        return (2 * self.forest.predict(inputs) + joint) / 3


def with_joint(opinions: Floats, joint: Floats) -> Floats:
    """Opinions of each layer, then the joint one: (R, L, k), (R, k) -> (R, L + 1, k)."""
    return np.concatenate([opinions, joint[:, None]], axis=1)


def opinions_of(standard: Floats, coefficients: Singles, intercept: Singles) -> Floats:
    """What each layer expects: (R, L, D) -> (R, L, k)."""
    return np.asarray(np.einsum("rld,ldk->rlk", standard, coefficients) + intercept)


def components_of(standard: Floats, axes: Singles) -> Floats:
    """Principal components of standardised states: (R, L, D) -> (R, P)."""
    return np.asarray(standard.reshape(len(standard), -1) @ axes.T, dtype=np.float64)


def forest_inputs(
    surface: Floats, opinions: Floats, components: Floats, scenario: Indices
) -> Floats:
    """Inputs of the forest: (R, F), (R, L + 1, k), (R, P) -> (R, K)."""
    values = np.hstack([surface, opinions.reshape(len(opinions), -1), components])
    return np.hstack([values, values - others_mean(values, scenario)])
