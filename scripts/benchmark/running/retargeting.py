"""Selections and their probabilities for score sets, by as few requests as the limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from app.scores.schemas import FailedPairOut, FailedPairsOut, SelectedPairOut
from scripts.benchmark.records.targets import Choices, Wishes, choices_of
from scripts.benchmark.running.context import Asking
from scripts.client.problems import ServiceProblem

_DRAWN_PAIRS = 1000
"""Pairs whose probabilities one request asks for."""
_PAIRS = 4_000_000
_TARGETS = 20_000
_BODY_BYTES = 4_000_000
"""Bytes of targets in one request: half of what the service accepts by default."""

Target = dict[str, float]

Chances = dict[str, tuple[float | None, ...]]
"""Target set -> probability of each target's selection; None without a selection, or unknown."""


class Forgotten(Exception):
    """The cache has lost score sets since they were scored."""

    def __init__(self, ids: set[str]) -> None:
        super().__init__(ids)
        self.ids = ids


@dataclass(frozen=True, slots=True)
class Retargeting:
    """Asks for selections. Methods raise `Forgotten`, `OtherRun` and `ServiceProblem`."""

    asking: Asking

    async def choices(self, ids: Sequence[str], targets: Sequence[Target]) -> list[Choices]:
        """For each score set its choices for every target."""
        parts: list[list[Choices]] = [[] for _ in ids]
        longest = max((len(orjson.dumps(target)) for target in targets), default=1)
        step = max(1, min(_BODY_BYTES // (longest + 1), _PAIRS // max(1, len(ids)), _TARGETS))
        for start in range(0, len(targets), step):
            body = self._body(ids, targets[start : start + step])
            answer = await self.asking.service.retarget_compact(body)
            _check(answer.problems)
            answered = zip(parts, answer.selected, answer.calibrations, strict=True)
            for own, selected, calibration in answered:
                # The calibration may have been fitted again since the scores were answered.
                if any(index is not None for index in selected):
                    self.asking.check_calibration(calibration)
                own.append(
                    choices_of(selected) if answer.problems else np.array(selected, dtype=np.int8)
                )
        return [np.concatenate(own) if own else choices_of([]) for own in parts]

    async def chances(
        self, ids: Sequence[str], wishes: Wishes, sets: Sequence[str]
    ) -> list[Chances]:
        """For each score set the probabilities of its selections, for some of the target sets."""
        places = sorted({int(p) for name in sets for p in wishes.places[name] if p >= 0})
        if not places:
            return [{name: (None,) * len(wishes.places[name]) for name in sets} for _ in ids]
        targets = [wishes.unique[place] for place in places]
        step = max(1, _DRAWN_PAIRS // len(places))
        chances: list[Chances] = []
        for start in range(0, len(ids), step):
            pairs = await self._pairs(ids[start : start + step], targets)
            for first in range(0, len(pairs), len(targets)):
                own = pairs[first : first + len(targets)]
                of = {place: _chance(pair) for place, pair in zip(places, own, strict=True)}
                chances.append({n: tuple(of.get(int(p)) for p in wishes.places[n]) for n in sets})
        return chances

    async def _pairs(
        self, ids: Sequence[str], targets: Sequence[Target]
    ) -> list[SelectedPairOut | FailedPairOut]:
        body = self._body(ids, targets) | {"selection": {"min_probability": 0}}
        pairs = (await self.asking.service.retarget(body)).pairs
        _check(pair for pair in pairs if isinstance(pair, FailedPairOut))
        for pair in pairs:
            if isinstance(pair, SelectedPairOut):
                self.asking.check_calibration(pair.selection.calibration)
        return pairs

    def _body(self, ids: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        return {
            "score_set_ids": list(ids),
            "targets": list(targets),
            "calibration": self.asking.request["calibration"],
        }


def _check(failed: Iterable[FailedPairOut | FailedPairsOut]) -> None:
    """Accept pairs that have no selection because scores are missing.

    Raises `ServiceProblem` for what every scenario would meet (the calibration is gone), and
    `Forgotten` for score sets that the service no longer has.
    """
    gone: set[str] = set()
    for pair in failed:
        problem = ServiceProblem(pair.problem)
        if problem.is_permanent:
            raise problem
        if problem.slug == "unknown-score-set":
            gone.add(pair.score_set_id)
    if gone:
        raise Forgotten(gone)


def _chance(pair: SelectedPairOut | FailedPairOut) -> float | None:
    """Probability of the selected candidate of one pair."""
    if isinstance(pair, FailedPairOut):
        return None
    chance = pair.selection.ranking[0].probability
    return None if chance is None else round(chance, 3)
