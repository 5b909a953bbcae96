"""`GET`, `PUT` and `DELETE /v1/banks/{name}`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Request

from app.banks.schemas import BankOut, BanksOut, BankWithIndexOut, IndexOut, StoredBankOut
from app.domain.bank import InvalidLines, idle_members, parse_bank
from app.errors import FieldError, InvalidBank, UnknownBank
from app.http.responses import answers, problem_responses
from app.resources import Resources, Use
from app.schema import Name
from app.store.banks import BankInfo

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
_LINES = (
    '{"id": "s1", "question": "My parcel is late.", "responses": ["We are so sorry! Let me look.", '
    '"Check the tracking page."], "labels": [{"warmth": 1}, {"warmth": 0}], "reasonings": '
    '[{"warmth": "It apologises and offers help."}, {"warmth": "It sends the customer away."}]}\n'
)


@router.get(
    "/banks",
    operation_id="list_banks",
    summary="List banks",
    responses=answers({"banks": ["helpsteer2", "moral-foundations"]}, "Names")
    | problem_responses("store-unavailable"),
)
async def list_banks(use: Use) -> BanksOut:
    """Names of the built-in and the stored banks."""
    return BanksOut(banks=await use.banks.names())


@router.get(
    "/banks/{name}",
    operation_id="get_bank",
    summary="Look at a bank",
    responses=answers(_WITH_INDEX, "The bank")
    | problem_responses("unknown-bank", "store-unavailable"),
)
async def get_bank(use: Use, name: Annotated[Name, Path()]) -> BankWithIndexOut:
    """What a bank holds, the labels that it covers, and whether its index is ready."""
    info = await use.banks.info(name)
    if info is None:
        raise UnknownBank(f"no bank is called {name!r}")
    return BankWithIndexOut(**_described(info), index=await _index(use, info))


@router.put(
    "/banks/{name}",
    operation_id="put_bank",
    summary="Store a bank",
    response_model=StoredBankOut,
    responses=answers(_WITH_INDEX | {"ignored": {}}, "Stored")
    | problem_responses("invalid-request", "invalid-bank", "body-too-large", "store-unavailable"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "JSON Lines, UTF-8: one labelled scenario a line.",
            "content": {
                "application/jsonl": {"schema": {"type": "string"}, "example": _LINES},
            },
        }
    },
)
async def put_bank(use: Use, name: Annotated[Name, Path()], request: Request) -> StoredBankOut:
    """Store labelled scenarios under a name: all of them, or none when a line is not valid.

    The version is a hash of the content. Scores made with another version stay with that one.
    """
    body = await request.body()
    try:
        # Off the event loop: a large bank takes seconds to check.
        bank = await asyncio.to_thread(parse_bank, body)
    except InvalidLines as error:
        raise InvalidBank(
            f"{error}; nothing was stored",
            fields=[
                FieldError(f"#/{e.line - 1}", f"line {e.line}: {e.detail}") for e in error.errors
            ],
            extensions={"line": error.errors[0].line},
        ) from error
    ignored = await asyncio.to_thread(idle_members, body)
    info = await use.banks.put(name, bank)
    return StoredBankOut(**_described(info), index=await _index(use, info), ignored=ignored)


@router.delete(
    "/banks/{name}",
    operation_id="delete_bank",
    summary="Delete a stored bank",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-bank", "store-unavailable"),
)
async def delete_bank(use: Use, name: Annotated[Name, Path()]) -> None:
    """Forget a stored bank; a built-in one of that name is there again."""
    if not await use.banks.delete(name):
        raise UnknownBank(f"no bank is stored as {name!r}")


def _described(info: BankInfo) -> dict[str, Any]:
    return BankOut.model_validate(msgspec.to_builtins(info)).model_dump()


async def _index(use: Resources, info: BankInfo) -> IndexOut:
    workers = await use.banks.indexed_by(info.digest)
    state: Literal["ready", "building", "no-worker"] = "ready" if workers else "building"
    if not workers and not await use.fleet.workers():
        state = "no-worker"
    return IndexOut(state=state, workers=workers)
