"""Bodies of the health endpoints."""

from __future__ import annotations

from app.schema import Open


class HealthOut(Open):
    """The process is alive."""

    status: str
    version: str


class PartOut(Open):
    """One part that the service depends on."""

    state: str
    """`ready`, `loading`, `draining`, `failed`, `away` or `unknown`."""
    detail: str


class ModelPartOut(PartOut):
    """The models that can be used."""

    models: list[str]
    """Names of the models that are ready."""
    methods: list[str]
    """Methods that they serve."""


class ReadyOut(Open):
    """Whether requests can be answered, part by part."""

    status: str
    """`ready` or `not-ready`."""
    redis: PartOut
    worker: PartOut
    model: ModelPartOut


class ProblemTypeOut(Open):
    """A problem type (RFC 9457)."""

    type: str
    title: str
    status: int
    example: str
    """Example of a detail."""
