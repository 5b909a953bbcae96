"""The tables of RESULTS.md, from the published runs.

The text of RESULTS.md is written by hand; tables stand between `<!-- generated: NAME -->` and
`<!-- end -->`, and are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from scripts.benchmark.frontier.runs import Frontier, frontiers_of
from scripts.benchmark.frontier.table import table as frontier_table
from scripts.benchmark.measures.certainty import certainty
from scripts.benchmark.measures.compare import compare_results
from scripts.benchmark.measures.order import order_flips
from scripts.benchmark.pages.tables import row_of, table
from scripts.benchmark.records.grouping import NamedRun
from scripts.benchmark.records.results import Results

_BLOCK = re.compile(r"(<!-- generated: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_LARGER = "helpsteer2-qwen-1.5b-int8"
_WHOLE = "helpsteer2-qwen-1.5b"
"""The same judge in 16 bits on a GPU, on all scenarios."""
_SMALLER = "helpsteer2-smollm2-135m"
_TRIAGE = "triage-smollm2-135m"


class Published:
    """All published runs, by name."""

    def __init__(self, runs: Sequence[NamedRun]) -> None:
        self.runs = tuple(runs)
        self._by_name = dict(runs)

    def __getitem__(self, name: str) -> Results:
        return self._by_name[name]

    def of(self, dataset: str) -> list[NamedRun]:
        """The runs on one data set."""
        return [(name, results) for name, results in self.runs if results.run.dataset == dataset]


class Contrast(Struct, frozen=True):
    """Two runs whose difference RESULTS.md discusses."""

    a: str
    b: str
    targets: tuple[str, ...]


_BOTH = ("sampled", "all")

CONTRASTS = (
    Contrast(f"{_LARGER}-6-comparative-few", f"{_LARGER}-9-digits-two-orders-calibrated", _BOTH),
    Contrast(f"{_LARGER}-8-digits-two-orders", f"{_LARGER}-9-digits-two-orders-calibrated", _BOTH),
    Contrast("helpsteer2-0-features", f"{_LARGER}-9-digits-two-orders-calibrated", ("sampled",)),
    *(
        Contrast(f"{_WHOLE}-6-comparative-few", f"{_WHOLE}-6-comparative-few-{other}", _BOTH)
        for other in ("item-first", "fixed", "item-first-fixed", "joint", "calibrated")
    ),
    Contrast("helpsteer2-0-features", f"{_WHOLE}-6-comparative-few-calibrated", _BOTH),
    Contrast("helpsteer2-0-features", f"{_WHOLE}-9-digits-two-orders-calibrated", _BOTH),
    Contrast(
        f"{_SMALLER}-7-digits-zero-calibrated", f"{_SMALLER}-6-comparative-few-calibrated", _BOTH
    ),
    Contrast(f"{_SMALLER}-6-comparative-few", f"{_SMALLER}-6-comparative-joint", _BOTH),
    Contrast(f"{_SMALLER}-6-comparative-few", f"{_SMALLER}-6-comparative-few-fixed", _BOTH),
    Contrast("triage-0-features", f"{_TRIAGE}-9-digits-two-orders-calibrated", ("sample-10",)),
    Contrast(
        f"{_TRIAGE}-6-comparative-few",
        f"{_TRIAGE}-6-comparative-few-calibrated",
        ("sample-10", "sample-1", "high"),
    ),
    Contrast("triage-0-features", f"{_TRIAGE}-6-comparative-few-calibrated", ("sample-10",)),
    Contrast(
        f"{_TRIAGE}-9-digits-two-orders-calibrated",
        f"{_TRIAGE}-7-digits-zero-calibrated",
        ("sample-10",),
    ),
    Contrast(f"{_TRIAGE}-6-comparative-few", f"{_TRIAGE}-7-digits-zero-calibrated", ("sample-10",)),
)


def frontiers(published: Published) -> list[Frontier]:
    """What each mode reaches and takes on HelpSteer2, judge by judge."""
    runs = [
        (name, results)
        for name, results in published.of("helpsteer2")
        if "features" in name or "comparative" in name or "digits" in name
    ]
    return frontiers_of(runs)


def _frontier(published: Published) -> str:
    return "\n\n".join(frontier_table(one, _BOTH) for one in frontiers(published))


def _differences(published: Published) -> str:
    lines = [row_of(["A", "B", "targets", "scenarios", "B − A", "95 % interval"])]
    lines.append(row_of(["---"] * 6))
    for contrast in CONTRASTS:
        a, b = published[contrast.a], published[contrast.b]
        for one in compare_results(a, b, contrast.targets):
            change = one.difference
            assert change.difference is not None
            assert change.interval is not None
            lines.append(
                row_of(
                    [
                        contrast.a,
                        contrast.b,
                        one.target_set,
                        str(change.scenarios),
                        _points(change.difference),
                        " to ".join(map(_points, change.interval)),
                    ]
                )
            )
    return "\n".join(lines)


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _order(published: Published) -> str:
    """Shares of choices that change with the order, on the targets `high`."""
    lines = [row_of(["run", "scenarios", "choices that change (%)"]), row_of(["---"] * 3)]
    for name, results in published.runs:
        flips = order_flips(results.answered, "high")
        if flips.value is not None:
            lines.append(row_of([name, str(flips.scenarios), f"{100 * flips.value:.0f}"]))
    return "\n".join(lines)


def _certainty(published: Published) -> str:
    """Calibration of probabilities, on each run's largest set of sampled targets."""
    header = ["run", "targets", "pairs", "largest gap of a tenth (points)"]
    header += ["correct (%)", "without the least likely fifth (%)"]
    lines = [row_of(header), row_of(["---"] * len(header))]
    for name, results in published.runs:
        sets = [t for t in results.run.target_sets if t.kind == "sampled"]
        measured = certainty(results.answered, max(sets, key=len))
        if measured is not None:
            figures = (measured.worst, measured.correct, measured.correct_of_likeliest)
            percents = [f"{100 * figure:.1f}" for figure in figures]
            lines.append(row_of([name, max(sets, key=len).name, f"{measured.pairs:,}", *percents]))
    return "\n".join(lines)


TABLES: dict[str, Callable[[Published], str]] = {
    "accuracy-helpsteer2": lambda published: table(published.of("helpsteer2")),
    "accuracy-triage": lambda published: table(published.of("triage")),
    "differences": _differences,
    "order": _order,
    "frontier": _frontier,
    "certainty": _certainty,
}


def with_tables(text: str, published: Published) -> str:
    """RESULTS.md with its tables as the published runs give them.

    Raises ValueError for a table that nothing generates, or that the text lacks.
    """
    names = [match[2] for match in _BLOCK.finditer(text)]
    if sorted(names) != sorted(TABLES):
        raise ValueError(f"RESULTS.md has the tables {', '.join(names)}, not {', '.join(TABLES)}")
    return _BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]](published)}\n{block[3]}", text)
