"""A soak from its beginning to its end."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.benchmark.soak.client import Client, Tally
from scripts.benchmark.soak.scenarios import Known, known_scenarios
from scripts.benchmark.soak.service import Breakable, Start, start_module

_SETTLE_S = 60.0
RECORD = "answers.txt"


@dataclass(frozen=True)
class Plan:
    """How long and how hard."""

    seconds: float
    clients: int
    workers: int
    break_every_s: float
    scenarios: int
    latency_s: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What there is to say after a soak."""

    tally: Tally
    kills: dict[str, int]
    overlaps: int
    """Prompts that were being answered twice at the same time."""
    model_answers: int
    left: dict[str, int]
    """What stayed behind in Redis, see `Breakable.left`."""

    @property
    def passed(self) -> bool:
        """Whether every caller got a right answer, and nothing stayed behind."""
        complete = self.tally.asked == self.tally.answered
        return complete and not (self.tally.wrong or self.overlaps or any(self.left.values()))


def soak(plan: Plan, folder: Path, start: Start = start_module) -> Outcome:
    """Run a service in a folder, break it, and ask it all the while."""
    rng = random.Random(plan.seed)
    known = known_scenarios(plan.scenarios, rng)
    labels = folder / "labels.jsonl"
    labels.write_text("\n".join(one.line() for one in known) + "\n")
    tally = Tally()
    service = Breakable(folder, labels, workers=plan.workers, latency_s=plan.latency_s, start=start)
    try:
        service.wait_ready()
        end = time.monotonic() + plan.seconds
        # Processes are started in this thread: the kernel ends them with the thread they come from.
        with ThreadPoolExecutor(1) as asking:
            asked = asking.submit(asyncio.run, _ask(plan, service.url, known, tally, end))
            while time.monotonic() < end - plan.break_every_s:
                time.sleep(plan.break_every_s)
                service.break_something(rng)
            while not asked.done():
                service.mend()
                time.sleep(0.2)
            asked.result()
        service.wait_ready()
        left = _left_at_last(service)
    finally:
        service.close()
    record = (service.record / RECORD).read_text().splitlines()
    return Outcome(
        tally,
        dict(service.kills),
        overlaps=sum(line.startswith("overlap") for line in record),
        model_answers=sum(line.startswith("end") for line in record),
        left=left,
    )


async def _ask(plan: Plan, url: str, known: list[Known], tally: Tally, end: float) -> None:
    limits = httpx.Limits(max_connections=plan.clients + 10)
    async with httpx.AsyncClient(base_url=url, timeout=90, limits=limits) as http:
        clients = [
            Client(http, known, tally, seed=plan.seed * 10_000 + number)
            for number in range(plan.clients)
        ]
        await asyncio.gather(*(client.run_until(end) for client in clients))


def _left_at_last(service: Breakable) -> dict[str, int]:
    """What is left once jobs that callers have left are done as well."""
    end = time.monotonic() + _SETTLE_S
    while any((left := service.left()).values()) and time.monotonic() < end:
        time.sleep(0.2)
    return left
