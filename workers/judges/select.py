"""Creates the judge that the settings name."""

from __future__ import annotations

from app.settings import Settings
from app.store.banks import BankStore
from workers.engines.base import Engine
from workers.engines.select import create_engine
from workers.judges.base import Judge


def create_judge(settings: Settings, banks: BankStore, engine: Engine | None = None) -> Judge:
    """Create a worker's judge, importing only that one. `start()` loads its model.

    If `engine` is given, the judge is a language model in that engine.
    """
    if engine is None and settings.engine.engine == "reward":
        from workers.judges.reward import RewardModel

        return RewardModel(settings.engine)
    if engine is None and settings.engine.engine == "kaleido":
        from workers.judges.kaleido import Kaleido

        return Kaleido(settings.engine)
    from workers.judges.language.judge import LanguageModel

    return LanguageModel(engine or create_engine(settings.engine), settings.retrieval, banks)
