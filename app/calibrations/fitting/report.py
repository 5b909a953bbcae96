"""What cross-validation shows for one attribute, and which layer is used for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.calibrations.fitting.rows import Indices, Rows
from app.domain.arrays import Floats
from app.domain.calibration.model import AttributeReport, Basis, Layer

_SIGNIFICANT = 1.645
"""Standard errors by which readings must lower the error: one in twenty would by chance."""
_LEAST_GAIN = 1e-9
"""Of the mean squared error: less is rounding."""
_SUBJECTS = {"states": ("the states of this judge", ""), "committee": ("this committee", "s")}
"""Layer -> what lowers the error, and the ending of its verb."""


def report_on(
    rows: Rows,
    predictions: Mapping[Layer, Floats],
    basis: Basis,
    column: int,
    name: str,
    *,
    combined: Sequence[Layer],
) -> AttributeReport:
    """Choose the layer for an attribute, from out-of-fold predictions (R, A) of every layer.

    The choice is between surface features and the best of `combined`, which use the judge as well.
    """
    known = rows.labelled[:, column]
    for of in combined:
        known &= ~np.isnan(predictions[of][:, column])
    chosen = np.flatnonzero(known)
    label, raw = rows.labels[chosen, column], rows.raw[chosen, column]
    predicted = {of: np.clip(own[chosen, column], 0.0, 1.0) for of, own in predictions.items()}
    # The errors of one scenario are correlated: together they count once.
    number = np.unique(rows.scenario[chosen], return_inverse=True)[1].reshape(-1)
    loss = {of: _means(np.square(own - label), number) for of, own in predicted.items()}
    best = min(combined, key=lambda of: float(loss[of].mean()))
    gain = loss["features"] - loss[best]
    chance = _SIGNIFICANT * gain.std(ddof=1) / np.sqrt(len(gain))
    helps = gain.mean() > max(chance, _LEAST_GAIN)
    layer: Layer = best if helps else "features"
    error = {of: float(np.sqrt(losses.mean())) for of, losses in loss.items()}
    return AttributeReport(
        attribute=name,
        basis=basis,
        scenarios=len(gain),
        layer=layer,
        error_constant=float(label.std()),
        error_raw=float(np.sqrt(_means(np.square(raw - label), number).mean())),
        error_features=error["features"],
        error_combined=error[best],
        error=error[layer],
        pairs_raw=_pairs_in_order(label, raw, number),
        pairs_features=_pairs_in_order(label, predicted["features"], number),
        pairs=_pairs_in_order(label, predicted[layer], number),
        summary=_summary(name, best, error["features"], error[best] if helps else None),
    )


def _summary(name: str, best: Layer, features: float, combined: float | None) -> str:
    subject, s = _SUBJECTS.get(best, ("this judge", "s"))
    if combined is None:
        return f"on {name} {subject} add{s} nothing to surface features"
    return (
        f"on {name} {subject} lower{s} the error of surface features by "
        f"{100 * (1 - combined / features):.0f} % (from {features:.3f} to {combined:.3f})"
    )


def _means(values: Floats, number: Indices) -> Floats:
    """Mean of the values for each number: (R,) -> (S,)."""
    return np.asarray(np.bincount(number, values) / np.bincount(number), dtype=np.float64)


def _pairs_in_order(label: Floats, predicted: Floats, number: Indices) -> float | None:
    """Share of pairs with different labels in one scenario that are predicted in their order."""
    right: list[float] = []
    for scenario in range(int(number.max()) + 1):
        rows = np.flatnonzero(number == scenario)
        for i, a in enumerate(rows):
            for b in rows[i + 1 :]:
                if label[a] != label[b]:
                    product = np.sign(predicted[a] - predicted[b]) * np.sign(label[a] - label[b])
                    right.append((1 + float(product)) / 2)
    return float(np.mean(right)) if right else None
