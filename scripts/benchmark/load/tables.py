"""The measurements: cached `/select`, `/retarget` against a bare route, and compact."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import httpx
import numpy as np
from msgspec import Struct

from scripts.benchmark.load.service import running_bare
from scripts.benchmark.load.wrk import Measured, measure

SCENARIO = {
    "question": "How do I boil an egg?",
    "responses": ["Lower it into boiling water, wait seven minutes, cool it.", "Ten minutes."],
    "attributes": ["helpfulness", "verbosity"],
}
TARGET = {"helpfulness": 1.0, "verbosity": 0.25}
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


def cached_select(url: str, clients: Sequence[int], seconds: int) -> list[Measured]:
    """`/select` answered from the cache, by number of clients."""
    body = SCENARIO | {"target": TARGET}
    httpx.post(f"{url}/v1/select", json=body, timeout=60).raise_for_status()
    return [measure(f"{url}/v1/select", body, clients=count, seconds=seconds) for count in clients]


def retarget(url: str, clients: Sequence[int], seconds: int) -> list[Against]:
    """`/retarget` of one score set and one target, against the bare route with the same answer."""
    scored = httpx.post(f"{url}/v1/score", json=SCENARIO, timeout=60).raise_for_status().json()
    body = {"score_set_ids": scored["id"], "targets": TARGET}
    answer = httpx.post(f"{url}/v1/retarget", json=body).raise_for_status().content
    with running_bare(answer) as bare:
        return [
            Against(
                service=measure(f"{url}/v1/retarget", body, clients=count, seconds=seconds),
                bare=measure(f"{bare}/v1/retarget", body, clients=count, seconds=seconds),
            )
            for count in clients
        ]


def compact(url: str, sets: int = _SETS) -> Compact:
    """All targets of five attributes with five levels, over many score sets."""
    ids: list[str] = []
    scores: list[np.ndarray] = []
    with httpx.Client(base_url=url, timeout=300) as client:
        for number in range(sets):
            body = SCENARIO | {"question": f"Question {number}?", "attributes": _NAMES}
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
