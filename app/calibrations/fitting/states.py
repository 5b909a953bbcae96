"""Learning scores from hidden states and surface features: plain arrays in, a model out. Pure.

`learn_states` is all that the rest of a fit uses. Shapes: `R` rows (candidates of all scenarios),
`F` surface features, `L` layers of states of width `D`, `k` attributes, `P` principal components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.calibrations.fitting.joint import learn_joint
from app.calibrations.fitting.learners import grow_forest
from app.calibrations.fitting.ridge import cross_fit
from app.calibrations.fitting.rows import Indices, folds_by
from app.domain.arrays import Floats
from app.domain.calibration.joint import Singles
from app.domain.calibration.states import (
    StatesModel,
    components_of,
    forest_inputs,
    opinions_of,
    with_joint,
)

_FOLDS = 5
_COMPONENTS = 16
_LEAF = 5
_SHARE = 0.4
_TREES = 100
"""Twice as many predict no better, and take twice the room."""
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class LearntStates:
    """A model, and what it predicts of rows that it has not seen."""

    model: StatesModel
    out_of_fold: Floats
    """(R, k), by models that have not seen the row's question."""
    opinions: Floats
    """(R, k), the same of the mean opinion of all layers: states alone."""


def learn_states(
    surface: Floats,
    states: Floats,
    labels: Floats,
    scenario: Indices,
    question: Indices,
    columns: tuple[int, ...],
) -> LearntStates:
    """Learn labels (R, k) from surface features (R, F) and states (R, L, D).

    `scenario` and `question` (R,) number each row's scenario and question. Nothing is missing in
    any of the arrays. `columns` are the attributes that the labels are about. Equal inputs give
    equal models.
    """
    data = _Data(surface, states, labels, scenario, question, columns)
    out_of_fold = np.zeros(labels.shape)
    opinions = np.zeros(labels.shape)
    every = np.arange(len(labels))
    for out in folds_by(question, every, _FOLDS):
        model = data.fit(np.setdiff1d(every, out))
        out_of_fold[out] = model.predict(surface[out], data.states[out], scenario[out])
        standard = (data.states[out] - model.center) / model.scale
        each = opinions_of(standard, model.coefficients, model.intercept)
        opinions[out] = each.mean(axis=1)
    return LearntStates(data.fit(every), out_of_fold, opinions)


@dataclass(frozen=True, slots=True)
class _Data:
    """The arrays of `learn_states`."""

    surface: Floats
    states: Floats
    labels: Floats
    scenario: Indices
    question: Indices
    columns: tuple[int, ...]

    def fit(self, rows: Indices) -> StatesModel:
        """A model of some of the rows."""
        states, labels = self.states[rows], self.labels[rows]
        center, scale = states.mean(axis=0), states.std(axis=0)
        # A constant input carries no information, and its deviation may be off zero by rounding.
        scale = np.where(scale > _LEAST_DEVIATION, scale, 1.0)
        standard = (states - center) / scale
        surface, scenario = self.surface[rows], self.scenario[rows]
        folds = folds_by(self.question[rows], np.arange(len(rows)), _FOLDS)
        layers = range(standard.shape[1])
        fitted = [cross_fit(standard[:, layer], labels, folds) for layer in layers]
        joint, unseen_joint = learn_joint(surface, standard, labels, scenario, folds)
        axes = _principal_axes(standard)
        # Opinions on rows whose labels they have seen would be too good to learn from.
        unseen = with_joint(np.stack([one.out_of_fold for one in fitted], axis=1), unseen_joint)
        inputs = forest_inputs(
            self.surface[rows], unseen, components_of(standard, axes), self.scenario[rows]
        )
        return StatesModel(
            columns=self.columns,
            center=center.astype(np.float32),
            scale=scale.astype(np.float32),
            coefficients=np.stack([one.coefficients for one in fitted]).astype(np.float32),
            intercept=labels.mean(axis=0).astype(np.float32),
            axes=axes,
            joint=joint,
            forest=grow_forest(inputs, labels, _LEAF, share=_SHARE, trees=_TREES),
        )


def _principal_axes(standard: Floats) -> Singles:
    """The first principal axes of all layers together: (R, L, D) -> (P, L * D)."""
    flat = standard.reshape(len(standard), -1)
    # The rows are far fewer than the inputs: the small matrix of their products has it all.
    values, vectors = np.linalg.eigh(flat @ flat.T)
    count = min(_COMPONENTS, max(1, len(flat) - 1))
    largest = np.argsort(values)[::-1][:count]
    lengths = np.sqrt(np.maximum(values[largest], _LEAST_DEVIATION))
    axes = (flat.T @ vectors[:, largest] / lengths).T
    # Eigenvectors have no sign of their own: fix it, so that equal inputs give equal models.
    signs = np.sign(axes[np.arange(count), np.abs(axes).argmax(axis=1)])
    # Half precision takes half the room in a file.
    return np.asarray((axes * signs[:, None]).astype(np.float16), dtype=np.float32)
