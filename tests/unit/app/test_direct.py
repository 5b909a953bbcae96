"""Endpoints that are called without FastAPI answer as they would with it."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from app.errors import InvalidRequest
from app.http import problems
from app.http.provided import lifespan_state, provided
from app.http.routing import JsonRoute, is_direct
from app.main import create_app
from app.schema import Closed
from app.settings import Settings


class Part(Closed):
    number: Annotated[int, Field(ge=0)]


class Sent(Closed):
    name: str
    parts: list[Part] = Field(default_factory=list)


class Store:
    word = "found"


class ByFastApi(JsonRoute):
    """Without the short way."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        from fastapi.routing import request_response

        self.app = request_response(self.get_route_handler())


async def endpoint(
    request: Request,
    body: Annotated[Sent, Body()],
    store: Annotated[Store, provided(Store)],
    prefer: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    if body.name == "refused":
        raise InvalidRequest("refused")
    return JSONResponse([body.model_dump(), store.word, prefer, request.url.path])


def app_with(kind: type[JsonRoute]) -> FastAPI:
    router = APIRouter(route_class=kind)
    router.post("/echo", operation_id="echo")(endpoint)
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    return app


JSON = {"content-type": "application/json"}
SENT: list[tuple[bytes, dict[str, str]]] = [
    (b'{"name": "a", "parts": [{"number": 1}]}', JSON),
    (b'{"name": "a"}', JSON | {"Prefer": "wait=3"}),
    (b'{"name": "a"}', {"content-type": "application/problem+json; charset=utf-8"}),
    (b'{"name": "a"}', {"content-type": "text/json"}),
    (b'{"name": "a"}', {"content-type": "application/x-www-form-urlencoded"}),
    (b'{"name": "a"}', {}),
    (b'{"name": "refused"}', JSON),
    (b'{"name": 1, "parts": [{"number": -1}, {"numbr": 1}], "more": null}', JSON),
    (b'{"name": "a", "name": "b"}', JSON),
    (b"null", JSON),
    (b"[]", JSON),
    (b'"text"', JSON),
    (b"{broken", JSON),
    (b"", JSON),
    (b"", {}),
]


class _WithState:
    """Adds what the server and the middleware add to a request."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        scope["state"] = dict(lifespan_state([Store()])) | {"request_id": "r"}
        await self._app(scope, receive, send)


@pytest.mark.parametrize(("content", "headers"), SENT)
async def test_answers_and_problems_are_those_of_fastapi(content, headers):
    answers = []
    for kind in (JsonRoute, ByFastApi):
        transport = httpx.ASGITransport(_WithState(app_with(kind)))
        async with httpx.AsyncClient(transport=transport, base_url="http://azimuth") as client:
            answer = await client.post("/echo", content=content, headers=headers)
        answers.append((answer.status_code, answer.headers["content-type"], answer.content))
    assert answers[0] == answers[1]


def test_requests_answered_from_the_cache_take_the_short_way_and_come_first():
    routes = create_app(Settings()).routes
    direct = [route.path for route in routes if is_direct(route)]
    assert {"/v1/score", "/v1/select", "/v1/retarget"} <= set(direct)
    assert [route.path for route in routes[: len(direct)]] == direct


def test_an_endpoint_with_other_parameters_is_called_by_fastapi():
    router = APIRouter(route_class=JsonRoute)

    @router.post("/{place}")
    async def stored(place: str, body: Sent) -> None: ...

    @router.post("/query")
    async def queried(body: Sent, size: Annotated[int, Query()] = 1) -> None: ...

    @router.post("/two")
    async def two(body: Sent, other: Sent) -> None: ...

    @router.get("/none")
    async def none() -> None: ...

    assert not any(is_direct(route) for route in router.routes)
