"""Fitting a calibration on several banks, each of which is a kind of scenarios. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import numpy as np

from app.calibrations.fitting.committee import Member, fit_committee
from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.learners import fit_softmax
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.arrays import Floats
from app.domain.calibration.committee import CommitteeCalibration
from app.domain.calibration.kinds import Gate, gate_inputs
from app.domain.calibration.model import Calibration

_C = TypeVar("_C", Calibration, CommitteeCalibration)
_PENALTY = 1 / 3
"""Of the gate: weak enough to tell kinds apart, strong enough to stay unsure in between."""
_LEAST_DEVIATION = 1e-6


def fit_kinds(
    banks: Mapping[str, Sequence[LabelledEvidence]], *, scorer: str, fields: Sequence[str]
) -> Calibration:
    """Fit a calibration of each bank, by its name, and the gate between them.

    The first bank's is returned; it has the others in `others`. Raises `UnfitBank`.
    """
    return _of_kinds(
        {name: fit(own, scorer=scorer, fields=fields) for name, own in banks.items()},
        [[one.evidence.surface for one in bank] for bank in banks.values()],
    )


def fit_committee_kinds(
    banks: Mapping[str, Sequence[Member]], *, fields: Sequence[str]
) -> CommitteeCalibration:
    """The same for a committee, from what each of its members gave for each bank."""
    return _of_kinds(
        {name: fit_committee(own, fields=fields) for name, own in banks.items()},
        [[one.evidence.surface for one in own[0].scenarios] for own in banks.values()],
    )


def _of_kinds(fitted: Mapping[str, _C], surfaces: Sequence[Sequence[Floats]]) -> _C:
    """One calibration of those of each bank. `surfaces` are of the banks' scenarios, (C, F)."""
    first, *others = [
        _about(calibration, name if len(fitted) > 1 else "") for name, calibration in fitted.items()
    ]
    if not others:
        return first
    reports = tuple(report for one in (first, *others) for report in one.reports)
    changes: dict[str, Any] = {"others": tuple(others), "gate": fit_gate(surfaces)}
    return replace(first, reports=reports, **changes)


def _about(calibration: _C, bank: str) -> _C:
    reports = tuple(msgspec.structs.replace(one, bank=bank) for one in calibration.reports)
    return replace(calibration, reports=reports)


def fit_gate(kinds: Sequence[Sequence[Floats]]) -> Gate:
    """Learn which kind a scenario is of, from the surface features (C, F) of the scenarios of each.

    Kinds count alike, however many scenarios they have.
    """
    means = np.array([surface.mean(axis=0) for kind in kinds for surface in kind])
    kind = np.repeat(np.arange(len(kinds)), [len(one) for one in kinds])
    center = means.mean(axis=0).astype(np.float32)
    deviation = means.std(axis=0)
    scale = np.where(deviation > _LEAST_DEVIATION, deviation, 1.0).astype(np.float32)
    inputs = np.array([gate_inputs(mean[None], center, scale) for mean in means])
    coefficients, intercept = fit_softmax(inputs, kind, penalty=_PENALTY)
    return Gate(center, scale, coefficients.astype(np.float32), intercept.astype(np.float32))
