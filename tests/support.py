"""The real service for tests: Redis, API and workers as processes, with clients over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis

from app.domain.access import Grant, Scope
from app.scoring.requests import Scoring
from app.selection.requests import SelectionOptions
from app.settings import StoreSettings
from app.store.keys import KeyStore
from app.store.redis import connect
from scripts.serve.processes import Child, free_port, start_redis
from tests import contract_check
from tests.forking import ForkedChild

FAKE = {
    "AZIMUTH_ENGINE": "fake",
    "AZIMUTH_EMBEDDER": "hashing",
    "AZIMUTH_LOG_LEVEL": "info",
    "AZIMUTH_WORKER_TAKE_OVER_S": "0.2",
    "AZIMUTH_WORKER_RETRY_S": "0.2",
}
SCENARIO = {
    "question": "How do I boil an egg?",
    # Not in canonical order, to detect code that confuses it with the caller's order.
    "responses": [
        {"id": "long", "text": "Lower it into boiling water, wait seven to ten minutes, cool it."},
        {"id": "short", "text": "Ten minutes in boiling water."},
    ],
}


def grouped(**options: Any) -> dict[str, Any]:
    """Members of a request body, with each option in its group: `scoring`, `selection` or none."""
    body: dict[str, Any] = {}
    for name, value in options.items():
        if name in Scoring.model_fields:
            body.setdefault("scoring", {})[name] = value
        elif name in SelectionOptions.model_fields:
            body.setdefault("selection", {})[name] = value
        else:
            body[name] = value
    return body


def wait_until(condition, *, timeout_s: float = 30.0, what: str = "the condition") -> Any:
    """Poll `condition()` and return its first true value. Raises AssertionError on timeout."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"timeout: waited {timeout_s} s for {what}")


@dataclass
class Service:
    """The processes of one Azimuth service."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    redis_port: int = 0
    api_port: int = 0
    redis_child: Child | None = None
    api_child: Child | None = None

    def start_redis(self) -> None:
        self.redis_port = self.redis_port or free_port()
        log = self.folder / "redis.log"
        self.redis_child = start_redis(self.redis_port, self.folder / "redis", log, persist=False)
        self.children.append(self.redis_child)
        self.environment["REDIS_URL"] = self.redis_url

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    @property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, decode_responses=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def start_api(self, **settings: str) -> Child:
        self.api_port = free_port()
        child = self._start("api", "app.main", {"AZIMUTH_PORT": str(self.api_port), **settings})
        self.api_child = child
        return child

    def start_worker(self, *, ready: bool = True, **settings: str) -> Child:
        own = {"AZIMUTH_INDEX_DIR": str(self.folder / "indexes")}
        child = self._start("worker", "workers.main", {**FAKE, **own, **settings})
        if ready:
            wait_until(lambda: self.ready(child), what="the worker")
        return child

    def ready(self, child: Child | None = None) -> bool:
        if child is not None and not child.alive():
            raise AssertionError(f"{child.name} has ended:\n{child.last_lines(40)}")
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(self.url + "/readyz").json()
            if answer["status"] == "ready":
                index = httpx.get(self.url + "/v1/banks/helpsteer2").json()["index"]
                return bool(index["state"] == "ready")
        return False

    def client(self, timeout_s: float = 60.0) -> httpx.Client:
        """Wait for the API and return a client, which checks answers against the contract."""
        wait_until(self._answers, what="the API's /healthz")
        return httpx.Client(
            base_url=self.url, timeout=timeout_s, event_hooks={"response": [contract_check.check]}
        )

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        with self.client() as client:
            return client.post(path, json=body, headers=headers)

    def jobs(self) -> int:
        """Number of queued and running jobs, over all pools."""
        return sum(self.redis.xlen(key) for key in self.redis.keys("azimuth:jobs:*"))

    def log(self, name: str) -> str:
        return "".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob(f"{name}*.log"))
        )

    def close(self) -> None:
        for child in reversed(self.children):
            child.kill()

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url + "/healthz").status_code == 200
        return False

    def _start(self, name: str, module: str, settings: Mapping[str, str]) -> Child:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
        environment = inherited | self.environment | dict(settings)
        log = self.folder / f"{name}-{len(self.children)}.log"
        child = ForkedChild(name, module, environment, log)
        self.children.append(child)
        return child


def secret_with(service: Service, *scopes: Scope, tenant: str = "team") -> str:
    """The secret of a new API key."""

    async def create() -> str:
        redis = connect(StoreSettings(redis_url=service.redis_url))
        _, secret = await KeyStore(redis).create(Grant(tenant, scopes))
        await redis.aclose()
        return secret

    return asyncio.run(create())


@contextlib.contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    """A service with Redis only. All its processes are killed on exit."""
    service = Service(folder)
    service.start_redis()
    try:
        yield service
    finally:
        service.close()


@contextlib.contextmanager
def client_with_every_scope(folder: Path) -> Iterator[httpx.Client]:
    """A client of a new service that asks for keys; its key may do everything."""
    with running_service(folder) as running:
        running.start_api(AZIMUTH_AUTH="keys")
        running.start_worker(ready=False)
        with running.client() as client:
            client.headers["authorization"] = f"Bearer {secret_with(running, 'admin')}"
            wait_until(lambda: client.get("/readyz").is_success, what="the worker")
            yield client
