"""The load generator: wrk, which is fast enough not to be the limit itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from msgspec import Struct

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Measured(Struct, frozen=True):
    """What a number of clients got from one route."""

    clients: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Answers that are no success, and connections that failed."""


def measure(
    url: str,
    bodies: Sequence[object],
    *,
    clients: int,
    seconds: int,
    headers: Mapping[str, str] | None = None,
) -> Measured:
    """POST JSON bodies in turn, again and again, over a number of connections.

    Raises `ValueError` where wrk is missing or its output is not understood.
    """
    if shutil.which("wrk") is None:
        raise ValueError("wrk is needed as the load generator (on Debian: apt install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        lines = Path(folder) / "bodies.jsonl"
        lines.write_bytes(b"\n".join(map(orjson.dumps, bodies)))
        script.write_text(_SCRIPT.replace("BODIES", str(lines)), "utf-8")
        command = ["wrk", "--latency", "--timeout", "30s", "-t", "1", "-c", str(clients)]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        command += ["-d", f"{seconds}s", "-s", str(script), url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return read(printed, clients)


def read(printed: str, clients: int) -> Measured:
    """Read what wrk printed. Raises `ValueError`."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    lines = re.findall(r"^\s+(50|99)%\s+([\d.]+(?:us|ms|s|m))\s*$", printed, re.MULTILINE)
    percentiles = dict(lines)
    if rate is None or len(percentiles) < 2:
        raise ValueError(f"wrk printed something else than expected:\n{printed}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    sockets = re.search(r"Socket errors: (.*)", printed)
    errors = int(failed[1]) if failed else 0
    if sockets:
        errors += sum(int(number) for number in re.findall(r"\d+", sockets[1]))
    return Measured(
        clients=clients,
        requests_per_s=float(rate[1]),
        p50_ms=_ms(percentiles["50"]),
        p99_ms=_ms(percentiles["99"]),
        errors=errors,
    )


def _ms(shown: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", shown).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]


_SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local requests, sent = {}, 0
init = function(arguments)
  for line in io.lines("BODIES") do
    requests[#requests + 1] = wrk.format(nil, nil, nil, line)
  end
end
request = function()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end
"""
"""Every request is built before the measurement begins."""
