"""Accuracy: by target set, and by the number of attributes of the target."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures import paper
from scripts.benchmark.measures.accuracy import Accuracy
from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Styles, Table
from scripts.benchmark.pages.parts.target_sets import absence_note, best_set
from scripts.benchmark.pages.parts.text import (
    DASH,
    accuracy_text,
    decoding_text,
    interval_text,
    name_cell,
    percent,
)
from scripts.benchmark.pages.plots.accuracy import accuracy_plot, size_plot
from scripts.benchmark.records.results import Run


def accuracy_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part:
    picture = Picture(
        accuracy_plot({e.title: e.accuracies for e in runs}, style),
        "Each bar is the share of correct selections, averaged over the targets of a set; the thin "
        "line is its 95\u00a0% interval over scenarios, the dashed line what a random choice would "
        "reach.",
    )
    sets = list(dict.fromkeys(name for e in runs for name in e.accuracies))
    main = Table(
        "Accuracy in %: mean over targets ± standard error over scenarios (sd: standard deviation "
        "over targets, the paper's ±). Pairs of a scenario and a target are left out when all "
        "candidates are equally near the target, or when nothing was selected. Below each: what a "
        "random choice can expect on the same pairs, and the paper's mean under like conditions.",
        ("run", "scenarios", *sets),
        tuple(
            (
                name_cell(e),
                Cell(_share_of_scenarios(e)),
                *(_accuracy_cell(e, name) for name in sets),
            )
            for e in runs
        ),
    )
    tables = (main, *_paper_table(runs), _pairs_table(runs))
    return Part(f"{prefix}-accuracy", "Accuracy", tables, picture)


def _share_of_scenarios(evaluated: Evaluated) -> str:
    answered, asked = len(evaluated.answered), len(evaluated.run.scenarios)
    return str(asked) if answered == asked else f"{answered} of {asked}"


def _accuracy_cell(evaluated: Evaluated, target_set: str) -> Cell:
    accuracy = evaluated.accuracies.get(target_set)
    if accuracy is None:
        return Cell(DASH)
    notes = [] if accuracy.chance is None else [f"chance {percent(accuracy.chance)}"]
    figures = _paper_figures(evaluated.run, target_set)
    if figures:
        decoding = decoding_text(evaluated.run, figures[0].samples)
        means = ", ".join(f"{f.percent} {f.model}" for f in figures)
        notes.append(f"paper{decoding}: {means}")
    warnings = []
    if accuracy.unselected:
        share = percent(accuracy.unselected / (accuracy.pairs + accuracy.unselected))
        warnings.append(f"{share} % of pairs without a selection")
    return Cell(accuracy_text(accuracy), tuple(notes), tuple(warnings))


def _paper_figures(run: Run, target_set: str) -> tuple[paper.PaperAccuracy, ...]:
    kind = next(t.kind for t in run.target_sets if t.name == target_set)
    return paper.matching_accuracies(run, kind)


def _paper_table(runs: Sequence[Evaluated]) -> tuple[Table, ...]:
    rows = tuple(
        (
            Cell(e.title),
            Cell(name),
            Cell(accuracy_text(accuracy)),
            Cell(f"{figure.percent} (sd {figure.deviation})"),
            Cell(figure.model),
            Cell(f"{figure.samples} samples" if figure.samples > 1 else "greedy"),
            Cell(figure.source),
        )
        for e in runs
        for name, accuracy in e.accuracies.items()
        for figure in _paper_figures(e.run, name)
    )
    caption = (
        "The paper's figures for the same method, examples and kind of targets, in %. Its models "
        "differ from those here, and it asked all evaluation scenarios."
    )
    header = ("run", "targets", "here", "paper", "paper's model", "decoding", "source")
    return (Table(caption, header, rows),) if rows else ()


def _pairs_table(runs: Sequence[Evaluated]) -> Table:
    rows = tuple(
        (
            Cell(e.title),
            Cell(name),
            Cell(str(accuracy.scenarios)),
            Cell(f"{accuracy.targets:,}"),
            Cell(f"{accuracy.pairs:,}"),
            Cell(f"{accuracy.ties:,}"),
            Cell(f"{accuracy.unlabelled:,}"),
            Cell(f"{accuracy.unselected:,}"),
            Cell(interval_text(accuracy)),
        )
        for e in runs
        for name, accuracy in e.accuracies.items()
    )
    caption = (
        "What the accuracies rest on: pairs of a scenario and a target that count, and those left "
        "out (ties: all candidates equally near; unlabelled: the scenario labels no attribute of "
        "the target; unselected: a score that the target needs is missing, or no choice was read)."
    )
    header = (
        "run", "targets", "scenarios", "targets counted", "pairs", "ties", "unlabelled",
        "unselected", "95 % interval (%)",
    )  # fmt: skip
    return Table(caption, header, rows, folded="Pairs that count, and intervals")


def size_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    name = best_set(runs, lambda e, t: len(e.by_size[t.name]) > 1, ("sampled", "all"))
    if name is None:
        return None
    absent = absence_note(runs, name)
    shown = {e.title: judged for e in runs if (judged := _judged(e.by_size.get(name, {})))}
    if not shown:
        return None
    sizes = sorted({size for by_size in shown.values() for size in by_size})
    table = Table(
        f"Accuracy in % on the {name} targets by number of attributes: mean over targets ± "
        "standard error over scenarios (sd over targets). Attributes that a scenario does not "
        f"label do not count.{absent}",
        ("run", *(f"{n} attribute{'s' if n > 1 else ''}" for n in sizes)),
        tuple(
            (
                Cell(title),
                *(Cell(accuracy_text(by_size[n]) if n in by_size else DASH) for n in sizes),
            )
            for title, by_size in shown.items()
        ),
    )
    picture = Picture(
        size_plot(shown, style),
        f"Each line is the accuracy on the {name} targets that name so many attributes, its band "
        "or thin line the 95\u00a0% interval over scenarios: a falling line means that targets "
        f"of more attributes are met less often.{absent}",
    )
    return Part(f"{prefix}-attributes", "Accuracy by number of attributes", (table,), picture)


def _judged(by_size: dict[int, Accuracy]) -> dict[int, Accuracy]:
    return {size: accuracy for size, accuracy in by_size.items() if accuracy.mean is not None}
