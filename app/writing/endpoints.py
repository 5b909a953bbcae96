"""`POST /v1/generate`."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from app.http.json_answers import json_answer
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.scores.answering import ms_since
from app.store.notice_hub import NoticeHub
from app.writing import openapi_examples
from app.writing.rendering import generate_out
from app.writing.requests import GenerateRequest
from app.writing.schemas import GenerateOut
from app.writing.service import TextService
from app.writing.streaming import TextStream

router = APIRouter(tags=["writing"], route_class=JsonRoute)

_WRITING_PROBLEMS = (
    "malformed-body",
    "invalid-request",
    "unknown-group",
    "unsuitable-bank",
    "unknown-method",
    "unknown-bank",
    "unknown-model",
    "context-overflow",
    "body-too-large",
    "unsupported-format",
    "queue-full",
    "text-not-written",
    "store-unavailable",
    "model-not-ready",
    "deadline-passed",
)


def _generated() -> dict[int | str, dict[str, Any]]:
    documented = answers(
        openapi_examples.GENERATE,
        "The texts. With `stream` they come as server-sent events: `text` with a part of a text, "
        "`restart` when a text is written anew because its worker was lost, and at the end `done` "
        "with this answer, or `problem` with a problem document",
    )
    documented[200]["content"]["text/event-stream"] = {
        "schema": {"type": "string"},
        "example": openapi_examples.EVENTS,
    }
    return documented


@router.post(
    "/generate",
    operation_id="generate",
    summary="Write a response for a group",
    response_model=GenerateOut,
    responses=_generated() | problem_responses(*_WRITING_PROBLEMS),
)
async def generate(
    request: Request,
    body: Annotated[GenerateRequest, Body(openapi_examples=openapi_examples.GENERATE_REQUESTS)],
    service: Annotated[TextService, provided(TextService)],
    hub: Annotated[NoticeHub, provided(NoticeHub)],
) -> Response:
    """Have a model answer a conversation, shown what a group of a rated bank prefers.

    The prompt has examples of the bank in one of SPICA's four styles. Without a group, or with
    `control`, it is plain. Writing stops when the client closes the connection. A text at
    temperature 0 or with a seed may come from the cache (`cached`).
    """
    started = time.monotonic()
    patience = service.patience(body.deadline_s)
    texts = await service.planner.plan(body)
    if body.stream:
        stream = TextStream(
            texts,
            hub,
            lambda left: service.write(texts, patience, request, left=left),
            lambda written: generate_out(texts, written, ms_since(started)),
            request.scope["state"]["request_id"],
        )
        return await stream.response()
    written = await service.write(texts, patience, request)
    return json_answer(generate_out(texts, written, ms_since(started)))
