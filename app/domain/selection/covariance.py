"""Covariance of a bank's labels, for the Mahalanobis distance. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.arrays import Floats
from app.domain.bank import LabelledScenario

SHRINKAGE = 0.1
"""Fraction by which covariances are shrunk: few labels would make the matrix singular."""
LEAST_VARIANCE = 1e-3
"""Lower bound of a variance (0.03 squared): an attribute whose labels hardly differ would otherwise
dominate the distance."""


def label_covariance(scenarios: Sequence[LabelledScenario], attributes: Sequence[str]) -> Floats:
    """Covariance of the attributes' labels over all responses of a bank: (A, A), squared units.

    Each pair of attributes is estimated from the responses with labels on both; without any, it
    counts as uncorrelated. Covariances are shrunk towards 0 by `SHRINKAGE`, and the result is made
    positive definite. An attribute with fewer than two labels has unknown variance: its row and
    column are NaN.
    """
    rows = [labels for scenario in scenarios for labels in scenario.labels]
    every = np.array([[labels.get(name, np.nan) for name in attributes] for labels in rows])
    every = every.reshape(len(rows), len(attributes))
    enough = np.flatnonzero((~np.isnan(every)).sum(axis=0) >= 2)
    result = np.full((len(attributes), len(attributes)), np.nan)
    if len(enough):
        result[np.ix_(enough, enough)] = _covariance(every[:, enough])
    return result


def _covariance(values: Floats) -> Floats:
    """Covariance of columns with at least two values each, NaN for missing: (R, A) -> (A, A)."""
    known = ~np.isnan(values)
    size = values.shape[1]
    covariance = np.zeros((size, size))
    for a in range(size):
        for b in range(a, size):
            both = known[:, a] & known[:, b]
            if both.sum() >= 2:
                x, y = values[both, a], values[both, b]
                shared = float(((x - x.mean()) * (y - y.mean())).mean())
                covariance[a, b] = covariance[b, a] = shared
    variances = np.maximum(np.diag(covariance), LEAST_VARIANCE)
    covariance = (1 - SHRINKAGE) * covariance
    np.fill_diagonal(covariance, variances)
    # Pairs estimated from different responses may not form a valid covariance matrix:
    # raise the eigenvalues that are not positive.
    eigenvalues, vectors = np.linalg.eigh(covariance)
    least = LEAST_VARIANCE * SHRINKAGE
    if eigenvalues.min() < least:
        covariance = (vectors * np.maximum(eigenvalues, least)) @ vectors.T
    return np.asarray((covariance + covariance.T) / 2, dtype=np.float64)
