"""The ratings of a group, person by person: a dense array that the measures read."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import Floats
from app.domain.ratings.table import NO_CLASS, Ints, RatingTable

_CELLS = 20_000_000
"""Largest array, 160 MB. Where it would be larger, only the first people of a scenario count."""
_FEWEST_PEOPLE = 16


def by_response(table: RatingTable) -> Floats:
    """Ratings (scenarios, people, responses), NaN where none was given.

    People have their places within a scenario, in the order of `raters`.
    """
    return _dense(table, table.response, table.response_class.shape[1])


def by_class(table: RatingTable) -> Floats:
    """Ratings (scenarios, people, classes): the mean where a person rated several of a class."""
    rows = table.rows(table.rated_class != NO_CLASS)
    return _dense(rows, rows.rated_class, len(table.classes))


def _dense(table: RatingTable, column: Ints, columns: int) -> Floats:
    scenarios, raters = len(table.scenarios), max(1, len(table.raters))
    who, person = np.unique(table.scenario * raters + table.rater, return_inverse=True)
    scenario_of = who // raters
    slot = (np.arange(len(who)) - np.searchsorted(scenario_of, scenario_of))[person]
    most = max(_FEWEST_PEOPLE, _CELLS // max(1, scenarios * columns))
    kept = slot < most
    shape = (scenarios, int(slot[kept].max(initial=-1)) + 1, columns)
    cell = (table.scenario[kept] * shape[1] + slot[kept]) * columns + column[kept]
    size = int(np.prod(shape))
    count = np.bincount(cell, minlength=size)
    total = np.bincount(cell, table.value[kept], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count).reshape(shape)
