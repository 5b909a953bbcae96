"""The processes of scripts/run, watched and ended."""

import threading
import time

from app.settings import Settings
from scripts.serve import stack as module
from scripts.serve.stack import Stack


class Ended:
    """A worker that has ended."""

    process = type("Process", (), {"returncode": 70})()

    def alive(self) -> bool:
        return False

    def kill(self) -> None:
        pass


def test_asking_to_stop_ends_the_wait_before_a_restart(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "LOGS", tmp_path)
    monkeypatch.setattr(module, "_RESTART_S", 60.0)
    stack = Stack(Settings(), 1)
    stack._worker = Ended()
    started: list[bool] = []
    monkeypatch.setattr(stack, "_start_worker", lambda: started.append(True))
    mending = threading.Thread(target=stack.mend)
    mending.start()
    time.sleep(0.1)
    assert mending.is_alive(), "it waits before the restart"
    stack.ask_to_stop()
    mending.join(10)
    assert not mending.is_alive()
    assert started == []
