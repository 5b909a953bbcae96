"""Figures as the cells of a report show them."""

from __future__ import annotations

from typing import Any

from scripts.benchmark.measures import paper
from scripts.benchmark.measures.accuracy import Accuracy
from scripts.benchmark.measures.estimates import Ratio
from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell
from scripts.benchmark.records.results import Run

DASH = "–"
"""Stands for a missing figure."""

CACHED = "from the cache"


def name_cell(evaluated: Evaluated) -> Cell:
    """A run's name, with warnings that belong to all its figures."""
    failed = len(evaluated.results.scenarios) - len(evaluated.answered)
    warnings = [] if evaluated.results.complete else ["incomplete"]
    if failed:
        warnings.append(f"{failed} failed")
    return Cell(evaluated.title, warnings=tuple(warnings))


def accuracy_text(accuracy: Accuracy) -> str:
    """`59.2 ± 1.9 (sd 4.5)`: percent, standard error over scenarios, deviation over targets."""
    if accuracy.mean is None:
        return DASH
    error = "" if accuracy.error is None else f" ± {percent(accuracy.error)}"
    deviation = "" if accuracy.deviation is None else f" (sd {percent(accuracy.deviation)})"
    return f"{percent(accuracy.mean)}{error}{deviation}"


def percent(share: float) -> str:
    """A share as percent with one decimal, without its sign."""
    return f"{100 * share:.1f}"


def decoding_text(run: Run, samples: int) -> str:
    """The paper's decoding, where it is not the run's."""
    if (samples > 1) == paper.is_sampled(run):
        return ""
    return f", {samples} samples" if samples > 1 else ", greedy"


def interval_text(accuracy: Accuracy) -> str:
    if accuracy.interval is None:
        return DASH
    return f"{percent(accuracy.interval[0])} to {percent(accuracy.interval[1])}"


def ratio_text(ratio: Ratio, scale: float = 100, digits: int = 1) -> str:
    if ratio.value is None:
        return DASH
    error = "" if ratio.error is None else f" ± {scale * ratio.error:.{digits}f}"
    return f"{scale * ratio.value:.{digits}f}{error}"


def in_flight(evaluated: Evaluated) -> str:
    return ", ".join(map(str, evaluated.results.concurrencies))


def number_text(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}"


def seconds_text(value: float | None) -> str:
    return CACHED if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    return str(value)


def shortened(text: str, length: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 2] + " …"
