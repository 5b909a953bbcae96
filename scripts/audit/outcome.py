"""What pip-audit's output means. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_AWAY = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|Max retries|Timed? ?out|resolve|ServiceError"
    r"|ProxyError|SSLError|HTTPError|unreachable",
    re.IGNORECASE,
)


class Outcome(NamedTuple):
    """What is known about one lock file."""

    findings: tuple[str, ...] = ()
    """Known vulnerabilities, a line each."""
    audited: int = 0
    """Packages that the advisory service answered for."""
    skipped: int = 0
    """Packages that it does not know at this version."""
    away: str | None = None
    """Why nothing is known: the service was not reached. That says nothing about the packages."""
    failed: str | None = None
    """Why pip-audit could not do its work, such as a lock file that it cannot read."""


def outcome_of(printed: str, complaints: str) -> Outcome:
    """Read what pip-audit printed as JSON, or why it printed none."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(printed)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = [line.strip() for line in complaints.splitlines() if line.strip()]
        last = lines[-1] if lines else "no output"
        if _AWAY.search(last):
            return Outcome(away=last[:200])
        return Outcome(failed=last[:300])
    audited = [one for one in dependencies if "skip_reason" not in one]
    skipped = len(dependencies) - len(audited)
    if dependencies and not audited:
        # A mirror of a registry answers for none: that is no clean result.
        return Outcome(skipped=skipped, away="the advisory service knows none of the packages")
    return Outcome(tuple(_findings(audited)), len(audited), skipped)


def _findings(dependencies: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in "
        f"{', '.join(vulnerability.get('fix_versions') or ()) or 'no version yet'}"
        for one in dependencies
        for vulnerability in one.get("vulns") or ()
    ]
