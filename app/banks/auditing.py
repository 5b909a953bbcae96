"""`GET /v1/banks/{name}/audit`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response

from app.http.json_answers import json_answer
from app.http.paths import PathName
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.people.fitted import FittedBanks
from app.people.rendering import audit_out
from app.people.schemas import AuditOut

router = APIRouter(tags=["banks"])

_EXAMPLE: dict[str, Any] = {
    "name": "neighbours",
    "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48",
    "ratings": 4200,
    "people": 56,
    "words": [
        "These groups do not differ measurably: people dealt at random differ as much in 35% of "
        "the deals; single people do, and explain 36%.",
        "Classes of response explain 9%, prompts 3%.",
    ],
    "shares": [
        {"part": "class", "share": 0.09, "low": 0.05, "high": 0.14},
        {"part": "group", "share": 0.003, "low": -0.03, "high": 0.04},
        {"part": "person", "share": 0.36, "low": 0.29, "high": 0.42},
        {"part": "prompt", "share": 0.03, "low": -0.01, "high": 0.09},
        {"part": "rest", "share": 0.517, "low": 0.41, "high": 0.58},
    ],
    "p": 0.351,
    "deals": 999,
    "needed": [
        {"points": 0.5, "people": 44, "by_class": {"apology": 60, "instruction": 35}},
        {"points": 0.3, "people": 122, "by_class": {"apology": 166, "instruction": 96}},
        {"points": 0.2, "people": 273, "by_class": {"apology": 372, "instruction": 215}},
    ],
    "groups": [
        {
            "group": "north",
            "people": 28,
            "support": 0.0,
            "means": {"apology": 3.4, "instruction": 4.1},
            "expected": {"apology": 3.3, "instruction": 4.2},
        }
    ],
    "polarisation": [
        {
            "response_class": "apology",
            "against": 0.23,
            "favour": 0.47,
            "deviation": 1.04,
            "polarised": True,
        }
    ],
    "coverage": {"apology": 0.81, "instruction": 0.8},
}


@router.get(
    "/banks/{name:name}/audit",
    operation_id="audit_bank",
    summary="Audit a bank's groups",
    response_model=AuditOut,
    responses=answers(_EXAMPLE, "What the ratings support")
    | problem_responses("invalid-request", "unknown-bank", "store-unavailable"),
)
async def audit_bank(
    fitted: Annotated[FittedBanks, provided(FittedBanks)], name: PathName
) -> Response:
    """Whether the groups of a bank with ratings differ at all, and by what else ratings differ.

    People are the sample, not ratings. The audit is kept for each version of a bank; the first one
    of a large bank takes seconds.
    """
    found = await fitted.get(name, "path:name")
    audit = await fitted.audit(found)
    return json_answer(await asyncio.to_thread(audit_out, found, audit))
