"""Runs grouped by what may be compared: one dataset, one model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scripts.benchmark.records.results import (
    Results,
)


class DataAndModel(NamedTuple):
    """What runs in one table have in common; the model is empty where none is used."""

    dataset: str
    model: str

    @property
    def title(self) -> str:
        """The dataset and the model, in words."""
        return f"{self.dataset or 'data'}, {self.model or 'no model'}"


def by_data_and_model(
    read: Iterable[tuple[Path, Results]],
) -> dict[DataAndModel, list[tuple[Path, Results]]]:
    """Folders and their results for each dataset and model, both in the order given.

    Runs without a model stand beside every model of their data, and alone only if there is none.
    There they count with the scenarios that the model was asked about, so that a sample of hard
    scenarios does not make the model look worse than no model.
    """
    every = [(item, DataAndModel(item[1].run.dataset, item[1].run.model)) for item in read]
    keys = dict.fromkeys(key for _, key in every)
    with_model = {key.dataset for key in keys if key.model}
    groups: dict[DataAndModel, list[tuple[Path, Results]]] = {}
    for key in keys:
        if not key.model and key.dataset in with_model:
            continue
        asked = {s.id for (_, results), own in every if own == key for s in results.scenarios}
        groups[key] = [
            (folder, results.only(asked) if asked and own != key else results)
            for (folder, results), own in every
            if own in (key, DataAndModel(key.dataset, ""))
        ]
    return groups


def slug(text: str) -> str:
    """A title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-")
