"""How rows of unequal length are put into batches. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def batches(lengths: Sequence[int], *, rows: int, tokens: int) -> list[list[int]]:
    """Positions of `lengths` in batches of like length, the shortest first.

    A batch has at most `rows` rows and, padded to its longest, at most `tokens` tokens; a row that
    is longer than that alone is a batch of its own.
    """
    made: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda p: (lengths[p], p)):
        # Sorted: the row to come is the longest of its batch.
        if made and len(made[-1]) < rows and (len(made[-1]) + 1) * lengths[position] <= tokens:
            made[-1].append(position)
        else:
            made.append([position])
    return made
