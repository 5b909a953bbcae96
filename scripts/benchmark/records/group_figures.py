"""Figures of the benchmark of groups and people, as a file that pages are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = "groups.json"
"""Name of the record in the folder that `groups --out` names."""


class Estimate(Struct, frozen=True):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


class RetrievedFigures(Struct, frozen=True):
    """One way to retrieve, for one group or all of them."""

    group: str
    kind: str
    mismatch: Estimate
    less: Estimate | None = None
    """Minus that of the most similar example; the interval is over prompts."""
    less_by_raters: Estimate | None = None
    """The same, the interval is over blocks of prompts that share their raters."""
    examples: tuple[int, ...] = ()
    """How many different examples were retrieved, for each group"""
    value: float | None = None
    spread: float | None = None


class WeightFigures(Struct, frozen=True):
    """A group's fitted weights. Signs are of a distance."""

    group: str
    similarity: float
    stability: float
    contrast: float


class RetrievalFigures(Struct, frozen=True):
    """Examples for groups, from one kind of ratings."""

    prompts: int
    rows: tuple[RetrievedFigures, ...]
    weights: tuple[WeightFigures, ...]
    embedder: str = ""
    left_out: str = ""
    """What the bank lacked for each prompt"""


class CurvePoint(Struct, frozen=True):
    """What ratings of `own` prompts are worth."""

    own: int
    gain: Estimate
    """Rating points, over people"""
    error: float
    covered: float
    by_class: dict[str, float]
    """Class of response -> share of ratings in the 80 % interval"""


class ChoiceFigures(Struct, frozen=True):
    """What a way to choose gets groups. Intervals are over folds of people."""

    way: str
    value: Estimate
    regret: Estimate
    worst: Estimate
    """Regret of the group that loses most"""


class ShareFigures(Struct, frozen=True):
    """What one part explains of the variance."""

    part: str
    share: Estimate


class AuditFigures(Struct, frozen=True):
    """Whether groups differ."""

    words: tuple[str, ...]
    shares: tuple[ShareFigures, ...]
    p: float | None
    needed: tuple[tuple[float, int], ...]
    """(difference in points, people that each group needs)"""


class PeopleFigures(Struct, frozen=True):
    """Choosing for people and groups, from one kind of ratings."""

    people: int
    curve: tuple[CurvePoint, ...]
    choices: tuple[ChoiceFigures, ...]
    audit: AuditFigures


class ReadingFigures(Struct, frozen=True):
    """How well classes are read from texts."""

    texts: int
    """Of each class and prompt, to learn from"""
    right: float
    chance: float


class OpinionFigures(Struct, frozen=True):
    """Shares of a group's commonest answers that were predicted."""

    learned_from: str
    by_group: dict[str, Estimate]
    all: float


class GroupFigures(Struct, frozen=True):
    """Everything that was measured so far. Keys are names of the kind of ratings."""

    retrieval: dict[str, RetrievalFigures] = {}
    people: dict[str, PeopleFigures] = {}
    reading: tuple[ReadingFigures, ...] = ()
    opinions: tuple[OpinionFigures, ...] = ()

    def with_newer(self, newer: GroupFigures) -> GroupFigures:
        """Those of `newer`, and these where it has none."""
        fields = {name: getattr(newer, name) or getattr(self, name) for name in _FIELDS}
        return GroupFigures(**fields)


_FIELDS = GroupFigures.__struct_fields__


def read_figures(folder: Path) -> GroupFigures:
    """Read a folder's figures. Raises ValueError naming a file that is not readable."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=GroupFigures)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} holds no figures of groups: {error}") from error


def keep_figures(folder: Path, figures: GroupFigures) -> GroupFigures:
    """Add figures to a folder's record, atomically; all that it holds then."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    every = read_figures(folder).with_newer(figures) if path.exists() else figures
    partial = path.with_name(FILE + ".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(every), indent=1) + b"\n")
    partial.replace(path)
    return every


def apart(paths: Iterable[Path]) -> tuple[list[Path], Mapping[str, GroupFigures]]:
    """Paths of runs, and the figures of the folders that hold figures of groups."""
    runs: list[Path] = []
    figures: dict[str, GroupFigures] = {}
    for path in paths:
        if (path / FILE).is_file():
            figures[str(path)] = read_figures(path)
        else:
            runs.append(path)
    return runs, figures
