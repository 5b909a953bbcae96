"""A calibration: it maps what a judge said of a scenario to the expected label of each candidate.

Shapes, in this package: `R` rows (candidates of any number of scenarios),
`C` candidates of one scenario, `A` attributes, `J` numbers of one reading (what the judge's output
says about one candidate and attribute), `F` surface features, `K` inputs of a model. Scores, labels
and errors are in [0, 1].

There are two layers, as in stacked generalisation (Wolpert 1992). First a forest predicts labels
from surface features. Then models that take the judge's readings as well (a linear one and a second
forest, averaged) combine that prediction with the readings: once with the readings of one attribute
alone, once with those of all attributes together. A third model uses the prediction only. Every
input comes twice: as it is, and as its difference from the mean of the other candidates, because a
selection depends on differences. Cross-validation decides for each attribute which of the three is
used; where the readings add nothing, that is the one without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct

from app.domain.arrays import Floats
from app.domain.calibration.forest import Forest
from app.domain.fingerprint import attribute_name
from app.domain.selection.uncertainty import SharedErrors

AUTO, NONE = "auto", "none"
"""In the place of a calibration's name: the latest that applies, or no calibration."""

Basis = Literal["together", "alone"]
"""Which readings there are: of all attributes of the calibration (`together`), or not of all, so
that each attribute is calibrated from its own (`alone`)."""
Layer = Literal["features", "alone", "together"]
"""What an attribute's calibrated score comes from: surface features only, or also the readings of
this attribute, or also those of all attributes."""


class AttributeReport(Struct, frozen=True):
    """Results of cross-validation on the labelled bank, for one attribute and basis.

    Errors are root mean squares of the difference from the labels. Two members are stored under
    older names, so that reports and artefacts of format 1 can still be read.
    """

    attribute: str
    basis: Basis
    scenarios: int
    """Labelled scenarios behind these figures."""
    layer: Layer
    """What is used. The judge's readings are only used if they lower the error of the surface
    features significantly (one-sided, 5 %)."""
    error_constant: float
    """Of the mean label, for comparison."""
    error_raw: float
    """Of the judge's scores."""
    error_features: float
    """Of surface features only."""
    error_combined: float = msgspec.field(name="error_judge")
    """Of surface features and readings: the better of the layers that use both."""
    error: float
    """Of what is used."""
    pairs_raw: float | None
    """Share of candidate pairs with different labels that the raw scores put in the right order;
    equal scores count as half. None when there is no such pair."""
    pairs_features: float | None
    pairs: float | None
    """The same for what is used."""
    summary: str = msgspec.field(name="says")
    """The result in words."""


@dataclass(frozen=True, slots=True)
class FeatureModel:
    """First layer: a forest over surface features, for some of the attributes."""

    columns: tuple[int, ...]
    """Attributes that it predicts: indices into `Calibration.attributes`."""
    forest: Forest


@dataclass(frozen=True, slots=True)
class Stack:
    """Second layer: combines the first layer's prediction with readings, for `k` attributes."""

    read: tuple[int, ...]
    """Attributes whose readings are inputs; none for a stack on surface features only."""
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
    """Averaged with the linear model, if there were enough labels to grow one."""

    def predict(self, inputs: Floats) -> Floats:
        """(R, K) -> (R, k)"""
        linear: Floats = (inputs - self.center) / self.scale @ self.coefficients + self.intercept
        return linear if self.forest is None else (linear + self.forest.predict(inputs)) / 2


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted model, for one scorer and the attributes that it was fitted on."""

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
    """One for each attribute, in order: without the judge."""
    together: Stack | None
    """None if too few scenarios of the bank have labels on all attributes."""
    alone: tuple[Stack, ...]
    """One for each attribute, in order."""
    layers: Mapping[Basis, tuple[Layer, ...]]
    """What is used for each attribute."""
    levels: tuple[tuple[float, ...], ...]
    """For each attribute the values that labels take; empty for continuous labels."""
    errors: Mapping[Basis, SharedErrors]
    reports: tuple[AttributeReport, ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(attribute_name(field) for field in self.fields)
