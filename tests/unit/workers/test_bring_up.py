"""Loading and warm-up: both can be stopped, and warm-up has a time limit."""

import asyncio

import pytest

from app.store.fleet import WorkerInfo
from workers.engines.base import EngineInfo
from workers.errors import WorkerFailed
from workers.healthcheck import any_healthy
from workers.heartbeat import Status, host_of, new_worker_id
from workers.main import bring_up

INFO = EngineInfo("fake", "m", "r", 4096)


class Judge:
    """Hangs while it loads, or in its first check."""

    def __init__(self, *, loads: bool = True, answers: bool = True) -> None:
        self.loads, self.answers = loads, answers

    async def start(self) -> EngineInfo:
        if not self.loads:
            await asyncio.Event().wait()
        return INFO

    async def check(self) -> None:
        if not self.answers:
            await asyncio.Event().wait()


def status() -> Status:
    return Status("gpu-1-a", "m")


async def test_a_model_that_answers_is_up():
    assert await bring_up(Judge(), status(), asyncio.Event(), warm_up_s=5) == INFO


@pytest.mark.parametrize("judge", [Judge(loads=False), Judge(answers=False)])
async def test_a_worker_can_be_stopped_while_it_loads_and_while_it_warms_up(judge):
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, stop.set)
    async with asyncio.timeout(5):
        assert await bring_up(judge, status(), stop, warm_up_s=60) is None


async def test_a_model_that_does_not_answer_in_time_fails_its_worker():
    with pytest.raises(WorkerFailed, match=r"within 0\.05 s of loading"):
        await bring_up(Judge(answers=False), status(), asyncio.Event(), warm_up_s=0.05)


def test_a_worker_of_another_host_with_a_longer_name_does_not_make_this_host_healthy():
    assert any_healthy([WorkerInfo("gpu-77-abc", "ready", "", "p", "m")], "gpu")
    assert not any_healthy([WorkerInfo("gpu-1-77-abc", "ready", "", "p", "m")], "gpu")
    assert any_healthy([WorkerInfo("gpu-1-77-abc", "ready", "", "p", "m")], "gpu-1")
    assert not any_healthy([WorkerInfo("gpu-77-abc", "failed", "", "p", "m")], "gpu")


def test_a_worker_s_id_begins_with_its_host(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "rack-7-gpu-1")
    assert host_of(new_worker_id()) == "rack-7-gpu-1"
