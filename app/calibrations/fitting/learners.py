"""The learners of a calibration, fitted with scikit-learn: trees, ridge and softmax regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest

PRELOAD = ("sklearn.ensemble", "sklearn.linear_model")
"""Modules that take long to import, and that only fitting needs."""
_TREES = 100
_ALPHAS = np.logspace(-1, 4, 16)


def grow_forest(
    inputs: Floats, labels: Floats, leaf: int, *, share: float = 1.0, trees: int = _TREES
) -> Forest:
    """Fit extra trees (Geurts et al. 2006), which overfit little and need no tuning.

    `leaf` is the least number of rows in a leaf, `share` that of inputs tried for a split.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    grown = ExtraTreesRegressor(
        trees, min_samples_leaf=leaf, max_features=share, random_state=0, n_jobs=1
    ).fit(inputs, labels if labels.shape[1] > 1 else labels[:, 0])
    return as_forest([tree.tree_ for tree in grown.estimators_])


def as_forest(trees: Sequence[Any]) -> Forest:
    """scikit-learn's trees as arrays."""
    counts = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)

    def child(tree: Any, side: str, root: int) -> NDArray[np.int32]:
        # The children of a leaf are -1 and never visited; any valid index will do.
        return np.asarray(np.maximum(getattr(tree, side), 0) + root, dtype=np.int32)

    pairs = list(zip(trees, roots, strict=True))
    feature = np.concatenate([np.maximum(tree.feature, -1) for tree in trees]).astype(np.int16)
    # Half precision is ample for labels, and what is rounded takes less room in a file.
    value = np.concatenate([tree.value[:, :, 0] for tree in trees]).astype(np.float16)
    value[feature >= 0] = 0.0  # only leaves predict
    threshold = np.concatenate([tree.threshold for tree in trees]).astype(np.float32)
    return Forest(
        feature=feature,
        threshold=threshold.astype(np.float64),
        left=np.concatenate([child(tree, "children_left", root) for tree, root in pairs]),
        right=np.concatenate([child(tree, "children_right", root) for tree, root in pairs]),
        value=value.astype(np.float32),
        roots=roots,
    )


def fit_weights(inputs: Floats, labels: Floats) -> Floats:
    """Weights (K,) of least squares, none of them negative, for labels (R,)."""
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression(positive=True, fit_intercept=False).fit(inputs, labels)
    return np.asarray(fitted.coef_, dtype=np.float64)


def fit_ridge(inputs: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Coefficients (K, k) and intercepts (k,) of ridge regression, its penalty cross-validated."""
    from sklearn.linear_model import RidgeCV

    outputs = labels.shape[1]
    ridge = RidgeCV(alphas=_ALPHAS, alpha_per_target=outputs > 1)
    ridge.fit(inputs, labels if outputs > 1 else labels[:, 0])
    coefficients = np.asarray(ridge.coef_, dtype=np.float64).reshape(outputs, -1).T
    return coefficients, np.asarray(ridge.intercept_, dtype=np.float64).reshape(outputs)


def fit_softmax(inputs: Floats, kind: NDArray[np.intp], *, penalty: float) -> tuple[Floats, Floats]:
    """Coefficients (K, N) and intercepts (N,) of a softmax regression on `kind` (R,).

    Kinds count alike, however many rows they have.
    """
    from sklearn.linear_model import LogisticRegression

    learnt = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=1000)
    learnt.fit(inputs, kind)
    coefficients, intercept = learnt.coef_.T, learnt.intercept_
    if coefficients.shape[1] == 1:  # of two kinds the library gives the second one's logit only
        coefficients = np.hstack([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([[0.0], intercept])
    return np.asarray(coefficients), np.asarray(intercept)
