"""Prompt templates: rendering, and fences that no text can escape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from app.domain.fingerprint import digest

FENCE = "~"
_FENCE_RUNS = re.compile(r"~{3,}")


class Templates:
    """The prompt templates of one method: mostly `system.jinja`, `question.jinja` and others."""

    def __init__(
        self,
        folder: str,
        *others: str,
        names: tuple[str, ...] = ("system.jinja", "question.jinja"),
    ) -> None:
        self._folder = folder
        self._names = (*names, *others)

    @cached_property
    def _sources(self) -> dict[str, str]:
        folder = files("workers.methods") / self._folder
        return {name: (folder / name).read_text("utf-8") for name in self._names}

    @cached_property
    def _environment(self) -> Environment:
        # Prompts are plain text for a model, not HTML: nothing is escaped.
        return Environment(
            loader=DictLoader(self._sources),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )

    @property
    def digest(self) -> str:
        """Short hash of the templates."""
        return digest(self._sources)[:8]

    def profile(self, version: str) -> str:
        """Add the digest to a method's version: edited prompts never share cached scores."""
        return f"{version}:{self.digest}"

    def system(self, **values: Any) -> str:
        """Render the system turn."""
        return self.render("system.jinja", fence_character=FENCE, **values)

    def question(self, question: str, texts: Sequence[str], **values: Any) -> str:
        """Render a user turn: the question and the texts to judge, each between fences."""
        return self.render(
            "question.jinja", question=question, fence=fence_for([question, *texts]), **values
        )

    def render(self, name: str, **values: Any) -> str:
        """Render one of the templates."""
        return self._environment.get_template(name).render(**values)


def fence_for(texts: Iterable[str]) -> str:
    """Return a line of marks longer than any run of them in `texts`, so no text can close it."""
    longest = max((len(run) for text in texts for run in _FENCE_RUNS.findall(text)), default=2)
    return FENCE * (longest + 1)
