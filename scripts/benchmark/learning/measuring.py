"""Fit on a few scenarios of a bank, evaluate on others, delete the fit; many times."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.bank import LabelledScenario, bank_of, serialize_bank
from scripts.benchmark.records.reading import RUN_FILE, read_results
from scripts.benchmark.records.scenario_files import UnusableData, read_file
from scripts.benchmark.running.evaluation import evaluate
from scripts.benchmark.running.options import RunOptions
from scripts.calibrate.fitting import CalibrateOptions, request_of
from scripts.calibrate.following import FitFailed, follow
from scripts.client.connection import api_key_of_environment
from scripts.client.service import Service

FEATURES = "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningOptions:
    """What to fit and to measure; see the help of `python -m scripts.benchmark learning`."""

    evaluation: RunOptions
    """A run of the method; calibration and folder of each fit take the place of its own."""
    name: str
    """Of the bank, and of calibrations while they are needed."""
    train: Path
    sizes: tuple[int, ...]
    draws: int
    only: tuple[str, ...] = ()
    """Attributes to fit on; empty for all."""

    @property
    def out(self) -> Path:
        """The folder of all runs."""
        return self.evaluation.out


@dataclass(frozen=True, slots=True)
class Sample:
    """The scenarios that one fit learns from: smaller ones of a draw are parts of larger ones."""

    size: int
    draw: int
    scenarios: tuple[LabelledScenario, ...]

    def folder(self, method: str) -> str:
        """Name of the folder of its run."""
        return f"{method}-{self.size}-{self.draw}"


def samples_of(
    scenarios: Sequence[LabelledScenario], sizes: Sequence[int], draws: int, seed: int
) -> Iterator[Sample]:
    """Samples by size; one of all scenarios is drawn once. Raises `UnusableData`."""
    if too_large := [size for size in sizes if size > len(scenarios)]:
        raise UnusableData(
            f"there are {len(scenarios)} scenarios, not {too_large[0]}, to learn from"
        )
    orders: list[list[LabelledScenario]] = []
    for draw in range(draws):
        order = list(scenarios)
        random.Random(f"{seed}:{draw}").shuffle(order)
        orders.append(order)
    for size in sorted(sizes):
        for draw, order in enumerate(orders[:1] if size == len(scenarios) else orders):
            yield Sample(size, draw, tuple(order[:size]))


def measure(options: LearningOptions) -> bool:
    """Measure every sample that is not measured yet; whether all succeeded.

    Raises `UnusableData`, `ServiceProblem` and `ServiceAway`.
    """
    run = options.evaluation
    scenarios = read_file(options.train, run.labels).scenarios
    bank = serialize_bank(bank_of(scenarios))
    samples = list(samples_of(scenarios, options.sizes, options.draws, run.sample_seed))
    options.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(_store(run, options.name, bank))
    done = [_measured(options, sample) for sample in samples]
    return all(done)


def _measured(options: LearningOptions, sample: Sample) -> bool:
    """Whether surface features and the method are measured on a sample."""
    run = options.evaluation
    file = options.out / "learnt-from.jsonl"
    folder = options.out / sample.folder(FEATURES)
    done = True
    if not _finished(folder):
        file.write_bytes(serialize_bank(bank_of(sample.scenarios)))
        done = evaluate(replace(run, method=FEATURES, bank_file=file, out=folder))
    folder = options.out / sample.folder(run.method)
    if _finished(folder):
        return done
    name = f"{options.name}-{sample.size}-{sample.draw}"
    try:
        asyncio.run(_fit(options, name, sample))
        return evaluate(replace(run, calibration=name, out=folder)) and done
    except FitFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    finally:
        asyncio.run(_delete(run, name))


def _finished(folder: Path) -> bool:
    if not (folder / RUN_FILE).exists():
        return False
    results = read_results(folder)
    return len(results.answered) == len(results.run.scenarios)


def _service(run: RunOptions) -> Service:
    return Service(run.url, run.concurrency, api_key=api_key_of_environment())


async def _store(run: RunOptions, name: str, bank: bytes) -> None:
    async with _service(run) as service:
        await service.put_bank(name, bank)


async def _fit(options: LearningOptions, name: str, sample: Sample) -> None:
    run = options.evaluation
    asked = CalibrateOptions(
        name=name,
        bank=options.name,
        url=run.url,
        method=run.method,
        only=options.only,
        examples_bank=run.bank,
        scorer=run.scorer,
    )
    ids = [scenario.id for scenario in sample.scenarios]
    body = request_of(asked) | {"scenario_ids": ids, "automatic": False}
    async with _service(run) as service:
        await service.delete_calibration(name)  # an interrupted command may have left it
        await service.fit(name, body)
        await follow(service, name, body)


async def _delete(run: RunOptions, name: str) -> None:
    async with _service(run) as service:
        await service.delete_calibration(name)
