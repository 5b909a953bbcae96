"""Everything about one group of runs."""

from __future__ import annotations

from scripts.benchmark.measures.evaluated import Group
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.parts.accuracy import (
    accuracy_part,
    size_part,
)
from scripts.benchmark.pages.parts.certainty import certainty_part
from scripts.benchmark.pages.parts.content import Section
from scripts.benchmark.pages.parts.cost import cost_part
from scripts.benchmark.pages.parts.leaning import leaning_part
from scripts.benchmark.pages.parts.order import order_part
from scripts.benchmark.pages.parts.runs import runs_part
from scripts.benchmark.pages.parts.scores import quality_part
from scripts.benchmark.pages.parts.warnings import warnings_about
from scripts.benchmark.records.grouping import slug


def group_section(number: int, group: Group) -> Section:
    """The section of a group, the `number`th of the report."""
    style = drawing.styles(e.title for e in group.runs)
    prefix = f"{number}-{slug(group.title)}"
    makers = (
        accuracy_part,
        size_part,
        leaning_part,
        quality_part,
        certainty_part,
        order_part,
        cost_part,
        runs_part,
    )
    parts = [part for make in makers if (part := make(prefix, group.runs, style))]
    return Section(prefix, group.title, tuple(warnings_about(group)), tuple(parts))
