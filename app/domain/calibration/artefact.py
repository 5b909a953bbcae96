"""Serialised calibrations: NumPy arrays and JSON. Loading one never executes code."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from app.domain.calibration.forest import Forest
from app.domain.calibration.joint import JointOpinion
from app.domain.calibration.kinds import Gate
from app.domain.calibration.model import AttributeReport, Basis, Calibration, Layer, with_reports
from app.domain.calibration.stack import FeatureModel, Stack
from app.domain.calibration.states import StatesModel
from app.domain.selection.uncertainty import SharedErrors

_FORMAT = "azimuth-calibration/5"
_READABLE = tuple(f"azimuth-calibration/{number}" for number in (1, 2, 3, 4, 5))
HEAD = "head"
_ABOUT = "about.json"
"""Member of a file with the description, which is no array."""
_DIGEST_CHARS = 32
_FOREST = ("feature", "threshold", "left", "right", "value", "roots")
_STATES = ("center", "scale", "coefficients", "intercept", "axes")
_JOINT = ("center", "scale", "within", "between", "intercept")
_GATE = ("center", "scale", "coefficients", "intercept")
_STACK = ("center", "scale", "coefficients", "intercept")


class InvalidArtefact(ValueError):
    """The bytes are not a calibration, or have an unknown format."""


class _Head(Struct, frozen=True, omit_defaults=True):
    """Everything that is not an array."""

    format: str
    scorer: str
    features: str
    fields: tuple[str, ...]
    surface_columns: tuple[tuple[int, ...], ...]
    has_together: bool
    sharpness: dict[Basis, float]
    layers: dict[Basis, tuple[Layer, ...]]
    levels: tuple[tuple[float, ...], ...]
    reports: tuple[AttributeReport, ...]
    states_columns: tuple[tuple[int, ...], ...] = ()
    """Not in format 1."""
    others: int = 0
    """Number of calibrations for other kinds of scenarios. Not before format 5."""


def to_bytes(calibration: Calibration) -> bytes:
    """Serialise a calibration as a compressed archive of arrays. `from_bytes` reads it."""
    return archived(all_arrays_of(calibration))


def all_arrays_of(calibration: Calibration) -> dict[str, Any]:
    """A calibration as named arrays."""
    arrays = arrays_of(calibration)
    for number, other in enumerate(calibration.others):
        arrays |= {f"other{number}.{name}": array for name, array in arrays_of(other).items()}
    if calibration.gate is not None:
        arrays |= gate_arrays(calibration.gate)
    return arrays


def arrays_of(calibration: Calibration) -> dict[str, Any]:
    """The arrays of one calibration without its others; the head is one of them."""
    arrays: dict[str, Any] = {}
    for number, surface in enumerate(calibration.feature_models):
        _put(arrays, f"surface{number}", surface.forest, _FOREST)
    stacks = {f"alone{number}": stack for number, stack in enumerate(calibration.alone)}
    stacks |= {f"features{n}": stack for n, stack in enumerate(calibration.features_alone)}
    if calibration.together is not None:
        stacks["together"] = calibration.together
    for number, states in enumerate(calibration.states_models):
        _put(arrays, f"states{number}", states, _STATES)
        _put(arrays, f"states{number}.joint", states.joint, _JOINT)
        _put(arrays, f"states{number}.forest", states.forest, _FOREST)
    for name, stack in stacks.items():
        _put(arrays, name, stack, _STACK)
        if stack.forest is not None:
            _put(arrays, f"{name}.forest", stack.forest, _FOREST)
    for basis, errors in calibration.errors.items():
        _put(arrays, f"errors.{basis}", errors, ("same", "other"))
    head = _Head(
        format=_FORMAT,
        scorer=calibration.scorer,
        features=calibration.features,
        fields=calibration.fields,
        surface_columns=tuple(surface.columns for surface in calibration.feature_models),
        has_together=calibration.together is not None,
        sharpness={basis: errors.sharpness for basis, errors in calibration.errors.items()},
        layers=dict(calibration.layers),
        levels=calibration.levels,
        reports=calibration.reports,
        states_columns=tuple(states.columns for states in calibration.states_models),
        others=len(calibration.others),
    )
    arrays[HEAD] = as_array(msgspec.json.encode(head))
    return arrays


def gate_arrays(gate: Gate) -> dict[str, Any]:
    """A gate as named arrays."""
    arrays: dict[str, Any] = {}
    _put(arrays, "gate", gate, _GATE)
    return arrays


def gate_of(arrays: Mapping[str, Any]) -> Gate:
    """The gate of named arrays."""
    return Gate(*_get(arrays, "gate", _GATE))


def archived(arrays: Mapping[str, Any]) -> bytes:
    """Named arrays as a compressed archive."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def as_array(text: bytes) -> Any:
    """Bytes as an array."""
    return np.frombuffer(text, dtype=np.uint8)


def with_digest(calibration: Calibration) -> Calibration:
    """The calibration with its digest, a hash of its content."""
    return from_bytes(to_bytes(calibration))


def from_bytes(content: bytes) -> Calibration:
    """Read the output of `to_bytes`. Raises `InvalidArtefact`."""
    with readable():
        return calibration_of(unarchived(content))


def unarchived(content: bytes) -> dict[str, Any]:
    """The named arrays of an archive, without its description. Call it within `readable`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name != _ABOUT}


def calibration_of(arrays: Mapping[str, Any]) -> Calibration:
    """A calibration, with its digest, of its named arrays. Call it within `readable`."""
    head = with_reports(arrays[HEAD].tobytes(), _Head)
    if head.format not in _READABLE:
        known = ", ".join(_READABLE)
        raise InvalidArtefact(f"unknown format {head.format!r}: expected one of {known}")
    calibration = _with_others(_assemble(head, arrays), head.others, arrays)
    return replace(calibration, digest=digest_of(arrays))


@contextmanager
def readable() -> Iterator[None]:
    """Raise `InvalidArtefact` in place of what libraries raise about content that is none."""
    try:
        yield
    except (
        KeyError, ValueError, TypeError, IndexError, OSError, EOFError,
        zipfile.BadZipFile, zlib.error, NotImplementedError,
    ) as error:  # fmt: skip
        if isinstance(error, InvalidArtefact):
            raise
        raise InvalidArtefact(f"the content cannot be read: {error}") from error


def with_description(content: bytes, about: bytes) -> bytes:
    """The output of `to_bytes` with a description, in place of the one that it may have."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        # Fixed times, so that equal contents are equal files.
        for name in given.namelist():
            if name != _ABOUT:
                archive.writestr(zipfile.ZipInfo(name), given.read(name), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(_ABOUT), about, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def description_of(content: bytes) -> bytes:
    """The description in a file. Raises `InvalidArtefact`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(_ABOUT)
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidArtefact(f"the content has no description: {error}") from error


def _with_others(calibration: Calibration, count: int, arrays: Mapping[str, Any]) -> Calibration:
    if not count:
        return calibration
    others: list[Calibration] = []
    for number in range(count):
        prefix = f"other{number}."
        names = [name for name in arrays if name.startswith(prefix)]
        own = {name.removeprefix(prefix): arrays[name] for name in names}
        others.append(_assemble(with_reports(own[HEAD].tobytes(), _Head), own))
    return replace(calibration, others=tuple(others), gate=gate_of(arrays))


def _assemble(head: _Head, arrays: Mapping[str, Any]) -> Calibration:
    everything = tuple(range(len(head.fields)))
    return Calibration(
        digest="",
        scorer=head.scorer,
        features=head.features,
        fields=head.fields,
        feature_models=tuple(
            FeatureModel(columns, Forest(*_get(arrays, f"surface{number}", _FOREST)))
            for number, columns in enumerate(head.surface_columns)
        ),
        features_alone=tuple(_stack(arrays, f"features{c}", (), (c,)) for c in everything),
        together=_stack(arrays, "together", everything, everything) if head.has_together else None,
        alone=tuple(
            _stack(arrays, f"alone{c}", (c,), (c,))
            for c in everything
            if f"alone{c}.center" in arrays
        ),
        layers=head.layers,
        levels=head.levels,
        errors={
            basis: SharedErrors(
                arrays[f"errors.{basis}.same"],
                arrays[f"errors.{basis}.other"],
                head.levels,
                head.sharpness[basis],
            )
            for basis in head.layers
        },
        reports=head.reports,
        states_models=tuple(
            _states_model(arrays, f"states{number}", columns)
            for number, columns in enumerate(head.states_columns)
        ),
    )


def _stack(
    arrays: Mapping[str, Any], name: str, read: tuple[int, ...], columns: tuple[int, ...]
) -> Stack:
    grown = f"{name}.forest.roots" in arrays
    forest = Forest(*_get(arrays, f"{name}.forest", _FOREST)) if grown else None
    center, scale, coefficients, intercept = _get(arrays, name, _STACK)
    return Stack(read, columns, center, scale, coefficients, intercept, forest)


def _states_model(arrays: Mapping[str, Any], name: str, columns: tuple[int, ...]) -> StatesModel:
    joint = JointOpinion(*_get(arrays, f"{name}.joint", _JOINT))
    forest = Forest(*_get(arrays, f"{name}.forest", _FOREST))
    center, scale, coefficients, intercept, axes = _get(arrays, name, _STATES)
    return StatesModel(columns, center, scale, coefficients, intercept, axes, joint, forest)


def _put(arrays: dict[str, Any], name: str, of: object, members: tuple[str, ...]) -> None:
    for member in members:
        arrays[f"{name}.{member}"] = getattr(of, member)


def _get(arrays: Mapping[str, Any], name: str, members: tuple[str, ...]) -> list[Any]:
    return [arrays[f"{name}.{member}"] for member in members]


def digest_of(arrays: Mapping[str, Any]) -> str:
    """Hash of the arrays, not of the archive: that contains the time of writing."""
    hashed = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        hashed.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        hashed.update(array.tobytes())
    return hashed.hexdigest()[:_DIGEST_CHARS]
