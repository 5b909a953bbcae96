"""Routes with strict parsing of JSON bodies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.domain.json_text import InvalidJson, RepeatedMember, parse_json
from app.errors import FieldError, InvalidRequest, MalformedBody, escaped
from app.http.direct import direct_app
from app.telemetry.texts import keep_from_logs


class JsonRoute(APIRoute):
    """Rejects JSON that Python's parser accepts, but that is ambiguous or not valid Unicode.

    An object with a repeated member is ambiguous. A lone surrogate (`"\\ud800"`) is valid JSON, but
    its string cannot be encoded in UTF-8, and so cannot be hashed, stored or sent to a model.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        direct = direct_app(self.dependant, parsed_body)
        self.direct = direct is not None
        """Whether its endpoint is called without FastAPI."""
        if direct is not None:
            self.app = direct

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler with a request that parses its body strictly."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle


def is_direct(route: BaseRoute) -> bool:
    """Whether a route calls its endpoint without FastAPI."""
    return isinstance(route, JsonRoute) and route.direct


class _JsonRequest(Request):
    async def json(self) -> Any:
        """The parsed body. FastAPI calls this if the content type is JSON.

        Errors raised here are handled in `app.http.problems`.
        """
        return parsed_body(await self.body())


def _texts_of(body: Any) -> Iterator[str]:
    """The question, the candidates and the messages of a request, valid or not."""
    if not isinstance(body, dict):
        return
    given = [body.get("question")]
    for listed in (body.get("responses"), body.get("messages")):
        given += listed if isinstance(listed, list) else ()
    for one in given:
        text = one.get("text", one.get("content")) if isinstance(one, dict) else one
        if isinstance(text, str):
            yield text


def parsed_body(body: bytes) -> Any:
    """Parse a JSON body; logs leave its texts out. Raises `MalformedBody` or `InvalidRequest`."""
    try:
        value = parse_json(body)
    except InvalidJson as error:
        raise MalformedBody(f"the body is {error}") from error
    except RepeatedMember as error:
        pointer = "#" + "".join(f"/{escaped(str(step))}" for step in error.steps)
        detail = f"{error.steps[-1]!r} occurs twice in the object: send it only once"
        raise InvalidRequest(
            f"{pointer}: {detail}", fields=[FieldError(pointer, detail)]
        ) from error
    keep_from_logs(_texts_of(value))
    return value
