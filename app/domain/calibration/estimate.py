"""Apply a calibration: calibrated scores from evidence. Pure. Shapes as in `model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain.arrays import Floats
from app.domain.calibration.evidence import Evidence
from app.domain.calibration.model import Basis, Calibration, Layer
from app.domain.calibration.stack import FeatureModel, Stack
from app.domain.selection.uncertainty import SharedErrors


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calibrated scores of one scenario."""

    basis: Basis
    columns: tuple[int, ...]
    """The `A'` scored attributes: indices into `Calibration.attributes`."""
    scores: Floats
    """(C, A'), expected labels in [0, 1]."""
    errors: SharedErrors
    """Errors of the scores on these attributes."""


def estimate(calibration: Calibration, scenarios: Sequence[Evidence]) -> list[Estimate]:
    """Calibrated scores of several scenarios, in the same order."""
    own = _estimate(calibration, scenarios)
    if calibration.gate is None:
        return own
    parts = [own, *(_estimate(other, scenarios) for other in calibration.others)]
    shares = [calibration.gate.shares(scenario.surface) for scenario in scenarios]
    return [mixed(of, share) for of, share in zip(zip(*parts, strict=True), shares, strict=True)]


def mixed(kinds: Sequence[Estimate], shares: Floats) -> Estimate:
    """The estimate of a scenario that is of several kinds, as much as its shares say.

    Its errors are those of the kind that it is most of.
    """
    scores = sum(share * kind.scores for share, kind in zip(shares, kinds, strict=True))
    most = kinds[int(shares.argmax())]
    return replace(most, basis=kinds[0].basis, scores=np.asarray(scores))


def _estimate(calibration: Calibration, scenarios: Sequence[Evidence]) -> list[Estimate]:
    """What one calibration makes of several scenarios, as if there were no other kinds."""
    bounds = np.cumsum([0, *(len(scenario.surface) for scenario in scenarios)])
    bases = [_basis(calibration, scenario) for scenario in scenarios]
    scores = _scores(calibration, scenarios, bases)
    estimates: list[Estimate] = []
    for index, (scenario, basis) in enumerate(zip(scenarios, bases, strict=True)):
        scored: list[int] = np.flatnonzero(~np.isnan(scenario.readings).any(axis=(0, 2))).tolist()
        own = scores[bounds[index] : bounds[index + 1]][:, scored]
        errors = calibration.errors[basis].within(scored)
        estimates.append(Estimate(basis, tuple(scored), own, errors))
    return estimates


def feature_scores(calibration: Calibration, scenarios: Sequence[Evidence]) -> list[Floats]:
    """What surface features alone expect, (C, A) for each scenario."""
    predicted = first_layer(calibration.feature_models, scenarios, len(calibration.fields))
    inputs = second_layer_inputs(scenarios, predicted, ())
    columns = [stack.predict(inputs) for stack in calibration.features_alone]
    scores = np.clip(np.hstack(columns), 0.0, 1.0)
    return np.split(scores, np.cumsum([len(one.surface) for one in scenarios])[:-1])


def _scores(
    calibration: Calibration, scenarios: Sequence[Evidence], bases: Sequence[Basis]
) -> Floats:
    """Expected labels of all rows and attributes: (R, A)."""
    bounds = np.cumsum([0, *(len(scenario.surface) for scenario in scenarios)])
    predicted = first_layer(calibration.feature_models, scenarios, len(calibration.fields))
    scores = predicted.copy()
    if calibration.states_models:
        _from_states(calibration, scenarios, scores)
    for basis, layers in calibration.layers.items():
        members = [i for i, of in enumerate(bases) if of == basis]
        if not members:
            continue
        rows = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in members])
        chosen = [scenarios[i] for i in members]
        for stack, columns in _stacks(calibration, layers):
            inputs = second_layer_inputs(chosen, predicted[rows], stack.read)
            known = ~np.isnan(inputs).any(axis=1)
            outputs = stack.predict(inputs[known])
            for column in columns:
                scores[rows[known], column] = outputs[:, stack.columns.index(column)]
    return np.asarray(np.clip(scores, 0.0, 1.0))


def _from_states(calibration: Calibration, scenarios: Sequence[Evidence], scores: Floats) -> None:
    """Put the scores of attributes that states are used for into `scores` (R, A)."""
    surface = np.concatenate([scenario.surface for scenario in scenarios])
    states = np.concatenate([one.states for one in scenarios if one.states is not None])
    scenario = np.repeat(np.arange(len(scenarios)), [len(one.surface) for one in scenarios])
    for model in calibration.states_models:
        outputs = model.predict(surface, states, scenario)
        for place, column in enumerate(model.columns):
            if calibration.layers["together"][column] == "states":
                scores[:, column] = outputs[:, place]


def _basis(calibration: Calibration, scenario: Evidence) -> Basis:
    if "alone" not in calibration.layers:  # states serve all attributes at once
        return "together"
    whole = calibration.together is not None and not np.isnan(scenario.readings).any()
    return "together" if whole else "alone"


def _stacks(calibration: Calibration, layers: Sequence[Layer]) -> list[tuple[Stack, list[int]]]:
    """The second-layer models in use, each with the attributes that it predicts."""
    used: list[tuple[Stack, list[int]]] = []
    joint = [column for column, layer in enumerate(layers) if layer == "together"]
    if joint and calibration.together is not None:
        used.append((calibration.together, joint))
    for column, layer in enumerate(layers):
        if layer == "alone":
            used.append((calibration.alone[column], [column]))
        elif layer == "features":
            used.append((calibration.features_alone[column], [column]))
    return used


def first_layer(
    feature_models: Sequence[FeatureModel], scenarios: Sequence[Evidence], count: int
) -> Floats:
    """Labels predicted from surface features only: (R, A) with A = `count`."""
    inputs = np.concatenate([with_differences(scenario.surface) for scenario in scenarios])
    predicted = np.full((len(inputs), count), np.nan)
    for surface in feature_models:
        predicted[:, list(surface.columns)] = surface.forest.predict(inputs)
    return predicted


def second_layer_inputs(
    scenarios: Sequence[Evidence], predicted: Floats, read: Sequence[int]
) -> Floats:
    """Inputs of a stack: (R, K), NaN where a reading is missing.

    `predicted` (R, A) is the first layer's prediction for every attribute; `read` lists the
    attributes whose readings are inputs as well.
    """
    parts: list[Floats] = []
    start = 0
    for scenario in scenarios:
        count = len(scenario.surface)
        readings = scenario.readings[:, list(read)].reshape(count, -1)
        own = predicted[start : start + count]
        parts.append(np.hstack([with_differences(readings), with_differences(own)]))
        start += count
    return np.concatenate(parts)


def with_differences(values: Floats) -> Floats:
    """Append each value's difference from the mean of the other candidates: (C, K) -> (C, 2K)."""
    count = len(values)
    if count == 1:
        return np.hstack([values, np.zeros_like(values)])
    others = (values.sum(axis=0, keepdims=True) - values) / (count - 1)
    return np.hstack([values, values - others])
