"""The models of a fleet: one entry for each name and engine, from its pools and workers. Pure."""

from __future__ import annotations

from app.domain.methods import DIGITS, METHODS
from app.models.schemas import ModelOut, ModelState
from app.store.fleet import FleetSnapshot, Pool, WorkerInfo

_ADVANCED: tuple[ModelState, ...] = ("ready", "draining", "loading", "failed", "away")
"""The most advanced state first."""


def list_models(fleet: FleetSnapshot, default_model: str | None) -> list[ModelOut]:
    """All models that workers serve, load or have served, sorted by name and engine."""
    known = {(pool.model.name, pool.model.engine) for pool in fleet.pools}
    known |= {(w.model, w.engine) for w in fleet.workers if w.pool is None}
    models = [_describe(name, engine, fleet) for name, engine in sorted(known)]
    default = default_model or _default_of(fleet)
    return [model.model_copy(update={"default": model.name == default}) for model in models]


def _describe(name: str, engine: str, fleet: FleetSnapshot) -> ModelOut:
    pools = [p for p in fleet.pools if (p.model.name, p.model.engine) == (name, engine)]
    pool_names = {pool.name for pool in pools}
    workers = [
        w
        for w in fleet.workers
        if w.pool in pool_names or (w.pool is None and (w.model, w.engine) == (name, engine))
    ]
    model = ModelOut(
        name=name,
        state=_state(workers),
        default=False,
        workers=len(workers),
        methods=[],
        engine=engine or None,
    )
    if not pools:
        return model
    identity = _current(pools, workers).model
    return model.model_copy(
        update={
            "methods": [method for method in METHODS if method in identity.profiles],
            "revision": identity.revision,
            "context_length": identity.context_length,
            "reads_digits": any(p.endswith(DIGITS) for p in identity.profiles),
            "embedder": identity.embedder,
        }
    )


def _state(workers: list[WorkerInfo]) -> ModelState:
    states = {worker.state for worker in workers}
    return next((state for state in _ADVANCED if state in states), "away")


def _current(pools: list[Pool], workers: list[WorkerInfo]) -> Pool:
    """The pool that requests go to: during an upgrade one model has several."""
    ready = {worker.pool for worker in workers if worker.state == "ready"}
    return next((pool for pool in pools if pool.name in ready), pools[0])


def _default_of(fleet: FleetSnapshot) -> str | None:
    """The model of requests that name none, without the setting for it: live, announced last."""
    if not fleet.pools:
        return None
    return _current(fleet.pools, fleet.workers).model.name
