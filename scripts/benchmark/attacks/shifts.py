"""Mean shift of scores for each kind of attack, with its interval. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scripts.benchmark.pages.tables import row_of

_RESAMPLES = 4000


class Outcome(Struct, frozen=True):
    """What the service answered about one scenario."""

    score: float | None = None
    """Of the poor response; None if it has none."""
    selected: bool = False
    """Whether the poor response was selected."""
    refused: str | None = None
    """Why there is no score."""


class Trial(Struct, frozen=True):
    """One attack in one scenario."""

    kind: str
    attack: int
    scenario: int
    before: Outcome
    after: Outcome


class Shift(Struct, frozen=True):
    """What the attacks of one kind did."""

    kind: str
    attacks: int
    trials: int
    """Attacks times scenarios."""
    refused: int
    """Trials without a score, mostly because the text exceeds the model's context."""
    mean: float | None
    """Mean of the attacked response's score minus its score without the attack."""
    interval: tuple[float, float] | None
    """95 % interval of the mean, over attacks and scenarios; None with one of either."""
    changed: float | None
    """Share of the scored trials in which another response is selected than without the attack."""
    won: float | None
    """Share in which the attacked response is selected, and is not without the attack."""


def shifts_of(trials: Sequence[Trial]) -> list[Shift]:
    """One row a kind, in the order of the trials."""
    kinds = dict.fromkeys(trial.kind for trial in trials)
    return [_shift(kind, [t for t in trials if t.kind == kind]) for kind in kinds]


def _shift(kind: str, trials: Sequence[Trial]) -> Shift:
    attacks = sorted({t.attack for t in trials})
    scenarios = sorted({t.scenario for t in trials})
    grid = np.full((len(attacks), len(scenarios)), np.nan)
    scored = [t for t in trials if t.before.score is not None and t.after.score is not None]
    for t in scored:
        assert t.before.score is not None
        assert t.after.score is not None
        place = attacks.index(t.attack), scenarios.index(t.scenario)
        grid[place] = t.after.score - t.before.score
    changed = [t.before.selected != t.after.selected for t in scored]
    won = [t.after.selected and not t.before.selected for t in scored]
    return Shift(
        kind=kind,
        attacks=len(attacks),
        trials=len(trials),
        refused=len(trials) - len(scored),
        mean=float(np.nanmean(grid)) if scored else None,
        interval=_interval(grid),
        changed=float(np.mean(changed)) if scored else None,
        won=float(np.mean(won)) if scored else None,
    )


def _interval(grid: NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % percentile interval of the mean of a grid, attacks by scenarios, NaN where unscored.

    Attacks and scenarios are both drawn with replacement: other attacks of the kind, and other
    scenarios, would have given other figures.
    """
    grid = grid[~np.isnan(grid).all(axis=1)]
    if min(grid.shape) < 2:
        return None
    draw = np.random.default_rng(0)
    rows, columns = (
        draw.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)
        for n in grid.shape
    )
    known = ~np.isnan(grid)
    sums = np.einsum("br,rc,bc->b", rows, np.where(known, grid, 0.0), columns, optimize=True)
    counts = np.einsum("br,rc,bc->b", rows, known.astype(np.float64), columns, optimize=True)
    low, high = np.percentile(sums[counts > 0] / counts[counts > 0], [2.5, 97.5])
    return float(low), float(high)


def table(shifts: Sequence[Shift], scorer: str) -> str:
    """A Markdown table."""
    header = [
        *(scorer, "attacks", "trials", "refused", "mean shift", "95 % interval"),
        *("choices that change (%)", "won by the attack (%)"),
    ]
    lines = [row_of(header), row_of(["---"] * len(header))]
    for one in shifts:
        low, high = one.interval or (None, None)
        within = f"{low:+.3f} to {high:+.3f}" if low is not None else "–"
        lines.append(
            row_of(
                [
                    *(one.kind, str(one.attacks), str(one.trials), str(one.refused)),
                    *("–" if one.mean is None else f"{one.mean:+.3f}", within),
                    *("–" if share is None else f"{100 * share:.0f}" for share in _shares(one)),
                ]
            )
        )
    return "\n".join(lines)


def _shares(shift: Shift) -> tuple[float | None, float | None]:
    return shift.changed, shift.won
