"""Fitting a calibration of a committee: its members' own, and the weight of each. Pure.

Everything is learnt from predictions of rows that the members' calibrations have not seen, as in
any stacking (Wolpert 1992). The weights are not negative, so that two judges who know the same
share one weight, and two who know different things count more than one together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from msgspec import structs

from app.calibrations.fitting.fit import (
    LearntFeatures,
    LearntJudge,
    fit_judge,
    learn_features,
    sharpened_errors,
)
from app.calibrations.fitting.report import report_on
from app.calibrations.fitting.rows import LabelledEvidence, Rows, UnfitBank, in_rows
from app.calibrations.fitting.weighing import Attribute
from app.domain.arrays import Floats
from app.domain.calibration.committee import Combination, CommitteeCalibration, Members
from app.domain.calibration.model import AttributeReport, Basis, JudgeReport, Layer
from app.domain.fingerprint import attribute_name, committee_fingerprint

_LEAST_SHOWN = 0.05
"""Per cent of the error that are worth a sentence."""


@dataclass(frozen=True, slots=True)
class Member:
    """One judge of a committee, and what it gave."""

    fingerprint: str
    """Of its scorer."""
    name: str
    """The judge in words."""
    scenarios: Sequence[LabelledEvidence]
    """The same for all members, but for the readings and states."""


def fit_committee(members: Sequence[Member], *, fields: Sequence[str]) -> CommitteeCalibration:
    """Fit a calibration for judges that score together; it has no digest yet. Raises `UnfitBank`.

    `members` are sorted by fingerprint.
    """
    rows = [_rows(member, fields) for member in members]
    learnt = learn_features(rows[0])
    judges = [
        fit_judge(own, learnt, member.fingerprint, fields)
        for own, member in zip(rows, members, strict=True)
    ]
    together = _Together(learnt, judges, members, [attribute_name(field) for field in fields])
    combined: dict[tuple[Basis, Members], Combination] = {}
    reports: list[AttributeReport] = []
    everyone = tuple(range(len(members)))
    for basis in together.bases():
        for size in range(2, len(members) + 1):
            for chosen in combinations(everyone, size):
                combined[basis, chosen], of_choice = together.combine(basis, chosen)
        reports += of_choice  # the last choice is everyone
    return CommitteeCalibration(
        digest="",
        scorer=committee_fingerprint(member.fingerprint for member in members),
        members=tuple(judge.calibration for judge in judges),
        combinations=combined,
        reports=tuple(reports),
    )


def _rows(member: Member, fields: Sequence[str]) -> Rows:
    try:
        return in_rows(member.scenarios, [attribute_name(field) for field in fields])
    except UnfitBank as error:
        raise type(error)(f"judge {member.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Together:
    """The fitted judges of a committee."""

    learnt: LearntFeatures
    judges: Sequence[LearntJudge]
    members: Sequence[Member]
    names: Sequence[str]
    """Of the attributes."""

    def bases(self) -> Iterator[Basis]:
        """The bases that scenarios may have; see `basis_of`."""
        each = [judge.out_of_fold for judge in self.judges]
        if all("together" in own for own in each):
            yield "together"
        if any("alone" in own for own in each):
            yield "alone"

    def combine(self, basis: Basis, chosen: Members) -> tuple[Combination, list[AttributeReport]]:
        """The combination of some members, and a report on each attribute."""
        judges = [self.judges[member] for member in chosen]
        each = [_in_basis(judge, basis) for judge in judges]
        rows = replace(judges[0].rows, raw=np.mean([judge.rows.raw for judge in judges], axis=0))
        features = np.clip(self.learnt.out_of_fold, 0.0, 1.0)
        added = np.stack([own - features for own in each])
        weights = np.zeros(added.shape[::2])
        predicted = features.copy()
        reports: list[AttributeReport] = []
        for column, name in enumerate(self.names):
            part = Attribute(rows, column, features[:, column], added[:, :, column])
            weighed = part.weigh()
            combined = np.full(features.shape, np.nan)
            combined[:, column] = weighed.predicted
            out_of_fold: dict[Layer, Floats] = {"features": features, "committee": combined}
            report = report_on(rows, out_of_fold, basis, column, name, combined=("committee",))
            if report.layer == "committee":
                weights[:, column] = weighed.weights
                predicted[:, column] = weighed.predicted
            own_weights = weights[:, column].tolist()
            named = [self.members[member] for member in chosen]
            reports.append(
                structs.replace(report, judges=_judges(part, report, named, own_weights))
            )
        return Combination(weights, sharpened_errors(rows, predicted)), reports


def _in_basis(judge: LearntJudge, basis: Basis) -> Floats:
    """What a judge predicts; a judge whose readings have one basis only has it in all."""
    (first, *_) = judge.out_of_fold.values()
    return judge.out_of_fold.get(basis, first)


def _judges(
    part: Attribute, report: AttributeReport, members: Sequence[Member], weights: Sequence[float]
) -> tuple[JudgeReport, ...]:
    """What each judge adds on one attribute."""
    reports: list[JudgeReport] = []
    every = range(len(members))
    for place, (member, weight) in enumerate(zip(members, weights, strict=True)):
        without = part.error(part.predict([other for other in every if other != place]))
        reports.append(
            JudgeReport(
                judge=member.name,
                fingerprint=member.fingerprint,
                error_alone=part.error(part.predict([place])),
                error_without=without,
                weight=weight,
                summary=_summary(report, member.name, weight, without),
            )
        )
    return tuple(reports)


def _summary(report: AttributeReport, judge: str, weight: float, without: float) -> str:
    gain = 100 * (1 - report.error / without)
    if not weight or gain < _LEAST_SHOWN:
        return f"on {report.attribute} {judge} adds nothing to the others"
    return (
        f"on {report.attribute} {judge} lowers the error of the others by {gain:.1f} % "
        f"(from {without:.3f} to {report.error:.3f})"
    )
