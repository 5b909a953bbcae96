"""Errors of engines, judges and embedders, and the one that ends a worker."""

from __future__ import annotations


class EngineError(Exception):
    """The engine failed; the subclass says how."""


class EngineOverloaded(EngineError):
    """The engine is busy; the same request may succeed later."""


class EngineUnavailable(EngineError):
    """The engine cannot be reached; the same request may succeed later."""


class EngineDead(EngineError):
    """The engine will not answer again; its process must be restarted."""


class EngineRejected(EngineError):
    """The engine will never accept this request."""


class EngineLacks(EngineRejected):
    """The engine has nothing at this address."""


class QuotaUsedUp(EngineRejected):
    """The account behind the engine has nothing left; nothing passes until somebody pays."""


class EmbedderFailed(Exception):
    """The embedder gave vectors that cannot be compared."""


class WorkerFailed(Exception):
    """The worker cannot go on and must be restarted."""
