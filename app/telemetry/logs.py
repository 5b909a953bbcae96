"""Logs as JSON lines, which can be searched by request id."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # uvicorn's message for terminals
}
_CONTEXT: ContextVar[dict[str, str]] = ContextVar("azimuth_log_context", default={})  # noqa: B039


def add_to_logs(**members: str) -> None:
    """Add members to every later record of this task and of the tasks and threads it starts."""
    _CONTEXT.set(_CONTEXT.get() | members)


class JsonFormatter(logging.Formatter):
    """One JSON object for each record.

    Members: time, level, logger, message, those of `add_to_logs`, and those of `extra`.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= _CONTEXT.get()
        entry |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Log to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # azimuth.access logs more
    logging.getLogger("httpx").setLevel(logging.WARNING)
