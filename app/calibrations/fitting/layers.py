"""Fitting the two layers of a calibration, each with its out-of-fold predictions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.calibrations.fitting.learners import fit_ridge, grow_forest
from app.calibrations.fitting.rows import Bools, Indices, Rows, folds_of
from app.calibrations.fitting.states import learn_states
from app.domain.arrays import Floats
from app.domain.calibration.estimate import first_layer, second_layer_inputs, with_differences
from app.domain.calibration.stack import FeatureModel, Stack
from app.domain.calibration.states import StatesModel

_FOLDS = 10
_STACK_FOLDS = 5
_LEAST_FOR_TREES = 100
"""Labelled scenarios from which on the second layer grows trees as well."""
_SURFACE_LEAF, _STACK_LEAF = 10, 5
_STACK_SHARE = 0.5
_LEAST_DEVIATION = 1e-9


def fit_feature_models(rows: Rows) -> tuple[FeatureModel, ...]:
    """The first layer: one forest for all attributes that are labelled on the same rows."""
    inputs = _surface_inputs(rows)
    return tuple(
        FeatureModel(
            tuple(columns),
            grow_forest(inputs[labelled], rows.labels[labelled][:, columns], _SURFACE_LEAF),
        )
        for columns, labelled in _groups(rows)
    )


def predict_out_of_fold(rows: Rows, feature_models: Sequence[FeatureModel]) -> Floats:
    """The first layer's predictions (R, A), by forests that have not seen the row's label."""
    predicted = first_layer(feature_models, rows.scenarios, rows.labels.shape[1])
    inputs = _surface_inputs(rows)
    for columns, labelled in _groups(rows):
        for out in folds_of(rows, labelled, _FOLDS):
            kept = np.setdiff1d(labelled, out)
            forest = grow_forest(inputs[kept], rows.labels[kept][:, columns], _SURFACE_LEAF)
            predicted[out[:, None], columns] = forest.predict(inputs[out])
    return predicted


def _surface_inputs(rows: Rows) -> Floats:
    return np.concatenate([with_differences(s.surface) for s in rows.scenarios])


def _groups(rows: Rows) -> list[tuple[list[int], Indices]]:
    """Attributes grouped by the rows that are labelled on them: (columns, rows)."""
    labelled = rows.labelled
    groups: dict[bytes, list[int]] = {}
    for column in range(labelled.shape[1]):
        groups.setdefault(labelled[:, column].tobytes(), []).append(column)
    return [(columns, np.flatnonzero(labelled[:, columns[0]])) for columns in groups.values()]


def fit_each(
    rows: Rows, predicted: Floats, usable: Bools, *, with_readings: bool
) -> tuple[tuple[Stack, ...], Floats]:
    """A stack for each attribute, with its own readings or without any.

    Also returns their out-of-fold predictions, (R, A).
    """
    stacks: list[Stack] = []
    out_of_fold = np.full(predicted.shape, np.nan)
    for column in range(predicted.shape[1]):
        read = (column,) if with_readings else ()
        stack, own = fit_stack(rows, predicted, read, (column,), usable[:, column])
        stacks.append(stack)
        out_of_fold[:, column] = own[:, 0]
    return tuple(stacks), out_of_fold


def fit_stack(
    rows: Rows,
    predicted: Floats,
    read: tuple[int, ...],
    columns: tuple[int, ...],
    usable: Bools,
) -> tuple[Stack, Floats]:
    """A stack, and its out-of-fold predictions: (R, k), NaN for rows that are not usable.

    `predicted` (R, A) is the first layer's, `read` are the attributes whose readings are inputs as
    well, `columns` those that are predicted.
    """
    inputs = second_layer_inputs(rows.scenarios, predicted, read)
    labels = rows.labels[:, list(columns)]
    chosen = np.flatnonzero(usable)
    out_of_fold = np.full(labels.shape, np.nan)

    def fit_on(kept: Indices) -> Stack:
        enough = len(np.unique(rows.scenario[kept])) >= _LEAST_FOR_TREES
        with_trees = bool(read) and enough
        return _stack(inputs[kept], labels[kept], read, columns, with_trees=with_trees)

    for out in folds_of(rows, chosen, _STACK_FOLDS):
        out_of_fold[out] = fit_on(np.setdiff1d(chosen, out)).predict(inputs[out])
    return fit_on(chosen), out_of_fold


def fit_states_models(rows: Rows) -> tuple[tuple[StatesModel, ...], Floats, Floats]:
    """Models of hidden states, one for all attributes that are labelled on the same rows.

    Also returns their out-of-fold predictions and those of states alone, both (R, A), NaN where
    there is no label or where no states were read.
    """
    states, read = rows.states
    out_of_fold = np.full(rows.labels.shape, np.nan)
    opinions = np.full(rows.labels.shape, np.nan)
    models: list[StatesModel] = []
    for columns, labelled in _groups(rows):
        chosen = labelled[read[labelled]]
        cells = chosen[:, None], np.array(columns)[None, :]
        learnt = learn_states(
            rows.surface[chosen],
            states[chosen],
            rows.labels[cells],
            rows.scenario[chosen],
            rows.question[chosen],
            tuple(columns),
        )
        models.append(learnt.model)
        out_of_fold[cells] = learnt.out_of_fold
        opinions[cells] = learnt.opinions
    return tuple(models), out_of_fold, opinions


def _stack(
    inputs: Floats,
    labels: Floats,
    read: tuple[int, ...],
    columns: tuple[int, ...],
    *,
    with_trees: bool,
) -> Stack:
    center, scale = inputs.mean(axis=0), inputs.std(axis=0)
    # A constant input carries no information. Its deviation need not be 0: the mean of equal floats
    # may be off by their last bit, and divided by that, any other value would dominate the rest.
    scale = np.where(scale > _LEAST_DEVIATION, scale, 1.0)
    coefficients, intercept = fit_ridge((inputs - center) / scale, labels)
    return Stack(
        read=read,
        columns=columns,
        center=center,
        scale=scale,
        coefficients=coefficients,
        intercept=intercept,
        forest=grow_forest(inputs, labels, _STACK_LEAF, share=_STACK_SHARE) if with_trees else None,
    )
