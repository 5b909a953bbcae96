"""Whether requests can be answered, from the state of the fleet. Pure."""

from __future__ import annotations

from app.domain.methods import METHODS
from app.health.schemas import ModelPartOut, PartOut, ReadyOut
from app.store.fleet import FleetSnapshot

_REDIS_READY = PartOut(state="ready", detail="answers")


def readiness(fleet: FleetSnapshot) -> ReadyOut:
    """Readiness while Redis answers."""
    ready = [worker for worker in fleet.workers if worker.state == "ready"]
    if ready:
        serving = {worker.pool for worker in ready}
        served = [pool.model for pool in fleet.pools if pool.name in serving]
        names = sorted({model.name for model in served})
        engines = sorted({model.engine for model in served})
        others = [f"{one.model}: {one.detail}" for one in fleet.workers if one.state != "ready"]
        count = f"{len(ready)} of {len(fleet.workers)} ready"
        return ReadyOut(
            status="ready",
            redis=_REDIS_READY,
            worker=PartOut(state="ready", detail="; ".join([count, *others])),
            model=ModelPartOut(
                state="ready",
                detail=f"{', '.join(names)} on {', '.join(engines)}",
                models=names,
                methods=[m for m in METHODS if any(m in one.profiles for one in served)],
            ),
        )
    if not fleet.workers:
        return ReadyOut(
            status="not-ready",
            redis=_REDIS_READY,
            worker=PartOut(state="away", detail="no worker is running"),
            model=ModelPartOut(
                state="away", detail="no worker serves a model", models=[], methods=[]
            ),
        )
    first = fleet.workers[0]
    details = "; ".join(f"{worker.id}: {worker.detail}" for worker in fleet.workers)
    names = sorted({worker.model for worker in fleet.workers})
    return ReadyOut(
        status="not-ready",
        redis=_REDIS_READY,
        worker=PartOut(state=first.state, detail=details),
        model=ModelPartOut(
            state=first.state,
            detail=f"{', '.join(names)}: {first.detail}",
            models=[],
            methods=[],
        ),
    )


def unreachable(detail: str) -> ReadyOut:
    """Readiness while Redis does not answer: the rest is unknown."""
    unknown = "unknown while Redis is unavailable"
    return ReadyOut(
        status="not-ready",
        redis=PartOut(state="away", detail=detail),
        worker=PartOut(state="unknown", detail=unknown),
        model=ModelPartOut(state="unknown", detail=unknown, models=[], methods=[]),
    )
