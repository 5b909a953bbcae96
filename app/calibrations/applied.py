"""Results of applying a calibration to a score set, and what it needs of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.calibration.estimate import Estimate
from app.domain.cells import Cell
from app.domain.features import SurfaceFeatures
from app.domain.scorer import Scorer
from app.errors import AzimuthError, FieldError, InvalidRequest, UnknownCalibration

POINTER = "#/calibration"


class HasScores(Protocol):
    """What a calibration needs of a score set."""

    @property
    def digest(self) -> str:
        """Key of the score set."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the scorer."""

    @property
    def scorer(self) -> Scorer:
        """Who scored."""

    @property
    def scores(self) -> Mapping[str, Cell]:
        """Scored cells by field, without choices."""

    @property
    def surface(self) -> SurfaceFeatures | None:
        """Of the candidates; None in a score set from before there were any."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Calibrated scores of one score set, in its canonical order of candidates."""

    name: str
    digest: str
    estimate: Estimate
    fields: tuple[str, ...]
    """Cell fields of the estimate's columns."""

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
    """What to tell about the field of the request, if not the detail."""
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


@dataclass(frozen=True, slots=True)
class Scored:
    """The parts of a score set that a calibration needs (see `HasScores`)."""

    digest: str
    fingerprint: str
    scorer: Scorer
    scores: Mapping[str, Cell]
    surface: SurfaceFeatures | None


Applied = Calibrated | Raw | Refused
