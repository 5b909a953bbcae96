"""Tables in `docker/README.md` that are generated, each between two markers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "docker" / "README.md"


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of one kind."""

    name: str
    """The word in the markers."""
    make: Callable[[], str]
    """Returns the tables as Markdown."""

    def document(self) -> str:
        """The text of the file, with the tables as they are now between its markers."""
        start, end = (f"<!-- {self.name}: {edge} -->" for edge in ("start", "end"))
        before, _, rest = PATH.read_text("utf-8").partition(start)
        _, _, after = rest.partition(end)
        return f"{before}{start}\n{self.make()}\n{end}{after}"

    def write(self) -> None:
        """Write the tables to their place in the repository."""
        PATH.write_text(self.document(), encoding="utf-8")
        print(f"wrote {PATH}")
