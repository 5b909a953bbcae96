"""What the health endpoints give."""

from __future__ import annotations

from pydantic import BaseModel


class HealthOut(BaseModel):
    """The process is alive."""

    status: str
    version: str


class PartOut(BaseModel):
    """One thing that the service stands on."""

    state: str
    detail: str


class ModelPartOut(PartOut):
    """The model, and who serves it."""

    models: list[str]


class ReadyOut(BaseModel):
    """Whether requests can be answered, part by part."""

    status: str
    redis: PartOut
    worker: PartOut
    model: ModelPartOut
