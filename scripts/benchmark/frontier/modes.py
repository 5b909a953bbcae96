"""Modes of scoring, from the cheapest to the most expensive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scripts.benchmark.pages.plots.frontier import FREE
from scripts.benchmark.records.results import CALIBRATED, Run
from scripts.scorer_options import SERVICE_DEFAULTS, ScorerOptions

REFERENCE = "few-shot"
"""The mode whose raw scores the others are compared with: the paper's."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of scoring, and how many scenarios it is measured on by default."""

    name: str
    scorer: ScorerOptions = SERVICE_DEFAULTS
    scenarios: int | None = None
    """To evaluate on; None for all."""
    training: int | None = None
    """To fit the calibration on; None for all."""


_DIGITS = ScorerOptions(reasoning=False)
_FIXED = ScorerOptions(retrieval="fixed")
_ITEM_FIRST = ScorerOptions(prompt_order="item_first")

MODES = (
    Mode(FREE),
    Mode("digits", replace(_DIGITS, zero_shot=True)),
    Mode("digits, two orders", replace(_DIGITS, zero_shot=True, orders=2)),
    Mode("digits, few-shot", _DIGITS, 60, 100),
    Mode("zero-shot", ScorerOptions(zero_shot=True), 60, 100),
    Mode(REFERENCE, ScorerOptions(), 60, 100),
    Mode("few-shot, fixed", _FIXED, 60, 100),
    Mode("few-shot, item first", _ITEM_FIRST, 60, 100),
    Mode("few-shot, item first, fixed", replace(_ITEM_FIRST, retrieval="fixed"), 60, 100),
    Mode("few-shot, joint", ScorerOptions(joint=True), 60, 100),
    Mode("few-shot, two orders", ScorerOptions(orders=2), 60, 100),
    Mode("few-shot, five samples", ScorerOptions(samples=5), 60, 100),
)
_NAMES = [mode.name for mode in MODES]


def mode_called(name: str) -> Mode:
    """The mode of that name. Raises ValueError."""
    for mode in MODES:
        if mode.name == name:
            return mode
    raise ValueError(f"no mode is called {name!r}: {', '.join(map(repr, _NAMES))}")


def mode_from(text: str) -> Mode:
    """`few-shot=60:100`, `digits=all`, `zero-shot`. Raises ValueError."""
    name, _, sizes = text.partition("=")
    mode = mode_called(name)
    if not sizes:
        return mode
    evaluated, _, training = sizes.partition(":")
    return replace(mode, scenarios=_size(evaluated), training=_size(training or "all"))


def _size(text: str) -> int | None:
    return None if text == "all" else int(text)


def mode_of(run: Run) -> str:
    """Name of the mode that a run is: by its label, else by its settings, else its title."""
    label = run.label.removesuffix(CALIBRATED)
    if label in _NAMES:
        return label
    if run.method == "features":
        return FREE
    title = run.title.removesuffix(CALIBRATED)
    if run.method != "comparative":
        return title
    named = {mode.scorer: mode.name for mode in MODES if mode.name != FREE}
    return named.get(_scorer_of(run), title)


def _scorer_of(run: Run) -> ScorerOptions:
    """What sets modes apart, of a run's settings."""
    settings = run.settings

    def several(name: str) -> int | None:
        number = int(settings.get(name, 1))
        return number if number > 1 else None

    def other_than(default: str, name: str) -> Any:
        chosen = settings.get(name, default)
        return chosen if chosen != default else None

    return ScorerOptions(
        zero_shot=not int(run.scorer.get("examples", settings.get("examples")) or 0),
        reasoning=bool(settings.get("reasoning", True)),
        orders=several("orders"),
        samples=several("samples"),
        joint=bool(settings.get("joint")),
        retrieval=other_than("similar", "retrieval"),
        prompt_order=other_than("attribute_first", "prompt_order"),
    )


def place_of(run: Run) -> int:
    """Position of a run in a table: in the order of the modes, others last."""
    label = run.label.removesuffix(CALIBRATED)
    return _NAMES.index(label) if label in _NAMES else len(_NAMES)
