"""What the order of candidates in the prompt changes."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures.estimates import Ratio
from scripts.benchmark.records.choices import decode_choices
from scripts.benchmark.records.results import ScenarioResult


def order_flips(scenarios: Sequence[ScenarioResult], target_set: str) -> Ratio:
    """Share of pairs whose selection changes when the candidates are shown in reverse order.

    Only pairs with a selection in both orders count.
    """
    flips, counts = [], []
    for scenario in scenarios:
        forward = decode_choices(scenario.forward.get(target_set, ""))
        backward = decode_choices(scenario.reversed.get(target_set, ""))
        if not len(forward) or len(forward) != len(backward):
            continue
        both = (forward >= 0) & (backward >= 0)
        flips.append(float((forward != backward)[both].sum()))
        counts.append(int(both.sum()))
    return Ratio.of(flips, counts)


def position_biases(scenarios: Sequence[ScenarioResult]) -> dict[str, Ratio]:
    """For each attribute the mean change of a score from the first place in a prompt to the last.

    Over the scenarios that were asked for in both orders; positive where later candidates fare
    better. For methods that choose it is `(choice)`, in shares of the votes.
    """
    names = dict.fromkeys(name for s in scenarios for name in s.position_bias)
    by_name: dict[str, Ratio] = {}
    for name in names:
        biases = [s.position_bias[name] for s in scenarios if name in s.position_bias]
        by_name[name] = Ratio.of(biases, [1] * len(biases))
    return by_name
