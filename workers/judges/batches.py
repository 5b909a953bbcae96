"""Batches of rows of unequal length. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence


def batches(lengths: Sequence[int], *, rows: int, tokens: int) -> list[list[int]]:
    """Group the positions of `lengths` into batches of similar length, the shortest first.

    A batch has at most `rows` rows and, padded to its longest row, at most `tokens` tokens. A row
    that is longer than that is a batch of its own.
    """
    made: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda p: (lengths[p], p)):
        # Rows are sorted, so this row would be the longest of its batch.
        if made and len(made[-1]) < rows and (len(made[-1]) + 1) * lengths[position] <= tokens:
            made[-1].append(position)
        else:
            made.append([position])
    return made


def batches_of_beginnings(
    beginnings: Sequence[Hashable], lengths: Sequence[int], *, tokens: int
) -> list[list[int]]:
    """Group the positions of texts into batches that begin alike, each in the order given.

    `lengths` are of what follows the beginnings. A batch has at most `tokens` of that; a text that
    has more is a batch of its own.
    """
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    for position, beginning in enumerate(beginnings):
        alike[beginning].append(position)
    made: list[list[int]] = []
    for positions in alike.values():
        room = -1
        for position in positions:
            if lengths[position] > room:
                made.append([])
                room = tokens
            made[-1].append(position)
            room -= lengths[position]
    return made
