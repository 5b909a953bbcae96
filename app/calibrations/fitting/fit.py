"""Fitting a whole calibration from labelled evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
from app.domain.calibration.stack import FeatureModel, Stack
from app.domain.fingerprint import attribute_name
from app.domain.selection.uncertainty import SharedErrors

_BASES: tuple[Basis, ...] = ("together", "alone")


@dataclass(frozen=True, slots=True)
class LearntFeatures:
    """What is learnt from surface features and labels, without any judge."""

    models: tuple[FeatureModel, ...]
    predicted: Floats
    """(R, A), the first layer's predictions of rows that it has not seen."""
    alone: tuple[Stack, ...]
    out_of_fold: Floats
    """(R, A), predictions of `alone` of rows that they have not seen."""


@dataclass(frozen=True, slots=True)
class LearntJudge:
    """A calibration of one judge, and what it predicts of rows that it has not seen."""

    calibration: Calibration
    rows: Rows
    """`raw` has what the judge gives without labels of others."""
    out_of_fold: Mapping[Basis, Floats]
    """(R, A), in [0, 1]; NaN where the judge gave nothing."""


def fit(
    scenarios: Sequence[LabelledEvidence], *, scorer: str, fields: Sequence[str]
) -> Calibration:
    """Fit a calibration of `A` = `len(fields)` attributes; it has no digest yet.

    The first layer also learns from scenarios without readings (NaN). The same scenarios give the
    same calibration. Raises `UnfitBank`.
    """
    rows = in_rows(scenarios, [attribute_name(field) for field in fields])
    return fit_judge(rows, learn_features(rows), scorer, fields).calibration


def learn_features(rows: Rows) -> LearntFeatures:
    """Learn from surface features; readings of judges make no difference."""
    models = fit_feature_models(rows)
    predicted = predict_out_of_fold(rows, models)
    alone, out_of_fold = fit_each(rows, predicted, rows.labelled, with_readings=False)
    return LearntFeatures(models, predicted, alone, out_of_fold)


def fit_judge(
    rows: Rows, learnt: LearntFeatures, scorer: str, fields: Sequence[str]
) -> LearntJudge:
    """A calibration of one judge, on top of what surface features show."""
    if any(one.states is not None for one in rows.scenarios):
        return _fit_states(rows, learnt, scorer, fields)
    names = [attribute_name(field) for field in fields]
    out_of_fold: dict[Layer, Floats] = {"features": learnt.out_of_fold}
    alone, out_of_fold["alone"] = fit_each(rows, learnt.predicted, rows.usable, with_readings=True)
    together = _fit_together(rows, learnt.predicted, out_of_fold)
    reports: list[AttributeReport] = []
    layers: dict[Basis, tuple[Layer, ...]] = {}
    errors: dict[Basis, SharedErrors] = {}
    used: dict[Basis, Floats] = {}
    for basis in _BASES if together else _BASES[1:]:
        combined: tuple[Layer, ...] = ("alone",) if basis == "alone" else ("alone", "together")
        of_basis = [
            report_on(rows, out_of_fold, basis, column, name, combined=combined)
            for column, name in enumerate(names)
        ]
        reports += of_basis
        layers[basis] = tuple(report.layer for report in of_basis)
        used[basis] = _used(out_of_fold, layers[basis])
        errors[basis] = sharpened_errors(rows, used[basis])
    calibration = Calibration(
        digest="",
        scorer=scorer,
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=learnt.models,
        features_alone=learnt.alone,
        together=together,
        alone=alone,
        layers=layers,
        levels=levels_of(rows),
        errors=errors,
        reports=tuple(reports),
    )
    return LearntJudge(calibration, rows, {b: _where_read(rows, p) for b, p in used.items()})


def _fit_states(
    rows: Rows, learnt: LearntFeatures, scorer: str, fields: Sequence[str]
) -> LearntJudge:
    """A calibration for a scorer that reads hidden states."""
    names = [attribute_name(field) for field in fields]
    models, from_states, opinions = fit_states_models(rows)
    out_of_fold: dict[Layer, Floats] = {"features": learnt.out_of_fold, "states": from_states}
    rows = replace(rows, raw=opinions)
    reports = tuple(
        report_on(rows, out_of_fold, "together", column, name, combined=("states",))
        for column, name in enumerate(names)
    )
    layers = tuple(report.layer for report in reports)
    used = {column for column, layer in enumerate(layers) if layer == "states"}
    predicted = _used(out_of_fold, layers)
    calibration = Calibration(
        digest="",
        scorer=scorer,
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=learnt.models,
        features_alone=learnt.alone,
        together=None,
        alone=(),
        layers={"together": layers},
        levels=levels_of(rows),
        errors={"together": sharpened_errors(rows, predicted)},
        reports=reports,
        states_models=tuple(model for model in models if used & set(model.columns)),
    )
    return LearntJudge(calibration, rows, {"together": _where_read(rows, predicted)})


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


def _used(out_of_fold: Mapping[Layer, Floats], layers: Sequence[Layer]) -> Floats:
    """The predictions that are used, (R, A): those of one layer for each attribute."""
    used = [out_of_fold[layer][:, column] for column, layer in enumerate(layers)]
    return np.asarray(np.clip(np.stack(used, axis=1), 0.0, 1.0))


def _where_read(rows: Rows, predicted: Floats) -> Floats:
    """Predictions (R, A), without those of attributes that the judge gave nothing on."""
    return np.where(np.isnan(rows.raw), np.nan, predicted)


def sharpened_errors(rows: Rows, predicted: Floats) -> SharedErrors:
    """Errors of the predictions that are used, (R, A)."""
    return sharpened(errors_of(rows, predicted), rows.scenario, predicted, rows.labels)


def fit_features(scenarios: Sequence[LabelledEvidence], *, fields: Sequence[str]) -> Calibration:
    """Fit a calibration on surface features only, as a baseline for others.

    It belongs to no scorer, and readings only count for whether a scenario is scored. Raises
    `UnfitBank`.
    """
    rows = in_rows(scenarios, [attribute_name(field) for field in fields])
    learnt = learn_features(rows)
    layer: Layer = "features"
    return Calibration(
        digest="",
        scorer="",
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=learnt.models,
        features_alone=learnt.alone,
        together=None,
        alone=(),
        layers={"alone": (layer,) * len(fields)},
        levels=levels_of(rows),
        errors={"alone": errors_of(rows, np.clip(learnt.out_of_fold, 0.0, 1.0))},
        reports=(),
    )
