"""Logs as JSON lines, which can be searched by request id."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime

from app.telemetry.texts import texts_in_hand, without_texts

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

    Members: time, level, logger, message, those of `add_to_logs`, and those of `extra`. Texts of
    users that a record quotes are left out; with `texts` they stay, and are a member of their own.
    """

    def __init__(self, *, texts: bool = False) -> None:
        super().__init__()
        self._texts = texts

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
        if in_hand := texts_in_hand():
            entry = entry | {"texts": in_hand} if self._texts else _without(in_hand, entry)
        return json.dumps(entry, ensure_ascii=False, default=str)


def _without(texts: Sequence[str], entry: dict[str, object]) -> dict[str, object]:
    return {
        name: without_texts(value, texts) if isinstance(value, str) else value
        for name, value in entry.items()
    }


def configure(level: str, *, texts: bool = False) -> None:
    """Log to standard error as JSON lines; with `texts`, those of users as well."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(texts=texts))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # azimuth.access logs more
    logging.getLogger("httpx").setLevel(logging.WARNING)
