"""What an endpoint's errors mean: which will pass, and which will not. Pure."""

from __future__ import annotations

import json
from typing import Any

from workers.errors import (
    EngineError,
    EngineLacks,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    QuotaUsedUp,
)

_SHOWN = 500
_DEPTH = 8
_PASSING = (408, 425)
"""Client errors that are about the moment, not about the request: timeout, too early."""
_NOT_FOUND, _NOT_IMPLEMENTED = 404, 501
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "exceeded your current quota")
_NAMED = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "overloaded": 503,
    "overloaded_error": 503,
    "server_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "bad_gateway": 502,
    "service_unavailable": 503,
    "timeout": 504,
    "invalid_request_error": 400,
}
"""Codes and types of errors that are given in words."""


def fault_of(status: int, text: str) -> EngineError:
    """Return the error that a response with a status of 400 or above stands for."""
    try:
        message = _message(json.loads(text))
    except (ValueError, RecursionError):
        message = text[:_SHOWN]
    return _fault(status, message)


def fault_within(document: Any) -> EngineError | None:
    """Return the error in a document that came with status 200; None if there is none.

    Gateways report the errors of what is behind them in this way, with the status as `code`. Some
    put the error in the first of the choices.
    """
    if not isinstance(document, dict):
        return None
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (document, first):
        if isinstance(holder, dict) and (holder.get("error") or holder.get("object") == "error"):
            message = _message(holder)
            status = _status(holder.get("error")) or _status(holder)
            if status is None:
                return EngineError(f"the endpoint answered with an error: {message}")
            return _fault(status, message)
    return None


def is_cut(error: EngineError) -> bool:
    """Return whether the model had begun to answer: its thoughts took all the room it was given."""
    return "could not finish" in str(error).lower()


def shown(value: Any) -> str:
    """Return the beginning of a document as ASCII: half of an emoji could not be stored."""
    return json.dumps(value)[:_SHOWN]


def outline(value: Any) -> str:
    """Return the beginning of a document without its texts, which are a model's or a user's."""
    return shown(_outlined(value, _DEPTH))


def _outlined(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return f"({len(value)} characters)"
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {name: _outlined(one, depth - 1) for name, one in list(value.items())[:_SHOWN]}
    if isinstance(value, list):
        return [_outlined(one, depth - 1) for one in value[:_SHOWN]]
    return value


def _fault(status: int, message: str) -> EngineError:
    what = f"the endpoint answered {status}: {message}"
    if status == 402 or (status == 429 and any(sign in message for sign in _QUOTA)):
        return QuotaUsedUp(f"the quota of the endpoint's key is used up: {message}")
    if status == 429:
        return EngineOverloaded(what)
    if (status >= 500 and status != _NOT_IMPLEMENTED) or status in _PASSING:
        return EngineUnavailable(what)
    return EngineLacks(what) if status == _NOT_FOUND else EngineRejected(what)


def _status(error: Any) -> int | None:
    """Return the HTTP status that an error names."""
    if not isinstance(error, dict):
        return None
    for value in (error.get("code"), error.get("status"), error.get("type")):
        if isinstance(value, str):
            value = int(value) if value.isdecimal() and len(value) == 3 else _NAMED.get(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    if any(sign in _message(error) for sign in _QUOTA):
        return 429
    return None


def _message(document: Any) -> str:
    """Return what an error document says, with the code and the parameter that it names.

    What was sent is left out: a text that is judged could name parameters as well.
    """
    error = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(error, str):
        return error[:_SHOWN].encode("utf-8", "replace").decode()
    if not isinstance(error, dict):
        return shown(error)
    message = error.get("message", error.get("detail"))
    if isinstance(message, list):  # FastAPI's: where, what, and the input
        message = "; ".join(_place(one) for one in message)
    named = [error[key] for key in ("type", "code", "param") if error.get(key) is not None]
    parts = [str(part) for part in (message, *dict.fromkeys(named)) if part]
    text = " | ".join(parts) if parts else shown(error)
    return text[:_SHOWN].encode("utf-8", "replace").decode()


def _place(problem: Any) -> str:
    if not isinstance(problem, dict):
        return shown(problem)
    return f"{'.'.join(map(str, problem.get('loc') or ()))}: {problem.get('msg')}"
