"""Examples for the texts of a job, and the instructions of their bank's response classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from app.domain.bank import LabelledScenario
from app.domain.job import Job
from app.domain.ratings.groups import APPROPRIATENESS
from app.domain.ratings.retrieval import Reach
from app.domain.scenario import Attribute
from app.domain.writing import Style, Writing
from workers.judges.language.thread import PromptThread
from workers.judges.language.trimming import Example
from workers.methods.responses.method import shows
from workers.retrieval.embedding import Vectors
from workers.retrieval.groups import GroupBank
from workers.retrieval.indexed import IndexedBank
from workers.retrieval.library import BankLibrary

_SUBJECT = Attribute(APPROPRIATENESS, "How appropriate people find the response.")
_FIRST_SEARCH = 32


@dataclass(frozen=True, slots=True)
class FoundExamples:
    """The examples of one text."""

    examples: list[Example]
    """Best first."""
    instructions: Mapping[str, str]
    """Response class -> how to write such a response."""
    reach: Reach | None = None
    """For a group: how many examples of the bank its kind of retrieval uses."""


_NONE = FoundExamples([], {})


class TextExamples:
    """Finds the examples of texts in the worker's banks."""

    def __init__(self, banks: BankLibrary) -> None:
        self._banks = banks

    async def of(self, job: Job, writing: Writing, thread: PromptThread) -> FoundExamples:
        """The examples of one text: for the group of the scorer, or for the text's person.

        Scenarios that have nothing to show in the text's style are left out.
        """
        ref, settings = job.scorer.bank, job.scorer.settings
        if ref is None or writing.style is None:
            return _NONE
        query = await self._banks.embed(job.scenario.question)
        if settings.group is None:
            bank = await self._banks.get(ref.digest)
            found = await thread.run(_of_person, bank, query, writing, settings.examples)
            return FoundExamples(found, bank.bank.setup.response_classes)
        rated = await self._banks.get_group(ref.digest, settings.group.name)
        found = await thread.run(_of_group, rated, query, job, writing.style)
        reach = await thread.run(rated.reach, settings)
        return FoundExamples(found, rated.bank.setup.response_classes, reach)


def _of_group(bank: GroupBank, query: Vectors, job: Job, style: Style) -> list[Example]:
    chosen: Any = bank.examples(query, job.scenario, _SUBJECT, job.scorer.settings)
    examples = [Example(n, bank.bank.scenarios[n.row]) for n in chosen.neighbours]
    instructions = bank.bank.setup.response_classes
    return [one for one in examples if shows(one.scenario, style, instructions)]


def _of_person(bank: IndexedBank, query: Vectors, writing: Writing, count: int) -> list[Example]:
    """The most similar scenarios, with what the person is expected to think of their responses."""
    assert writing.style is not None, "without a style there are no examples"
    instructions = bank.bank.setup.response_classes
    width, total = max(_FIRST_SEARCH, count), len(bank.bank.scenarios)
    while True:  # wider and wider: few scenarios of a large bank may have something to show
        found: list[Example] = []
        for neighbour in bank.nearest(query, width):
            scenario = _expected_of(bank.bank.scenarios[neighbour.row], writing.worth)
            if shows(scenario, writing.style, instructions):
                found.append(Example(neighbour, scenario))
        if len(found) >= count or width >= total:
            return found[:count]
        width *= 4


def _expected_of(scenario: LabelledScenario, worth: Mapping[str, float]) -> LabelledScenario:
    """The scenario, each response labelled with the rating that is expected for its class."""
    classes = scenario.response_classes or (None,) * len(scenario.responses)
    labels = tuple(
        {APPROPRIATENESS: worth[name]} if name is not None and name in worth else {}
        for name in classes
    )
    return replace(scenario, labels=labels)
