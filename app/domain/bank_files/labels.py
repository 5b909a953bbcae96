"""Labels as files have them: on any scale, and not for every response."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

from msgspec import Struct

from app.domain.bank import label_fault

Unlabelled = Literal["keep", "drop", "fill"]
"""What becomes of responses without labels: they stay, or are left out, or labels are filled in."""
UNLABELLED: tuple[Unlabelled, ...] = ("keep", "drop", "fill")
FILLED = 0.5
"""The label that is filled in, as the paper's authors do for triage data."""

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_SCALE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})", re.ASCII)
SCALE_PATTERN = rf"^{_NUMBER}\.\.{_NUMBER}$"


class Scale(Struct, frozen=True):
    """The lowest and the highest label of a file; they are mapped to 0 and 1."""

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read `1..5`. Raises `ValueError`."""
        match = _SCALE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a scale: give its ends, as in 1..5")
        scale = cls(float(match[1]), float(match[2]))
        if not scale.low < scale.high < math.inf:
            raise ValueError(f"{text!r} is not a scale: the second number must be the larger one")
        return scale

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


def scaled(labels: list[Any], scale: Scale) -> list[Any]:
    """The labels of each response on [0, 1]. Raises `ValueError` for one that is not on the scale.

    What is not a mapping is left for the check of the whole scenario.
    """
    return [
        {
            name: _scaled(label, scale, f"labels[{index}].{name}")
            for name, label in labels_of_one.items()
        }
        if isinstance(labels_of_one, dict)
        else labels_of_one
        for index, labels_of_one in enumerate(labels)
    ]


def _scaled(label: Any, scale: Scale, where: str) -> float:
    if fault := label_fault(label, scale.low, scale.high):
        raise ValueError(f"{where} {fault}")
    return (float(label) - scale.low) / (scale.high - scale.low)


class Completed(Struct, frozen=True):
    """A scenario whose responses are all labelled."""

    line: dict[str, Any]
    dropped: int = 0
    """Responses that were left out."""
    filled: int = 0
    """Labels that were filled in."""


def completed(line: dict[str, Any], unlabelled: Unlabelled) -> Completed:
    """Leave out the responses without labels, or fill in the labels that they lack.

    A response lacks the labels that another response of its scenario has. Scenarios with ratings,
    which count responses, stay as they are.
    """
    labels = line.get("labels")
    if unlabelled == "keep" or line.get("ratings") or not isinstance(labels, list):
        return Completed(line)
    if not any(labels) or not all(isinstance(one, dict) for one in labels):
        return Completed(line)  # nothing to go by, or invalid
    if unlabelled == "fill":
        names = list(dict.fromkeys(name for one in labels for name in one))
        filled = [{name: one.get(name, FILLED) for name in names} for one in labels]
        count = len(names) * len(labels) - sum(map(len, labels))
        return Completed({**line, "labels": filled}, filled=count)
    kept = [index for index, one in enumerate(labels) if one]
    members = {
        name: [line[name][index] for index in kept]
        for name in ("responses", "labels", "reasonings")
        if isinstance(line.get(name), list) and len(line[name]) == len(labels)
    }
    return Completed({**line, **members}, dropped=len(labels) - len(kept))
