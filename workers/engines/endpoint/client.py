"""Sends requests to an endpoint. Every error is an `EngineError`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from app.settings import EngineSettings
from workers.engines.base import Generation, OnText
from workers.engines.endpoint.dialect import Dialect
from workers.engines.endpoint.faults import fault_of, fault_within
from workers.engines.endpoint.replies import read_generation
from workers.engines.endpoint.streaming import read_parts
from workers.errors import EngineError, EngineOverloaded, EngineRejected, EngineUnavailable

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits for what passes while the worker starts; jobs have waits of their own."""


class EndpointClient:
    """Sends requests in the endpoint's dialect, and learns the dialect from what it refuses."""

    def __init__(
        self, settings: EngineSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        if not settings.openai_url:
            raise ValueError("AZIMUTH_OPENAI_URL is not set: set it to the endpoint's base URL")
        key = settings.openai_api_key
        self._http = httpx.AsyncClient(
            base_url=settings.openai_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            # Waiting for a free connection is not the endpoint's fault, so it has no time limit.
            timeout=httpx.Timeout(settings.request_timeout_s, connect=5.0, pool=None),
            limits=httpx.Limits(max_connections=256),
            transport=transport,
        )
        self._root = settings.openai_url.rstrip("/").removesuffix("/v1")
        self.dialect = Dialect()

    async def served(self, model: str) -> dict[str, Any]:
        """Return the endpoint's entry for a model."""
        listed = await self._send("GET", "models")
        try:
            served = {str(m["id"]): m for m in listed.get("data", [])}
        except (AttributeError, KeyError, TypeError) as error:
            raise EngineError("the endpoint's list of models has an unexpected form") from error
        if model not in served:
            # Another model would be sent this model's tokens.
            raise EngineRejected(
                f"the endpoint serves {', '.join(sorted(served)) or 'nothing'}, "
                f"not {model!r}: set AZIMUTH_MODEL"
            )
        return dict(served[model])

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send a request. What it asks for that the endpoint refuses is left out or renamed."""
        sent = self.dialect.spoken(body)
        while True:
            try:
                return await self._send("POST", path, sent)
            except EngineError as error:
                if (learned := self.dialect.learn(sent, error)) is not None:
                    _log.warning("the endpoint %s (%s)", learned, error)
                # Another request may have learned the same meanwhile.
                again = self.dialect.spoken(body)
                if again == sent:
                    raise
                sent = again

    async def write(self, path: str, body: dict[str, Any], on_text: OnText) -> Generation:
        """Send a request for one text, and read it in parts. It is sent once, as it is."""
        sent = self.dialect.spoken(body) | {
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            async with self._http.stream("POST", path, json=sent) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise fault_of(response.status_code, response.text)
                if "event-stream" in response.headers.get("content-type", ""):
                    return await read_parts(response.aiter_lines(), on_text)
                await response.aread()
                return read_generation(_document(response))  # it has ignored the wish for parts
        except httpx.TransportError as error:
            raise EngineUnavailable(f"the endpoint cannot be reached: {error!r}") from error
        except httpx.RequestError as error:
            raise EngineError(f"the endpoint's answer cannot be received: {error!r}") from error

    def beside(self, path: str) -> str:
        """The address of what vLLM serves beside OpenAI's API, not below `/v1`."""
        return f"{self._root}/{path}"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise EngineUnavailable(f"the endpoint cannot be reached: {error!r}") from error
        except httpx.RequestError as error:
            raise EngineError(f"the endpoint's answer cannot be received: {error!r}") from error
        if response.status_code >= 400:
            raise fault_of(response.status_code, response.text)
        return _document(response)


def _document(response: httpx.Response) -> Any:
    """The JSON of an answer that was read. Raises `EngineError`, also for an error within."""
    try:
        document = response.json()
    except (ValueError, RecursionError) as error:
        raise EngineError("the endpoint's answer is not JSON") from error
    if fault := fault_within(document):
        raise fault
    return document


async def patiently(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Return what `ask` returns. While its error is one that passes, wait and ask again."""
    for wait_s in _WAITS_S:
        try:
            return await ask()
        except (EngineOverloaded, EngineUnavailable) as error:
            _log.warning("%s: asking again in %g s", error, wait_s)
            await asyncio.sleep(wait_s)
    return await ask()
