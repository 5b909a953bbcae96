"""A record of what the fake engine was asked, for tests of faults."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.tokenization.conversation import Prompt

RECORD = "answers.txt"


class Recorder:
    """Writes a line when an answer begins, when it ends, and when two of one prompt overlap.

    A process that is killed in the middle releases its lock, so what it left is no overlap.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def answering(self, prompt: Prompt) -> Iterator[None]:
        """Record the answer to a prompt that is given within."""
        asked = "\x1f".join(message.content for message in prompt.messages)
        key = hashlib.sha256(asked.encode()).hexdigest()[:16]
        lock = os.open(self._folder / f"{key}.lock", os.O_CREAT | os.O_RDWR)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._write("overlap", key)
            self._write("begin", key)
            yield
            self._write("end", key)
        finally:
            os.close(lock)

    def _write(self, what: str, key: str) -> None:
        with (self._folder / RECORD).open("a") as record:
            record.write(f"{what} {key} {os.getpid()}\n")  # one write: lines stay whole
