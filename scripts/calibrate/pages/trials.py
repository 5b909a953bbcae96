"""Trial fits on parts of a bank, measured on the scenarios that they have not seen.

Everything goes through the API. Scores are cached by then, so a trial costs its fit only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tqdm import tqdm

from app.domain.bank import LabelledScenario
from app.scores.schemas import ScoredCellOut, ScoreSetOut
from scripts.calibrate.following import FitFailed, follow
from scripts.calibrate.pages.draws import Draw
from scripts.client.problems import ServiceProblem
from scripts.client.service import Body, Service

_AT_ONCE = 2
"""Trials at a time: while one is fitted, another one's scenarios are scored."""
_SCENARIOS_AT_ONCE = 8
_NAME_CHARS = 90
_ATTEMPTS, _PAUSE_S = 5, 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """One response's score on one attribute, by a fit that has not seen its label."""

    scenario: str
    response: int
    """Its place among the responses, from 0."""
    attribute: str
    label: float
    raw: float
    """The judge's score; equal to `used` where scores are read from states."""
    used: float
    """The calibrated score."""
    error: float
    """Its standard error, as answers have it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fit on some scenarios, and what it predicts of the others."""

    draw: int
    size: int
    predictions: tuple[Prediction, ...]
    judged: frozenset[str] = frozenset()
    """Attributes for which the fit uses the judge; surface features alone for the others."""
    problem: str = ""
    """Why there is none."""


class Kept(Protocol):
    """Trials of an earlier command that was interrupted."""

    def get(self, draw: int, size: int) -> Trial | None:
        """The trial, if it was done."""

    def add(self, trial: Trial) -> None:
        """Keep a trial."""


async def run_trials(
    service: Service, name: str, body: Body, draws: Sequence[Draw], sizes: Sequence[int], kept: Kept
) -> list[Trial]:
    """A trial for each draw and size, with a progress bar. `body` is the request of the whole fit.

    What is kept is not repeated. The calibrations have temporary names, are not chosen by `auto`,
    and are deleted. Raises `ServiceAway`.
    """
    room = asyncio.Semaphore(_AT_ONCE)
    pairs = [(draw, size) for size in sizes for draw in draws]
    with tqdm(total=len(pairs), unit="fit", desc="report", dynamic_ncols=True) as bar:

        async def one(draw: Draw, size: int) -> Trial:
            async with room:
                trial = kept.get(draw.number, size)
                if trial is None:
                    trial = await _trial(service, name, body, draw, size)
                    kept.add(trial)
                bar.update()
                return trial

        tasks = [asyncio.create_task(one(draw, size)) for draw, size in pairs]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # they delete what they made


async def _trial(service: Service, name: str, body: Body, draw: Draw, size: int) -> Trial:
    own = f"{name[:_NAME_CHARS].strip()}, trial {draw.number + 1} on {size}"
    request = {key: value for key, value in body.items() if key not in _OF_THE_SAMPLE}
    request |= {"scenario_ids": sorted(draw.ids[:size]), "automatic": False}
    try:
        await service.delete_calibration(own)  # an interrupted command may have left it
        await service.fit(own, request)
        ready = await follow(service, own, request)
        assert ready.fitted is not None, "a ready calibration is fitted"
        names = ready.fitted.attributes
        room = asyncio.Semaphore(_SCENARIOS_AT_ONCE)

        async def one(scenario: LabelledScenario) -> list[Prediction]:
            async with room:
                return await _predictions(service, own, body, names, scenario)

        found = await asyncio.gather(*map(one, draw.aside))
    except (ServiceProblem, FitFailed) as problem:
        return Trial(draw.number, size, (), problem=str(problem))
    finally:
        await service.delete_calibration(own)
    judged = {one.attribute for one in ready.fitted.reports if one.layer != "features"}
    return Trial(
        draw.number, size, tuple(each for every in found for each in every), frozenset(judged)
    )


_OF_THE_SAMPLE = ("scenarios", "sample_seed")


async def _predictions(
    service: Service, calibration: str, body: Body, names: Sequence[str], of: LabelledScenario
) -> list[Prediction]:
    """What a calibration makes of a scenario; nothing if the scenario cannot be scored."""
    # Asked as the fit asks, for the labelled attributes: their scores are in the cache.
    request = score_request(body, names, of) | {"calibration": calibration}
    for attempt in range(_ATTEMPTS):
        try:
            answer, _ = await service.score(request)
            return predictions_in(answer, of)
        except ServiceProblem as problem:
            if problem.slug != "unknown-calibration" or attempt + 1 == _ATTEMPTS:
                if problem.is_permanent:
                    raise
                return []
        await asyncio.sleep(_PAUSE_S)  # another process of the service may not know of it yet
    return []


def score_request(body: Body, names: Sequence[str], scenario: LabelledScenario) -> dict[str, Any]:
    """The request that scores a scenario as the fit of `body` does."""
    labelled = {name for labels in scenario.labels for name in labels}
    given: Sequence[str | Mapping[str, Any]] = body.get("attributes") or names
    return {
        "attribute_set": body["attribute_set"],
        "attributes": [
            one for one in given if (one if isinstance(one, str) else one["name"]) in labelled
        ],
        "scoring": body["scoring"],
        "question": scenario.question,
        "responses": list(scenario.responses),
    }


def predictions_in(answer: ScoreSetOut, scenario: LabelledScenario) -> list[Prediction]:
    """The calibrated scores in an answer whose responses have labels."""
    found: list[Prediction] = []
    for cell in answer.cells:
        if not isinstance(cell, ScoredCellOut):
            continue
        for score in cell.scores:
            label = scenario.labels[score.index].get(cell.attribute)
            if label is None or score.calibrated is None:
                continue
            found.append(
                Prediction(
                    scenario=scenario.id,
                    response=score.index,
                    attribute=cell.attribute,
                    label=label,
                    raw=score.score,
                    used=score.calibrated.score,
                    error=score.calibrated.standard_error,
                )
            )
    return found
