"""How a bank's file was read, as an answer reports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import to_builtins

from app.banks.schemas import (
    FindingOut,
    GroupRetrievalOut,
    LeftOutOut,
    LeftOutRecordOut,
    ReachOut,
    ReadingOut,
    RepeatsOut,
    WeightsOut,
)
from app.domain.bank_files.reading import BankFile
from app.domain.bank_repeats import repeats_in
from app.domain.ratings.lint import Finding
from app.domain.ratings.retrieval import FittedGroup

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


def group_retrieval_out(
    fitted: Mapping[str, Mapping[str, FittedGroup]],
) -> dict[str, dict[str, GroupRetrievalOut]]:
    """What workers have fitted for the groups of a bank."""
    return {
        embedder: {group: _group_out(one) for group, one in groups.items()}
        for embedder, groups in fitted.items()
    }


def _group_out(fitted: FittedGroup) -> GroupRetrievalOut:
    weights = fitted.weights
    return GroupRetrievalOut(
        version=fitted.version,
        weights=None
        if weights is None
        else WeightsOut(**to_builtins(weights.whole), pairs=weights.pairs),
        reach={
            kind: ReachOut(**to_builtins(reach), degenerate=reach.degenerate)
            for kind, reach in fitted.reach.items()
        },
    )


def _listed(groups: Sequence[Sequence[str]]) -> RepeatsOut:
    first = [list(group[:_LISTED]) for group in groups[:_LISTED]]
    return RepeatsOut(count=len(groups), first=first)
