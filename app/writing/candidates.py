"""From a request of `/respond` to its texts, and from these to a request of `/select`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.cells import Cell
from app.domain.score_set import ScoreSet
from app.domain.writing import Turn, Writing
from app.errors import FieldError, InvalidRequest, UnsuitableBank
from app.selection.requests import SelectRequest
from app.store.banks import BankInfo
from app.writing.planner import PlannedTexts
from app.writing.requests import RespondRequest


@dataclass(frozen=True, slots=True)
class Slot:
    """A candidate to be written."""

    id: str
    response_class: str | None
    writing: Writing


def slots_of(request: RespondRequest, bank: BankInfo | None) -> tuple[list[Slot], list[str]]:
    """The candidates of a request, and warnings about classes without any.

    Raises `InvalidRequest` for unknown classes, and `UnsuitableBank` if fewer than two candidates
    could be written.
    """
    options = request.writing
    if bank is None:
        return [
            Slot(str(sample), None, Writing(options.max_tokens, sample))
            for sample in range(options.samples)
        ], []
    known = bank.ratings.response_classes if bank.ratings else {}
    wanted = request.classes if request.classes is not None else list(known)
    _check_classes(wanted, known)
    mute = [name for name in wanted if not known[name]]
    slots = [
        Slot(
            name if options.samples == 1 else f"{name} {sample + 1}",
            name,
            Writing(options.max_tokens, sample, instruction=known[name]),
        )
        for name in wanted
        if known[name]
        for sample in range(options.samples)
    ]
    if len(slots) < 2:
        detail = (
            f"bank {bank.name!r} has {len(slots)} response classes with an instruction to write "
            "by among those wanted, and a choice needs two candidates"
        )
        raise UnsuitableBank(
            detail, fields=[FieldError("#/bank", detail)], extensions={"lacks": "classes"}
        )
    return slots, [f"class {name!r} has no instruction: nothing is written for it" for name in mute]


def _check_classes(wanted: Sequence[str], known: Mapping[str, str]) -> None:
    for index, name in enumerate(wanted):
        if name not in known or name in wanted[:index]:
            what = "is named twice" if name in known else f"is none; known: {', '.join(known)}"
            detail = f"class {name!r} {what}"
            raise InvalidRequest(detail, fields=[FieldError(f"#/classes/{index}", detail)])


def question_of(turns: Sequence[Turn]) -> str:
    """The conversation as one question for a judge: the user's message, or all of them."""
    spoken = [turn for turn in turns if turn.role != "system"]
    if len(spoken) == 1:
        return spoken[0].content
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in spoken)


def selection_request(
    request: RespondRequest, slots: Sequence[Slot], texts: PlannedTexts, written: ScoreSet
) -> SelectRequest:
    """The request to choose among the candidates that were written."""
    responses: list[dict[str, str]] = []
    classes: list[str | None] = []
    for slot, field in zip(slots, texts.fields, strict=True):
        cell = written.cells[field]
        if isinstance(cell, Cell) and cell.text is not None:
            responses.append({"id": slot.id, "text": cell.text.text})
            classes.append(slot.response_class)
    return wish_of(request, responses, classes)


def wish_of(
    request: RespondRequest,
    responses: Sequence[dict[str, str]],
    classes: Sequence[str | None],
) -> SelectRequest:
    """What a request wants of candidates, as a request of `/select`."""
    kept = {"attribute_set", "attributes", "scoring", "calibration", "deadline_s"}
    for_people = {"person", "group", "groups", "bank"}
    kept |= for_people if request.target is None else {"target", "selection"}
    body: dict[str, Any] = request.model_dump(exclude_unset=True, include=kept)
    body |= {"question": question_of(request.turns), "responses": responses}
    if request.target is None:
        options = request.people.model_dump(exclude_unset=True)
        body["people"] = options | {"candidate_classes": classes}
    return SelectRequest.model_validate(body)
