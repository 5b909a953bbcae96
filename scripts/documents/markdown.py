"""The parts of a Markdown document that can be checked. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code, without the indentation of its fence."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown file."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document in a file."""
        return cls(path, path.read_text("utf-8"))

    @property
    def blocks(self) -> list[Block]:
        """Fenced blocks of code."""
        return [
            Block(language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
            for indent, language, text in _FENCE.findall(self.text)
        ]

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        """Targets of links and images."""
        return _LINK.findall(self.prose)

    @property
    def spans(self) -> list[str]:
        """Code within lines."""
        return _SPAN.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """Anchors of the headings, as GitHub makes them."""
        seen: Counter[str] = Counter()
        anchors: set[str] = set()
        for heading in _HEADING.findall(self.prose):
            slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors
