"""Results of applying a calibration to a score set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.calibration.estimate import Estimate
from app.errors import AzimuthError, FieldError, InvalidRequest, UnknownCalibration

POINTER = "#/calibration"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Calibrated scores of one score set, in its canonical order of candidates."""

    name: str
    digest: str
    estimate: Estimate
    fields: tuple[str, ...]
    """Cell fields of the estimate's columns."""
    notice: str = ""
    """Whose labels it was fitted on, if answers have to name them."""

    def columns(self, fields: Sequence[str]) -> list[int]:
        """Columns of the estimate for some fields."""
        return [self.fields.index(field) for field in fields]


@dataclass(frozen=True, slots=True)
class Raw:
    """The scores stay as the model gave them."""

    warning: str | None = None
    """Why, if there is a calibration for their scorer."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a calibration that was asked for by name cannot be applied."""

    reason: Literal["unknown", "inapplicable"]
    """`unknown`: it does not exist, or cannot be read. `inapplicable`: it is not for these scores,
    or they lack what it needs."""
    detail: str
    hint: str = ""
    """Detail of the field error, if it differs."""
    known: tuple[str, ...] | None = None
    """Names of the calibrations that exist, if that is the problem."""

    def error(self) -> AzimuthError:
        """The error to raise for it."""
        kind = UnknownCalibration if self.reason == "unknown" else InvalidRequest
        return kind(
            self.detail,
            fields=[FieldError(POINTER, self.hint or self.detail)],
            extensions=None if self.known is None else {"known": list(self.known)},
        )


Applied = Calibrated | Raw | Refused
