"""A stratified split of a pool into an evaluation and a training part (section 3.3)."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.banks.scenarios import Attribute, LabelPair, Part, Scenario


@dataclass(frozen=True, slots=True)
class Coverage:
    """In how many scenarios a label pair occurs: of the pool, and of each part of the split."""

    attribute: str
    level: float
    available: int
    eval: int
    train: int


@dataclass(frozen=True, slots=True)
class Split:
    """Two disjoint samples of a pool, each in the pool's order."""

    eval: tuple[Scenario, ...]
    train: tuple[Scenario, ...]
    coverage: tuple[Coverage, ...]
    """One for each label pair, in the order of the attributes and their levels."""
    shortfalls: tuple[Coverage, ...]
    """The label pairs that a part holds less often than was asked for."""


def share(available: int, eval_wanted: int, train_wanted: int) -> tuple[int, int]:
    """How many of `available` go to eval and to train.

    If there are not enough for both, eval takes up to half of them (rounded up), or more where
    train does not want the rest.
    """
    spare = available - train_wanted
    for_eval = min(eval_wanted, max((available + 1) // 2, spare))
    return for_eval, min(train_wanted, available - for_eval)


class _Picker:
    """Assigns scenarios (by index) to the parts of a split and counts what they need."""

    def __init__(self, carried: Sequence[frozenset[LabelPair]], rng: random.Random) -> None:
        self.order = rng.sample(range(len(carried)), len(carried))
        self.taken: dict[Part, set[int]] = {"eval": set(), "train": set()}
        self.need: dict[Part, Counter[LabelPair]] = {"eval": Counter(), "train": Counter()}
        self.free = Counter(pair for pairs in carried for pair in pairs)
        self._carried = carried

    def untaken(self, pair: LabelPair | None = None) -> list[int]:
        """Indices still free (and carrying `pair`), in random order."""
        taken = self.taken["eval"] | self.taken["train"]
        return [
            i for i in self.order if i not in taken and (pair is None or pair in self._carried[i])
        ]

    def take(self, index: int, part: Part) -> None:
        self.taken[part].add(index)
        self.free.subtract(self._carried[index])
        self.need[part].subtract(self._carried[index])

    def cover(self, pair: LabelPair, part: Part) -> None:
        """Takes scenarios carrying `pair` until `part` has enough or none is left."""
        while self.need[part][pair] > 0 and (candidates := self.untaken(pair)):
            self.take(min(candidates, key=lambda index: self._cost(index, part)), part)

    def fill(self, size: int, part: Part) -> None:
        """Takes scenarios at random until `part` has `size`."""
        for index in self.untaken()[: max(0, size - len(self.taken[part]))]:
            self.take(index, part)

    def _cost(self, index: int, part: Part) -> tuple[int, int]:
        """Sort key: label pairs that the other part would lack and this one does not need, then
        (negated) label pairs that this part needs."""
        need, other = self.need[part], self.need["train" if part == "eval" else "eval"]
        pairs = self._carried[index]
        lost = sum(need[pair] <= 0 and self.free[pair] <= other[pair] for pair in pairs)
        return lost, -sum(need[pair] > 0 for pair in pairs)


def split_pool(
    scenarios: Sequence[Scenario],
    attributes: Sequence[Attribute],
    *,
    eval_per_label: int,
    train_per_label: int,
    seed: int,
) -> Split:
    """Stratified split (section 3.3): greedy, rarest label pairs first.

    Each part is to hold every (attribute, level) in at least its `per_label` scenarios, and
    `per_label` x attributes x levels scenarios in all, as far as there are enough.
    """
    wanted: dict[Part, int] = {"eval": eval_per_label, "train": train_per_label}
    pairs = [(attribute.name, level) for attribute in attributes for level in attribute.levels]
    carried = [scenario.label_pairs() for scenario in scenarios]
    picker = _Picker(carried, random.Random(seed))
    available = Counter(picker.free)
    for pair in pairs:
        shares = share(available[pair], wanted["eval"], wanted["train"])
        picker.need["eval"][pair], picker.need["train"][pair] = shares
    for pair in sorted(pairs, key=available.__getitem__):
        picker.cover(pair, "eval")
        picker.cover(pair, "train")
    sizes = share(len(scenarios), wanted["eval"] * len(pairs), wanted["train"] * len(pairs))
    picker.fill(sizes[0], "eval")
    picker.fill(sizes[1], "train")
    chosen = {part: sorted(indices) for part, indices in picker.taken.items()}
    held = {part: Counter(p for i in chosen[part] for p in carried[i]) for part in chosen}
    coverage = tuple(
        Coverage(*pair, available[pair], held["eval"][pair], held["train"][pair]) for pair in pairs
    )
    return Split(
        eval=tuple(scenarios[index] for index in chosen["eval"]),
        train=tuple(scenarios[index] for index in chosen["train"]),
        coverage=coverage,
        shortfalls=tuple(
            c for c in coverage if c.eval < eval_per_label or c.train < train_per_label
        ),
    )
