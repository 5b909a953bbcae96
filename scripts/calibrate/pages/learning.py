"""The learning curve: what labelled scenarios bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Table
from scripts.benchmark.pages.parts.text import DASH
from scripts.calibrate.pages.draws import PARTS
from scripts.calibrate.pages.measures import MORE, Point, curve, expected
from scripts.calibrate.pages.plots import curve_plot
from scripts.calibrate.pages.trials import Trial

_READING = (
    f"Fits on 25, 50, 100 … labelled scenarios. Each of {PARTS} draws keeps another quarter of the "
    "scenarios aside and is measured on it; smaller samples are parts of larger ones. Surface "
    "features learn from the same scenarios only. Points are means, bars reach to the best and the "
    "worst draw."
)
_EXPECTED = (
    "Error to expect with more labelled scenarios than the calibration has. This is an "
    "extrapolation: a + b / √n, fitted to the curve."
)


def learning_parts(
    trials: Sequence[Trial], attributes: Sequence[str], scenarios: int
) -> list[Part]:
    """The part about the curve; `scenarios` is what the whole calibration is fitted on."""
    curves = {name: curve(trials, name) for name in attributes}
    # Labels that are all the same leave nothing to learn.
    drawn = {name: own for name, own in curves.items() if all(one.constant for one in own)}
    tables = [_errors(curves), _pairs(curves)]
    if more := _more(curves, scenarios):
        tables.insert(1, more)
    picture = Picture(curve_plot(drawn), _READING) if drawn else None
    return [Part("curve", "Learning curve", tuple(tables), picture)]


def _sizes(curves: Mapping[str, Sequence[Point]]) -> list[int]:
    return sorted({point.size for points in curves.values() for point in points})


def _errors(curves: Mapping[str, Sequence[Point]]) -> Table:
    sizes = _sizes(curves)
    rows: list[tuple[Cell, ...]] = []
    for name, points in curves.items():
        of_size = {point.size: point for point in points}
        cells = [_error(of_size.get(size)) for size in sizes]
        constant = f"{points[-1].constant:.3f}" if points else DASH
        rows.append((Cell(name), *cells, Cell(constant)))
    header = ("attribute", *(f"{size} scenarios" for size in sizes), "the mean label")
    caption = (
        "Root mean square error on scenarios kept aside, with the best and the worst draw, and in "
        "how many draws the judge was used: elsewhere surface features predicted better alone."
    )
    return Table(caption, header, tuple(rows))


def _error(point: Point | None) -> Cell:
    if point is None:
        return Cell(DASH)
    notes = (
        f"{point.low:.3f} to {point.high:.3f}",
        f"judge used: {point.judged} of {point.draws}",
    )
    return Cell(f"{point.error:.3f}", notes=notes)


def _pairs(curves: Mapping[str, Sequence[Point]]) -> Table:
    sizes = _sizes(curves)
    rows: list[tuple[Cell, ...]] = []
    for name, points in curves.items():
        shares = {point.size: point.pairs for point in points}
        cells = (
            Cell(DASH if (share := shares.get(size)) is None else f"{100 * share:.0f} %")
            for size in sizes
        )
        rows.append((Cell(name), *cells))
    header = ("attribute", *(f"{size} scenarios" for size in sizes))
    return Table("", header, tuple(rows), folded="Pairs in the right order, kept aside")


def _more(curves: Mapping[str, Sequence[Point]], scenarios: int) -> Table | None:
    """What further labels would bring; None if no curve has enough points."""
    counts = [scenarios, *(scenarios + more for more in MORE)]
    rows = tuple(
        (Cell(name), *(Cell(f"{error:.3f}") for error in errors))
        for name, points in curves.items()
        if (errors := expected(points, counts)) is not None
    )
    header = ("attribute", f"now ({scenarios})", *(f"{more} more" for more in MORE))
    return Table(_EXPECTED, header, rows) if rows else None
