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
from app.domain.fingerprint import committee_fingerprint, scorer_fingerprint
from app.domain.methods import METHODS
from app.domain.scorer import Scorer

DATA_TYPES = ("bfloat16", "float32")
"""Those in which states serve one calibration. Scores of everyday scenarios differ between them by
0.001 on average and by 0.009 at most. That is as much as between two kinds of processors with
bfloat16, and a hundredth of the differences between candidates."""


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
    fingerprint = committee_fingerprint(map(scorer_fingerprint, info.scorers))
    others = () if info.others else _in_other_types(info.scorer)
    also = tuple(scorer_fingerprint(one) for one in others)
    known = replace(info, fingerprint=fingerprint, also=also, builtin=True)
    return BuiltinCalibration(known, content)


def _in_other_types(scorer: Scorer) -> list[Scorer]:
    """Scorers that read the same states in another data type."""
    types = [f"dtype={name}" for name in DATA_TYPES]
    reads = METHODS[scorer.settings.method].reads_states
    if not reads or scorer.model.settings not in types:
        return []
    return [
        replace(scorer, model=replace(scorer.model, settings=other))
        for other in types
        if other != scorer.model.settings
    ]
