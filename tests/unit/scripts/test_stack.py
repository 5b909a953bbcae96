"""The processes of scripts/run, watched and ended."""

import pytest

from app.settings import Settings
from scripts.serve import stack as stacks
from scripts.serve import watched
from scripts.serve.stack import Stack
from scripts.serve.watched import StartFailed, WatchedWorker


class Ended:
    """A worker that has ended."""

    process = type("Process", (), {"returncode": 70})()

    def alive(self) -> bool:
        return False

    def kill(self) -> None:
        pass

    def last_words(self) -> str:
        return "out of memory"


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """The time that workers see; each test moves it."""
    now = [100.0]
    monkeypatch.setattr(watched, "LOGS", tmp_path)
    monkeypatch.setattr(stacks, "LOGS", tmp_path)
    monkeypatch.setattr(watched.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def started(clock, monkeypatch):
    """Processes of workers; all of them end at once."""
    made = []
    monkeypatch.setattr(watched, "Child", lambda *_: made.append(Ended()) or made[-1])
    return made


@pytest.fixture
def worker(started):
    one = WatchedWorker("worker", {})
    one.start()
    return one


def test_a_worker_that_keeps_ending_is_started_after_longer_and_longer_waits(
    worker, started, clock, capsys
):
    waits = []
    for _ in range(20):
        worker.mend(restart=True)  # finds it ended
        before, count = clock[0], len(started)
        while len(started) == count:
            clock[0] += 1
            worker.mend(restart=True)
        waits.append(clock[0] - before)
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (2, 4, 30)
    assert "(status 70): out of memory; restarting it" in capsys.readouterr().err


def test_a_worker_that_ends_before_the_service_is_ready_is_an_error(worker):
    with pytest.raises(StartFailed, match="the worker has ended: out of memory"):
        worker.mend(restart=False)


def test_nothing_is_started_again_after_asking_to_stop(worker, started, clock):
    stack = Stack(Settings(), 1)
    stack._workers = [worker]
    stack.mend(restart=True)
    stack.ask_to_stop()
    clock[0] += 60
    stack.mend(restart=True)
    assert len(started) == 1


def test_the_worker_that_reads_beside_another_takes_half_of_the_cores_and_its_own_port(
    clock, monkeypatch
):
    monkeypatch.setattr(stacks.os, "cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    settings = Settings.from_environment({"AZIMUTH_WORKER_METRICS_PORT": "9400"})
    stack = Stack(settings, 1, {"AZIMUTH_ENGINE": "states"})
    own = stack._beside(stack._reading)
    assert own["OMP_NUM_THREADS"] == "3"
    assert own["AZIMUTH_WORKER_METRICS_PORT"] == "9401"
    assert stack.reads_states
    assert stack._environment["AZIMUTH_DEFAULT_METHOD"] == "auto"
    monkeypatch.setenv("AZIMUTH_DEFAULT_METHOD", "comparative")
    assert not Stack(settings, 1, {"AZIMUTH_ENGINE": "states"}).reads_states
