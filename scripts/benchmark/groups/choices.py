"""Tables and a picture of what choosing for people and groups is worth, in Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from app.domain.arrays import Floats
from app.domain.people.audit import audit
from app.domain.people.model import fit
from app.domain.people.reading import fit_reader
from app.domain.ratings.table import RatingTable
from scripts.benchmark.groups.matrix import large_table, timings
from scripts.benchmark.groups.opinions import SOURCES, chances, read_opinions, right_answers
from scripts.benchmark.groups.people import (
    Curve,
    Kind,
    group_values,
    learning_curve,
    read_ratings,
)
from scripts.benchmark.pages import drawing

RATINGS: dict[str, Kind] = {"strategies": "rating", "texts": "text_rating"}
_FILES = ("train.jsonl", "bank_ratings.jsonl")


def people_tables(spica: Path, picture: Path | None = None) -> str:
    """Learning curves, coverage, choices for groups and the audit, on SPICA's ratings."""
    parts: list[str] = []
    curves: dict[str, list[Curve]] = {}
    for name, kind in RATINGS.items():
        table = read_ratings([spica / file for file in _FILES], kind)
        curves[name] = learning_curve(table)
        parts += [
            f"Ratings of {name}, {len(table.raters)} people:",
            _curve_table(curves[name], table),
            _group_table(table),
            _audit_words(table),
        ]
    if picture is not None:
        picture.write_text(drawing.compact(drawing.on_white(_picture(curves))), "utf-8")
    return "\n\n".join(parts)


def reading_table(spica: Path) -> str:
    """How well classes are read from the texts of prompts that were left out."""
    rows = ["| texts of a class and prompt | read rightly | chance |", "|---|---|---|"]
    lines = (spica / "train.jsonl").read_text("utf-8").splitlines()
    scenarios = [json.loads(line) for line in lines]
    for texts in (3, 1):
        material = [
            (one["question"], text, kind, place)
            for place, one in enumerate(scenarios)
            for kind, some in enumerate(one["response_texts"])
            for text in some[:texts]
        ]
        questions, answers, kinds, places = zip(*material, strict=True)
        reader = fit_reader(questions, answers, np.array(kinds), np.array(places), 5)
        assert reader is not None
        rows.append(f"| {texts} | {reader.accuracy:.3f} | {reader.chance:.2f} |")
    return "\n".join(rows)


def opinion_table(folder: Path) -> str:
    """Accuracy on OpinionQA, by what the prediction may learn from."""
    opinions = read_opinions(folder)
    groups = sorted({one.group for one in opinions})
    heads = " | ".join(groups)
    rows = [f"| learned from | {heads} | all |", "|---|" + "---|" * (len(groups) + 1)]
    ways: dict[str, list[Floats]] = {
        source: [right_answers(opinions, group, source).astype(np.float64) for group in groups]
        for source in SOURCES
    }
    for source, right in ways.items():
        cells = " | ".join(f"{one.mean():.3f}" for one in right)
        rows.append(f"| {source} | {cells} | {np.concatenate(right).mean():.3f} |")
    for place, name in enumerate(("guessing", "commonest place")):
        each = [chances(opinions, group)[place] for group in groups]
        cells = " | ".join(f"{one:.3f}" for one in each)
        rows.append(f"| {name} | {cells} | {np.mean(each):.3f} |")
    return "\n".join(rows)


def matrix_table(people: tuple[int, ...] = (250, 5000)) -> str:
    """Milliseconds of processor time, by the number of people in the bank."""
    found = {count: timings(large_table(count)) for count in people}
    rows = [
        "| | " + " | ".join(f"{n:,} people" for n in people) + " |",
        "|---|" + "---|" * len(people),
    ]
    for name in next(iter(found.values())):
        cells = " | ".join(f"{found[count][name][1]:,.1f} ms" for count in people)
        rows.append(f"| {name} | {cells} |")
    return "\n".join(rows)


def _curve_table(curves: list[Curve], table: RatingTable) -> str:
    heads = " | ".join(table.classes)
    rows = [
        f"| own ratings of | gain | error | covered | {heads} |",
        "|---|---|---|---|" + "---|" * len(table.classes),
    ]
    for one in curves:
        covered = np.nanmean(one.inside, axis=0)
        cells = " | ".join(f"{share:.2f}" for share in covered)
        prompts = f"{one.own} prompt{'s' * (one.own != 1)}"
        rows.append(
            f"| {prompts} | {_interval(one.gain)} | {one.error.mean():.2f} | {covered.mean():.3f} "
            f"| {cells} |"
        )
    return "\n".join(rows)


def _group_table(table: RatingTable) -> str:
    rows = [
        "| one class for | mean rating | regret | of the group that loses most |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| {one.way} | {one.value.mean():.3f} | {one.regret.mean():.3f} | {one.worst.mean():.3f} |"
        for one in group_values(table)
    ]
    return "\n".join(rows)


def _audit_words(table: RatingTable) -> str:
    found = audit(fit(table), table.membership)
    shares = ", ".join(f"{s.part} {s.share:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in found.shares)
    needed = ", ".join(f"{one.people} for {one.points:g}" for one in found.needed)
    return f"{' '.join(found.words)} Shares: {shares}; p = {found.p}. People needed: {needed}."


def _interval(values: Floats) -> str:
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    mean = values.mean()
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]" if half else f"{mean:+.3f}"


@drawing.plot
def _picture(curves: dict[str, list[Curve]]) -> Figure:
    """Gain by the number of prompts that a person has rated, with 95 % intervals over people."""
    style = drawing.styles(curves)
    figure, (axes,) = drawing.new_figure(2.6, drawing.lines(curves, style))
    for name, some in curves.items():
        own = [one.own for one in some]
        mean = np.array([one.gain.mean() for one in some])
        half = np.array([1.96 * one.gain.std(ddof=1) / np.sqrt(len(one.gain)) for one in some])
        look = style[name]
        axes.plot(own, mean, color=look.colour, marker=look.marker, linestyle=look.dash)
        axes.fill_between(own, mean - half, mean + half, color=look.colour, alpha=0.2)
    axes.set_xlabel("prompts that the person has rated")
    axes.set_ylabel("rating points gained")
    drawing.grid(axes)
    return figure
