"""Runs grouped by what may be compared: one dataset, one model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from scripts.benchmark.records.results import Results

NamedRun = tuple[str, Results]
"""A run and the name of its folder or file."""


class DataAndModel(NamedTuple):
    """What runs in one table have in common; the model is empty where none is used."""

    dataset: str
    model: str

    @property
    def title(self) -> str:
        """The dataset and the model, in words."""
        return f"{self.dataset or 'data'}, {self.model or 'no model'}"


def by_data_and_model(runs: Iterable[NamedRun]) -> dict[DataAndModel, list[NamedRun]]:
    """Runs for each dataset and model, both in the order given.

    Runs without a model are part of every group of their data, and a group of their own only if
    there is no other. They count with the scenarios that the model was asked about: otherwise a
    sample of hard scenarios would make the model look worse than no model.
    """
    every = [(item, DataAndModel(item[1].run.dataset, item[1].run.model)) for item in runs]
    keys = dict.fromkeys(key for _, key in every)
    with_model = {key.dataset for key in keys if key.model}
    groups: dict[DataAndModel, list[NamedRun]] = {}
    for key in keys:
        if not key.model and key.dataset in with_model:
            continue
        asked = {s.id for (_, results), own in every if own == key for s in results.scenarios}
        groups[key] = [
            (name, results.only(asked) if asked and own != key else results)
            for (name, results), own in every
            if own in (key, DataAndModel(key.dataset, ""))
        ]
    return groups


def slug(text: str) -> str:
    """A title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-")
