"""`GET /v1/banks`; `GET`, `PUT` and `DELETE /v1/banks/{name}`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.banks.reading import reading_out
from app.banks.schemas import BankOut, BanksOut, BankWithIndexOut, IndexOut, StoredBankOut
from app.domain.bank import InvalidLines, bank_of
from app.domain.bank_files.labels import SCALE_PATTERN, Scale, Unlabelled
from app.domain.bank_files.reading import BankFile, Options, read_bank_file
from app.errors import FieldError, InvalidBank, InvalidRequest, UnknownBank
from app.http.paths import PathName
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.store.banks import BankInfo, BankStore
from app.store.fleet import Fleet

Banks = Annotated[BankStore, provided(BankStore)]
Workers = Annotated[Fleet, provided(Fleet)]

router = APIRouter(tags=["banks"])

_EXAMPLE: dict[str, Any] = {
    "name": "my-bank",
    "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48",
    "scenarios": 2,
    "responses": 4,
    "labels": {
        "warmth": {"labels": 4, "low": 0.0, "high": 1.0, "levels": {"0": 1, "0.5": 2, "1": 1}}
    },
    "created_ms": 1_795_000_000_000,
    "builtin": False,
}
_WITH_INDEX: dict[str, Any] = {**_EXAMPLE, "index": {"state": "ready", "workers": ["w-3f2a10"]}}
_STORED: dict[str, Any] = {
    **_WITH_INDEX,
    "ignored": {},
    "reading": {
        "converted": {"align": 3},
        "scale": "0..1",
        "repeated": 1,
        "left_out": {"count": 1, "first": [{"number": 3, "reason": "no response has a label"}]},
        "responses_dropped": 0,
        "labels_filled": 0,
        "duplicates": {"count": 1, "first": [["scene-1", "scene-2"]]},
        "contradictions": {"count": 0, "first": []},
    },
}
_LINES = (
    '{"id": "s1", "question": "My parcel is late.", "responses": ["We are so sorry! Let me look.", '
    '"Check the tracking page."], "labels": [{"warmth": 1}, {"warmth": 0}], "reasonings": '
    '[{"warmth": "It apologises and offers help."}, {"warmth": "It sends the customer away."}]}\n'
)


_RECORDS = [
    {
        "prompt": "My parcel is late.",
        "responses": ["We are so sorry! Let me look.", "Check the tracking page."],
        "labels": [{"warmth": 1}, {"warmth": 0}],
    }
]


@router.get(
    "/banks",
    operation_id="list_banks",
    summary="List banks",
    responses=answers({"banks": [_EXAMPLE]}, "All banks") | problem_responses("store-unavailable"),
)
async def list_banks(banks: Banks) -> BanksOut:
    """The built-in and the stored banks, without their scenarios."""
    return BanksOut(banks=[BankOut.model_validate(info) for info in await banks.infos()])


@router.get(
    "/banks/{name:name}",
    operation_id="get_bank",
    summary="Read a bank",
    responses=answers(_WITH_INDEX, "The bank")
    | problem_responses("invalid-request", "unknown-bank", "store-unavailable"),
)
async def get_bank(banks: Banks, fleet: Workers, name: PathName) -> BankWithIndexOut:
    """What a bank holds, the labels that it has, and whether its index is ready."""
    info = await banks.info(name)
    if info is None:
        raise UnknownBank(f"no bank is called {name!r}")
    return BankWithIndexOut(**_described(info), index=await _index(banks, fleet, info))


@router.put(
    "/banks/{name:name}",
    operation_id="put_bank",
    summary="Store a bank",
    response_model=StoredBankOut,
    responses=answers(_STORED, "Stored")
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "invalid-bank",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "JSON Lines, UTF-8: one labelled scenario a line. A JSON array is read "
            "as well, and so are the records of steerable-pluralism-llm-regression (`prompt`, "
            "`responses`, `labels`) and ALIGN's `input_output.json`, which are converted.",
            "content": {
                "application/jsonl": {"schema": {"type": "string"}, "example": _LINES},
                "application/json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": _RECORDS,
                },
            },
        }
    },
)
async def put_bank(
    banks: Banks,
    fleet: Workers,
    name: PathName,
    request: Request,
    scale: Annotated[
        str,
        Query(
            pattern=SCALE_PATTERN,
            max_length=40,
            description="The lowest and the highest label of the file, as in `1..5`. They are "
            "mapped to 0 and 1.",
        ),
    ] = "0..1",
    unlabelled: Annotated[
        Unlabelled,
        Query(
            description="What becomes of responses without labels: `keep` them, `drop` them, or "
            "`fill` in 0.5 for each label that a response lacks and another of its scenario has."
        ),
    ] = "keep",
) -> StoredBankOut:
    """Store labelled scenarios under a name: all of them, or none if a line is invalid.

    The version is a hash of the content. Scores made with another version stay with that one.
    """
    file = await _read(await request.body(), Options(_scale(scale), unlabelled))
    info = await banks.put(name, await asyncio.to_thread(bank_of, file.scenarios))
    return StoredBankOut(
        **_described(info),
        index=await _index(banks, fleet, info),
        ignored=dict(file.ignored),
        reading=await asyncio.to_thread(reading_out, file, scale),
    )


@router.delete(
    "/banks/{name:name}",
    operation_id="delete_bank",
    summary="Delete a stored bank",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-bank", "store-unavailable"),
)
async def delete_bank(banks: Banks, name: PathName) -> None:
    """Delete a stored bank. A built-in bank of that name becomes visible again."""
    if not await banks.delete(name):
        raise UnknownBank(f"no bank is stored as {name!r}")


def _scale(text: str) -> Scale:
    try:
        return Scale.parse(text)
    except ValueError as error:
        fields = [FieldError("query:scale", str(error))]
        raise InvalidRequest(f"query:scale: {error}", fields=fields) from error


async def _read(body: bytes, options: Options) -> BankFile:
    try:
        # Off the event loop: a large bank takes seconds to check.
        file = await asyncio.to_thread(read_bank_file, body, options)
    except InvalidLines as error:
        raise InvalidBank(
            f"{error}; nothing was stored",
            fields=[
                FieldError(f"#/{e.line - 1}", f"{error.unit} {e.line}: {e.detail}")
                for e in error.errors
            ],
            extensions={"line": error.errors[0].line},
        ) from error
    if not file.scenarios:
        first = file.left_out[0]
        detail = f"{file.unit} {first.number}: {first.reason}"
        raise InvalidBank(
            f"no scenario is left, first of all {detail}; nothing was stored",
            fields=[FieldError(f"#/{first.number - 1}", detail)],
            extensions={"line": first.number},
        )
    return file


def _described(info: BankInfo) -> dict[str, Any]:
    return BankOut.model_validate(info).model_dump()


async def _index(banks: BankStore, fleet: Fleet, info: BankInfo) -> IndexOut:
    if workers := await banks.indexed_by(info.digest):
        return IndexOut(state="ready", workers=workers)
    if not await fleet.workers():
        return IndexOut(state="no-worker", workers=[])
    if failures := await banks.index_failures(info.digest):
        return IndexOut(state="failed", workers=[], reason=min(failures.values()))
    return IndexOut(state="building", workers=[])
