"""A short Markdown table of several runs: a row a run, a column a target set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scripts.benchmark.measures import paper
from scripts.benchmark.measures.accuracy import Accuracy, accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.grouping import DataAndModel, NamedRun, by_data_and_model
from scripts.benchmark.records.results import Results, TargetSet

_PAPER_MODEL = paper.LLAMA_3B


def table(runs: Iterable[NamedRun]) -> str:
    """Accuracies with their 95 % intervals, one table for each dataset and model.

    Rows in the order of the runs, grouped as `by_data_and_model` does; with the paper's figures for
    Llama-3.2-3B, where it has any for the same method and kind of targets.
    """
    groups = by_data_and_model(runs)
    return "\n\n".join(_one(key, [run for _, run in alike]) for key, alike in groups.items())


def _one(key: DataAndModel, runs: Sequence[Results]) -> str:
    sets: dict[str, TargetSet] = {}
    for results in runs:
        sets |= {target_set.name: target_set for target_set in results.run.target_sets}
    has_paper = any(_paper(results) for results in runs)
    header = [key.title, "scenarios"]
    header += [f"{name} ({_count(target_set)})" for name, target_set in sets.items()]
    header += ["the paper, 3B"] if has_paper else []
    lines = [row_of(header), row_of(["---"] * len(header))]
    for results in runs:
        own = {target_set.name: target_set for target_set in results.run.target_sets}
        cells = [results.run.title, str(len(results.answered))]
        cells += [_cell(results, own[name]) if name in own else "" for name in sets]
        cells += [_paper(results)] if has_paper else []
        lines.append(row_of(cells))
    return "\n".join(lines)


def _count(target_set: TargetSet) -> str:
    return f"{len(target_set):,}"


def _cell(results: Results, target_set: TargetSet) -> str:
    return accuracy_with_interval(accuracy(pairs_of(results.answered, target_set)))


def accuracy_with_interval(measured: Accuracy) -> str:
    """`59.2 [55.1, 63.3]`: percent and the 95 % interval over scenarios."""
    if measured.mean is None:
        return "–"
    interval = measured.interval
    within = f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else ""
    return f"{100 * measured.mean:.1f}{within}"


def _paper(results: Results) -> str:
    """`sampled 59.0 (5 samples), all 55.2`."""
    figures: list[str] = []
    kinds = {target_set.kind for target_set in results.run.target_sets}
    for kind in ("sampled", "all"):
        for figure in paper.matching_accuracies(results.run, kind) if kind in kinds else ():
            if figure.model == _PAPER_MODEL:
                samples = f" ({figure.samples} samples)" if figure.samples > 1 else ""
                figures.append(f"{kind} {figure.percent}{samples}")
    return ", ".join(figures)


def row_of(cells: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
