"""A bank with its example index: which of its scenarios are the examples of a prompt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from app.domain.bank import Bank
from app.domain.bank_repeats import repeated_rows, rows_by_question
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.texts import text_key
from workers.retrieval.embedding import Vectors
from workers.retrieval.examples import (
    ChosenExamples,
    LevelMap,
    Neighbour,
    Neighbours,
    Without,
    choose_choices,
    choose_examples,
    joint_level_map,
    level_map,
)
from workers.retrieval.fixed import FixedOrder
from workers.retrieval.index import ExampleIndex, QueryNeighbours
from workers.subject import Joint, Subject

_LevelKey = tuple[str, tuple[float, ...]]
"""An attribute's name and declared levels, which determine its level map."""
_MAX_LEVEL_MAPS = 256  # of one bank; the least recently used is dropped first
_MAX_MAPPED_ROWS = 8_000_000  # and for the rows that all of them have; each takes 120 bytes


class IndexedBank:
    """A bank with its example index and its level maps, which are computed on demand."""

    def __init__(self, bank: Bank, index: ExampleIndex) -> None:
        self.bank = bank
        self._index = index
        # Bounded, because callers can send any attributes and levels.
        self._rows_by_question = rows_by_question(bank.scenarios)
        self._repeated = repeated_rows(bank.scenarios, self._rows_by_question.values())
        maps = max(8, min(_MAX_LEVEL_MAPS, _MAX_MAPPED_ROWS // len(bank.scenarios)))
        self._level_map = lru_cache(maps)(
            partial(level_map, bank.scenarios, repeated=self._repeated)
        )
        self._joint_level_map = lru_cache(maps)(self._map_joint_levels)

    def examples(
        self, query: Vectors, scenario: Scenario, subject: Subject, settings: ScorerSettings
    ) -> ChosenExamples[Any]:
        """Choose the examples for a subject that the settings ask for.

        `query` is the vector of the scenario's question. Scenarios of the bank that have the same
        question and one of the same candidates are excluded: their labels would be the answer. What
        is the same is decided by `text_key`, since files differ in white space and case.
        """
        similar: Neighbours = QueryNeighbours(self._index, query)
        order = self._fixed_order if settings.retrieval == "fixed" else similar
        if known := self._revealing(scenario):
            order = Without(order, known)
        chosen = self._choose(order, subject, settings)
        if order is similar or not chosen.neighbours:
            return chosen
        rows = [neighbour.row for neighbour in chosen.neighbours]
        near = {n.row: n for n in similar.among(np.array(rows, dtype=np.int64))}
        return replace(chosen, neighbours=tuple(near[row] for row in rows))

    def nearest(self, query: Vectors, count: int) -> Sequence[Neighbour]:
        """Return the most similar scenarios, without those that repeat others."""
        near = QueryNeighbours(self._index, query).nearest(count + len(self._repeated))
        return [one for one in near if one.row not in self._repeated][:count]

    def _choose(
        self, order: Neighbours, subject: Subject, settings: ScorerSettings
    ) -> ChosenExamples[Any]:
        count = settings.examples
        if isinstance(subject, Choice):
            return choose_choices(order, self.bank.scenarios, subject, count, self._repeated)
        return choose_examples(order, self._levels_for(subject, settings), count)

    def _levels_for(self, subject: Attribute | Joint, settings: ScorerSettings) -> LevelMap[Any]:
        """Return which scenarios can be examples for attributes, and the levels they show."""
        if isinstance(subject, tuple):
            return self.joint_levels(subject)
        levels = self.levels(subject)
        if settings.is_item_first and levels.levels_of:
            # The same examples for all attributes, whichever of them a request asks for.
            return self._all_levels
        return levels

    def _revealing(self, scenario: Scenario) -> list[int]:
        """Return the rows whose labels would be the answer."""
        candidates = set(map(text_key, scenario.candidates))
        return [
            row
            for row in self._rows_by_question.get(text_key(scenario.question), ())
            if not candidates.isdisjoint(map(text_key, self.bank.scenarios[row].responses))
        ]

    def left_out(self, subject: Attribute | Choice, kept: Sequence[Neighbour]) -> tuple[float, ...]:
        """Return the levels of the attribute, or of its labels, that none of the examples shows."""
        return () if isinstance(subject, Choice) else self.levels(subject).left_out(kept)

    def levels(self, attribute: Attribute) -> LevelMap[float]:
        """Return which scenarios show each level of an attribute."""
        return self._level_map(attribute.name, attribute.levels)

    def joint_levels(self, attributes: Collection[Attribute]) -> LevelMap[tuple[str, float]]:
        """Return which scenarios show each level of attributes that are asked for together."""
        # Attributes without labels change nothing, and would multiply the cached combinations.
        labelled = [a for a in attributes if self.levels(a).levels_of]
        return self._joint_level_map(frozenset((a.name, a.levels) for a in labelled))

    @cached_property
    def _all_levels(self) -> LevelMap[tuple[str, float]]:
        """Which scenarios show each level of each attribute that the bank labels."""
        names = {name for one in self.bank.scenarios for labels in one.labels for name in labels}
        return self._map_joint_levels(frozenset((name, ()) for name in names))

    @cached_property
    def _fixed_order(self) -> FixedOrder:
        return FixedOrder(self.bank.scenarios)

    def _map_joint_levels(self, keys: frozenset[_LevelKey]) -> LevelMap[tuple[str, float]]:
        maps = {name: self._level_map(name, levels) for name, levels in keys}
        return joint_level_map(self.bank.scenarios, maps)
