"""What answers of the scoring endpoints have in common."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from fastapi.responses import Response

from app.calibrations.applied import Calibrated, Raw
from app.calibrations.applying import Calibrator
from app.domain.score_set import ScoreSet
from app.http.json_answers import json_answer
from app.schema import Rendered
from app.scores.afterwards import Words
from app.scores.rendering import score_set_out, timings_out, usage_out
from app.scores.schemas import HostileOut, PendingOut
from app.scoring.planned import PlannedRequest
from app.scoring.requests import ScoreRequest


async def shown_scores(
    calibrator: Calibrator, wanted: str, score_set: ScoreSet, fields: Collection[str]
) -> tuple[ScoreSet, Calibrated | Raw]:
    """A score set as an answer shows it, and the calibration applied.

    States are shown as scores on `fields`, or on all attributes of the calibration.
    """
    opened = await calibrator.open_one(wanted, score_set, fields)
    if opened is not None:
        return opened.score_set, opened.calibrated or Raw()
    return score_set, await calibrator.apply_to_one(wanted, score_set, score_set.scores)


def rendered_scores(
    body: ScoreRequest,
    planned: PlannedRequest,
    score_set: ScoreSet,
    applied: Calibrated | Raw,
    warnings: Sequence[str],
) -> Rendered:
    if isinstance(applied, Raw) and applied.warning:
        warnings = (*warnings, applied.warning)
    calibrated = applied if isinstance(applied, Calibrated) else None
    rendered = score_set_out(
        score_set,
        planned.plan.presentation,
        warnings,
        calibrated,
        show_judges=body.show_judges,
    )
    if planned.method_reason is not None:
        rendered["method_reason"] = planned.method_reason
    return rendered


def pending_answer(
    score_set: ScoreSet, planned: PlannedRequest, hostile: list[HostileOut] | None
) -> Response:
    location = f"/v1/score-sets/{score_set.id}"
    pending = PendingOut(
        score_set_id=score_set.id,
        location=location,
        detail="scoring is in progress; poll the location, then send targets to /v1/retarget",
        method_reason=planned.method_reason,
        hostile=hostile,
    )
    answer = json_answer(pending.model_dump(), 202)
    answer.headers.update({"Location": location, "Retry-After": "1"})
    return answer


def full_answer(
    rendered: Rendered,
    score_set: ScoreSet,
    started: float,
    hostile: list[HostileOut] | None,
    words: Words | None = None,
) -> Response:
    """The answer, with what the request cost."""
    usage = score_set.usage
    if words is not None:
        usage += words.usage
        rendered["selection"]["explanation"]["reasons"] = words.rendered
    rendered["usage"] = usage_out(usage)
    rendered["timings_ms"] = timings_out(score_set, ms_since(started))
    if hostile is not None:
        rendered["hostile"] = [one.model_dump() for one in hostile]
    return json_answer(rendered)


def ms_since(started: float) -> float:
    return (time.monotonic() - started) * 1000
