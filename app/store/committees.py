"""Reading the score sets of committees: those of their members, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.domain.committee import together
from app.domain.score_set import MEMBER_SEPARATOR, ScoreSet

Key = tuple[str, str | None]
"""Digest and view of a score set. The digest of a committee's has those of its members."""


async def read_members(
    wanted: Sequence[Key], read: Callable[[Sequence[Key]], Awaitable[list[ScoreSet | None]]]
) -> list[ScoreSet | None]:
    """Score sets of single judges and of committees; None where one is absent, even of a member.

    `read` reads those of single judges, all in one call.
    """
    if not any(MEMBER_SEPARATOR in digest for digest, _ in wanted):
        return await read(wanted)
    members = [[(one, view) for one in digest.split(MEMBER_SEPARATOR)] for digest, view in wanted]
    stored = iter(await read([key for own in members for key in own]))
    return [_whole([next(stored) for _ in own]) for own in members]


def _whole(members: Sequence[ScoreSet | None]) -> ScoreSet | None:
    present = [member for member in members if member is not None]
    if len(present) < len(members) or not _of_one_scenario(present):
        return None
    return together(present)


def _of_one_scenario(members: Sequence[ScoreSet]) -> bool:
    """Whether they may be a committee: not if a client put an id together of any two."""
    different = len({member.fingerprint for member in members}) == len(members)
    return different and all(
        (one.surface, one.presentation) == (members[0].surface, members[0].presentation)
        for one in members
    )
