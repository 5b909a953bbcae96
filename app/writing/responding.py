"""`POST /v1/respond`: write candidates, score them, choose one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from app.domain.cells import Cell
from app.domain.score_set import ScoreSet
from app.errors import TextNotWritten
from app.http.json_answers import json_answer
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.people.reading import group_row, person_row
from app.schema import Rendered
from app.scores.answering import ms_since
from app.scores.endpoints import SELECT_PROBLEMS
from app.scores.selecting import Selecting
from app.scoring.planner import Planner
from app.selection.options import wishes
from app.writing import openapi_examples
from app.writing.candidates import Slot, selection_request, slots_of, wish_of
from app.writing.planner import PlannedTexts, TextPlanner
from app.writing.rendering import generate_out, unwritten_extension
from app.writing.requests import RespondRequest
from app.writing.schemas import RespondOut
from app.writing.service import TextService

router = APIRouter(tags=["writing"], route_class=JsonRoute)


@router.post(
    "/respond",
    operation_id="respond",
    summary="Write candidates and choose one",
    response_model=RespondOut,
    responses=answers(openapi_examples.RESPOND, "The chosen candidate, and what explains it")
    | problem_responses(*SELECT_PROBLEMS, "text-not-written"),
)
async def respond(
    request: Request,
    body: Annotated[RespondRequest, Body(openapi_examples=openapi_examples.RESPOND_REQUESTS)],
    service: Annotated[TextService, provided(TextService)],
    planner: Annotated[Planner, provided(Planner)],
    selecting: Annotated[Selecting, provided(Selecting)],
) -> Response:
    """Write one candidate for each response class of a rated bank, or several with the plain
    prompt, and choose one for a target, a person, a group or several groups, as `/select` does.

    A candidate that could not be written is reported in `texts`, and the choice is among the
    others. If scoring takes longer than the service waits, the texts come with `pending`.
    """
    started = time.monotonic()
    patience = service.patience(body.deadline_s)
    bank = None if body.bank is None else await service.planner.bank(body.bank)
    slots, warnings = slots_of(body, bank)
    await _check_wish(body, slots, planner, service.planner)
    texts = await service.planner.candidates(body, [slot.writing for slot in slots], warnings)
    written = await service.write(texts, patience, request)
    answer: Rendered = generate_out(texts, written, ms_since(started))
    _check_enough(texts, written)
    wish = selection_request(body, slots, texts, written)
    chosen = await selecting.select(request, wish)
    answer = _answer(answer, slots, orjson.loads(chosen.body), chosen.status_code)
    answer["timings_ms"] = answer["timings_ms"] | {"total": round(ms_since(started), 2)}
    return json_answer(answer)


async def _check_wish(
    body: RespondRequest, slots: Sequence[Slot], planner: Planner, texts: TextPlanner
) -> None:
    """Refuse a wish that cannot be met before anything is written for it."""
    blank = [{"id": slot.id, "text": slot.id} for slot in slots]
    wish = wish_of(body, blank, [slot.response_class for slot in slots])
    if wish.target is not None:
        await planner.resolve(wish, wishes(wish.target), may_choose=True)
        return
    people = (await texts.fitted.get(wish.bank or "", "#/bank")).people
    if wish.person is not None:
        person_row(people, wish.person)
    elif wish.group is not None:
        group_row(people, wish.group, "#/group")
    for index, name in enumerate(wish.groups or ()):
        group_row(people, name, f"#/groups/{index}")


def _check_enough(texts: PlannedTexts, written: ScoreSet) -> None:
    """Raise `TextNotWritten` if there is nothing to choose from."""
    states = [written.cells[field] for field in texts.fields]
    if sum(isinstance(state, Cell) for state in states) < 2:
        raise TextNotWritten(
            f"only one of {len(states)} candidates was written: there is nothing to choose from",
            extensions=unwritten_extension(states),
        )


def _answer(answer: Rendered, slots: Sequence[Slot], chosen: Rendered, status: int) -> Rendered:
    """A `RespondOut`, from the `GenerateOut` of the texts and what was chosen among them."""
    for text, slot in zip(answer["texts"], slots, strict=True):
        text["id"] = slot.id
        if slot.response_class is not None:
            text["response_class"] = slot.response_class
    writing = {"usage": answer.pop("usage"), "timings_ms": answer["timings_ms"]}
    if status == 202:
        return answer | {"selected": None, "pending": chosen, "writing": writing}
    choosing = {"usage": chosen["usage"], "timings_ms": chosen["timings_ms"]}
    selected = chosen["selection"]["selected"]
    known = ("selection", "people", "score_set")
    return {
        **answer,
        **{name: chosen[name] for name in known if name in chosen},
        "selected": None if selected is None else _text_of(answer["texts"], selected["id"]),
        "writing": writing,
        "choosing": choosing,
        "warnings": [*answer["warnings"], *chosen.get("warnings", ())],
    }


def _text_of(texts: Sequence[Rendered], wanted: str) -> dict[str, Any]:
    text = next(one for one in texts if one["id"] == wanted)
    return {name: text[name] for name in ("id", "response_class", "text") if name in text}
