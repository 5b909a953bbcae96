"""Calibration: from what a scorer saw of a whole scenario to the expected label of each candidate.

Shapes: `R` rows (candidates of any number of scenarios), `C` candidates of one scenario, `A`
attributes, `J` numbers that a judge gives for one candidate and attribute, `F` surface features,
`K` inputs of a model. Scores, labels and errors are in [0, 1].

Two layers, as in stacked generalisation (Wolpert 1992). First a forest tells labels from surface
features. Then models that heed the judge (a linear one and a second forest, averaged) weigh that
opinion and the judge's against each other: once from its scores on that attribute alone, once from
those on all attributes together; a third model goes by the opinion only. Every input comes twice:
as it is, and as its difference from the mean of the other candidates, because a choice is about
differences. Cross-validation says for each attribute whose word stands; where the judge adds
nothing, that is the opinion's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec import Struct

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest
from app.domain.cells import Cell
from app.domain.features import surface_features
from app.domain.fingerprint import attribute_name
from app.domain.methods import reads_digits
from app.domain.scorer import ScorerSettings
from app.domain.selection.uncertainty import SharedErrors

Basis = Literal["together", "alone"]
"""What there is to go by: the judge's scores on all attributes of the calibration (`together`), or
not on all of them, so that each is calibrated from its own (`alone`)."""
Layer = Literal["features", "alone", "together"]
"""Whose word stands for an attribute: surface features, or the judge's scores on it or on all."""


class AttributeReport(Struct, frozen=True):
    """What cross-validation on the labelled bank says about one attribute and basis."""

    attribute: str
    basis: Basis
    scenarios: int
    """Labelled scenarios behind these figures."""
    layer: Layer
    """Whose word stands. The judge is listened to only if that lowers the error of the surface
    features by clearly more than luck would (one-sided, 5 %)."""
    error_constant: float
    """Root mean squared error of the mean label, for comparison."""
    error_raw: float
    """That of the judge's scores as they are."""
    error_features: float
    """That of the surface features alone."""
    error_judge: float
    """That of surface features and judge: the better of the layers that listen to it."""
    error: float
    """That of what is used."""
    pairs_raw: float | None
    """Share of candidate pairs with different labels that the raw scores put in the right order;
    equal scores count as half. None when there is no such pair."""
    pairs_features: float | None
    pairs: float | None
    """The same of what is used."""
    says: str
    """The gist in words."""


@dataclass(frozen=True, slots=True)
class FeatureModel:
    """First layer: a forest over surface features for some of the attributes."""

    columns: tuple[int, ...]
    """Attributes that it predicts: places in `Calibration.attributes`."""
    forest: Forest


@dataclass(frozen=True, slots=True)
class Stack:
    """Second layer: surface opinion and judge together, for `k` of the attributes."""

    heard: tuple[int, ...]
    """Attributes on which the judge's numbers are read; none for the surface features' own word."""
    columns: tuple[int, ...]
    """Attributes that it predicts."""
    center: Floats
    """(K,), subtracted from the inputs."""
    scale: Floats
    """(K,), then divided by."""
    coefficients: Floats
    """(K, k)"""
    intercept: Floats
    """(k,)"""
    forest: Forest | None
    """Averaged with the linear model where there was enough to grow one."""

    def predict(self, inputs: Floats) -> Floats:
        """(R, K) -> (R, k)"""
        linear: Floats = (inputs - self.center) / self.scale @ self.coefficients + self.intercept
        return linear if self.forest is None else (linear + self.forest.predict(inputs)) / 2


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted map, for one scorer and the attributes that it was fitted on."""

    digest: str
    """Version: hash of all that follows."""
    scorer: str
    """Fingerprint of the scorer that it is for."""
    features: str
    """Version of the surface features."""
    fields: tuple[str, ...]
    """Cell fields (`name@digest`) of the `A` attributes: their whole definitions."""
    feature_models: tuple[FeatureModel, ...]
    features_alone: tuple[Stack, ...]
    """One for each attribute, in order: the word of the surface features."""
    together: Stack | None
    """None where no scenario of the bank has labels of all attributes."""
    alone: tuple[Stack, ...]
    """One for each attribute, in order."""
    layers: Mapping[Basis, tuple[Layer, ...]]
    """Whose word stands for each attribute."""
    levels: tuple[tuple[float, ...], ...]
    """For each attribute the values that labels take; empty where they are continuous."""
    errors: Mapping[Basis, SharedErrors]
    reports: tuple[AttributeReport, ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(attribute_name(field) for field in self.fields)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one scenario before calibration."""

    surface: Floats
    """(C, F)"""
    judge: Floats
    """(C, A, J), NaN for attributes that are not scored."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calibrated scores of one scenario."""

    basis: Basis
    columns: tuple[int, ...]
    """The attributes that are scored: places in `Calibration.attributes`."""
    scores: Floats
    """(C, A'), expected labels in [0, 1]."""
    errors: SharedErrors
    """Of these attributes."""


def estimate(calibration: Calibration, scenarios: Sequence[Evidence]) -> list[Estimate]:
    """Calibrated scores of any number of scenarios at once."""
    bounds = np.cumsum([0, *(len(scenario.surface) for scenario in scenarios)])
    opinion = first_layer(calibration.feature_models, scenarios, len(calibration.fields))
    scores = opinion.copy()
    bases = [_basis(calibration, scenario) for scenario in scenarios]
    for basis, layers in calibration.layers.items():
        members = [i for i, found in enumerate(bases) if found == basis]
        if not members:
            continue
        rows = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in members])
        chosen = [scenarios[i] for i in members]
        for stack, columns in _stacks(calibration, layers):
            inputs = second_layer_inputs(chosen, opinion[rows], stack.heard)
            known = ~np.isnan(inputs).any(axis=1)
            predicted = stack.predict(inputs[known])
            for column in columns:
                scores[rows[known], column] = predicted[:, stack.columns.index(column)]
    np.clip(scores, 0.0, 1.0, out=scores)
    estimates: list[Estimate] = []
    for index, (scenario, basis) in enumerate(zip(scenarios, bases, strict=True)):
        scored: list[int] = np.flatnonzero(~np.isnan(scenario.judge).any(axis=(0, 2))).tolist()
        found = scores[bounds[index] : bounds[index + 1]][:, scored]
        errors = calibration.errors[basis].within(scored)
        estimates.append(Estimate(basis, tuple(scored), found, errors))
    return estimates


def _basis(calibration: Calibration, scenario: Evidence) -> Basis:
    whole = calibration.together is not None and not np.isnan(scenario.judge).any()
    return "together" if whole else "alone"


def _stacks(calibration: Calibration, layers: Sequence[Layer]) -> list[tuple[Stack, list[int]]]:
    """The second-layer models that are needed, and the attributes that each has the word on."""
    needed: list[tuple[Stack, list[int]]] = []
    joint = [column for column, layer in enumerate(layers) if layer == "together"]
    if joint and calibration.together is not None:
        needed.append((calibration.together, joint))
    for column, layer in enumerate(layers):
        if layer == "alone":
            needed.append((calibration.alone[column], [column]))
        elif layer == "features":
            needed.append((calibration.features_alone[column], [column]))
    return needed


def first_layer(
    feature_models: Sequence[FeatureModel], scenarios: Sequence[Evidence], count: int
) -> Floats:
    """Labels by surface features alone: (R, A)."""
    inputs = np.concatenate([with_differences(scenario.surface) for scenario in scenarios])
    predicted = np.full((len(inputs), count), np.nan)
    for surface in feature_models:
        predicted[:, list(surface.columns)] = surface.forest.predict(inputs)
    return predicted


def second_layer_inputs(
    scenarios: Sequence[Evidence], surface: Floats, heard: Sequence[int]
) -> Floats:
    """Inputs of a stack that hears the judge on some attributes: (R, K), NaN where it is silent.

    `surface` is (R, A), the first layer's word on every attribute.
    """
    parts: list[Floats] = []
    start = 0
    for scenario in scenarios:
        count = len(scenario.surface)
        judge = scenario.judge[:, list(heard)].reshape(count, -1)
        opinion = surface[start : start + count]
        parts.append(np.hstack([with_differences(judge), with_differences(opinion)]))
        start += count
    return np.concatenate(parts)


def with_differences(values: Floats) -> Floats:
    """Each candidate's values, then their differences from the others' mean: (C, K) -> (C, 2K)."""
    count = len(values)
    if count == 1:
        return np.hstack([values, np.zeros_like(values)])
    others = (values.sum(axis=0, keepdims=True) - values) / (count - 1)
    return np.hstack([values, values - others])


_LEAST_MASS = 1e-9


def without_judge(question: str, responses: Sequence[str], attributes: int) -> Evidence:
    """What is known of a scenario that no judge has seen: surface features, and empty scores."""
    surface = [surface_features(question, text) for text in responses]
    return Evidence(np.array(surface), np.zeros((len(responses), attributes, 1)))


def evidence_of(
    cells: Mapping[str, Cell],
    surface: Sequence[Sequence[float]],
    fields: Sequence[str],
    settings: ScorerSettings,
) -> Evidence:
    """What is known of one scenario: its cells by field, and its candidates' features (C, F).

    Raises ValueError when none of the cells is among `fields`.
    """
    numbers = {f: judge_numbers(cells[f], settings) for f in fields if f in cells}
    if not numbers:
        raise ValueError("none of the attributes is scored")
    missing = np.full_like(next(iter(numbers.values())), np.nan)
    judge = np.stack([numbers.get(field, missing) for field in fields], axis=1)
    return Evidence(np.array(surface, dtype=np.float64), judge)


def judge_numbers(cell: Cell, settings: ScorerSettings) -> Floats:
    """What a judge said of each candidate: (C, J), `J` being the same for all cells of a scorer.

    The score; where answers were averaged, their spread (how much order and luck matter); where
    probabilities were read, their shares, their deviation and the logarithm of their sum.
    """
    averaged = settings.samples * settings.orders > 1
    probabilities = reads_digits(settings.method, reasoning=settings.reasoning)
    rows: list[list[float]] = []
    for candidate in cell.scores:
        row = [candidate.score]
        if averaged:
            row.append(candidate.spread)
        if probabilities:
            assert candidate.digits is not None, "the scorer reads digits"
            read = candidate.digits
            mass = max(sum(read.probabilities), _LEAST_MASS)
            row += [p / mass for p in read.probabilities[:-1]]
            row += [read.deviation, float(np.log(mass))]
        rows.append(row)
    return np.array(rows, dtype=np.float64)
