"""Everything about groups and people."""

from __future__ import annotations

from scripts.benchmark.pages.parts.content import Section
from scripts.benchmark.pages.parts.people import opinion_parts, people_parts, reading_parts
from scripts.benchmark.pages.parts.retrieved import few_examples, retrieval_parts
from scripts.benchmark.records.group_figures import GroupFigures


def groups_section(number: int, name: str, figures: GroupFigures) -> Section:
    """The section of one record, the `number`th of the report."""
    prefix = f"{number}-groups"
    parts = (
        *retrieval_parts(prefix, figures.retrieval),
        *people_parts(prefix, figures.people),
        *reading_parts(prefix, figures.reading),
        *opinion_parts(prefix, figures.opinions),
    )
    title = f"Groups and people ({name})" if name else "Groups and people"
    return Section(prefix, title, tuple(few_examples(figures.retrieval)), parts)
