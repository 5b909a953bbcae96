"""Creates the engine that the settings name."""

from __future__ import annotations

from app.settings import EngineSettings
from workers.engines.base import Engine


def create_engine(settings: EngineSettings) -> Engine:
    """Create a language model's engine, importing only that one. `start()` loads the model."""
    if settings.engine == "vllm":
        from workers.engines.vllm import VllmEngine

        return VllmEngine(settings)
    if settings.engine == "openai":
        from workers.engines.openai import OpenAIEngine

        return OpenAIEngine(settings)
    if settings.engine == "outlines":
        from workers.engines.outlines import OutlinesEngine

        return OutlinesEngine(settings)
    from workers.engines.fake import FakeEngine

    return FakeEngine(settings)
