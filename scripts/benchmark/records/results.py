"""What was run, and the result of each scenario.

Ids and numbers only, no texts: tables and plots are drawn from them without the model or the data.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from app.domain.cells import Usage

TargetKind = Literal["high", "low", "sampled", "all"]


Labels = Sequence[Mapping[str, float]]
"""One mapping a candidate: attribute -> label in [0, 1]."""


class TargetSet(Struct, frozen=True, omit_defaults=True):
    """Targets that are reported together."""

    name: str
    """As on the command line and in tables: `high`, `low`, `sampled`, `all`."""
    kind: TargetKind
    targets: tuple[dict[str, float], ...] = ()
    """Attribute -> desired value, one a target; empty with `levels`."""
    levels: dict[str, tuple[float, ...]] = {}
    """With kind `all`: the levels of each attribute; the targets are all their combinations, the
    last attribute's levels running fastest."""

    def expand(self) -> list[dict[str, float]]:
        """Every target, in the order of the selections."""
        if self.kind != "all":
            return list(self.targets)
        names = list(self.levels)
        return [
            dict(zip(names, values, strict=True))
            for values in itertools.product(*self.levels.values())
        ]

    def __len__(self) -> int:
        if self.kind != "all":
            return len(self.targets)
        return int(np.prod([len(levels) for levels in self.levels.values()]))


class DataFile(Struct, frozen=True, omit_defaults=True):
    """A file that a run read."""

    name: str
    sha256: str
    scenarios: int
    """Those that can be evaluated."""
    unlabelled: int = 0
    """Others of the file, in which no attribute is labelled on every response."""
    scale: str = "0..1"
    """The lowest and the highest label of the file."""
    choices: str = "keep"
    """What became of responses without labels; see `app.domain.bank_files.labels.Unlabelled`."""


CALIBRATED = ", calibrated"
"""Ends the titles of runs whose scores are calibrated."""


class Run(Struct, frozen=True, omit_defaults=True):
    """Everything that was decided before the first request."""

    method: str
    """A method of `/select`, or `random` or `oracle`."""
    settings: dict[str, Any]
    """The scorer settings that were sent: bank, examples, samples, orders, seed …"""
    attributes: dict[str, tuple[float, ...]]
    """Name -> label levels (empty: continuous), for every attribute that the scenarios label."""
    target_sets: tuple[TargetSet, ...]
    data: tuple[DataFile, ...]
    sample: int | None
    """Scenarios taken of the data by `sample_seed`; None for all."""
    sample_seed: int
    scenarios: tuple[str, ...]
    """Ids, in the order of the requests."""
    command: str
    versions: dict[str, str]
    """Azimuth, Python and NumPy."""
    started: str
    """UTC, ISO 8601."""
    dataset: str = ""
    """Name for tables, e.g. `helpsteer2`."""
    label: str = ""
    """Name of the run for tables; the method with its examples if not given."""
    scorer: dict[str, Any] = {}
    """The scorer of the first answer: fingerprint, model, revision …"""
    calibration: dict[str, Any] = {}
    """The calibration that selections are made with: name and digest."""
    order_check: int = 0
    """Scenarios that were also scored with the candidates in reverse order."""
    concurrency: int = 1
    """Requests in flight when the run was started; it may be resumed with another number."""
    definitions: dict[str, str] = {}
    """Attribute -> its name with a digest of its definition, as score sets call its cells."""

    @property
    def title(self) -> str:
        """Name of the run in tables."""
        if self.label:
            return self.label
        # The scorer's number, once known: without a bank there are no examples.
        shots = int(self.scorer.get("examples", self.settings.get("examples")) or 0)
        judges = self.settings.get("model")
        several = f", {len(judges)} judges" if isinstance(judges, list | tuple) else ""
        if self.method not in ("comparative", "regression", "prompt_aligned"):
            return self.method + several
        how = "" if self.settings.get("reasoning", True) else ", without reasoning"
        how += ", joint" if self.settings.get("joint") else ""
        how += ", item first" if self.settings.get("prompt_order") == "item_first" else ""
        how += ", fixed" if shots and self.settings.get("retrieval") == "fixed" else ""
        for name in ("orders", "samples"):
            if (count := int(self.settings.get(name, 1))) > 1:
                how += f", {count} {name}"
        better = CALIBRATED if self.settings.get("calibration", "none") != "none" else ""
        return f"{self.method}, {'few-shot' if shots else 'zero-shot'}{how}{several}{better}"

    @property
    def model(self) -> str:
        """Name of the model; empty for `random` and `oracle`."""
        return str(self.scorer.get("model", ""))


class ScenarioResult(Struct, frozen=True, omit_defaults=True):
    """The result of one scenario."""

    id: str
    labels: tuple[dict[str, float], ...]
    """One mapping a candidate: attribute -> label in [0, 1]. Candidates stand in the order in which
    they were sent, a seeded one (see `scenario_files.shuffled`)."""
    scores: dict[str, tuple[float, ...]] = {}
    """Attribute -> score of each candidate, as selections use it: calibrated where the run names a
    calibration. Empty for methods that choose."""
    raw: dict[str, tuple[float, ...]] = {}
    """With a calibration: attribute -> raw score of each candidate."""
    spreads: dict[str, tuple[float, ...]] = {}
    """Attribute -> standard deviation over samples and orders, one a candidate."""
    unscored: dict[str, str] = {}
    """Attribute (or `(choice)`) -> why there is no score."""
    selected: dict[str, str] = {}
    """Target set -> a letter a target: A for the first candidate …, `-` for none."""
    reversed: dict[str, str] = {}
    """The same from prompts that show the candidates in reverse order; empty where not measured."""
    forward: dict[str, str] = {}
    """With `reversed`: the same from prompts in the usual order."""
    chances: dict[str, tuple[float | None, ...]] = {}
    """Target set -> for each target the service's probability that the selected candidate is the
    nearest; None where nothing is selected or known. Empty if not requested."""
    position_bias: dict[str, float] = {}
    """With `reversed`: attribute (or `(choice)`, mean over targets) -> how much a score changes
    when its candidate moves from the first place in the prompt to the last."""
    seconds: float = 0.0
    """From request to answer, while other scenarios were in flight."""
    concurrency: int = 0
    """How many requests could be in flight; 0 in older records, for which the run's holds."""
    usage: Usage = Usage()
    """Tokens of the scores, including those from the cache."""
    cached: bool = False
    """Whether any score came from the cache; `seconds` is then not the time of the model."""
    problem: str | None = None
    """Why the scenario failed; it then has no selections."""
    score_set: str = ""
    """Id under which the service knows the scores."""

    @property
    def settled(self) -> bool:
        """Whether the scenario is finished: it has selections, or it failed."""
        return bool(self.selected) or self.problem is not None


class Results(Struct, frozen=True):
    """A results folder, read."""

    run: Run
    scenarios: tuple[ScenarioResult, ...]
    """In the order of `run.scenarios`; those not yet answered are missing."""
    left_out: int = 0
    """Scenarios of the run that were left out, because the runs it is compared with lack them."""

    @property
    def complete(self) -> bool:
        """Whether every scenario of the run is there."""
        return len(self.scenarios) == len(self.run.scenarios)

    def concurrency_of(self, scenario: ScenarioResult) -> int:
        """How many requests could be in flight when the scenario was asked."""
        return scenario.concurrency or self.run.concurrency

    @property
    def concurrencies(self) -> tuple[int, ...]:
        """Every number of requests in flight that scenarios were asked with."""
        numbers = {self.concurrency_of(scenario) for scenario in self.scenarios}
        return tuple(sorted(numbers or {self.run.concurrency}))

    @property
    def answered(self) -> tuple[ScenarioResult, ...]:
        """The scenarios that did not fail."""
        return tuple(s for s in self.scenarios if s.problem is None)

    def only(self, ids: Collection[str]) -> Results:
        """The run, restricted to these scenarios."""
        shared = tuple(name for name in self.run.scenarios if name in ids)
        return Results(
            run=msgspec.structs.replace(self.run, scenarios=shared),
            scenarios=tuple(s for s in self.scenarios if s.id in ids),
            left_out=self.left_out + len(self.run.scenarios) - len(shared),
        )


def common_attributes(labels: Labels) -> tuple[str, ...]:
    """Attributes that every candidate of a scenario has a label for, in the first one's order."""
    return tuple(name for name in labels[0] if all(name in other for other in labels[1:]))
