"""The engine or judge that the settings ask for."""

from __future__ import annotations

from app.settings import EngineSettings, Settings
from app.store.banks import BankStore
from workers.engines.base import Engine
from workers.judges.base import Judge


def create_judge(settings: Settings, banks: BankStore, engine: Engine | None = None) -> Judge:
    """Build what sees a worker's jobs through; `start()` loads its model.

    A language model runs in the engine of the settings unless one is given.
    """
    if engine is None and settings.engine.engine == "reward":
        from workers.judges.reward import RewardModel

        return RewardModel(settings.engine)
    if engine is None and settings.engine.engine == "kaleido":
        from workers.judges.kaleido import Kaleido

        return Kaleido(settings.engine)
    from workers.judges.language import LanguageModel

    return LanguageModel(engine or create_engine(settings.engine), settings.retrieval, banks)


def create_engine(settings: EngineSettings) -> Engine:
    """Build a language model's engine, importing only what it needs. `start()` loads the model."""
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
