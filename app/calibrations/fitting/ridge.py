"""Ridge regression with a cross-validated penalty, for more inputs than rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.calibrations.fitting.rows import Indices
from app.domain.arrays import Floats

_PENALTIES = np.logspace(1, 6, 16)


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """A regression, and its predictions for rows that were held out."""

    coefficients: Floats
    """(D, k); the intercept is the mean label."""
    out_of_fold: Floats
    """(R, k)"""


def cross_fit(inputs: Floats, labels: Floats, folds: Sequence[Indices]) -> CrossFitted:
    """Regress labels (R, k) on inputs (R, D) of mean 0; a penalty for each label.

    The penalty is the one with the least error on held-out folds.
    """
    every = np.arange(len(labels))
    held_out = np.zeros((len(_PENALTIES), *labels.shape))
    for out in folds:
        kept = np.setdiff1d(every, out)
        solved = _coefficients(inputs[kept], labels[kept])
        center, mean = inputs[kept].mean(axis=0), labels[kept].mean(axis=0)
        held_out[:, out] = (inputs[out] - center) @ solved + mean
    loss = np.square(held_out - labels).mean(axis=1)
    best = loss.argmin(axis=0)
    attributes = np.arange(labels.shape[1])
    coefficients = _coefficients(inputs, labels)[best, :, attributes].T
    return CrossFitted(coefficients, held_out[best, :, attributes].T)


def _coefficients(inputs: Floats, labels: Floats) -> Floats:
    """For every penalty: (penalties, D, k)."""
    centered = np.asarray(inputs - inputs.mean(axis=0), dtype=np.float64)
    residual = labels - labels.mean(axis=0)
    rows, width = centered.shape
    if rows < width:  # in the space of the rows: the same solution for less work
        values, vectors = np.linalg.eigh(centered @ centered.T)
        rotated, back = vectors.T @ residual, centered.T @ vectors
    else:
        values, vectors = np.linalg.eigh(centered.T @ centered)
        rotated, back = vectors.T @ (centered.T @ residual), vectors
    shrunk = rotated / (np.maximum(values, 0.0)[:, None] + _PENALTIES[:, None, None])
    return np.asarray(back @ shrunk)
