"""Redis servers with options of their own: replicas, Sentinels, users, a cluster."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import redis

from scripts.serve.processes import Child, find_redis_server, free_port
from tests.support import Service, wait_until


class RedisServer:
    """A Redis of a test, which can end and come back with its data or without."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = folder / f"redis-{self.port}"
        self.folder.mkdir()
        self._options = options
        self.child = self._started()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: str) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True, **options)

    def kill(self) -> None:
        self.child.kill()

    def start_again(self) -> None:
        """With the data that it has written."""
        self.child = self._started()

    def _started(self) -> Child:
        server = find_redis_server()
        assert server is not None, "no redis-server"
        command = [server, *self._file(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", *self._options]
        child = Child("redis", command, os.environ, self.folder / "log")
        wait_until(self._listens, timeout_s=10, what="redis-server")
        return child

    def _file(self) -> list[str]:
        return []

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Sentinel(RedisServer):
    """Watches a primary, and promotes a replica when it is gone."""

    def __init__(self, folder: Path, primary: RedisServer, *lines: str) -> None:
        self._lines = [
            f"sentinel monitor main 127.0.0.1 {primary.port} 1",
            "sentinel down-after-milliseconds main 700",
            "sentinel failover-timeout main 3000",
            *lines,
        ]
        super().__init__(folder)

    def _file(self) -> list[str]:
        path = self.folder / "sentinel.conf"  # which it rewrites
        path.write_text("\n".join(self._lines) + "\n")
        return [str(path), "--sentinel"]


def service_on(folder: Path, url: str, redis_port: int) -> Service:
    """A service that uses a Redis which is there already; nothing of it is started yet."""
    made = Service(folder)
    made.environment["REDIS_URL"] = url
    made.redis_port = redis_port
    return made
