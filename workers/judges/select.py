"""Creates the judge that the settings name."""

from __future__ import annotations

from app.settings import Settings
from app.store.banks import BankStore
from app.store.state_readings import StateReadings
from workers.engines.base import Engine
from workers.engines.select import create_engine
from workers.judges.base import Judge


def create_judge(
    settings: Settings, banks: BankStore, readings: StateReadings, engine: Engine | None = None
) -> Judge:
    """Create a worker's judge, importing only that one. `start()` loads its model.

    If `engine` is given, the judge is a language model in that engine.
    """
    own = settings.engine
    if engine is None and own.engine == "reward":
        from workers.judges.reward import RewardModel

        return RewardModel(own)
    if engine is None and own.engine == "kaleido":
        from workers.judges.kaleido import Kaleido

        return Kaleido(own)
    if engine is None and own.engine == "states":
        from workers.judges.states.judge import StatesJudge
        from workers.judges.states.network import StatesNetwork

        return StatesJudge(StatesNetwork(own), readings)
    if engine is None and own.engine == "vllm_states":
        from workers.judges.states.judge import StatesJudge
        from workers.judges.states.vllm import VllmStates

        return StatesJudge(VllmStates(own), readings)
    if engine is None and own.engine == "pooling":
        from workers.judges.states.endpoint import EndpointStates
        from workers.judges.states.judge import StatesJudge

        return StatesJudge(EndpointStates(own), readings)
    from workers.judges.language.judge import LanguageModel

    engine = engine or create_engine(own)
    writes = LanguageModel(engine, settings.retrieval, banks)
    if own.engine == "fake":
        return _with_fake_states(writes, engine, settings, readings)
    return writes


def _with_fake_states(
    writes: Judge, engine: Engine, settings: Settings, readings: StateReadings
) -> Judge:
    from workers.engines.fake import FakeEngine
    from workers.judges.states.beside import WritesAndReads
    from workers.judges.states.fake import FakeReader
    from workers.judges.states.judge import StatesJudge

    if not isinstance(engine, FakeEngine):
        return writes
    reader = FakeReader(engine, settings.engine)
    return WritesAndReads(writes, StatesJudge(reader, readings))
