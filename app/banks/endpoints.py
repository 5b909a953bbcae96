"""`GET /v1/banks`; `GET`, `PUT` and `DELETE /v1/banks/{name}`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.banks.openapi_examples import BANK, LINES, RECORDS, STORED, WITH_INDEX
from app.banks.reading import findings_out, group_retrieval_out, reading_out
from app.banks.schemas import BankOut, BanksOut, BankWithIndexOut, IndexOut, StoredBankOut
from app.domain.bank import Bank, InvalidLines, bank_of
from app.domain.bank_files.labels import SCALE_PATTERN, Scale, Unlabelled
from app.domain.bank_files.reading import BankFile, Options, read_bank_file
from app.domain.rating_records import RatingScale
from app.domain.ratings.lint import lint
from app.errors import FieldError, InvalidBank, InvalidRequest, UnknownBank
from app.http.paths import PathName
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.schema import Name
from app.store.banks import BankInfo, BankStore
from app.store.fleet import Fleet

Banks = Annotated[BankStore, provided(BankStore)]
Workers = Annotated[Fleet, provided(Fleet)]

router = APIRouter(tags=["banks"])

ScaleOption = Annotated[
    str,
    Query(
        pattern=SCALE_PATTERN,
        max_length=40,
        description="The lowest and the highest label of the file, as in `1..5`. They are "
        "mapped to 0 and 1.",
    ),
]
UnlabelledOption = Annotated[
    Unlabelled,
    Query(
        description="What becomes of responses without labels: `keep` them, `drop` them, or "
        "`fill` in 0.5 for each label that a response lacks and another of its scenario has."
    ),
]
RatingScaleOption = Annotated[
    str | None,
    Query(
        pattern=SCALE_PATTERN,
        max_length=40,
        description="The lowest and the highest rating that raters could give, as in `1..5`, "
        "unless the file begins with it.",
    ),
]
AgainstOption = Annotated[
    Name | None,
    Query(description="Another bank: `findings` has the questions that both have."),
]


@router.get(
    "/banks",
    operation_id="list_banks",
    summary="List banks",
    responses=answers({"banks": [BANK]}, "All banks") | problem_responses("store-unavailable"),
)
async def list_banks(banks: Banks) -> BanksOut:
    """The built-in and the stored banks, without their scenarios."""
    return BanksOut(banks=[BankOut.model_validate(info) for info in await banks.infos()])


@router.get(
    "/banks/{name:name}",
    operation_id="get_bank",
    summary="Read a bank",
    responses=answers(WITH_INDEX, "The bank")
    | problem_responses("invalid-request", "unknown-bank", "store-unavailable"),
)
async def get_bank(banks: Banks, fleet: Workers, name: PathName) -> BankWithIndexOut:
    """What a bank holds, the labels that it has, and whether its index is ready."""
    info = await banks.info(name)
    if info is None:
        raise UnknownBank(f"no bank is called {name!r}")
    fitted = await banks.fitted_with(info.digest) if info.ratings else {}
    return BankWithIndexOut(
        **_described(info),
        index=await _index(banks, fleet, info),
        group_retrieval=group_retrieval_out(fitted),
    )


@router.put(
    "/banks/{name:name}",
    operation_id="put_bank",
    summary="Store a bank",
    response_model=StoredBankOut,
    responses=answers(STORED, "Stored")
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "invalid-bank",
        "unknown-bank",
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
                "application/jsonl": {"schema": {"type": "string"}, "example": LINES},
                "application/json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": RECORDS,
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
    scale: ScaleOption = "0..1",
    unlabelled: UnlabelledOption = "keep",
    rating_scale: RatingScaleOption = None,
    against: AgainstOption = None,
) -> StoredBankOut:
    """Store scenarios with labels, ratings or both: all of them, or none if a line is invalid.

    The version is a hash of the content. Scores made with another version stay with that one. A
    file with ratings may begin with `{"rating_scale": {"low": 1, "high": 5}, "response_classes":
    {"refusal": "Refuse politely."}}`, which holds for all of them.
    """
    options = Options(_scale(scale), unlabelled, _rating_scale(rating_scale))
    other = None if against is None else await _other(banks, against)
    file = await _read(await request.body(), options)
    bank = await asyncio.to_thread(bank_of, file.scenarios, file.setup)
    info = await banks.put(name, bank)
    return StoredBankOut(
        **_described(info),
        index=await _index(banks, fleet, info),
        ignored=dict(file.ignored),
        reading=await asyncio.to_thread(reading_out, file, scale),
        findings=findings_out(await asyncio.to_thread(lint, bank, other, against or "")),
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


def _scale(text: str, option: str = "scale") -> Scale:
    try:
        return Scale.parse(text)
    except ValueError as error:
        fields = [FieldError(f"query:{option}", str(error))]
        raise InvalidRequest(f"query:{option}: {error}", fields=fields) from error


def _rating_scale(text: str | None) -> RatingScale | None:
    if text is None:
        return None
    scale = _scale(text, "rating_scale")
    return RatingScale(scale.low, scale.high)


async def _other(banks: BankStore, name: str) -> Bank:
    """The bank to compare with. Raises `UnknownBank`."""
    info = await banks.info(name)
    bank = None if info is None else await banks.load(info.digest)
    if bank is None:
        raise await banks.unknown(name, "query:against")
    return bank


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
