"""Methods of the benchmark itself, which need no service: random, oracle and features. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.domain.bank import LabelledScenario
from app.domain.calibration.estimate import estimate
from app.domain.calibration.evidence import without_judge
from app.domain.calibration.model import Calibration
from scripts.benchmark.records.choices import LETTERS, NONE
from scripts.benchmark.records.results import Run, ScenarioResult
from scripts.benchmark.records.scenario_files import labelled_attributes
from scripts.benchmark.records.targets import Wishes, selected_by

Scores = Mapping[str, NDArray[np.float64]]


def answer(
    run: Run, scenario: LabelledScenario, wishes: Wishes, features: Calibration | None
) -> ScenarioResult:
    """The result of a scenario by the method of the run."""
    if run.method == "random":
        seed = f"{run.settings.get('seed', 0)}:{scenario.id}"
        return _result(scenario, _random(seed, len(scenario.responses), wishes))
    if run.method == "oracle":
        return _result(scenario, wishes.spread(selected_by(_labels(scenario), wishes)))
    assert features is not None, "features are fitted first"
    scores = feature_scores(features, scenario)
    rounded = {name: tuple(round(x, 4) for x in s.tolist()) for name, s in scores.items()}
    return _result(scenario, wishes.spread(selected_by(scores, wishes)), rounded)


def feature_scores(calibration: Calibration, scenario: LabelledScenario) -> Scores:
    """Attribute -> score of each candidate by surface features alone."""
    evidence = without_judge(scenario.question, scenario.responses, len(calibration.fields))
    (estimated,) = estimate(calibration, [evidence])
    return dict(zip(calibration.attributes, estimated.scores.T, strict=True))


def _result(
    scenario: LabelledScenario,
    selected: dict[str, str],
    scores: dict[str, tuple[float, ...]] | None = None,
) -> ScenarioResult:
    return ScenarioResult(
        id=scenario.id, labels=scenario.labels, scores=scores or {}, selected=selected
    )


def _random(seed: str, candidates: int, wishes: Wishes) -> dict[str, str]:
    """One draw for each target, also for equal ones: targets must not share their luck."""
    draw = random.Random(seed)
    return {
        name: "".join(
            NONE if place < 0 else LETTERS[draw.randrange(candidates)] for place in places
        )
        for name, places in wishes.places.items()
    }


def _labels(scenario: LabelledScenario) -> Scores:
    return {
        name: np.array([labels[name] for labels in scenario.labels])
        for name in labelled_attributes(scenario)
    }
