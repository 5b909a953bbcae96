"""Which scopes a request needs. A path that is not listed here is for `admin` alone."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.domain.access import SCOPES, Scope

OPEN: frozenset[Scope] = frozenset()
"""No key is needed."""
_ANY: frozenset[Scope] = frozenset(SCOPES)
_SELECT: frozenset[Scope] = frozenset({"select"})
_BANKS: frozenset[Scope] = frozenset({"banks"})
_ADMIN: frozenset[Scope] = frozenset({"admin"})
_STORED = "/v1/(?:attribute-sets|banks|calibrations|calibration-files)"


class _Rule(NamedTuple):
    path: re.Pattern[str]
    scopes: frozenset[Scope]
    """One of them is enough."""
    method: str | None = None
    """None: every method."""


def _rule(path: str, scopes: frozenset[Scope], method: str | None = None) -> _Rule:
    # Names in paths may contain line breaks.
    return _Rule(re.compile(path, re.DOTALL), scopes, method)


_RULES = (
    _rule("/healthz|/readyz", OPEN),
    _rule("/v1/models|/problems/[^/]*", _ANY),
    _rule("/openapi.json|/docs(?:/.*)?|/redoc|/static-offline-docs(?:/.*)?", _ANY),
    _rule("(?:/v1)?/(?:score|select|retarget|learn-target)", _SELECT),
    _rule("/v1/(?:generate|respond)", _SELECT),
    _rule("(?:/v1)?/score-sets/[^/]*", _SELECT),
    _rule(f"{_STORED}(?:/.*)?", _SELECT | _BANKS, "GET"),
    _rule(f"{_STORED}/.*", _BANKS),
)


_COSTS_TOKENS = re.compile(
    "POST (?:(?:/v1)?/(?:score|select)|/v1/(?:generate|respond))|PUT /v1/calibrations/.*", re.DOTALL
)


def costs_tokens(method: str, path: str) -> bool:
    """Whether a request may call a judge, so that the limit of tokens applies."""
    return _COSTS_TOKENS.fullmatch(f"{method} {path}") is not None


def scopes_for(method: str, path: str, *, open_metrics: bool = False) -> frozenset[Scope]:
    """The scopes of which a request needs one; `OPEN` if it needs no key.

    `path` is decoded, as routes are matched. A key with the scope `admin` may always proceed.
    """
    if path == "/metrics" and open_metrics:
        return OPEN
    for rule in _RULES:
        if rule.method in (None, method) and rule.path.fullmatch(path):
            return rule.scopes
    return _ADMIN
