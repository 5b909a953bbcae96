"""Fitting a calibration on several banks, each of which is a kind of scenarios. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.learners import fit_softmax
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.arrays import Floats
from app.domain.calibration.kinds import Gate, gate_inputs
from app.domain.calibration.model import Calibration

_PENALTY = 1 / 3
"""Of the gate: weak enough to tell kinds apart, strong enough to stay unsure in between."""
_LEAST_DEVIATION = 1e-6


def fit_kinds(
    banks: Mapping[str, Sequence[LabelledEvidence]], *, scorer: str, fields: Sequence[str]
) -> Calibration:
    """Fit a calibration of each bank, by its name, and the gate between them.

    The first bank's is returned; it has the others in `others`. Raises `UnfitBank`.
    """
    fitted = [
        _about(fit(scenarios, scorer=scorer, fields=fields), name if len(banks) > 1 else "")
        for name, scenarios in banks.items()
    ]
    first, *others = fitted
    if not others:
        return first
    return replace(
        first,
        others=tuple(others),
        gate=fit_gate([[one.evidence.surface for one in bank] for bank in banks.values()]),
        reports=tuple(report for one in fitted for report in one.reports),
    )


def _about(calibration: Calibration, bank: str) -> Calibration:
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
