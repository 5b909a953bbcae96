"""The calibrations that ship with Azimuth: one file each, without pickle.

`python -m scripts.calibrate … --export FILE` writes such a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec
from msgspec.structs import replace

from app.domain.calibration.artefact import description_of, with_description
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import with_reports
from app.domain.fingerprint import scorer_fingerprint


@dataclass(frozen=True, slots=True)
class BuiltinCalibration:
    """One file."""

    info: CalibrationInfo
    content: bytes


@cache
def builtin_calibrations() -> dict[str, BuiltinCalibration]:
    """All of them, by name. They belong to no tenant, so everybody has them."""
    folder = files("app.store") / "builtin" / "calibrations"
    if not folder.is_dir():
        return {}
    read = [
        imported(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".npz")
    ]
    return {one.info.name: one for one in sorted(read, key=lambda one: one.info.name)}


def exported(info: CalibrationInfo, artefact: bytes) -> bytes:
    """A calibration as a file."""
    return with_description(artefact, msgspec.json.encode(info))


def imported(content: bytes) -> BuiltinCalibration:
    """A file as a built-in calibration. Raises `InvalidArtefact` and `msgspec.DecodeError`."""
    info = with_reports(description_of(content), CalibrationInfo)
    # The fingerprint is computed again: it may have come to cover more since.
    fingerprint = scorer_fingerprint(info.scorer)
    return BuiltinCalibration(replace(info, fingerprint=fingerprint, builtin=True), content)
