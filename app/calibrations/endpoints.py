"""`GET /v1/calibrations`; `GET`, `PUT` and `DELETE /v1/calibrations/{name}`; their files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse

from app.calibrations import openapi_examples
from app.calibrations.background.fitter import CalibrationFitter
from app.calibrations.schemas import (
    CalibrationOut,
    CalibrationRequest,
    CalibrationsOut,
    FittedOut,
)
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AUTO, NONE
from app.domain.fingerprint import attribute_name
from app.errors import FieldError, InvalidRequest, UnknownCalibration
from app.http.paths import PathName, path_to
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.scoring.schemas import scorers_out
from app.store.builtin_calibrations import exported
from app.store.calibrations import CalibrationState, CalibrationStore

router = APIRouter(tags=["calibrations"], route_class=JsonRoute)

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "NumPy arrays (`.npz`, without pickle), with a description in JSON",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string"},
                "example": "(bytes of a ZIP archive)",
            }
        },
    }
}
Store = Annotated[CalibrationStore, provided(CalibrationStore)]
Fitter = Annotated[CalibrationFitter, provided(CalibrationFitter)]


@router.get(
    "/calibrations",
    operation_id="list_calibrations",
    summary="List calibrations",
    responses=answers({"calibrations": [openapi_examples.FITTED]}, "All calibrations")
    | problem_responses("store-unavailable"),
)
async def list_calibrations(store: Store) -> CalibrationsOut:
    """All calibrations: those that are ready, being fitted, failed or interrupted."""
    states = await store.states()
    return CalibrationsOut(calibrations=[_out(name, state) for name, state in states.items()])


@router.get(
    "/calibrations/{name:name}",
    operation_id="get_calibration",
    summary="Look at a calibration",
    responses=answers(openapi_examples.FITTED, "The calibration")
    | problem_responses("invalid-request", "unknown-calibration", "store-unavailable"),
)
async def get_calibration(store: Store, name: PathName) -> CalibrationOut:
    """The progress of its fit and, once it is fitted, what it is worth on each attribute."""
    state = (await store.states()).get(name)
    if state is None:
        raise _unknown(name)
    return _out(name, state)


@router.get(
    "/calibration-files/{name:name}",
    operation_id="get_calibration_file",
    summary="Download a calibration",
    response_class=Response,
    responses=_FILE
    | problem_responses("invalid-request", "unknown-calibration", "store-unavailable"),
)
async def get_calibration_file(store: Store, name: PathName) -> Response:
    """The version in use, as a file. Built-in calibrations are files of this kind."""
    info = (await store.ready()).get(name)
    artefact = await store.artefact(info.digest) if info else None
    if info is None or artefact is None:
        raise _unknown(name)
    content = artefact if info.builtin else exported(info, artefact)
    return Response(content, media_type="application/octet-stream")


@router.put(
    "/calibrations/{name:name}",
    operation_id="put_calibration",
    summary="Fit a calibration",
    status_code=202,
    response_model=CalibrationOut,
    responses=answers(
        openapi_examples.STARTED,
        "Started: poll the `Location`",
        status=202,
        headers={"Location": {"schema": {"type": "string"}, "description": "Where to poll"}},
    )
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-attribute",
        "unknown-attribute-set",
        "unknown-method",
        "unknown-bank",
        "unknown-group",
        "unsuitable-bank",
        "unknown-model",
        "calibration-running",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
        "model-not-ready",
    ),
)
async def put_calibration(
    store: Store,
    fitter: Fitter,
    name: PathName,
    body: Annotated[CalibrationRequest, Body(openapi_examples=openapi_examples.REQUESTS)],
) -> Response:
    """Score a labelled bank, then fit a model that maps the scores and surface features of the
    texts to the labels.

    This takes as long as scoring the bank. Cached scores are used, so a fit that was interrupted
    resumes where it stopped. An earlier version of that name stays in use until the new one is
    ready.
    """
    if name in (AUTO, NONE):
        message = f"{name!r} is reserved: it has a meaning of its own as `calibration` in requests"
        raise InvalidRequest(message, fields=[FieldError("path:name", message)])
    await fitter.start(name, body)
    started = await get_calibration(store, name)
    headers = {"Location": path_to("/v1/calibrations", name), "Retry-After": "1"}
    return JSONResponse(started.model_dump(), 202, headers=headers)


@router.delete(
    "/calibrations/{name:name}",
    operation_id="delete_calibration",
    summary="Delete a calibration",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-calibration", "store-unavailable"),
)
async def delete_calibration(store: Store, name: PathName) -> None:
    """Delete a calibration, and stop its fit if one is under way."""
    if not await store.delete(name):
        raise _unknown(name)


def _unknown(name: str) -> UnknownCalibration:
    return UnknownCalibration(f"no calibration is called {name!r}")


def _out(name: str, of: CalibrationState) -> CalibrationOut:
    fit, fitted = of.fit, _fitted(of.info) if of.info else None
    if fit is None:
        return CalibrationOut(
            name=name, state="ready", detail="fitted", done=0, total=0, fitted=fitted
        )
    return CalibrationOut(
        name=name,
        state="ready" if fit.state == "done" else fit.state,
        detail=fit.detail,
        done=fit.done,
        total=fit.total,
        left_out=fit.left_out,
        warnings=list(fit.warnings),
        fitted=fitted,
    )


def _fitted(info: CalibrationInfo) -> FittedOut:
    return FittedOut(
        digest=info.digest,
        scorer=scorers_out(info.scorers),
        attributes=[attribute_name(field) for field in info.fields],
        bank=info.bank,
        further_banks=list(info.further_banks),
        scenarios=info.scenarios,
        labelled=info.labelled or info.scenarios,
        left_out=info.left_out,
        reports=info.reports,
        created_ms=info.created_ms,
        automatic=info.automatic,
        builtin=info.builtin,
        notice=info.notice or None,
    )
