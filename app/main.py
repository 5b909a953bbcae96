"""The API process. `create_app(settings)` builds the app; importing this module has no effects."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from app import __version__
from app.access.endpoints import router as keys
from app.access.exposure import check_address
from app.access.hosts import HostMiddleware, names_of
from app.access.middleware import AccessMiddleware
from app.access.openapi import document_access
from app.attribute_sets.endpoints import router as attribute_sets
from app.banks.auditing import router as audits
from app.banks.endpoints import router as banks
from app.calibrations.endpoints import router as calibrations
from app.health.endpoints import router as health
from app.http import problems
from app.http.middleware import RequestMiddleware
from app.http.openapi import document_problems
from app.http.provided import LifespanState
from app.http.routing import is_direct
from app.http.tracing import TracingMiddleware
from app.listening import CannotListen, bound_sockets, duplicated
from app.models.endpoints import router as models
from app.resources import Resources
from app.scores.endpoints import router as scoring
from app.scores.learning import router as learning
from app.scores.retargeting import router as retargeting
from app.settings import ApiSettings, InvalidSetting, Settings
from app.store.checking import check_redis
from app.supervisor import end_with_supervisor, supervise, supervised
from app.telemetry.logs import configure
from app.telemetry.traces import configure_traces, end_traces, traced
from app.writing.endpoints import router as writing
from app.writing.responding import router as responding

_log = logging.getLogger("azimuth")
_OPEN_FILES = 65_536
_DESCRIPTION = """\
Steerable response selection. Send a question, candidate responses and a target: the desired value
between 0 and 1 for some attributes. A language model scores every candidate on every attribute, and
the candidate whose scores are nearest to the target is selected. Scores do not depend on the
target: they are cached, and any new target is answered at once.

`/score`, `/select` and `/retarget` are also available without the `/v1` prefix.
"""


def create_app(settings: Settings) -> FastAPI:
    """Build the ASGI application. Its lifespan opens and closes all resources."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[LifespanState]:
        async with Resources.opened(settings) as resources:
            app.state.stop_waiting = resources.hub.stop_waiting
            yield resources.state()
        end_traces()

    # Serves Swagger UI and ReDoc from a package: /docs works without a network.
    app = FastAPIOffline(
        title="Azimuth",
        version=__version__,
        summary="Steerable response selection by few-shot comparative regression.",
        description=_DESCRIPTION,
        lifespan=lifespan,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        separate_input_output_schemas=False,
        redirect_slashes=False,  # RequestMiddleware takes them off
        swagger_ui_parameters={"validatorUrl": None},
    )
    for router in (scoring, retargeting, learning):
        app.include_router(router, prefix="/v1")
        app.include_router(router, include_in_schema=False)
    for router in (writing, responding, attribute_sets, audits, banks, calibrations, models, keys):
        app.include_router(router, prefix="/v1")
    app.include_router(health)
    # Routes are tried in turn, so the most frequent ones come first.
    app.router.routes.sort(key=lambda route: not is_direct(route))
    problems.install(app)
    _add_middleware(app, settings.api)
    document_problems(app)
    document_access(app)
    return app


def _add_middleware(app: FastAPI, api: ApiSettings) -> None:
    """Add the layers around all routes, the inner ones first."""
    if api.auth == "keys":
        app.add_middleware(AccessMiddleware, open_metrics=api.open_metrics)
    if (names := names_of(api)) is not None:
        app.add_middleware(HostMiddleware, names=names)
    if traced():
        app.add_middleware(TracingMiddleware)
    app.add_middleware(
        RequestMiddleware,
        max_body_bytes=api.max_body_bytes,
        max_bank_bytes=api.max_bank_bytes,
    )
    if api.allowed_origins:
        # Outside of the other, so that web pages can read refusals as well.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.allowed_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=[
                "Location",
                "Retry-After",
                "X-Request-Id",
                "WWW-Authenticate",
                "RateLimit-Policy",
                "RateLimit",
            ],
        )


class _Server(uvicorn.Server):
    """Answers waiting requests with 202 on shutdown."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "stop_waiting"):
            asyncio.get_running_loop().call_soon_threadsafe(app.state.stop_waiting)
        super().handle_exit(sig, frame)


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, because each connection takes one.

    With the usual limit of 1024, a burst of clients would cause connection errors.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _collect_garbage_rarely() -> None:
    """Leave what was built so far out of garbage collections, and run them less often.

    A full collection looks at every object of every imported module: all requests would stand still
    for a tenth of a second, many times a minute under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _serve(settings: Settings) -> None:
    app = create_app(settings)
    _collect_garbage_rarely()
    api, several = settings.api, supervised()
    sockets = bound_sockets(api.host, api.port, shared=several)
    if several:
        end_with_supervisor()
    config = uvicorn.Config(
        app,
        log_config=None,
        timeout_keep_alive=api.keep_alive_s,
        timeout_graceful_shutdown=10,
    )
    _Server(config).run(duplicated(sockets))


def main() -> None:
    """Serve until the process receives SIGINT or SIGTERM."""
    _allow_many_connections()
    settings = Settings.from_environment()
    configure(settings.api.log_level, texts=settings.api.log_texts)
    configure_traces("azimuth-api")
    try:
        check_address(settings.api)
        asyncio.run(check_redis(settings.store))
        if settings.api.api_processes > 1 and not supervised():
            raise SystemExit(supervise(settings.api))
        _serve(settings)
    except (InvalidSetting, CannotListen) as error:
        _log.error("%s", error)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
