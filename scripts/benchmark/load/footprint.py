"""What a service takes: time to start, memory of its processes, memory of a cell in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import redis
from msgspec import Struct

from app.store.redis import score_set_key
from scripts.benchmark.load.scenarios import many
from scripts.benchmark.load.service import Running, resident_mib, running_service

_ATTRIBUTES = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
_REQUESTS = 20


class Footprint(Struct, frozen=True):
    """Start and memory of the processes with one engine."""

    engine: str
    api_ready_s: float
    worker_ready_s: float
    api_mib: float
    worker_mib: float


class CellMemory(Struct, frozen=True):
    """Bytes in Redis, the mean over scenarios of three replies."""

    kind: str
    cell: float
    """Of one cell: what a score set takes more with one more attribute."""
    rest: float
    """Of a score set without its cells: scorer, surface features, the view of one caller."""


def footprint(engine: str, settings: Mapping[str, str]) -> tuple[Footprint, list[CellMemory]]:
    """Start a service and measure it after a few requests; with the fake engine also its cells."""
    with running_service(settings=settings) as service:
        bodies = [body | {"attributes": _ATTRIBUTES[:1]} for body in many(_REQUESTS)]
        count = _REQUESTS if engine == "fake" else 2  # a real model takes seconds for each
        for body in bodies[:count]:
            _score(service, body | {"target": None})
        taken = Footprint(
            engine,
            service.api_ready_s,
            service.worker_ready_s,
            resident_mib(service.api.pid),
            resident_mib(service.worker.pid),
        )
        return taken, _cells(service) if engine == "fake" else []


def _cells(service: Running) -> list[CellMemory]:
    kinds: dict[str, dict[str, Any]] = {
        "without reasoning": {"reasoning": False},
        "with reasoning": {},
    }
    results: list[CellMemory] = []
    with redis.Redis.from_url(service.redis_url) as store:
        for kind, scoring in kinds.items():
            sizes: dict[int, list[int]] = {1: [], 5: []}
            for body in many(_REQUESTS):
                for attributes, of_sets in sizes.items():
                    asked = body | {"scoring": scoring, "attributes": _ATTRIBUTES[:attributes]}
                    digest, _, view = _score(service, asked)["id"].partition(".")
                    keys = [score_set_key(digest), f"azimuth:view:{digest}:{view}"]
                    of_sets.append(sum(int(store.memory_usage(key) or 0) for key in keys))
            one, five = (sum(of_sets) / _REQUESTS for of_sets in sizes.values())
            cell = (five - one) / 4
            results.append(CellMemory(kind, cell, one - cell))
    return results


def _score(service: Running, body: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in body.items() if name != "target"}
    answer = httpx.post(f"{service.url}/v1/score", json=body, timeout=600).raise_for_status()
    scored: dict[str, Any] = answer.json()
    return scored


def real_engine(model: Path) -> dict[str, str]:
    """Settings of a worker with a model on this machine."""
    return {"AZIMUTH_ENGINE": "vllm", "AZIMUTH_MODEL": str(model), "AZIMUTH_WAIT_S": "600"}
