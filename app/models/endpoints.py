"""`GET /v1/models`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter

from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.models.listing import list_models
from app.models.schemas import ModelsOut
from app.settings import Settings
from app.store.fleet import Fleet

Workers = Annotated[Fleet, provided(Fleet)]
CurrentSettings = Annotated[Settings, provided(Settings)]

router = APIRouter(tags=["models"])

_EXAMPLE: dict[str, Any] = {
    "name": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "state": "ready",
    "default": True,
    "workers": 1,
    "methods": ["comparative", "regression", "prompt_aligned", "unaligned"],
    "engine": "vllm",
    "revision": "12fd25f77366fa6b3b4b768ec3050bf629380bac",
    "context_length": 8192,
    "reads_digits": True,
    "embedder": "minilm:1",
}


@router.get(
    "/models",
    operation_id="list_models",
    summary="List models",
    responses=answers({"models": [_EXAMPLE]}, "All models")
    | problem_responses("store-unavailable"),
)
async def list_all(fleet: Workers, settings: CurrentSettings) -> ModelsOut:
    """The models that workers serve, load or have served, with what each can do."""
    return ModelsOut(models=list_models(await fleet.snapshot(), settings.api.default_model))
