"""How a bank's file was read, as an answer reports it."""

from __future__ import annotations

from collections.abc import Sequence

from app.banks.schemas import FindingOut, LeftOutOut, LeftOutRecordOut, ReadingOut, RepeatsOut
from app.domain.bank_files.reading import BankFile
from app.domain.bank_repeats import repeats_in
from app.domain.ratings.lint import Finding

_LISTED = 20
"""Records and groups that an answer lists; the others are only counted."""


def reading_out(file: BankFile, scale: str) -> ReadingOut:
    """Report how a file was read, and which of its scenarios are there more than once."""
    repeats = repeats_in(file.scenarios)
    return ReadingOut(
        converted={str(kind): count for kind, count in file.converted.items()},
        scale=scale,
        repeated=file.repeated,
        left_out=LeftOutOut(
            count=len(file.left_out),
            first=[
                LeftOutRecordOut(number=one.number, reason=one.reason)
                for one in file.left_out[:_LISTED]
            ],
        ),
        responses_dropped=file.dropped,
        labels_filled=file.filled,
        duplicates=_listed(repeats.duplicates),
        contradictions=_listed(repeats.contradictions),
    )


def findings_out(findings: Sequence[Finding]) -> list[FindingOut]:
    """What is odd about a bank, with at most 20 names for each finding."""
    return [
        FindingOut(
            kind=one.kind, detail=one.detail, count=one.count, first=list(one.names[:_LISTED])
        )
        for one in findings
    ]


def _listed(groups: Sequence[Sequence[str]]) -> RepeatsOut:
    first = [list(group[:_LISTED]) for group in groups[:_LISTED]]
    return RepeatsOut(count=len(groups), first=first)
