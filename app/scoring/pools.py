"""Choosing the pool of workers for a request. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.methods import METHODS, TRAITS, may_serve
from app.errors import FieldError, ModelNotReady, UnknownMethod, UnknownModel
from app.store.fleet import FleetSnapshot, Pool, WorkerInfo


def choose_pool(
    fleet: FleetSnapshot, requested: str | None, method: str, default_model: str | None
) -> tuple[Pool, bool]:
    """The pool for a model and a method, and whether one of its workers is ready.

    Not every model serves every method: reward models and Kaleido serve only their own. Without a
    requested model, the default model is used if it serves the method, else any model that does.
    Raises `UnknownModel`, `UnknownMethod` or `ModelNotReady`.
    """
    ready = {w.pool for w in fleet.workers if w.state == "ready"}
    named = [p for p in fleet.pools if requested is None or p.model.name == requested]
    if not named:
        loading = any(w.model == requested for w in fleet.workers)
        if requested is not None and fleet.pools and not loading:
            raise _unknown_model(requested, fleet.pools)
        raise not_ready(fleet.workers, method)
    default = [p for p in named if p.model.name == default_model]
    if requested is None and default_model and TRAITS[method].generates:
        # The configured model is never replaced by another, even if it is unavailable.
        if not default:
            if default_model in {w.model for w in fleet.workers}:
                raise not_ready(fleet.workers, method)
            live = [p for p in named if p.name in ready and method in p.model.profiles]
            raise _default_away(default_model, live)
        named = default
    serving = [p for p in named if method in p.model.profiles]
    if not serving:
        names = {requested} if requested is not None else {w.model for w in fleet.workers}
        if any(w.model in names and _may_come_to_serve(w, method) for w in fleet.workers):
            raise not_ready(fleet.workers, method)
        raise _method_not_served(method, named)
    preferred = [p for p in serving if p in default] or serving
    # During an upgrade, a model has several pools: prefer a ready one, then the latest.
    pool = next((p for p in preferred if p.name in ready), preferred[0])
    return pool, pool.name in ready


def _may_come_to_serve(worker: WorkerInfo, method: str) -> bool:
    """Whether a worker whose model is not loaded yet may serve a method once it is."""
    return worker.pool is None and may_serve(worker.engine, method)


def not_ready(workers: Sequence[WorkerInfo], method: str) -> ModelNotReady:
    """The error for a method without ready workers, with the state of each that may serve it."""
    others = [w for w in workers if w.state != "ready" and may_serve(w.engine, method)]
    states = sorted({f"{w.model}: {w.detail}" for w in others})
    if states:
        return ModelNotReady("; ".join(states))
    return ModelNotReady(
        f"no worker that serves method {method!r} is running" if workers else "no worker is running"
    )


def _unknown_model(name: str, pools: Sequence[Pool]) -> UnknownModel:
    known = sorted({p.model.name for p in pools})
    return UnknownModel(
        f"no model is called {name!r}",
        fields=[FieldError("#/scoring/model", f"known: {', '.join(known)}")],
        extensions={"known": known},
    )


def _method_not_served(method: str, pools: Sequence[Pool]) -> UnknownMethod:
    known = sorted({name for p in pools for name in p.model.profiles if name in METHODS})
    models = ", ".join(sorted({repr(p.model.name) for p in pools}))
    detail = f"model {models} does not serve method {method!r}; known: {', '.join(known)}"
    return UnknownMethod(
        detail, fields=[FieldError("#/scoring/method", detail)], extensions={"known": known}
    )


def _default_away(default: str, live: Sequence[Pool]) -> ModelNotReady:
    """The error for a default model that no worker serves or loads, naming other ready models."""
    detail = f"no worker serves {default!r}, the model in AZIMUTH_DEFAULT_MODEL"
    if live:
        others = ", ".join(sorted({repr(pool.model.name) for pool in live}))
        detail += f"; a request may name {others} instead"
    return ModelNotReady(detail)
