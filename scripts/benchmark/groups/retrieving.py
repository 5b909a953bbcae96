"""Retrieves an example for each of SPICA's prompts from a bank that lacks the prompt's raters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.bank import Bank
from app.domain.methods import Retrieval
from app.domain.ratings.groups import APPROPRIATENESS, GroupRatings, group_ratings
from app.domain.ratings.measures import mismatch_between_people
from app.domain.ratings.retrieval import VERSION, Weights
from app.domain.ratings.table import Ints, rating_table
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ExampleGroup, ScorerSettings
from workers.retrieval.embedding import Vectors
from workers.retrieval.groups import GroupBank
from workers.retrieval.index import ExampleIndex

KINDS: tuple[Retrieval, ...] = ("similar", "spica", "expected")
CONSTANT = "one for all"
"""The one example that has the smallest mean mismatch with the bank's scenarios."""
_APPROPRIATE = Attribute(APPROPRIATENESS, "How appropriate.")


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One example for each prompt. Shapes: n prompts."""

    group: str
    kind: str
    example: Ints
    """(n,) row of the example"""
    mismatch: Floats
    """(n,) equation 1 between prompt and example, the mean over pairs of people"""
    value: Floats
    """(n,) the group's rating, for this prompt, of what the example's raters liked best"""
    spread: Floats
    """(n,) largest less smallest mean rating of the example"""


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What was retrieved for one group."""

    retrieved: list[Retrieved]
    """The kinds of retrieval, `similar` first."""
    weights: Weights
    """Fitted on the whole bank."""


def retrieve(bank: Bank, vectors: Vectors, parts: Ints) -> dict[str, GroupResult]:
    """Retrieve for each prompt of each part (n,) from a bank without that part; by group."""
    groups = rating_table(bank).groups
    cells = [(group, kind) for group in groups for kind in _ALL]
    rows = {cell: np.zeros(len(parts), dtype=np.int64) for cell in cells}
    for part in np.unique(parts):
        kept, asked = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        smaller = Bank(f"without {part}", tuple(bank.scenarios[row] for row in kept), bank.setup)
        index = ExampleIndex.build(np.ascontiguousarray(vectors[kept]))
        table = rating_table(smaller)
        for group in groups:
            rated = GroupBank(smaller, index, group_ratings(table, group))
            for row in asked:
                question = Scenario(bank.scenarios[row].question, bank.scenarios[row].responses)
                for kind in KINDS:
                    first = _first(rated, vectors[row], question, kind)
                    rows[group, kind][row] = kept[first]
            rows[group, CONSTANT][asked] = kept[_constant(rated.ratings)]
    return {
        group: _result(bank, vectors, group, {kind: rows[group, kind] for kind in _ALL})
        for group in groups
    }


_ALL = (*KINDS, CONSTANT)


def _first(bank: GroupBank, query: Vectors, scenario: Scenario, kind: Retrieval) -> int:
    settings = ScorerSettings(
        examples=1, retrieval=kind, group=ExampleGroup(bank.ratings.group, VERSION)
    )
    return bank.examples(query, scenario, _APPROPRIATE, settings).neighbours[0].row


def _constant(ratings: GroupRatings) -> int:
    people = ratings.people
    return int(mismatch_between_people(people[:, None], people[None, :]).mean(axis=0).argmin())


def _result(bank: Bank, vectors: Vectors, group: str, rows: Mapping[str, Ints]) -> GroupResult:
    ratings = group_ratings(rating_table(bank), group)
    whole = GroupBank(bank, ExampleIndex.build(vectors), ratings)
    assert whole.fitted.weights is not None
    return GroupResult(
        [_retrieved(ratings, kind, rows[kind]) for kind in _ALL], whole.fitted.weights.whole
    )


def _retrieved(ratings: GroupRatings, kind: str, example: Ints) -> Retrieved:
    means = ratings.means
    liked = means[example] == means[example].max(axis=1, keepdims=True)
    return Retrieved(
        group=ratings.group,
        kind=kind,
        example=example,
        mismatch=mismatch_between_people(ratings.people, ratings.people[example]),
        value=(means * liked).sum(axis=1) / liked.sum(axis=1),
        spread=np.ptp(means[example], axis=1),
    )
