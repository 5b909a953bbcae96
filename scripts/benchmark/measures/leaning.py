"""What the selected candidates are like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from scripts.benchmark.measures.estimates import Floats, Ratio
from scripts.benchmark.records.choices import decode_choices
from scripts.benchmark.records.results import ScenarioResult


class Leaning(Struct, frozen=True):
    """What the selected candidates are like on one attribute (figure 7)."""

    attribute: str
    selected: Ratio
    """Mean label of the selected candidate."""
    difference: Ratio
    """The same minus the mean label of all candidates of the scenario: above 0, the run leans to
    candidates that have more of the attribute."""


def leaning(
    scenarios: Sequence[ScenarioResult], target_set: str, attributes: Iterable[str]
) -> tuple[Leaning, ...]:
    """Mean labels of selected candidates over the targets of a set.

    Each scenario weighs the same. Methods that read no target have the same leaning on every set.
    """
    shares = [_selection_shares(s, target_set) for s in scenarios]
    leanings = []
    for attribute in attributes:
        selected, difference = [], []
        for scenario, share in zip(scenarios, shares, strict=True):
            if share is None or any(attribute not in label for label in scenario.labels):
                continue
            labels = np.array([label[attribute] for label in scenario.labels])
            selected.append(float(share @ labels))
            difference.append(float(share @ labels - labels.mean()))
        ones = [1] * len(selected)
        leanings.append(Leaning(attribute, Ratio.of(selected, ones), Ratio.of(difference, ones)))
    return tuple(leanings)


def _selection_shares(scenario: ScenarioResult, target_set: str) -> Floats | None:
    """How often each candidate was selected, adding up to 1: (C,). None if none ever was."""
    choices = decode_choices(scenario.selected.get(target_set, ""))
    counts = np.bincount(choices[choices >= 0], minlength=len(scenario.labels))
    return counts / counts.sum() if counts.any() else None
