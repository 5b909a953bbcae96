"""The measurements: cached `/select`, `/retarget` against a bare route, and compact."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
from msgspec import Struct

from scripts.benchmark.load.scenarios import ONE, TARGET
from scripts.benchmark.load.service import Running, running_bare
from scripts.benchmark.load.wrk import Measured, measure

_SETS = 500
_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_NAMES = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]


class Against(Struct, frozen=True):
    """A route measured against the bare one, over as many clients."""

    service: Measured
    bare: Measured

    @property
    def throughput(self) -> float:
        """Share of the bare route's requests a second."""
        return self.service.requests_per_s / self.bare.requests_per_s

    @property
    def p50(self) -> float:
        """Ratio of the median times."""
        return self.service.p50_ms / self.bare.p50_ms


class Compact(Struct, frozen=True):
    """Many score sets and targets in one request, against the arithmetic alone."""

    pairs: int
    request_s: float
    numpy_s: float

    @property
    def ratio(self) -> float:
        """Time of the request over that of the arithmetic."""
        return self.request_s / self.numpy_s


class Cached(Struct, frozen=True):
    """Answers from the cache, and what they cost the API."""

    measured: Measured
    cpu_ms: float
    """Processor time of all API processes for one request."""


def cached_select(
    service: Running,
    bodies: Sequence[dict[str, Any]],
    clients: Sequence[int],
    seconds: int,
    headers: Mapping[str, str] | None = None,
) -> list[Cached]:
    """`/select` answered from the cache, by number of clients."""
    url = f"{service.url}/v1/select"
    with httpx.Client(timeout=60, headers=headers) as client:
        for body in bodies:
            client.post(url, json=body).raise_for_status()
    results: list[Cached] = []
    for count in clients:
        before = service.api_cpu_s()
        measured = measure(url, bodies, clients=count, seconds=seconds, headers=headers)
        cpu_s = service.api_cpu_s() - before
        requests = measured.requests_per_s * seconds
        results.append(Cached(measured, cpu_s / requests * 1000))
    return results


def retarget(url: str, clients: Sequence[int], seconds: int) -> list[Against]:
    """`/retarget` of one score set and one target, against the bare route with the same answer."""
    scored = httpx.post(f"{url}/v1/score", json=ONE, timeout=60).raise_for_status().json()
    body = {"score_set_ids": scored["id"], "targets": TARGET}
    answer = httpx.post(f"{url}/v1/retarget", json=body).raise_for_status().content
    with running_bare(answer) as bare:
        return [
            Against(
                service=measure(f"{url}/v1/retarget", [body], clients=count, seconds=seconds),
                bare=measure(f"{bare}/v1/retarget", [body], clients=count, seconds=seconds),
            )
            for count in clients
        ]


def compact(url: str, sets: int = _SETS) -> Compact:
    """All targets of five attributes with five levels, over many score sets."""
    ids: list[str] = []
    scores: list[np.ndarray] = []
    with httpx.Client(base_url=url, timeout=300) as client:
        for number in range(sets):
            body = ONE | {"question": f"Question {number}?", "attributes": _NAMES}
            scored = client.post("/v1/score", json=body).raise_for_status().json()
            ids.append(scored["id"])
            scores.append(np.array([[s["score"] for s in c["scores"]] for c in scored["cells"]]).T)
        points = list(itertools.product(_LEVELS, repeat=len(_NAMES)))
        request = {
            "score_set_ids": ids,
            "targets": [dict(zip(_NAMES, point, strict=True)) for point in points],
            "compact": True,
        }
        content = httpx.Request("POST", url, json=request).content
        headers = {"Content-Type": "application/json"}
        times: list[float] = []
        for _ in range(4):  # the first one fills the memory of recent score sets
            started = time.perf_counter()
            answer = client.post("/v1/retarget", content=content, headers=headers)
            times.append(time.perf_counter() - started)
            answer.raise_for_status()
    targets = np.array(points)
    started = time.perf_counter()
    for one in scores:
        np.linalg.norm(targets[:, None] - one[None], axis=2).argmin(axis=1)
    return Compact(
        pairs=len(ids) * len(points),
        request_s=sorted(times[1:])[1],
        numpy_s=time.perf_counter() - started,
    )
