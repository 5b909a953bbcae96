"""A calibration: maps a judge's readings of a scenario to the expected label of each candidate.

Shapes in this package: `R` rows (candidates of any number of scenarios), `C` candidates of one
scenario, `A` attributes, `J` numbers in one reading (the judge's output for one candidate and
attribute), `F` surface features, `K` inputs of a model. Scores, labels and errors are in [0, 1].

The model has two layers, as in stacked generalisation (Wolpert 1992). The first is a forest that
predicts labels from surface features. The second combines this prediction with the judge's
readings, in three variants: without readings (`features`), with the readings of the same attribute
(`alone`), and with the readings of all attributes (`together`). Each variant is a linear model;
those with readings are averaged with a second forest. Every input appears twice: as is, and as the
difference from the mean of the other candidates, because a selection depends on differences.
Cross-validation chooses the variant for each attribute; if the readings do not help, it chooses
`features`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from app.domain.calibration.kinds import Gate
from app.domain.calibration.stack import FeatureModel, Stack
from app.domain.calibration.states import StatesModel
from app.domain.fingerprint import attribute_name
from app.domain.selection.uncertainty import SharedErrors

AUTO, NONE = "auto", "none"
"""Reserved values in place of a calibration's name: the latest that applies, or none."""

Basis = Literal["together", "alone"]
"""`together`: the scenario has readings of all attributes of the calibration. `alone`: some are
missing, and each attribute is calibrated from its own readings."""
Layer = Literal["features", "alone", "together", "states", "committee"]
"""Inputs of an attribute's calibrated score: surface features only, or also the readings of this
attribute, or also the readings of all attributes, or also the judge's hidden states, or also what
several judges give."""


class JudgeReport(Struct, frozen=True):
    """What one judge of a committee adds on one attribute; errors as in `AttributeReport`."""

    judge: str
    """Model and method."""
    fingerprint: str
    """Of its scorer."""
    error_alone: float
    """Error with surface features and this judge only."""
    error_without: float
    """Error with surface features and the other judges."""
    weight: float
    """Share of what it adds to surface features that counts; 0 where it is left out."""
    summary: str
    """The result in words."""


class AttributeReport(Struct, frozen=True):
    """Results of cross-validation on the labelled bank, for one attribute and basis.

    Errors are root mean square differences from the labels. `with_reports` reads stored ones.
    """

    attribute: str
    basis: Basis
    scenarios: int
    """Number of labelled scenarios."""
    layer: Layer
    """The layer in use. The judge's readings are used only if they lower the error of the surface
    features significantly (one-sided, 5 %)."""
    error_constant: float
    """Error of predicting the mean label, for comparison."""
    error_raw: float
    """Error of the judge's scores; for states, of their linear regressions alone."""
    error_features: float
    """Error with surface features only."""
    error_combined: float
    """Error with surface features and readings: the better of the two layers that use both."""
    error: float
    """Error of the layer in use."""
    pairs_raw: float | None
    """Share of candidate pairs with different labels that the raw scores order correctly; equal
    scores count as half. None if there is no such pair."""
    pairs_features: float | None
    """The same for surface features only."""
    pairs: float | None
    """The same for the layer in use."""
    summary: str
    """The result in words."""
    bank: str = ""
    """The bank that the figures are about, if the calibration was fitted on several."""
    judges: tuple[JudgeReport, ...] = ()
    """Of a committee: what each judge adds."""


_T = TypeVar("_T")
_FORMER_NAMES = {"error_judge": "error_combined", "says": "summary"}
"""Members of reports that were stored under other names, up to format 2 of artefacts."""


def with_reports(content: bytes, kind: type[_T]) -> _T:
    """Decode JSON with `reports` whose members may have their former names.

    Raises `msgspec.DecodeError`, which is a `ValueError`.
    """
    if not any(f'"{name}":'.encode() in content for name in _FORMER_NAMES):
        return msgspec.json.decode(content, type=kind)
    value = msgspec.json.decode(content, type=dict[str, Any])
    value["reports"] = [
        {_FORMER_NAMES.get(name, name): item for name, item in report.items()}
        for report in msgspec.convert(value.get("reports"), list[dict[str, Any]])
    ]
    return msgspec.convert(value, kind)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model fitted for one scorer and its `A` attributes."""

    digest: str
    """Version: hash of the content."""
    scorer: str
    """Fingerprint of the scorer."""
    features: str
    """Version of the surface features."""
    fields: tuple[str, ...]
    """Cell fields (`name@digest`) of the attributes; the digest covers the whole definition."""
    feature_models: tuple[FeatureModel, ...]
    features_alone: tuple[Stack, ...]
    """One stack per attribute, on surface features only."""
    together: Stack | None
    """Stack on the readings of all attributes; None if too few scenarios have labels on all."""
    alone: tuple[Stack, ...]
    """One stack per attribute, on its own readings."""
    layers: Mapping[Basis, tuple[Layer, ...]]
    """The layer in use for each attribute."""
    levels: tuple[tuple[float, ...], ...]
    """The values that labels take, for each attribute; empty for continuous labels."""
    errors: Mapping[Basis, SharedErrors]
    reports: tuple[AttributeReport, ...]
    states_models: tuple[StatesModel, ...] = ()
    """For scorers that read hidden states: each predicts some of the attributes. Such a calibration
    has no `alone` and no `together`, and the basis is always `together`."""
    gate: Gate | None = None
    """Decides between this calibration and `others`, if there are any."""
    others: tuple[Calibration, ...] = ()
    """Calibrations of the same attributes for other kinds of scenarios; none has others itself."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(attribute_name(field) for field in self.fields)
