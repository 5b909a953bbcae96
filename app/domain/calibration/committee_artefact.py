"""Serialised calibrations of committees, and of single judges: one reader for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from app.domain.calibration.artefact import (
    InvalidArtefact,
    all_arrays_of,
    archived,
    arrays_of,
    as_array,
    calibration_of,
    digest_of,
    gate_arrays,
    gate_of,
    readable,
    unarchived,
)
from app.domain.calibration.committee import Combination, CommitteeCalibration
from app.domain.calibration.model import AttributeReport, Basis, Calibration
from app.domain.selection.uncertainty import SharedErrors

Fitted = Calibration | CommitteeCalibration
_FORMAT = "azimuth-committee/1"
_COMMITTEE = "committee"
"""Name of the array that only calibrations of committees have."""


class _Combined(Struct, frozen=True):
    """One combination, without its arrays."""

    basis: Basis
    members: tuple[int, ...]
    sharpness: float


class _Committee(Struct, frozen=True):
    """Everything about a committee that is not an array."""

    format: str
    scorer: str
    members: int
    combinations: tuple[_Combined, ...]
    reports: tuple[AttributeReport, ...]
    others: int = 0


def to_bytes(fitted: Fitted) -> bytes:
    """Serialise a calibration. `from_bytes` reads it."""
    return archived(_arrays_of(fitted))


def with_digest(fitted: Fitted) -> Fitted:
    """The calibration with its digest, a hash of its content."""
    return from_bytes(to_bytes(fitted))


def from_bytes(content: bytes) -> Fitted:
    """Read the output of `to_bytes`. Raises `InvalidArtefact`."""
    with readable():
        arrays = unarchived(content)
        return _committee_of(arrays) if _COMMITTEE in arrays else calibration_of(arrays)


def _arrays_of(fitted: Fitted) -> dict[str, Any]:
    if isinstance(fitted, Calibration):
        return all_arrays_of(fitted)
    arrays = _own_arrays_of(fitted)
    for number, other in enumerate(fitted.others):
        arrays |= {f"other{number}/{name}": one for name, one in _own_arrays_of(other).items()}
    if fitted.gate is not None:
        arrays |= gate_arrays(fitted.gate)
    return arrays


def _own_arrays_of(fitted: CommitteeCalibration) -> dict[str, Any]:
    """The arrays of one calibration without its others."""
    arrays: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for number, member in enumerate(fitted.members):
        own = arrays_of(member)
        first = first or own
        for name, array in own.items():
            # All members have the same models of surface features.
            if number == 0 or not _same(first.get(name), array):
                arrays[f"member{number}:{name}"] = array
        arrays[f"member{number}:names"] = as_array(msgspec.json.encode(sorted(own)))
    for place, combination in enumerate(fitted.combinations.values()):
        arrays[f"combination{place}.weights"] = combination.weights
        arrays[f"combination{place}.same"] = combination.errors.same
        arrays[f"combination{place}.other"] = combination.errors.other
    about = _Committee(
        format=_FORMAT,
        scorer=fitted.scorer,
        members=len(fitted.members),
        combinations=tuple(
            _Combined(basis, members, combination.errors.sharpness)
            for (basis, members), combination in fitted.combinations.items()
        ),
        reports=fitted.reports,
        others=len(fitted.others),
    )
    arrays[_COMMITTEE] = as_array(msgspec.json.encode(about))
    return arrays


def _same(one: Any, other: Any) -> bool:
    return one is not None and one.dtype == other.dtype and np.array_equal(one, other)


def _committee_of(arrays: Mapping[str, Any]) -> CommitteeCalibration:
    committee, count = _own_of(arrays)
    others: list[CommitteeCalibration] = []
    for number in range(count):
        prefix = f"other{number}/"
        own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        others.append(_own_of(own)[0])
    if others:
        committee = replace(committee, others=tuple(others), gate=gate_of(arrays))
    return replace(committee, digest=digest_of(arrays))


def _own_of(arrays: Mapping[str, Any]) -> tuple[CommitteeCalibration, int]:
    """One calibration without its others, and how many these are."""
    about = msgspec.json.decode(arrays[_COMMITTEE].tobytes(), type=_Committee)
    if about.format != _FORMAT:
        raise InvalidArtefact(f"unknown format {about.format!r}: expected {_FORMAT}")
    members = tuple(_member(arrays, number) for number in range(about.members))
    levels = members[0].levels
    committee = CommitteeCalibration(
        digest="",
        scorer=about.scorer,
        members=members,
        combinations={
            (one.basis, one.members): Combination(
                arrays[f"combination{place}.weights"],
                SharedErrors(
                    arrays[f"combination{place}.same"],
                    arrays[f"combination{place}.other"],
                    levels,
                    one.sharpness,
                ),
            )
            for place, one in enumerate(about.combinations)
        },
        reports=about.reports,
    )
    return committee, about.others


def _member(arrays: Mapping[str, Any], number: int) -> Calibration:
    names = msgspec.json.decode(arrays[f"member{number}:names"].tobytes(), type=list[str])
    own = {
        name: arrays.get(f"member{number}:{name}", arrays.get(f"member0:{name}")) for name in names
    }
    if missing := [name for name, array in own.items() if array is None]:
        raise InvalidArtefact(f"the content has no array {missing[0]!r}")
    return calibration_of(own)
