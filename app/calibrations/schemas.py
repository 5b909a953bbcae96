"""What the calibration endpoints take and give."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.schema import Closed, Name, Open
from app.scores.schemas import BankRefOut, ScorerOut
from app.scoring.requests import ScorerIn


class CalibrationRequest(Closed):
    """What to fit a calibration on, and for which scorer."""

    bank: Name
    """Labelled bank to fit on. The scorer may take its in-context examples from the same one: no
    scenario ever meets its own labels."""
    scorer: ScorerIn = ScorerIn()
    """How scenarios are scored: the settings that `/score` and `/select` shall have."""
    scenarios: int | None = Field(None, ge=20)
    """How many of the bank's scenarios to score, drawn by `sample_seed`; all if not given. What
    surface features tell, which takes no model, is learnt from all of them anyhow."""
    sample_seed: int = Field(0, ge=0, lt=2**31)


class AttributeReportOut(Open):
    """What cross-validation on the bank says about one attribute. Errors are root mean squares of
    the difference to the labels."""

    attribute: str
    basis: Literal["together", "alone"]
    """`together`: when all attributes are scored. `alone`: when they are not."""
    scenarios: int
    """Scenarios behind these figures."""
    layer: Literal["features", "alone", "together"]
    """What the calibrated score comes from: surface features without the judge, or with its score
    on this attribute, or with those on all."""
    error_constant: float
    """If the mean label were the score of everything."""
    error_raw: float
    """Of the judge's scores as they are."""
    error_features: float
    """Of surface features alone."""
    error_judge: float
    """Of surface features and judge."""
    error: float
    """Of the calibrated score."""
    pairs_raw: float | None
    """Share of candidate pairs with different labels that raw scores put in the right order."""
    pairs_features: float | None
    pairs: float | None
    """The same of the calibrated scores."""
    says: str
    """The gist in words."""


class FittedOut(Open):
    """A calibration that can be used."""

    digest: str
    """Its version."""
    scorer: ScorerOut
    attributes: list[str]
    bank: BankRefOut
    """What it was fitted on."""
    scenarios: int
    """Scenarios of the bank that the judge scored for it."""
    labelled: int
    """Those with labels, scored or not: what the opinion of surface features was fitted on."""
    left_out: dict[str, int]
    """Why scenarios or cells of the bank could not be used -> how many."""
    reports: list[AttributeReportOut]
    created_ms: int


class CalibrationOut(Open):
    """A calibration, and how its last fit went."""

    name: str
    state: Literal["scoring", "fitting", "ready", "failed", "interrupted"]
    """Of the last fit. While one is under way, and when one fails, an earlier version stays in
    use."""
    detail: str
    done: int
    """Scenarios of the bank that are scored."""
    total: int
    left_out: dict[str, int] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)
    """Of the last fit: what in its request has no effect, or not the one that one may expect."""
    fitted: FittedOut | None = None
    """The version in use; null before there is one."""


class CalibrationsOut(Open):
    """All calibrations."""

    calibrations: list[CalibrationOut]
