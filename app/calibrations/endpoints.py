"""`GET`, `PUT` and `DELETE /v1/calibrations/{name}`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import JSONResponse

from app.calibrations.applying import AUTO, NONE
from app.calibrations.schemas import (
    AttributeReportOut,
    CalibrationOut,
    CalibrationRequest,
    CalibrationsOut,
    FittedOut,
)
from app.domain.fingerprint import attribute_name
from app.errors import FieldError, InvalidRequest, UnknownCalibration
from app.http.responses import answers, problem_responses
from app.http.routing import UnicodeRoute
from app.resources import Use
from app.schema import Name
from app.scores import openapi_examples
from app.scores.rendering import scorer_out
from app.scores.schemas import BankRefOut
from app.store.calibrations import CalibrationInfo, CalibrationState

router = APIRouter(tags=["calibrations"], route_class=UnicodeRoute)

_REPORT: dict[str, Any] = {
    "attribute": "verbosity",
    "basis": "together",
    "scenarios": 500,
    "layer": "alone",
    "error_constant": 0.217,
    "error_raw": 0.31,
    "error_features": 0.15,
    "error_judge": 0.14,
    "error": 0.14,
    "pairs_raw": 0.61,
    "pairs_features": 0.93,
    "pairs": 0.94,
    "says": "on verbosity this judge lowers the error of surface features by 7 % (from 0.150 to "
    "0.140)",
}
_FITTED: dict[str, Any] = {
    "name": "small-judge",
    "state": "ready",
    "detail": "fitted",
    "done": 500,
    "total": 500,
    "left_out": {},
    "warnings": [],
    "fitted": {
        "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48",
        "scorer": openapi_examples.SCORE_SET["scorer"],
        "attributes": ["verbosity"],
        "bank": {"name": "helpsteer2-train", "digest": "90b1d8f3c2a4e94f60b7a5d9c01e2f3a"},
        "scenarios": 500,
        "labelled": 500,
        "left_out": {},
        "reports": [_REPORT],
        "created_ms": 1_795_000_000_000,
    },
}
_STARTED: dict[str, Any] = {
    "name": "small-judge",
    "state": "scoring",
    "detail": "0 of 500 scenarios are scored",
    "done": 0,
    "total": 500,
    "left_out": {},
    "warnings": [],
    "fitted": None,
}
_REQUESTS: Any = {
    "labels": {
        "summary": "For scores that are read from label probabilities, in two orders",
        "value": {
            "bank": "helpsteer2-train",
            "scorer": {"reasoning": False, "orders": 2, "bank": None},
        },
    }
}


@router.get(
    "/calibrations",
    operation_id="list_calibrations",
    summary="List calibrations",
    responses=answers({"calibrations": [_FITTED]}, "All calibrations")
    | problem_responses("store-unavailable"),
)
async def list_calibrations(use: Use) -> CalibrationsOut:
    """Every calibration that is fitted, is being fitted, or failed to be."""
    states = await use.calibrations.states()
    return CalibrationsOut(calibrations=[_out(name, state) for name, state in states.items()])


@router.get(
    "/calibrations/{name}",
    operation_id="get_calibration",
    summary="Look at a calibration",
    responses=answers(_FITTED, "The calibration")
    | problem_responses("invalid-request", "unknown-calibration", "store-unavailable"),
)
async def get_calibration(use: Use, name: Annotated[Name, Path()]) -> CalibrationOut:
    """How far its fit is, and what a fitted one is worth on each attribute."""
    state = (await use.calibrations.states()).get(name)
    if state is None:
        raise UnknownCalibration(f"no calibration is called {name!r}")
    return _out(name, state)


@router.put(
    "/calibrations/{name}",
    operation_id="put_calibration",
    summary="Fit a calibration",
    status_code=202,
    response_model=CalibrationOut,
    responses=answers(
        _STARTED,
        "Begun: poll the `Location`",
        status=202,
        headers={"Location": {"schema": {"type": "string"}, "description": "Where to ask"}},
    )
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-attribute",
        "unknown-attribute-set",
        "unknown-method",
        "unknown-bank",
        "unknown-model",
        "calibration-running",
        "body-too-large",
        "store-unavailable",
        "model-not-ready",
    ),
)
async def put_calibration(
    use: Use,
    name: Annotated[Name, Path()],
    body: Annotated[CalibrationRequest, Body(openapi_examples=_REQUESTS)],
) -> Response:
    """Score a labelled bank and fit what maps these scores, with surface features of the texts, to
    the labels.

    That takes as long as scoring the bank does; scores that are cached are not made again, so a
    fit that was interrupted goes on where it stopped. An earlier version of that name stays in use
    until the new one is there.
    """
    if name in (AUTO, NONE):
        says = f"{name!r} has a meaning of its own"
        raise InvalidRequest(says, fields=[FieldError("path:name", says)])
    await use.fitter.start(name, body)
    begun = await get_calibration(use, name)
    location = f"/v1/calibrations/{name}"
    return JSONResponse(begun.model_dump(), 202, headers={"Location": location, "Retry-After": "1"})


@router.delete(
    "/calibrations/{name}",
    operation_id="delete_calibration",
    summary="Delete a calibration",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-calibration", "store-unavailable"),
)
async def delete_calibration(use: Use, name: Annotated[Name, Path()]) -> None:
    """Forget a calibration, and stop its fit if one is under way."""
    if not await use.calibrations.delete(name):
        raise UnknownCalibration(f"no calibration is called {name!r}")


_States = Literal["scoring", "fitting", "ready", "failed", "interrupted"]


def _out(name: str, of: CalibrationState) -> CalibrationOut:
    fit, info = of.fit, of.info
    state: _States = "ready"
    if fit is not None and fit.state != "done":
        state = fit.state
    return CalibrationOut(
        name=name,
        state=state,
        detail=fit.detail if fit else "fitted",
        done=fit.done if fit else 0,
        total=fit.total if fit else 0,
        left_out=fit.left_out if fit else {},
        warnings=list(fit.warnings) if fit else [],
        fitted=_fitted(info) if info else None,
    )


def _fitted(info: CalibrationInfo) -> FittedOut:
    return FittedOut(
        digest=info.digest,
        scorer=scorer_out(info.scorer),
        attributes=[attribute_name(field) for field in info.fields],
        bank=BankRefOut(name=info.bank.name, digest=info.bank.digest),
        scenarios=info.scenarios,
        labelled=info.labelled or info.scenarios,
        left_out=info.left_out,
        reports=[AttributeReportOut(**msgspec.to_builtins(report)) for report in info.reports],
        created_ms=info.created_ms,
    )
