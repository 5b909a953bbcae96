"""What is known of a fitted calibration besides its arrays."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from app.domain.calibration.model import AttributeReport
from app.domain.fingerprint import scorer_fingerprint
from app.domain.scorer import BankRef, Scorer


class CalibrationInfo(Struct, frozen=True):
    """A fitted calibration, without its arrays."""

    name: str
    digest: str
    """Version: hash of the artefact's content."""
    fingerprint: str
    """Of the scorer that it applies to, or of all of a committee."""
    scorer: Scorer
    """Of a committee, its first one."""
    fields: tuple[str, ...]
    """Cell fields (`name@digest`) of the attributes that it covers."""
    bank: BankRef
    """The labelled bank that it was fitted on."""
    scenarios: int
    """Scenarios that the judge scored for it."""
    left_out: dict[str, int]
    """Reason -> number of scenarios or cells of the bank that were not used for it."""
    reports: tuple[AttributeReport, ...]
    created_ms: int
    labelled: int = 0
    """Scenarios whose labels surface features were fitted on; 0 if those were the scored ones."""
    builtin: bool = False
    """Whether it comes with Azimuth."""
    notice: str = ""
    """For a built-in one: whose labels it was fitted on, and under which licence."""
    automatic: bool = True
    """Whether `auto` may choose it."""
    also: tuple[str, ...] = ()
    """Fingerprints of further scorers that it applies to: their readings differ by rounding."""

    def applies_to(self, fingerprint: str) -> bool:
        """Whether it is for the scores of a scorer."""
        return fingerprint == self.fingerprint or fingerprint in self.also

    further_banks: tuple[BankRef, ...] = ()
    """Labelled banks that it was fitted on as well, each a kind of scenarios of its own."""
    others: tuple[Scorer, ...] = ()
    """Of a committee: the other scorers. It applies to each choice of its scorers."""

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """The scorer, or those of a committee, sorted by fingerprint."""
        return (self.scorer, *self.others)

    def members(self, fingerprints: Sequence[str]) -> tuple[int, ...] | None:
        """Which of its scorers have these fingerprints (sorted); None if it is for others."""
        if not self.others:
            alone = len(fingerprints) == 1 and self.applies_to(fingerprints[0])
            return (0,) if alone else None
        own = [scorer_fingerprint(scorer) for scorer in self.scorers]
        if not fingerprints or not set(fingerprints) <= set(own):
            return None
        return tuple(own.index(fingerprint) for fingerprint in fingerprints)
