"""The order check: ask again with both orders of candidates, and select from each order alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from app.domain.bank import LabelledScenario
from app.scores.schemas import CellOut
from scripts.benchmark.records.targets import Choices, Wishes, selected_by
from scripts.benchmark.running import cells, choosing
from scripts.benchmark.running.context import Asking
from scripts.client.problems import ServiceProblem

_BOTH_ORDERS = 2


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Choices from each order, for each different target."""

    forward: Choices
    reverse: Choices
    cells: Sequence[CellOut]


async def check_order(asking: Asking, scenario: LabelledScenario) -> None:
    """Add the choices from both orders to the result of a scenario.

    A scenario that fails here stays unchecked, and is counted as such.
    """
    wishes = asking.progress.wishes(scenario)
    ask = _by_choice if asking.traits.kind == "choice" else _by_scores
    try:
        ordered = await ask(asking, scenario, wishes)
    except ServiceProblem:
        return
    if ordered is None:
        return
    asking.progress.finish(
        msgspec.structs.replace(
            asking.journal.done[scenario.id],
            forward=wishes.spread(ordered.forward),
            reversed=wishes.spread(ordered.reverse),
            position_bias=cells.mean_biases(ordered.cells),
        )
    )


async def _by_scores(asking: Asking, scenario: LabelledScenario, wishes: Wishes) -> _Ordered:
    answer, _ = await asking.service.score(asking.body(scenario, orders=_BOTH_ORDERS))
    ends = {c.attribute: cells.by_order(c, asking.samples) for c in answer.cells}
    forward, reverse = (
        selected_by({name: end[turn] for name, end in ends.items() if end is not None}, wishes)
        for turn in (0, 1)
    )
    return _Ordered(forward, reverse, answer.cells)


async def _by_choice(asking: Asking, scenario: LabelledScenario, wishes: Wishes) -> _Ordered | None:
    chosen = await choosing.ask(asking, scenario, wishes, orders=_BOTH_ORDERS)
    if all(isinstance(c.answer, ServiceProblem) for c in chosen):
        return None
    ends = [cells.by_order(c.cells[0], asking.samples) if c.cells else None for c in chosen]
    forward, reverse = (
        choosing.for_each_target(
            asking, wishes, [None if end is None else int(np.argmax(end[turn])) for end in ends]
        )
        for turn in (0, 1)
    )
    return _Ordered(forward, reverse, cells.all_cells(c.cells for c in chosen))
