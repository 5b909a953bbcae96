"""A calibration of a committee: those of its members, and how their scores become one. Pure.

Each member has a calibration of its own, as if it were asked alone. With f for what surface
features expect, and p for what a member expects, the score of a committee is f + sum of w (p - f):
what the features expect, and a share of what each member adds to that. A member that adds nothing
on an attribute has the weight 0 there.

A calibration has such weights for every choice of two or more members, each with errors of its own:
a committee from which a judge is missing is another committee. Shapes as in `model`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.calibration.estimate import Estimate, estimate, feature_scores, mixed
from app.domain.calibration.evidence import Evidence
from app.domain.calibration.kinds import Gate
from app.domain.calibration.model import AttributeReport, Basis, Calibration
from app.domain.selection.uncertainty import SharedErrors

Members = tuple[int, ...]
"""Members of a committee: ascending indices into `CommitteeCalibration.members`."""


@dataclass(frozen=True, slots=True)
class Combination:
    """How the scores of some members become one."""

    weights: Floats
    """(M, A), one row for each member."""
    errors: SharedErrors


@dataclass(frozen=True, slots=True)
class CommitteeCalibration:
    """A model fitted for the `M` scorers of a committee, and for each choice of them."""

    digest: str
    """Version: hash of the content."""
    scorer: str
    """Fingerprint of the committee."""
    members: tuple[Calibration, ...]
    """Sorted by the fingerprints of their scorers."""
    combinations: Mapping[tuple[Basis, Members], Combination]
    """For each choice of at least two members. The basis is `together` if every member has readings
    of all attributes."""
    reports: tuple[AttributeReport, ...]
    """Of the whole committee."""
    gate: Gate | None = None
    """Decides between this calibration and `others`, if there are any."""
    others: tuple[CommitteeCalibration, ...] = ()
    """For other kinds of scenarios; none has others itself."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Cell fields (`name@digest`) of the attributes."""
        return self.members[0].fields

    @property
    def features(self) -> str:
        """Version of the surface features."""
        return self.members[0].features


def estimate_together(
    calibration: CommitteeCalibration, members: Members, scenarios: Sequence[Sequence[Evidence]]
) -> list[Estimate]:
    """Calibrated scores of several scenarios, from the evidence of some members for each."""
    own = _estimate(calibration, members, scenarios)
    if calibration.gate is None:
        return own
    others = (_estimate(other, members, scenarios) for other in calibration.others)
    shares = [calibration.gate.shares(evidence[0].surface) for evidence in scenarios]
    return [mixed(of, share) for *of, share in zip(own, *others, shares, strict=True)]


def _estimate(
    calibration: CommitteeCalibration, members: Members, scenarios: Sequence[Sequence[Evidence]]
) -> list[Estimate]:
    """The same, as if there were no other kinds."""
    own = [
        estimate(calibration.members[member], [evidence[place] for evidence in scenarios])
        for place, member in enumerate(members)
    ]
    if len(members) == 1:
        return own[0]
    features = feature_scores(calibration.members[0], [evidence[0] for evidence in scenarios])
    return [
        _combined(calibration, members, each, expected)
        for *each, expected in zip(*own, features, strict=True)
    ]


def _combined(
    calibration: CommitteeCalibration,
    members: Members,
    estimates: Sequence[Estimate],
    features: Floats,
) -> Estimate:
    """One scenario: `features` (C, A) is what surface features expect."""
    basis = basis_of([calibration.members[m] for m in members], [one.basis for one in estimates])
    combination = calibration.combinations[basis, members]
    columns = sorted(set[int].intersection(*(set(one.columns) for one in estimates)))
    scores = features[:, columns].copy()
    for one, weights in zip(estimates, combination.weights, strict=True):
        own = one.scores[:, [one.columns.index(column) for column in columns]]
        scores += weights[columns] * (own - features[:, columns])
    errors = combination.errors.within(columns)
    return Estimate(basis, tuple(columns), np.asarray(np.clip(scores, 0.0, 1.0)), errors)


def basis_of(members: Sequence[Calibration], bases: Sequence[Basis]) -> Basis:
    """The basis of a committee: `alone` if that is so for any member that can have it."""
    alone = any(
        basis == "alone" and "alone" in member.layers
        for member, basis in zip(members, bases, strict=True)
    )
    return "alone" if alone else "together"
