"""How long a matrix of groups and candidates takes, and an audit."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.domain.people.audit import audit
from app.domain.people.fairness import FAIRNESS, fair_choice
from app.domain.people.matrix import CandidateReading, Source, expected_matrix
from app.domain.people.menus import best_menu
from app.domain.people.model import PeopleModel, fit
from app.domain.ratings.table import RatingTable

CANDIDATES, GROUPS = 26, 50


def large_table(people: int, prompts: int = 15, classes: int = 5, seed: int = 0) -> RatingTable:
    """Drawn ratings of so many people in `GROUPS` groups."""
    source = np.random.default_rng(seed)
    shape = (people, prompts, classes)
    liked = 3 + 0.8 * source.standard_normal((people, 1, classes))
    value = np.clip(np.round(liked + source.standard_normal(shape)), 1, 5)
    scenario = (np.arange(people)[:, None] // 8) * prompts + np.arange(prompts)
    grid = np.broadcast_arrays(
        scenario[:, :, None], np.arange(classes), np.arange(people)[:, None, None], value
    )
    count = int(scenario.max()) + 1
    return RatingTable(
        scenario=grid[0].ravel(),
        response=grid[1].ravel(),
        rater=grid[2].ravel(),
        value=value.ravel(),
        scenarios=tuple(map(str, range(count))),
        raters=tuple(map(str, range(people))),
        groups=tuple(f"g{i}" for i in range(GROUPS)),
        membership=np.arange(people)[:, None] % GROUPS == np.arange(GROUPS),
        classes=tuple(f"c{i}" for i in range(classes)),
        response_class=np.tile(np.arange(classes), (count, 1)),
        scale=(1.0, 5.0),
    )


def timings(table: RatingTable, rounds: int = 30) -> dict[str, tuple[float, float]]:
    """What -> wall and processor milliseconds, medians."""
    model = fit(table)
    source = np.random.default_rng(0)
    shares = source.dirichlet(np.full(len(table.classes), 0.2), CANDIDATES)
    sources: list[Source] = ["read"] * CANDIDATES
    reading = CandidateReading(shares, np.zeros(CANDIDATES), tuple(sources))
    raters = model.raters() @ shares.T

    def matrix() -> None:
        rows = [model.group(number) for number in range(GROUPS)]
        expected = expected_matrix(model, rows, reading).expected
        for rule in FAIRNESS:
            fair_choice(expected, rule, model.scale)

    matrix()  # quantiles of intervals are found once
    work: dict[str, tuple[Callable[[], object], int]] = {
        f"matrix of {CANDIDATES} candidates x {GROUPS} groups, four fair choices": (matrix, rounds),
        "menu of 3 for all people": (lambda: best_menu(raters, 3, model.scale), 3),
        "fit": (lambda: fit(table), 5),
        "audit": (lambda: _audit(model, table), 1),
    }
    return {name: _timed(*one) for name, one in work.items()}


def matrix_table(people: tuple[int, ...] = (250, 5000)) -> str:
    """Milliseconds of processor time in Markdown, by the number of people in the bank."""
    found = {count: timings(large_table(count)) for count in people}
    rows = [
        "| | " + " | ".join(f"{n:,} people" for n in people) + " |",
        "|---|" + "---|" * len(people),
    ]
    for name in next(iter(found.values())):
        cells = " | ".join(f"{found[count][name][1]:,.1f} ms" for count in people)
        rows.append(f"| {name} | {cells} |")
    return "\n".join(rows)


def _audit(model: PeopleModel, table: RatingTable) -> None:
    audit(model, table.membership)


def _timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    wall, own = [], []
    for _ in range(rounds):
        before, spent = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - before)
        own.append(time.process_time() - spent)
    return float(np.median(wall)) * 1000, float(np.median(own)) * 1000
