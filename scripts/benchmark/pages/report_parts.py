"""What a report tells about a group of runs: tables, pictures and what to know first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from scripts.benchmark.measures import paper
from scripts.benchmark.measures.evaluated import Evaluated, Group
from scripts.benchmark.measures.metrics import (
    Accuracy,
    AttributeQuality,
    Leaning,
    Ratio,
    leaning,
    unscored_reasons,
)
from scripts.benchmark.pages import drawing, plots
from scripts.benchmark.records.results import DataFile, Run, TargetSet, slug

DASH = "–"
"""Stands where there is nothing to tell."""

CACHED = "from the cache"

LONG = 20
"""Rows of a table that is folded where a plot tells the same."""


class Cell(Struct, frozen=True):
    """A cell of a table."""

    text: str
    notes: tuple[str, ...] = ()
    """Short lines below the text."""
    warnings: tuple[str, ...] = ()
    """The same, to be seen at once."""


class Table(Struct, frozen=True):
    """A table; its first column names the row."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: str = ""
    """Name of the fold that the table is in; none if it is always seen."""


class Picture(Struct, frozen=True):
    """A plot and how to read it."""

    svg: str
    reading: str
    """One sentence."""


class Part(Struct, frozen=True):
    """A heading with a plot and tables."""

    id: str
    title: str
    tables: tuple[Table, ...] = ()
    picture: Picture | None = None

    @property
    def plot(self) -> Markup | None:
        """The plot as it stands in the page."""
        if self.picture is None:
            return None
        return drawing.inline(self.picture.svg, self.id, self.picture.reading)


class Section(Struct, frozen=True):
    """Everything about one group."""

    id: str
    title: str
    warnings: tuple[str, ...]
    parts: tuple[Part, ...]


def group_section(number: int, group: Group) -> Section:
    """All that is told of one group, the `number`th of the report."""
    style = drawing.styles(e.title for e in group.runs)
    prefix = f"{number}-{slug(group.title)}"
    makers = (
        _accuracy_part,
        _size_part,
        _leaning_part,
        _quality_part,
        _certainty_part,
        _order_part,
        _cost_part,
        _runs_part,
    )
    parts = [part for make in makers if (part := make(prefix, group.runs, style))]
    return Section(prefix, group.title, tuple(_warnings(group)), tuple(parts))


Styles = dict[str, drawing.Style]


def _accuracy_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part:
    picture = Picture(
        plots.accuracy_plot({e.title: e.accuracies for e in runs}, style),
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
            (_name(e), Cell(_share_of_scenarios(e)), *(_accuracy_cell(e, name) for name in sets))
            for e in runs
        ),
    )
    tables = (main, *_paper_table(runs), _pairs_table(runs))
    return Part(f"{prefix}-accuracy", "Accuracy", tables, picture)


def _name(evaluated: Evaluated) -> Cell:
    """A run's name, with what must be known of it wherever its figures stand."""
    failed = len(evaluated.results.scenarios) - len(evaluated.answered)
    warnings = [] if evaluated.results.complete else ["incomplete"]
    if failed:
        warnings.append(f"{failed} failed")
    return Cell(evaluated.title, warnings=tuple(warnings))


def _share_of_scenarios(evaluated: Evaluated) -> str:
    answered, asked = len(evaluated.answered), len(evaluated.run.scenarios)
    return str(asked) if answered == asked else f"{answered} of {asked}"


def _accuracy_cell(evaluated: Evaluated, target_set: str) -> Cell:
    found = evaluated.accuracies.get(target_set)
    if found is None:
        return Cell(DASH)
    notes = [] if found.chance is None else [f"chance {percent(found.chance)}"]
    figures = _paper_figures(evaluated.run, target_set)
    if figures:
        decoding = _decoding(evaluated.run, figures[0].samples)
        means = ", ".join(f"{f.percent} {f.model}" for f in figures)
        notes.append(f"paper{decoding}: {means}")
    warnings = []
    if found.unselected:
        share = percent(found.unselected / (found.pairs + found.unselected))
        warnings.append(f"{share} % of pairs without a selection")
    return Cell(accuracy_text(found), tuple(notes), tuple(warnings))


def accuracy_text(found: Accuracy) -> str:
    """`59.2 ± 1.9 (sd 4.5)`: percent, standard error over scenarios, deviation over targets."""
    if found.mean is None:
        return DASH
    error = "" if found.error is None else f" ± {percent(found.error)}"
    deviation = "" if found.deviation is None else f" (sd {percent(found.deviation)})"
    return f"{percent(found.mean)}{error}{deviation}"


def percent(share: float) -> str:
    """A share as percent with one decimal, without its sign."""
    return f"{100 * share:.1f}"


def _paper_figures(run: Run, target_set: str) -> tuple[paper.PaperAccuracy, ...]:
    kind = next(t.kind for t in run.target_sets if t.name == target_set)
    return paper.matching_accuracies(run, kind)


def _decoding(run: Run, samples: int) -> str:
    """The paper's decoding, where it is not the run's."""
    if (samples > 1) == paper.is_sampled(run):
        return ""
    return f", {samples} samples" if samples > 1 else ", greedy"


def _paper_table(runs: Sequence[Evaluated]) -> tuple[Table, ...]:
    rows = tuple(
        (
            Cell(e.title),
            Cell(name),
            Cell(accuracy_text(found)),
            Cell(f"{figure.percent} (sd {figure.deviation})"),
            Cell(figure.model),
            Cell(f"{figure.samples} samples" if figure.samples > 1 else "greedy"),
            Cell(figure.source),
        )
        for e in runs
        for name, found in e.accuracies.items()
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
            Cell(str(found.scenarios)),
            Cell(f"{found.targets:,}"),
            Cell(f"{found.pairs:,}"),
            Cell(f"{found.ties:,}"),
            Cell(f"{found.unlabelled:,}"),
            Cell(f"{found.unselected:,}"),
            Cell(_interval_text(found)),
        )
        for e in runs
        for name, found in e.accuracies.items()
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


def _interval_text(found: Accuracy) -> str:
    if found.interval is None:
        return DASH
    return f"{percent(found.interval[0])} to {percent(found.interval[1])}"


def _size_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    name = _best_set(runs, lambda e, t: len(e.by_size[t.name]) > 1, ("sampled", "all"))
    if name is None:
        return None
    absent = _absent(runs, name)
    shown = {e.title: found for e in runs if (found := _judged(e.by_size.get(name, {})))}
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
        plots.size_plot(shown, style),
        f"Each line is the accuracy on the {name} targets that name so many attributes, its band "
        "or thin line the 95\u00a0% interval over scenarios: a line that falls says that targets "
        f"of more attributes are met less often.{absent}",
    )
    return Part(f"{prefix}-attributes", "Accuracy by number of attributes", (table,), picture)


def _judged(by_size: dict[int, Accuracy]) -> dict[int, Accuracy]:
    return {size: found for size, found in by_size.items() if found.mean is not None}


def _best_set(
    runs: Sequence[Evaluated],
    fits: Callable[[Evaluated, TargetSet], bool],
    kinds: Sequence[str],
) -> str | None:
    """Name of the fitting target set of these kinds to draw; None where no run has any.

    One that at least two runs have, so that there is something to compare; of several the earliest
    kind, then the most targets: a mean over few targets is a matter of luck.
    """
    found = [
        (kind, t)
        for kind in kinds
        for e in runs
        for t in e.run.target_sets
        if t.kind == kind and fits(e, t)
    ]
    count = Counter(t.name for _, t in found)
    best = max(
        found,
        key=lambda one: (count[one[1].name] > 1, -kinds.index(one[0]), len(one[1])),
        default=None,
    )
    return best[1].name if best else None


def _absent(runs: Sequence[Evaluated], *target_sets: str) -> str:
    """A sentence for each target set on the runs that lack it; empty where none does."""
    told = ""
    for name in target_sets:
        if without := [e.title for e in runs if not _has(e, name)]:
            told += f" Not asked for the {name} targets: {'; '.join(without)}."
    return told


def _leaning_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    kinds = (("high",), ("low",), ("all", "sampled"))
    chosen = [_best_set(runs, lambda e, t: bool(e.answered), kind) for kind in kinds]
    attributes = list(dict.fromkeys(name for e in runs for name in e.run.attributes))
    panels: dict[str, dict[str, tuple[Leaning, ...]]] = {}
    for name in dict.fromkeys(name for name in chosen if name):
        found = {e.title: leaning(e.answered, name, attributes) for e in runs if _has(e, name)}
        found = {t: leans for t, leans in found.items() if any(x.selected.parts for x in leans)}
        if found:
            panels[name] = found
    if not panels or not attributes:
        return None
    tables = tuple(
        Table(
            f"Leaning on the {name} targets: mean label of the selected candidate minus the mean "
            "label of all candidates ± standard error over scenarios; below, the mean label of the "
            f"selected.{_absent(runs, name)}",
            ("run", *attributes),
            tuple(
                (Cell(title), *map(_leaning_cell, leans)) for title, leans in panels[name].items()
            ),
            folded=f"Figures on the {name} targets",
        )
        for name in panels
    )
    picture = Picture(
        plots.leaning_plot(panels, style),
        "Outside the dashed circle a run selects candidates that have more of the attribute than "
        "the average candidate, inside less: a method that follows targets lies outside for high "
        "and inside for low targets, one that does not follow them keeps its shape."
        + _absent(runs, *panels),
    )
    return Part(f"{prefix}-leaning", "Leaning", tables, picture)


def _has(evaluated: Evaluated, target_set: str) -> bool:
    return target_set in evaluated.accuracies


def _leaning_cell(lean: Leaning) -> Cell:
    if lean.difference.value is None or lean.selected.value is None:
        return Cell(DASH)
    text = f"{lean.difference.value:+.3f}".replace("-", "−")
    error = "" if lean.difference.error is None else f" ± {lean.difference.error:.3f}"
    return Cell(text + error, (f"label {lean.selected.value:.3f}",))


def _quality_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    shown = {e.title: e.qualities for e in runs if e.qualities}
    reasons = {e.title: unscored_reasons(e.answered) for e in runs}
    if not shown and not any(reasons.values()):
        return None
    rows = tuple((Cell(title), *_quality_cells(q)) for title, found in shown.items() for q in found)
    caption = (
        "Scores against labels, both from 0 to 1, ± standard error over scenarios. Pairwise: share "
        "of pairs of candidates with different labels that the scores put in the right order; "
        "equal scores count a half. Tied: share of scenarios in which two candidates have the same "
        "score."
    )
    header = (
        "run", "attribute", "labels", "mean absolute error", "Spearman", "pairwise (%)", "tied (%)",
        "unscored",
    )  # fmt: skip
    missing = tuple(
        (Cell(title), Cell(reason), Cell(f"{count:,}"))
        for title, found in reasons.items()
        if title not in shown
        for reason, count in found.items()
    )
    folded = "Figures by attribute" if len(rows) > LONG else ""
    tables = [Table(caption, header, rows, folded)] if rows else []
    if missing:
        text = "Choices that are missing, in scenarios that did not fail as a whole."
        tables.append(Table(text, ("run", "reason", "choices"), missing))
    picture = None
    if shown:
        picture = Picture(
            plots.quality_plot(shown, style),
            "Above, how far scores lie from labels on the average (lower is better); below, how "
            "often the candidate with the higher label also has the higher score (higher is "
            "better, 50\u00a0% is chance).",
        )
    return Part(f"{prefix}-scores", "Scores by attribute", tuple(tables), picture)


def _quality_cells(found: AttributeQuality) -> tuple[Cell, ...]:
    unscored = ", ".join(f"{count} {reason}" for reason, count in found.unscored.items())
    return (
        Cell(found.attribute),
        Cell(f"{found.labels:,}"),
        Cell(_ratio_text(found.absolute_error, 1, 3)),
        Cell(DASH if found.correlation is None else f"{found.correlation:.2f}".replace("-", "−")),
        Cell(_ratio_text(found.pairwise), (f"{found.pairwise.parts:,} pairs",)),
        Cell(_ratio_text(found.tied)),
        Cell(unscored or "0"),
    )


def _ratio_text(found: Ratio, scale: float = 100, digits: int = 1) -> str:
    if found.value is None:
        return DASH
    error = "" if found.error is None else f" ± {scale * found.error:.{digits}f}"
    return f"{scale * found.value:.{digits}f}{error}"


def _certainty_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    sets = Counter(name for e in runs for name in e.certainties)
    if not sets:
        return None
    # The set with most pairs: deciles of few pairs tell little.
    name = max(sets, key=lambda s: sum(e.certainties[s].pairs for e in runs if s in e.certainties))
    told = {e.title: e.certainties[name] for e in runs if name in e.certainties}
    picture = Picture(
        plots.certainty_plot(told, style),
        f"Selections for the targets \u201c{name}\u201d, by how sure the service is of them, in "
        "ten parts of equal size: on the dashed line probabilities are what is observed, in the "
        "grey band they are within 5 points; thin lines are 95\u00a0% intervals over scenarios.",
    )
    rows = tuple(
        (
            _name(e),
            Cell(set_name),
            Cell(str(found.pairs)),
            Cell(percent(found.worst)),
            Cell(percent(found.correct)),
            Cell(percent(found.correct_of_surest)),
        )
        for e in runs
        for set_name, found in e.certainties.items()
    )
    table = Table(
        "Share of pairs that is correct in %, over all pairs alike (so not quite the accuracy "
        "above, a mean over targets); and when the fifth that is least sure is not selected.",
        ("run", "targets", "pairs", "largest gap of a tenth", "correct", "of the surest 80 %"),
        rows,
    )
    return Part(f"{prefix}-certainty", "Probabilities", (table,), picture)


def _order_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    sets = list(dict.fromkeys(name for e in runs for name in e.flips))
    if not sets:
        return None
    table = Table(
        "Share of selections in % that change when the candidates are shown in reverse order, ± "
        "standard error over scenarios: 0 would be a judge to whom positions are nothing.",
        ("run", "scenarios", *sets),
        tuple(
            (
                Cell(e.title),
                Cell(str(max(found.scenarios for found in e.flips.values()))),
                *(Cell(_ratio_text(e.flips[n]) if n in e.flips else DASH) for n in sets),
            )
            for e in runs
            if e.flips
        ),
    )
    return Part(f"{prefix}-order", "Order of candidates", (table, *_bias_table(runs)))


def _bias_table(runs: Sequence[Evaluated]) -> tuple[Table, ...]:
    names = list(dict.fromkeys(name for e in runs for name in e.biases))
    if not names:
        return ()
    rows = tuple(
        (
            Cell(e.title),
            *(
                Cell(_ratio_text(e.biases[n], scale=1, digits=3) if n in e.biases else DASH)
                for n in names
            ),
        )
        for e in runs
        if e.biases
    )
    caption = (
        "Position bias: how much a score changes when its candidate moves from the first place in "
        "the prompt to the last, ± standard error over scenarios. Scores go from 0 to 1, (choice) "
        "is a share of votes; positive where later candidates fare better."
    )
    return (Table(caption, ("run", *names), rows),)


def _cost_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    shown = {e.title: e.cost for e in runs if e.cost.prompt_tokens or e.cost.output_tokens}
    if not shown:
        return None
    rows = tuple(
        (
            Cell(e.title),
            Cell(_number(e.cost.prompt_tokens)),
            Cell(_number(e.cost.cached_prompt_tokens)),
            Cell(_number(e.cost.output_tokens)),
            Cell(_seconds(e.cost.mean_seconds)),
            Cell(_seconds(e.cost.median_seconds)),
            Cell(f"{e.cost.timed} of {e.cost.scenarios}"),
            Cell(_in_flight(e)),
            Cell(_paper_seconds(e.run)),
        )
        for e in runs
        if e.title in shown
    )
    each = [title for title, cost in shown.items() if cost.per_target]
    untimed = [title for title, cost in shown.items() if not cost.timed]
    known = f" Of each target, as the model is asked for each: {'; '.join(each)}." if each else ""
    if untimed:
        known += f" Not timed, as all of it came from the cache: {'; '.join(untimed)}."
    caption = (
        "Cost of a scenario: mean tokens, and seconds from request to answer divided by the "
        "requests that were in flight, which is how far apart answers come. Scenarios of which any "
        f"score came from the cache are not timed.{known} The paper's seconds are for a target of "
        "all attributes on one NVIDIA RTX A6000 (Table 9)."
    )
    header = (
        "run", "prompt tokens", "of these from the prefix cache", "output tokens", "mean seconds",
        "median seconds", "timed", "in flight", "paper's seconds",
    )  # fmt: skip
    picture = Picture(
        plots.cost_plot(shown, style),
        "Each row is what one scenario takes: tokens that the model reads and writes, and seconds "
        "where they were measured, divided by the requests that were in flight; shorter is "
        f"cheaper.{known}",
    )
    return Part(f"{prefix}-cost", "Cost", (Table(caption, header, rows),), picture)


def _in_flight(evaluated: Evaluated) -> str:
    return ", ".join(map(str, evaluated.results.concurrencies))


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return CACHED if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def _paper_seconds(run: Run) -> str:
    figures = paper.matching_seconds(run)
    if not figures:
        return DASH
    decoding = _decoding(run, figures[0].samples)
    return ", ".join(f"{f.seconds} {f.model}" for f in figures) + decoding


def _runs_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part:
    tables = tuple(
        Table(
            "",
            ("", ""),
            tuple((Cell(key), Cell(value)) for key, value in _facts(e)),
            folded=e.title,
        )
        for e in runs
    )
    return Part(f"{prefix}-runs", "What was run", tables)


def _facts(evaluated: Evaluated) -> list[tuple[str, str]]:
    run = evaluated.run
    sample = "all" if run.sample is None else f"{run.sample:,} by seed {run.sample_seed}"
    scenarios = f"{len(evaluated.results.scenarios)} of {len(run.scenarios)} asked"
    targets = (f"{t.name} ({len(t):,})" for t in run.target_sets)
    facts = [
        ("folder", evaluated.folder.name),
        ("command", run.command),
        ("method", run.method),
        *((f"setting {key}", _plain(value)) for key, value in run.settings.items()),
        *((key, _plain(value)) for key, value in run.scorer.items()),
        *(
            ("data", f"{file.name}, {_scenarios_of(file)}, SHA-256 {file.sha256}")
            for file in run.data
        ),
        ("sample", sample),
        ("scenarios", f"{scenarios}, {len(evaluated.answered)} answered"),
        ("left out here", _left_out(evaluated)),
        ("targets", ", ".join(targets)),
        ("order check", f"{run.order_check} scenarios" if run.order_check else "none"),
        ("in flight", _in_flight(evaluated)),
        ("started", run.started),
        *((f"version of {key}", value) for key, value in run.versions.items()),
    ]
    return [(key, value) for key, value in facts if value]


def _scenarios_of(file: DataFile) -> str:
    more = f" and {file.unlabelled:,} without labels to go by" if file.unlabelled else ""
    return f"{file.scenarios:,} scenarios{more}"


def _left_out(evaluated: Evaluated) -> str:
    left_out = evaluated.results.left_out
    return f"{left_out} scenarios that the model was not asked about" if left_out else ""


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
    return str(value)


# What a reader must know first


def _warnings(group: Group) -> Iterable[str]:
    for e in group.runs:
        done, asked = len(e.results.scenarios), len(e.run.scenarios)
        if done < asked:
            yield f"{e.title}: incomplete, {done} of {asked} scenarios so far."
        failed = [s.problem for s in e.results.scenarios if s.problem is not None]
        if failed:
            reasons = Counter(failed).most_common(3)
            told = "; ".join(f"{_shortened(reason)} ({count})" for reason, count in reasons)
            yield f"{e.title}: {len(failed)} of {done} scenarios failed and are left out: {told}"
        missing = unscored_reasons(e.answered)
        if missing:
            told = ", ".join(f"{count} {reason}" for reason, count in missing.items())
            yield f"{e.title}: cells without a score or choice: {told}."
    yield from _differences(group.runs)


def _differences(runs: Sequence[Evaluated]) -> Iterable[str]:
    """What makes the runs of a group hard to compare."""
    compared: tuple[tuple[str, Callable[[Evaluated], Any]], ...] = (
        ("read different data", lambda e: {file.sha256 for file in e.run.data}),
        ("were asked different scenarios", lambda e: set(e.run.scenarios)),
        ("ran different revisions of the model", lambda e: e.run.scorer.get("revision")),
    )
    for what, key in compared:
        values = [value for e in runs if (value := key(e))]
        if any(value != values[0] for value in values):
            yield f"The runs {what}: differences between them are not due to the method alone."
    for name in dict.fromkeys(name for e in runs for name in e.accuracies):
        sets = [t for e in runs for t in e.run.target_sets if t.name == name]
        if any(t != sets[0] for t in sets):
            yield f"Not all runs have the same {name} targets: do not compare them on these."


def _shortened(text: str, length: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 2] + " …"
