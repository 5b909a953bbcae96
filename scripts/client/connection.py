"""HTTP requests that wait for a service that is full or away."""

from __future__ import annotations

import asyncio
import time

import httpx

from app.settings import Settings
from scripts.client.problems import ServiceAway, ServiceProblem

PATIENCE_S = 600.0
"""How long a service may be away or full before a request fails."""
_FIRST_PATIENCE_S = 10.0
"""The same for a service that has never answered: it may not be there at all."""
_PAUSE_S = 1.0
_RETRIED = {429, 503}
_JSON = {"Content-Type": "application/json"}


def api_key_of_environment() -> str | None:
    """The value of `AZIMUTH_API_KEY`. It is no option: command lines and runs are recorded."""
    return Settings.from_environment().client.api_key


class Connection:
    """Requests to one service."""

    def __init__(self, url: str, patience_s: float, api_key: str | None = None) -> None:
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=httpx.Timeout(900.0))
        self._headers = _JSON if api_key is None else {**_JSON, "X-Api-Key": api_key}
        self._patience_s = patience_s
        self._reached = False

    async def close(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    async def send(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        """Send a request, and repeat it while the service is full or away.

        Raises `ServiceProblem` for any other problem, and `ServiceAway` when patience ends.
        """
        since: float | None = None  # when the service was first away or full
        while True:
            outcome = await self._attempt(method, path, content)
            if isinstance(outcome, httpx.Response):
                return outcome
            why, pause = outcome
            since = since or time.monotonic()
            if time.monotonic() + pause > since + self._patience:
                raise ServiceAway(why)
            await asyncio.sleep(pause)

    @property
    def _patience(self) -> float:
        return self._patience_s if self._reached else min(self._patience_s, _FIRST_PATIENCE_S)

    async def _attempt(
        self, method: str, path: str, content: bytes | None
    ) -> httpx.Response | tuple[str, float]:
        """The answer, or why there is none now and the seconds to wait before the next attempt."""
        try:
            response = await self._client.request(
                method, path, content=content, headers=self._headers
            )
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ServiceAway(f"{self._client.base_url} is not a URL: {error}") from error
        except httpx.TransportError as error:
            return f"{self._client.base_url} cannot be reached: {error!r}", _PAUSE_S
        self._reached = True
        if response.status_code < 400:
            return response
        problem = ServiceProblem.of(response)
        if response.status_code not in _RETRIED:
            raise problem
        return str(problem), float(response.headers.get("Retry-After", _PAUSE_S))
