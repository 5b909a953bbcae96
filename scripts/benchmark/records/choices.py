"""Selected candidates as letters: A for the first candidate, `-` for none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

NONE = "-"
"""Stands for a target that has no selection: none of its attributes is labelled, or one that it
names is unscored."""


def encode_choices(indices: Sequence[int | None]) -> str:
    """Indices of selected candidates as letters, None as `-`."""
    return "".join(NONE if i is None else LETTERS[i] for i in indices)


def encode_array(choices: NDArray[np.int8]) -> str:
    """`encode_choices` for an array with -1 for none."""
    letters = np.frombuffer((LETTERS + NONE).encode(), dtype=np.uint8)
    return letters[choices].tobytes().decode()  # -1 is the last: none


def decode_choices(letters: str) -> NDArray[np.int8]:
    """Letters of selected candidates as indices, -1 for `-`."""
    codes = np.frombuffer(letters.encode("ascii"), dtype=np.int8)
    return np.where(codes == ord(NONE), -1, codes - ord("A")).astype(np.int8)
