"""Look for known vulnerabilities in locks/*.txt with pip-audit: `python -m scripts.audit`.

A finding is a failure. An advisory service that cannot be reached is none, because it says nothing
about the packages: it is reported, and with `--strict` the exit status is 2.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.audit.outcome import Outcome, outcome_of

LOCKS = Path(__file__).resolve().parents[2] / "locks"
_LONGEST_S = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit every lock file; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.audit", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail if nothing could be learned")
    strict = parser.parse_args(arguments).strict
    if importlib.util.find_spec("pip_audit") is None:
        print("not audited: pip-audit is not installed (./scripts/test installs it)")
        return 2 if strict else 0
    found = False
    for lock in sorted(LOCKS.glob("*.txt")):
        if lock.name == "overrides.txt":
            continue
        outcome = audit(lock)
        print(described(lock.name, outcome))
        if outcome.away:
            return 2 if strict else 0
        found |= bool(outcome.findings or outcome.failed)
    return 1 if found else 0


def audit(lock: Path) -> Outcome:
    """Ask the advisory service about what a lock file names."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv"]
    command += ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    command += ["--timeout", "10", "--requirement", str(lock)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_LONGEST_S
        )
    except subprocess.TimeoutExpired:
        return Outcome(away=f"no answer within {_LONGEST_S} s")
    return outcome_of(done.stdout, done.stderr)


def described(name: str, outcome: Outcome) -> str:
    """One paragraph about a lock file."""
    if outcome.away:
        return (
            f"not audited: {outcome.away}. This is no finding: nothing is known about the packages "
            f"of locks/{name}"
        )
    if outcome.failed:
        return f"locks/{name}: pip-audit failed: {outcome.failed}"
    counts = f"{outcome.audited} packages audited, {outcome.skipped} unknown to the service"
    if not outcome.findings:
        return f"locks/{name}: no known vulnerability ({counts})"
    return "\n".join([f"locks/{name}: {counts}", *(f"  {one}" for one in outcome.findings)])


if __name__ == "__main__":
    sys.exit(main())
