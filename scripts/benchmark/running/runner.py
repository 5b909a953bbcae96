"""A run: asks a service about every scenario, and writes what comes at once to the disk."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from app.domain.bank import LabelledScenario
from app.domain.calibration.estimate import estimate
from app.domain.calibration.evidence import without_judge
from app.domain.calibration.model import Calibration
from app.domain.cells import Usage
from app.domain.methods import METHODS
from app.domain.scenario import CHOICE
from scripts.benchmark.records.choices import LETTERS, NONE
from scripts.benchmark.records.journal import Journal
from scripts.benchmark.records.results import ScenarioResult
from scripts.benchmark.records.scenario_files import labelled_attributes
from scripts.benchmark.records.targets import Choices, Wishes, choices_of, selected_by, wishes_for
from scripts.benchmark.running.options import LOCAL
from scripts.benchmark.running.service import Service, ServiceProblem

CHANCES_FOR = 200
"""Targets that a set may have for the probabilities of its selections to be asked for."""
_DRAWN_PAIRS = 1000
"""Pairs whose probabilities one request may ask for."""
_BLOCK = 256
"""Scenarios whose targets are answered by one request."""
_PAIRS = 4_000_000
_TARGETS = 20_000
_BODY_BYTES = 4_000_000
"""Of targets in one request: half of what the service takes unless it is set otherwise."""


Chances = dict[str, tuple[float | None, ...]]
"""Target set -> how likely each target's selection is; None where nothing is selected or known."""


class _Forgotten(Exception):
    """The cache has lost score sets between scoring and now."""

    def __init__(self, ids: set[str]) -> None:
        super().__init__(ids)
        self.ids = ids


@dataclass(slots=True)
class Evaluation:
    """One run over its scenarios."""

    journal: Journal
    scenarios: Sequence[LabelledScenario]
    service: Service | None
    """None for the methods of the evaluator itself."""
    attributes: Mapping[str, str | dict[str, Any]]
    """Attribute -> what requests say of it: its name in the set, or its whole definition."""
    request: Mapping[str, Any]
    """Scorer settings of every request."""
    progress: Callable[[ScenarioResult], None]
    """Told of each scenario once the model has done with it, and once more after an order check."""
    features: Calibration | None = None
    """For `features`: fitted on the bank file."""
    chances: bool = False
    """Whether to ask how likely each selection is, for target sets of at most `CHANCES_FOR`. A run
    that was begun so goes on so: of a part of its scenarios they would tell something else."""
    warn: Callable[[str], None] = lambda _: None
    """Told of each warning of the service, once."""
    _warned: set[str] = field(default_factory=set)
    _wishes: dict[tuple[str, ...], Wishes] = field(default_factory=dict)

    async def run(self) -> None:
        """Ask for all that is missing. Scenarios that failed before are tried again.

        Raises `ServiceProblem` for settings that the service does not know, `ServiceAway`,
        `OtherRun`.
        """
        method = self.journal.run.method
        self.chances = bool(self._chance_sets) and (
            self.chances or any(known.chances for known in self.journal.done.values())
        )
        todo = [s for s in self.scenarios if not self._complete(s)]
        if method in LOCAL:
            for scenario in todo:
                self._finish(self._local(scenario, method))
            return
        if METHODS[method].kind == "choice":
            await _all(self._choose(scenario) for scenario in todo)
        else:
            await self._score_all(todo)
        if not METHODS[method].compares or self.request["calibration"] != "none":
            return
        await _all(
            self._check_order(scenario)
            for scenario in self.scenarios[: self.journal.run.order_check]
            if not self.journal.done[scenario.id].reversed
            and self.journal.done[scenario.id].problem is None
        )

    def _told(self, score_set: Mapping[str, Any]) -> None:
        """Hear what an answer says about its scorer: warnings, and whether it is still the same."""
        self.journal.know_scorer(score_set["scorer"])
        # Where nothing is scored there is nothing to calibrate: no other calibration, that is.
        if any(cell["status"] == "scored" for cell in score_set["cells"]):
            self.journal.know_calibration(score_set.get("calibration"))
        for warning in score_set.get("warnings") or ():
            if warning not in self._warned:
                self._warned.add(warning)
                self.warn(warning)

    @property
    def _chance_sets(self) -> list[str]:
        """Names of the target sets whose probabilities are asked for, where they are."""
        target_sets = self.journal.run.target_sets
        traits = METHODS.get(self.journal.run.method)
        scores = traits is not None and traits.kind == "score"
        return [t.name for t in target_sets if scores and len(t) <= CHANCES_FOR]

    def _complete(self, scenario: LabelledScenario) -> bool:
        known = self.journal.done.get(scenario.id)
        if known is None or known.problem is not None or not known.selected:
            return False
        return bool(known.chances) or not self.chances

    def wishes(self, scenario: LabelledScenario) -> Wishes:
        """The targets as a scenario sees them."""
        attributes = tuple(labelled_attributes(scenario))
        if attributes not in self._wishes:
            self._wishes[attributes] = wishes_for(attributes, self.journal.run.target_sets)
        return self._wishes[attributes]

    def _finish(self, result: ScenarioResult) -> None:
        self.journal.add(result)
        self.progress(result)

    def _local(self, scenario: LabelledScenario, method: str) -> ScenarioResult:
        wishes = self.wishes(scenario)
        if method == "features":
            assert self.features is not None, "features are fitted first"
            scores = feature_scores(self.features, scenario)
            return ScenarioResult(
                id=scenario.id,
                labels=scenario.labels,
                scores={name: tuple(round(x, 4) for x in s.tolist()) for name, s in scores.items()},
                selected=wishes.spread(selected_by(scores, wishes)),
            )
        if method == "oracle":
            chosen = selected_by(_label_arrays(scenario), wishes)
        else:
            draw = random.Random(f"{self.journal.run.settings.get('seed', 0)}:{scenario.id}")
            count = len(scenario.responses)
            # One draw a target, not one a different target: targets must not share their luck.
            return ScenarioResult(
                id=scenario.id,
                labels=scenario.labels,
                selected={
                    name: "".join(
                        NONE if place < 0 else LETTERS[draw.randrange(count)] for place in places
                    )
                    for name, places in wishes.places.items()
                },
            )
        return ScenarioResult(
            id=scenario.id, labels=scenario.labels, selected=wishes.spread(chosen)
        )

    # --- methods that score: scores once a scenario, then all targets by /retarget

    async def _score_all(self, todo: Sequence[LabelledScenario]) -> None:
        waiting: list[LabelledScenario] = []
        lock = asyncio.Lock()

        async def one(scenario: LabelledScenario) -> None:
            known = self.journal.done.get(scenario.id)
            if known is None or known.problem is not None:
                known = await self._scored(scenario)
                self._finish(known)
                if known.problem is not None:
                    return
            async with lock:
                waiting.append(scenario)
                if len(waiting) >= _BLOCK:
                    await self._retarget(waiting)
                    waiting.clear()

        await _all(one(scenario) for scenario in todo)
        await self._retarget(waiting)

    async def _scored(self, scenario: LabelledScenario) -> ScenarioResult:
        assert self.service is not None
        try:
            answer, seconds = await self.service.score(self._body(scenario))
        except ServiceProblem as problem:
            if problem.permanent:
                raise
            return _failed(scenario, problem)
        self._told(answer)
        cells = answer["cells"]
        return ScenarioResult(
            id=scenario.id,
            labels=scenario.labels,
            scores=_scores(cells, calibrated="calibration" in answer),
            raw=_scores(cells, calibrated=False) if "calibration" in answer else {},
            spreads={
                c["attribute"]: tuple(s["spread"] for s in c["scores"])
                for c in cells
                if c["status"] == "scored" and any(s["spread"] for s in c["scores"])
            },
            unscored=_unscored(cells),
            seconds=round(seconds, 3),
            concurrency=self.service.concurrency,
            usage=_usage(cells),
            cached=any(c.get("cached") for c in cells),
            score_set=answer["id"],
        )

    async def _retarget(self, scenarios: Sequence[LabelledScenario]) -> None:
        groups: dict[tuple[str, ...], list[LabelledScenario]] = {}
        for scenario in scenarios:
            groups.setdefault(self.wishes(scenario).attributes, []).append(scenario)
        for group in groups.values():
            wishes = self.wishes(group[0])
            for scenario_id, (choices, chances) in (await self._answers_for(group, wishes)).items():
                self.journal.add(
                    msgspec.structs.replace(
                        self.journal.done[scenario_id],
                        selected=wishes.spread(choices),
                        chances=chances,
                    )
                )

    async def _answers_for(
        self, group: Sequence[LabelledScenario], wishes: Wishes
    ) -> dict[str, tuple[Choices, Chances]]:
        """Scenario -> its choices and how likely they are, of a group with the same wishes.

        Scenarios that the cache forgot meanwhile are scored anew; those that fail then are missing.
        """
        while True:
            known = [s for s in group if self.journal.done[s.id].problem is None]
            ids = [self.journal.done[scenario.id].score_set for scenario in known]
            try:
                chosen = await self._answers(ids, wishes.unique) if ids else []
                chances: list[Chances] = [{} for _ in ids]
                if self.chances:
                    chances = await self._chances_for(ids, wishes)
            except _Forgotten as forgotten:
                await _all(
                    self._score_again(scenario)
                    for scenario in known
                    if self.journal.done[scenario.id].score_set in forgotten.ids
                )
                continue
            told = zip(known, chosen, chances, strict=True)
            return {scenario.id: (choices, likely) for scenario, choices, likely in told}

    async def _chances_for(self, ids: Sequence[str], wishes: Wishes) -> list[Chances]:
        """How likely the selections of every score set are. Raises `_Forgotten`."""
        assert self.service is not None
        sets = self._chance_sets
        places = sorted({int(p) for name in sets for p in wishes.places[name] if p >= 0})
        targets = [wishes.unique[place] for place in places]
        found: list[Chances] = []
        step = max(1, _DRAWN_PAIRS // max(1, len(places)))
        for start in range(0, len(ids), step):
            asked = ids[start : start + step]
            pairs: list[dict[str, Any]] = []
            if targets:
                body = self._retargeting(asked, targets)
                body["selection"] = {"min_probability": 0}
                answer = orjson.loads((await self.service.post("/v1/retarget", body)).content)
                pairs = answer["pairs"]
            _check_problems(pair for pair in pairs if "problem" in pair)
            each = len(targets)
            for number in range(len(asked)):
                told = pairs[number * each : (number + 1) * each]
                for pair in told:
                    if "selection" in pair:
                        self.journal.know_calibration(pair["selection"].get("calibration"))
                of = {place: _chance(p) for place, p in zip(places, told, strict=True)}
                found.append({n: tuple(of.get(int(p)) for p in wishes.places[n]) for n in sets})
        return found

    def _retargeting(
        self, ids: Sequence[str], targets: Sequence[dict[str, float]]
    ) -> dict[str, Any]:
        """The body of a request that selects for every pair."""
        return {
            "score_set_ids": list(ids),
            "targets": list(targets),
            "calibration": self.request["calibration"],
        }

    async def _score_again(self, scenario: LabelledScenario) -> None:
        result = await self._scored(scenario)
        if result.problem is None:
            self.journal.add(result)
        else:
            self._finish(result)

    async def _answers(
        self, ids: Sequence[str], targets: Sequence[dict[str, float]]
    ) -> list[Choices]:
        """Choices of every score set for every target, by as few requests as the limits allow."""
        assert self.service is not None
        chosen: list[list[Choices]] = [[] for _ in ids]
        longest = max((len(orjson.dumps(target)) for target in targets), default=1)
        step = max(1, min(_BODY_BYTES // (longest + 1), _PAIRS // max(1, len(ids)), _TARGETS))
        for start in range(0, len(targets), step):
            asked = targets[start : start + step]
            body = self._retargeting(ids, asked) | {"compact": True}
            answer = orjson.loads((await self.service.post("/v1/retarget", body)).content)
            problems = answer["problems"]
            _check_problems(problems)
            told = zip(chosen, answer["selected"], answer["calibrations"], strict=True)
            for mine, selected, calibration in told:
                # It may have been fitted anew since the scores were told.
                if any(index is not None for index in selected):
                    self.journal.know_calibration(calibration)
                mine.append(choices_of(selected) if problems else np.array(selected, dtype=np.int8))
        return [np.concatenate(mine) if mine else choices_of([]) for mine in chosen]

    # --- methods that choose

    async def _choose(self, scenario: LabelledScenario) -> None:
        assert self.service is not None
        wishes = self.wishes(scenario)
        answers = await self._choices(scenario, wishes, {})
        problems = [answer for answer, _ in answers if isinstance(answer, ServiceProblem)]
        # A target without a valid answer is one without a selection; anything else, or no valid
        # answer at all, fails the scenario, which is then tried again.
        fatal = [problem for problem in problems if problem.reason is None]
        if fatal or (problems and len(problems) == len(answers)):
            self._finish(_failed(scenario, (fatal or problems)[0]))
            return
        cells = [
            cell
            for answer, _ in answers
            if not isinstance(answer, ServiceProblem)
            for cell in answer["score_set"]["cells"]
        ]
        chosen = [_chosen(answer) for answer, _ in answers]
        self._finish(
            ScenarioResult(
                id=scenario.id,
                labels=scenario.labels,
                unscored={CHOICE: problems[0].reason or ""} if problems else {},
                selected=wishes.spread(choices_of(self._for_each(wishes, chosen))),
                seconds=round(sum(seconds for _, seconds in answers), 3),
                concurrency=self.service.concurrency,
                usage=_usage(cells),
                cached=any(c.get("cached") for c in cells),
            )
        )

    async def _choices(
        self, scenario: LabelledScenario, wishes: Wishes, more: Mapping[str, Any]
    ) -> list[tuple[dict[str, Any] | ServiceProblem, float]]:
        """One answer for each different target, or a single one for methods that read none.

        Raises only problems that every scenario would meet.
        """
        service = self.service
        assert service is not None
        targets: Sequence[dict[str, float] | None] = wishes.unique
        if not METHODS[self.journal.run.method].reads_target:
            targets = [None]

        async def ask(
            target: dict[str, float] | None,
        ) -> tuple[dict[str, Any] | ServiceProblem, float]:
            body = self._body(scenario, **more)
            if target is None:
                body = {k: v for k, v in body.items() if not k.startswith("attribute")}
            else:
                body |= {"target": target, "attributes": [self.attributes[n] for n in target]}
            try:
                answer, seconds = await service.select(body)
            except ServiceProblem as problem:
                if problem.permanent:
                    raise
                return problem, 0.0
            if not more:
                self._told(answer["score_set"])
            return answer, seconds

        return await asyncio.gather(*(ask(target) for target in targets))

    def _for_each(self, wishes: Wishes, chosen: list[int | None]) -> list[int | None]:
        if METHODS[self.journal.run.method].reads_target:
            return chosen
        return chosen * len(wishes.unique)

    # --- order

    async def _check_order(self, scenario: LabelledScenario) -> None:
        """Ask again with both orders, and select from each alone."""
        wishes = self.wishes(scenario)
        both = {"orders": 2}
        samples = int(self.request.get("scoring", {}).get("samples", 1))
        service = self.service
        assert service is not None
        try:
            if METHODS[self.journal.run.method].kind == "choice":
                answers = await self._choices(scenario, wishes, both)
                halves = [
                    None
                    if isinstance(answer, ServiceProblem)
                    else _halves(answer["score_set"]["cells"][0], samples)
                    for answer, _ in answers
                ]
                if all(isinstance(answer, ServiceProblem) for answer, _ in answers):
                    return
                picks = [
                    [None if half is None else int(np.argmax(half[turn])) for half in halves]
                    for turn in (0, 1)
                ]
                forward, reverse = (choices_of(self._for_each(wishes, pick)) for pick in picks)
                cells = [
                    cell
                    for answer, _ in answers
                    if not isinstance(answer, ServiceProblem)
                    for cell in answer["score_set"]["cells"]
                ]
            else:
                answer, _ = await service.score(self._body(scenario, **both))
                cells = answer["cells"]
                split = {c["attribute"]: _halves(c, samples) for c in answer["cells"]}
                forward, reverse = (
                    selected_by(
                        {n: half[turn] for n, half in split.items() if half is not None}, wishes
                    )
                    for turn in (0, 1)
                )
        except ServiceProblem:
            return  # an unmeasured scenario is counted as such
        self.journal.add(
            msgspec.structs.replace(
                self.journal.done[scenario.id],
                forward=wishes.spread(forward),
                reversed=wishes.spread(reverse),
                position_bias=_mean_biases(cells),
            )
        )
        self.progress(self.journal.done[scenario.id])

    def _body(self, scenario: LabelledScenario, **scoring: Any) -> dict[str, Any]:
        names = labelled_attributes(scenario)
        return {
            **self.request,
            "scoring": {**self.request.get("scoring", {}), **scoring},
            "question": scenario.question,
            "responses": [
                {"id": LETTERS[i], "text": text} for i, text in enumerate(scenario.responses)
            ],
            "attributes": [self.attributes[name] for name in names],
        }


def feature_scores(
    calibration: Calibration, scenario: LabelledScenario
) -> dict[str, NDArray[np.float64]]:
    """What surface features alone say of each candidate on each attribute, one array each."""
    evidence = without_judge(scenario.question, scenario.responses, len(calibration.fields))
    (found,) = estimate(calibration, [evidence])
    return dict(zip(calibration.attributes, found.scores.T, strict=True))


async def _all(work: Iterable[Any]) -> None:
    """See all through; the first error ends the rest, and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def _check_problems(failed: Iterable[Mapping[str, Any]]) -> None:
    """Let pass that a pair lacks scores.

    Raises `ServiceProblem` for what every scenario would meet (the calibration is gone), and
    `_Forgotten` for scores that are.
    """
    gone: set[str] = set()
    for pair in failed:
        document = pair["problem"]
        problem = ServiceProblem(document.get("status", 0), document)
        if problem.permanent:
            raise problem
        if problem.slug == "unknown-score-set":
            gone.add(pair["score_set_id"])
    if gone:
        raise _Forgotten(gone)


def _label_arrays(scenario: LabelledScenario) -> dict[str, NDArray[np.float64]]:
    return {
        name: np.array([labels[name] for labels in scenario.labels])
        for name in labelled_attributes(scenario)
    }


def _halves(cell: Mapping[str, Any], samples: int) -> NDArray[np.float64] | None:
    """A cell's scores from the first and from the reversed order, (2, C).

    None where it is unscored or where answers were discarded, so that it is not known which is
    which. Candidates that all have one text are one to the service, and have one order.
    """
    if cell["status"] != "scored" or cell["answers_discarded"]:
        return None
    values = np.array([s.get("values") or [s["score"]] for s in cell["scores"]], np.float64)
    orders = values.reshape(len(values), -1, samples).mean(axis=2)
    halves: NDArray[np.float64] = orders[:, [0, -1]].T
    return halves


def _mean_biases(cells: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for cell in cells:
        if cell.get("position_bias") is not None:
            found.setdefault(cell["attribute"], []).append(cell["position_bias"])
    return {name: round(sum(biases) / len(biases), 6) for name, biases in found.items()}


def _scores(
    cells: Sequence[Mapping[str, Any]], *, calibrated: bool
) -> dict[str, tuple[float, ...]]:
    return {
        c["attribute"]: tuple(
            round(s["calibrated"]["score"], 4) if calibrated else s["score"] for s in c["scores"]
        )
        for c in cells
        if c["status"] == "scored"
    }


def _chance(pair: Mapping[str, Any]) -> float | None:
    """Probability of the selected candidate of one pair."""
    chance = pair["selection"]["ranking"][0].get("probability") if "selection" in pair else None
    return None if chance is None else round(float(chance), 3)


def _chosen(answer: Mapping[str, Any] | ServiceProblem) -> int | None:
    if isinstance(answer, ServiceProblem):
        return None
    return int(answer["selection"]["selected"]["index"])


def _unscored(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {c["attribute"]: c.get("reason", c["status"]) for c in cells if c["status"] != "scored"}


def _usage(cells: Sequence[Mapping[str, Any]]) -> Usage:
    total = Usage()
    for cell in cells:
        if "usage" in cell:
            total += msgspec.convert(cell["usage"], Usage)
    return total


def _failed(scenario: LabelledScenario, problem: ServiceProblem) -> ScenarioResult:
    unscored = problem.problem.get("unscored")
    reasons = {u["attribute"]: u["reason"] for u in unscored} if isinstance(unscored, list) else {}
    return ScenarioResult(
        id=scenario.id, labels=scenario.labels, unscored=reasons, problem=str(problem)
    )
