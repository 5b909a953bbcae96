"""The Lua scripts in `lua/`, each of which runs as one step in Redis."""

from __future__ import annotations

from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def script(redis: Redis, name: str) -> AsyncScript:
    """The script `lua/{name}.lua`; call it with `keys` and `args`."""
    source = files("app.store") / "lua" / f"{name}.lua"
    return redis.register_script(source.read_text("utf-8"))
