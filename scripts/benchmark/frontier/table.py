"""The frontier as a Markdown table, with differences from the paper's mode."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.frontier.modes import REFERENCE
from scripts.benchmark.frontier.runs import Frontier, Measured
from scripts.benchmark.measures.cost import cost
from scripts.benchmark.measures.difference import paired_difference
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.pages.plots.frontier import FREE
from scripts.benchmark.pages.tables import accuracy_with_interval, row_of


def table(frontier: Frontier, target_sets: Sequence[str]) -> str:
    """Markdown: a row a mode and kind, a column a target set, and the cost of a scenario.

    Next to each accuracy its difference from the raw scores of the reference mode, by the same
    model, on the scenarios that both have, with the 95 % interval of a paired bootstrap. Prompt
    tokens are computed unless the engine's prefix cache serves them.
    """
    measured = frontier.measured
    reference = next((m for m in measured if (m.mode, m.kind) == (REFERENCE, "raw")), None)
    header = [frontier.key.title, "scores", "scenarios"]
    for name in target_sets:
        header += [name, f"against {REFERENCE}, raw"]
    header += ["prompt tokens sent", "computed", "written", "seconds"]
    lines = [row_of(header), row_of(["---"] * len(header))]
    for one in measured:
        cells = [one.mode, one.kind, str(len(one.results.answered))]
        spent = None
        for name in target_sets:
            if name not in one.sets:
                cells += ["", ""]
                continue
            spent = one.point(name)
            cells += [accuracy_with_interval(spent.accuracy), _difference(reference, one, name)]
        cells += [f"{count:,.0f}" if count else "" for count in _tokens(one)]
        cells.append(f"{spent.seconds:,.2g}" if spent and spent.seconds else "")
        lines.append(row_of(cells))
    return "\n".join(lines)


def _tokens(one: Measured) -> tuple[float, float, float]:
    """Tokens of a scenario: sent in prompts, computed of these, and written."""
    if one.mode == FREE:
        return 0, 0, 0
    spent = cost(one.results)
    sent = spent.prompt_tokens or 0
    return sent, sent - (spent.cached_prompt_tokens or 0), spent.output_tokens or 0


def _difference(reference: Measured | None, one: Measured, target_set: str) -> str:
    if reference is None or one is reference or target_set not in reference.sets:
        return ""
    gain = paired_difference(
        pairs_of(reference.results.answered, reference.sets[target_set]),
        pairs_of(one.results.answered, one.sets[target_set]),
    )
    if gain.difference is None or gain.interval is None:
        return ""
    low, high = gain.interval
    return f"{100 * gain.difference:+.1f} [{100 * low:+.0f}, {100 * high:+.0f}]"
