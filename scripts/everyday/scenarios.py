"""The everyday scenarios, typed.

There are two halves of equal kind. `open` may be read while a method of scoring is built; `closed`
is kept for the measurement, and whoever builds or tunes a method does not read it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

Half = Literal["open", "closed"]
HALVES: tuple[Half, ...] = ("open", "closed")


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """A target and the candidate that serves it best."""

    name: str
    """What the reader wants, e.g. `short and right`; in the language of the question."""
    target: dict[str, float]
    """Attribute of the set `helpsteer2` -> wanted value in [0, 1]."""
    right: int
    """Index of the right candidate."""


class EverydayScenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A question, two to five candidates, and choices among them."""

    id: str
    question: str
    candidates: tuple[str, ...]
    choices: tuple[Choice, ...]


def everyday_scenarios(*halves: Half) -> tuple[EverydayScenario, ...]:
    """The scenarios of these halves, in the order of the files; of both if none is named."""
    decoder = msgspec.json.Decoder(EverydayScenario)
    return tuple(
        scenario
        for half in halves or HALVES
        for scenario in decoder.decode_lines(
            (files("scripts.everyday") / f"{half}.jsonl").read_bytes()
        )
    )
