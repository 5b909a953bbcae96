"""What a report consists of: sections of parts, with tables and pictures."""

from __future__ import annotations

from markupsafe import Markup
from msgspec import Struct

from scripts.benchmark.pages import drawing


class Cell(Struct, frozen=True):
    """A cell of a table."""

    text: str
    notes: tuple[str, ...] = ()
    """Short lines below the text."""
    warnings: tuple[str, ...] = ()
    """The same, to be seen at once."""


class Table(Struct, frozen=True):
    """A table; its first column names the row."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: str = ""
    """Name of the fold that the table is in; none if it is always seen."""


class Picture(Struct, frozen=True):
    """A plot and how to read it."""

    svg: str
    reading: str
    """How to read it, in one sentence."""


class Part(Struct, frozen=True):
    """A heading with a plot and tables."""

    id: str
    title: str
    tables: tuple[Table, ...] = ()
    picture: Picture | None = None

    @property
    def plot(self) -> Markup | None:
        """The plot as part of an HTML page."""
        if self.picture is None:
            return None
        return drawing.inline(self.picture.svg, self.id, self.picture.reading)


class Section(Struct, frozen=True):
    """Everything about one group."""

    id: str
    title: str
    warnings: tuple[str, ...]
    parts: tuple[Part, ...]


Styles = dict[str, drawing.Style]
