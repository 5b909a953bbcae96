"""How long a request waits, from its `Prefer` header, its deadline and the settings. Pure."""

from __future__ import annotations

import re

from app.errors import FieldError, InvalidRequest
from app.scoring.service import Patience
from app.settings import ApiSettings


def patience_for(prefer: str | None, deadline_s: float | None, settings: ApiSettings) -> Patience:
    """How long to wait. Raises `InvalidRequest` for a deadline above the service's limit.

    `wait=N` shortens the service's own wait. `respond-async` without `wait` does not wait at all.
    If a preference is repeated, the first one counts (RFC 7240, section 2).
    """
    preferences = _preferences(prefer or "")
    wait_s = 0.0 if "respond-async" in preferences else settings.wait_s
    if (wanted := preferences.get("wait", "")).isascii() and wanted.isdigit():
        wait_s = min(settings.wait_s, float(wanted))
    if deadline_s is not None and deadline_s > settings.max_deadline_s:
        detail = (
            f"deadline_s is {deadline_s:g}; the limit is {settings.max_deadline_s:g} s "
            "(AZIMUTH_MAX_DEADLINE_S)"
        )
        raise InvalidRequest(detail, fields=[FieldError("#/deadline_s", detail)])
    return Patience(wait_s=wait_s, deadline_s=deadline_s or settings.deadline_s)


def _preferences(header: str) -> dict[str, str]:
    """Preferences by lower-case name, "" for those without a value. Parameters are dropped."""
    preferences: dict[str, str] = {}
    for part in re.findall(r'(?:[^,"]|"[^"]*")+', header):
        name, _, value = part.partition(";")[0].partition("=")
        preferences.setdefault(name.strip().lower(), value.strip().strip('"'))
    return preferences
