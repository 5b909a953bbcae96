"""Fitting a whole calibration from labelled evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.calibrations.fitting.errors import errors_of, levels_of
from app.calibrations.fitting.layers import (
    fit_each,
    fit_feature_models,
    fit_stack,
    fit_states_models,
    predict_out_of_fold,
)
from app.calibrations.fitting.report import report_on
from app.calibrations.fitting.rows import (
    LEAST_SCENARIOS,
    LabelledEvidence,
    Rows,
    can_be_split,
    in_rows,
)
from app.calibrations.fitting.sharpening import sharpened
from app.domain import features
from app.domain.arrays import Floats
from app.domain.calibration.model import AttributeReport, Basis, Calibration, Layer
from app.domain.calibration.stack import Stack
from app.domain.fingerprint import attribute_name
from app.domain.selection.uncertainty import SharedErrors

_BASES: tuple[Basis, ...] = ("together", "alone")


def fit(
    scenarios: Sequence[LabelledEvidence], *, scorer: str, fields: Sequence[str]
) -> Calibration:
    """Fit a calibration of `A` = `len(fields)` attributes; it has no digest yet.

    The first layer also learns from scenarios without readings (NaN). The same scenarios give the
    same calibration. Raises `UnfitBank`.
    """
    names = [attribute_name(field) for field in fields]
    rows = in_rows(scenarios, names)
    if any(one.evidence.states is not None for one in scenarios):
        return _fit_states(rows, scorer, fields)
    feature_models = fit_feature_models(rows)
    predicted = predict_out_of_fold(rows, feature_models)
    out_of_fold: dict[Layer, Floats] = {}
    features_alone, out_of_fold["features"] = fit_each(
        rows, predicted, rows.labelled, with_readings=False
    )
    alone, out_of_fold["alone"] = fit_each(rows, predicted, rows.usable, with_readings=True)
    together = _fit_together(rows, predicted, out_of_fold)
    reports: list[AttributeReport] = []
    layers: dict[Basis, tuple[Layer, ...]] = {}
    errors: dict[Basis, SharedErrors] = {}
    for basis in _BASES if together else _BASES[1:]:
        combined: tuple[Layer, ...] = ("alone",) if basis == "alone" else ("alone", "together")
        of_basis = [
            report_on(rows, out_of_fold, basis, column, name, combined=combined)
            for column, name in enumerate(names)
        ]
        reports += of_basis
        layers[basis] = tuple(report.layer for report in of_basis)
        errors[basis] = _sharpened_errors(rows, out_of_fold, layers[basis])
    return Calibration(
        digest="",
        scorer=scorer,
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=feature_models,
        features_alone=features_alone,
        together=together,
        alone=alone,
        layers=layers,
        levels=levels_of(rows),
        errors=errors,
        reports=tuple(reports),
    )


def _fit_states(rows: Rows, scorer: str, fields: Sequence[str]) -> Calibration:
    """A calibration for a scorer that reads hidden states."""
    names = [attribute_name(field) for field in fields]
    feature_models = fit_feature_models(rows)
    predicted = predict_out_of_fold(rows, feature_models)
    out_of_fold: dict[Layer, Floats] = {}
    features_alone, out_of_fold["features"] = fit_each(
        rows, predicted, rows.labelled, with_readings=False
    )
    models, out_of_fold["states"], opinions = fit_states_models(rows)
    rows = replace(rows, raw=opinions)
    reports = tuple(
        report_on(rows, out_of_fold, "together", column, name, combined=("states",))
        for column, name in enumerate(names)
    )
    layers = tuple(report.layer for report in reports)
    used = {column for column, layer in enumerate(layers) if layer == "states"}
    return Calibration(
        digest="",
        scorer=scorer,
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=feature_models,
        features_alone=features_alone,
        together=None,
        alone=(),
        layers={"together": layers},
        levels=levels_of(rows),
        errors={"together": _sharpened_errors(rows, out_of_fold, layers)},
        reports=reports,
        states_models=tuple(model for model in models if used & set(model.columns)),
    )


def _fit_together(rows: Rows, predicted: Floats, out_of_fold: dict[Layer, Floats]) -> Stack | None:
    """The stack on the readings of all attributes, if enough rows have labels on all of them.

    Adds its predictions to `out_of_fold`.
    """
    complete = np.asarray(rows.usable.all(axis=1))
    count = rows.labels.shape[1]
    enough = len(set(rows.scenario[complete])) >= LEAST_SCENARIOS
    if count < 2 or not enough or not can_be_split(rows, complete):
        return None
    every = tuple(range(count))
    together, out_of_fold["together"] = fit_stack(rows, predicted, every, every, complete)
    return together


def _sharpened_errors(
    rows: Rows, out_of_fold: Mapping[Layer, Floats], layers: Sequence[Layer]
) -> SharedErrors:
    """Errors of the predictions that are used, one layer for each attribute."""
    used = [out_of_fold[layer][:, column] for column, layer in enumerate(layers)]
    predicted = np.clip(np.stack(used, axis=1), 0.0, 1.0)
    return sharpened(errors_of(rows, predicted), rows.scenario, predicted, rows.labels)


def fit_features(scenarios: Sequence[LabelledEvidence], *, fields: Sequence[str]) -> Calibration:
    """Fit a calibration on surface features only, as a baseline for others.

    It belongs to no scorer, and readings only count for whether a scenario is scored. Raises
    `UnfitBank`.
    """
    rows = in_rows(scenarios, [attribute_name(field) for field in fields])
    feature_models = fit_feature_models(rows)
    predicted = predict_out_of_fold(rows, feature_models)
    features_alone, out_of_fold = fit_each(rows, predicted, rows.labelled, with_readings=False)
    layer: Layer = "features"
    return Calibration(
        digest="",
        scorer="",
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=feature_models,
        features_alone=features_alone,
        together=None,
        alone=(),
        layers={"alone": (layer,) * len(fields)},
        levels=levels_of(rows),
        errors={"alone": errors_of(rows, np.clip(out_of_fold, 0.0, 1.0))},
        reports=(),
    )
