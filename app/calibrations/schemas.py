"""Bodies of the calibration endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.calibration.model import Basis, Layer
from app.schema import WHOLE, Flag, Maybe, Name, Open
from app.scoring.requests import ScorerRequest
from app.scoring.schemas import BankRefOut, ScorersOut


class CalibrationRequest(ScorerRequest):
    """What to fit a calibration on, and for which scorer."""

    bank: Name
    """Labelled bank to fit on. The scorer may take its in-context examples from the same bank: a
    scenario never sees its own labels."""
    further_banks: list[Name] = Field(default_factory=list, max_length=7)
    """More labelled banks to learn from, all of their scenarios. Each bank counts as a kind of
    scenarios of its own, with a scale of its own: essays and short answers are not wordy at the
    same length. A scenario is scored by the banks that it is like."""
    scenarios: Annotated[int, Field(ge=20), WHOLE] | None = None
    """How many of the bank's scenarios to score, drawn by `sample_seed`; by default all. Surface
    features, which need no model, are learnt from all of them in any case."""
    sample_seed: Annotated[int, Field(ge=0, lt=2**31), WHOLE] = 0
    scenario_ids: list[str] | None = Field(None, min_length=20, max_length=100_000)
    """Fit on these scenarios of the bank only, as if it had no others: to find what a calibration
    is worth on scenarios that it has not seen. By default, all of them."""
    automatic: Flag = True
    """Whether `auto` may choose the calibration. If not, it is applied only where it is named."""


class JudgeReportOut(Open):
    """What one judge of a committee adds on one attribute."""

    judge: str
    """Model and method."""
    fingerprint: str
    """Of its scorer."""
    error_alone: float
    """Of surface features and this judge only."""
    error_without: float
    """Of surface features and the other judges."""
    weight: float
    """Share of what it adds to surface features that counts; 0 where it is left out."""
    summary: str
    """The result in words."""


class AttributeReportOut(Open):
    """Results of cross-validation on the bank, for one attribute. Errors are root mean squares of
    the difference from the labels."""

    attribute: str
    basis: Basis
    """`together`: when all attributes are scored. `alone`: when they are not."""
    scenarios: int
    """Scenarios behind these figures."""
    layer: Layer
    """What the calibrated score comes from: surface features only, or also the judge's score on
    this attribute, or also its scores on all attributes, or its hidden states, or a committee."""
    error_constant: float
    """If the mean label were the score of everything."""
    error_raw: float
    """Of the judge's scores."""
    error_features: float
    """Of surface features only."""
    error_combined: float
    """Of surface features and the judge's scores together."""
    error: float
    """Of the calibrated score."""
    pairs_raw: Maybe[float] = None
    """Share of candidate pairs with different labels that raw scores put in the right order; absent
    if there is no such pair."""
    pairs_features: Maybe[float] = None
    pairs: Maybe[float] = None
    """The same for calibrated scores."""
    summary: str
    """The result in words."""
    bank: Maybe[str] = None
    """The bank that the figures are about, if the calibration was fitted on several."""
    judges: list[JudgeReportOut] = []
    """What each judge adds; empty without a committee."""


class FittedOut(Open):
    """A calibration that can be applied."""

    digest: str
    """Its version."""
    scorer: ScorersOut
    attributes: list[str]
    bank: BankRefOut
    """What it was fitted on."""
    further_banks: list[BankRefOut] = Field(default_factory=list)
    """What else it was fitted on."""
    scenarios: int
    """Scenarios of the bank that were scored for it."""
    labelled: int
    """Scenarios with labels, scored or not: surface features were fitted on all of them."""
    left_out: dict[str, int]
    """Why scenarios or cells of the bank were not used -> how many."""
    reports: list[AttributeReportOut]
    created_ms: int
    automatic: bool = True
    """Whether `auto` may choose it."""
    builtin: bool = False
    """Whether it ships with the service. One that is fitted under the same name hides it."""
    notice: Maybe[str] = None
    """Whose labels it was fitted on, and under which licence."""


class CalibrationOut(Open):
    """A calibration, and the state of its last fit."""

    name: str
    state: Literal["scoring", "fitting", "ready", "failed", "interrupted"]
    """Of the last fit. An earlier version stays in use during a fit, and when a fit fails."""
    detail: str
    done: int
    """Scenarios of the bank that are scored, or cannot be."""
    total: int
    left_out: dict[str, int] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)
    """About the last fit's request: settings without effect, for instance."""
    fitted: Maybe[FittedOut] = None
    """The version in use; absent before there is one."""


class CalibrationsOut(Open):
    """All calibrations."""

    calibrations: list[CalibrationOut]
