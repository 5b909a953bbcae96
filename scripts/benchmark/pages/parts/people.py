"""Choosing for people and groups, and a group's opinions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Table
from scripts.benchmark.pages.parts.retrieved import signed
from scripts.benchmark.pages.parts.text import DASH
from scripts.benchmark.pages.plots.groups import (
    coverage_plot,
    curve_plot,
    opinion_plot,
    regret_plot,
)
from scripts.benchmark.records.group_figures import (
    Estimate,
    OpinionFigures,
    PeopleFigures,
    ReadingFigures,
)

ByRatings = Mapping[str, PeopleFigures]


def people_parts(prefix: str, by_ratings: ByRatings) -> list[Part]:
    """Learning curve, coverage, choices and the audit."""
    if not by_ratings:
        return []
    makers = (_curve_part, _coverage_part, _choices_part, _audit_part)
    return [make(prefix, by_ratings) for make in makers]


def _curve_part(prefix: str, by_ratings: ByRatings) -> Part:
    picture = Picture(
        curve_plot(by_ratings),
        "Each line is the rating of the class chosen for a person, less that of the class means' "
        "choice, on prompts that the person has not rated; its band is the 95\u00a0% interval over "
        "people.",
    )
    tables = tuple(
        Table(
            f"Ratings of {name}, {one.people} people. Error: root of the mean squared error of "
            "expected ratings.",
            ("own ratings of", "gain", "error"),
            tuple(
                (Cell(_prompts(p.own)), Cell(signed(p.gain)), Cell(f"{p.error:.2f}"))
                for p in one.curve
            ),
        )
        for name, one in by_ratings.items()
    )
    return Part(f"{prefix}-people", "What own ratings of a person are worth", tables, picture)


def _coverage_part(prefix: str, by_ratings: ByRatings) -> Part:
    picture = Picture(
        coverage_plot(by_ratings),
        "Each line is the share of a person's new ratings in the 80\u00a0% interval, for one class "
        "of response. Above the dashed line intervals are too wide, below it too narrow. Ratings "
        "are whole numbers: the next narrower interval leaves out a whole step of the scale.",
    )
    tables = tuple(
        Table(
            f"Ratings of {name}: share in the 80\u00a0% interval.",
            ("own ratings of", "all classes", *one.curve[0].by_class),
            tuple(
                (
                    Cell(_prompts(point.own)),
                    Cell(f"{point.covered:.3f}"),
                    *(Cell(f"{share:.2f}") for share in point.by_class.values()),
                )
                for point in one.curve
            ),
        )
        for name, one in by_ratings.items()
    )
    return Part(f"{prefix}-coverage", "Coverage of intervals", tables, picture)


def _choices_part(prefix: str, by_ratings: ByRatings) -> Part:
    picture = Picture(
        regret_plot(by_ratings),
        "Each point is how many rating points a choice loses against the best class for each "
        "group, which is known only afterwards; thin lines are 95\u00a0% intervals over folds of "
        "people. A fair choice keeps the loss of the group that loses most small. Ways that choose "
        "the same class have the same points.",
    )
    tables = tuple(
        Table(
            f"Ratings of {name}: one class of response for all prompts, by ratings of people who "
            "were kept aside.",
            ("one class for", "mean rating", "regret", "of the group that loses most"),
            tuple(
                (
                    Cell(one.way),
                    Cell(f"{one.value.mean:.3f}"),
                    Cell(_between(one.regret)),
                    Cell(_between(one.worst)),
                )
                for one in figures.choices
            ),
        )
        for name, figures in by_ratings.items()
    )
    return Part(f"{prefix}-choices", "Regret of choices for groups", tables, picture)


def _audit_part(prefix: str, by_ratings: ByRatings) -> Part:
    tables: list[Table] = []
    for name, figures in by_ratings.items():
        found = figures.audit
        p = "" if found.p is None else f" p = {found.p:.2f} against people dealt at random."
        needed = ", ".join(f"{people} for {points:g} points" for points, people in found.needed)
        tables.append(
            Table(
                f"Ratings of {name}. {' '.join(found.words)}{p} People that each group needs for a "
                f"difference of so many points: {needed or DASH}.",
                ("part", "share of the variance"),
                tuple((Cell(one.part), Cell(_between(one.share))) for one in found.shares),
            )
        )
    return Part(f"{prefix}-audit", "Whether groups differ", tuple(tables))


def reading_parts(prefix: str, figures: Sequence[ReadingFigures]) -> list[Part]:
    """Classes of response, read from texts."""
    table = Table(
        "How often the class of a response is read rightly from its text, for prompts that were "
        "left out.",
        ("texts of a class and prompt", "read rightly", "chance"),
        tuple(
            (Cell(str(o.texts)), Cell(f"{o.right:.3f}"), Cell(f"{o.chance:.2f}")) for o in figures
        ),
    )
    return [Part(f"{prefix}-reading", "Classes read from texts", (table,))] if figures else []


def opinion_parts(prefix: str, figures: Sequence[OpinionFigures]) -> list[Part]:
    """A group's answers to new questions of OpinionQA."""
    if not figures:
        return []
    groups = list(figures[0].by_group)
    table = Table(
        "Share of a group's new questions whose commonest answer is predicted from answers to "
        "similar questions.",
        ("learned from", *(group.replace("_", " ") for group in groups), "all"),
        tuple(
            (
                Cell(one.learned_from),
                *(Cell(f"{one.by_group[group].mean:.3f}") for group in groups),
                Cell(f"{one.all:.3f}"),
            )
            for one in figures
        ),
    )
    picture = Picture(
        opinion_plot(figures),
        "Each bar is the share of a group's new questions whose commonest answer is predicted; the "
        "thin line is its 95\u00a0% interval over questions (none for guessing and the commonest "
        "place).",
    )
    return [Part(f"{prefix}-opinions", "Opinions of groups", (table,), picture)]


def _prompts(count: int) -> str:
    return f"{count} prompt{'s' * (count != 1)}"


def _between(value: Estimate) -> str:
    return f"{value.mean:.3f} ({value.low:.3f} to {value.high:.3f})"
