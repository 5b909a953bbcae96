"""pip-audit over the lock files: what is a finding, and what is a network that is away."""

import json

import pytest

from scripts.audit.__main__ import LOCKS, described
from scripts.audit.outcome import Outcome, outcome_of

VULNERABLE = {"name": "old", "version": "1.0", "vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}
CLEAN = {"name": "new", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


def printed(*dependencies):
    return outcome_of(json.dumps({"dependencies": dependencies}), "")


def test_a_vulnerability_is_a_finding():
    outcome = printed(VULNERABLE, CLEAN, UNKNOWN)
    assert outcome == Outcome(("old 1.0: X-1, fixed in 1.1",), audited=2, skipped=1)
    assert "old 1.0: X-1" in described("api.txt", outcome)


def test_no_vulnerability_is_reported_with_what_was_audited():
    assert "no known vulnerability (1 packages audited, 1 unknown" in described(
        "api.txt", printed(CLEAN, UNKNOWN)
    )


def test_a_service_that_knows_nothing_is_no_clean_result():
    assert printed(UNKNOWN).away


@pytest.mark.parametrize(
    "complaint",
    [
        "requests.exceptions.ConnectionError: Max retries exceeded: Failed to resolve 'x'",
        "requests.exceptions.ReadTimeout: Read timed out.",
    ],
)
def test_a_network_that_is_away_is_no_finding_and_no_failure(complaint):
    outcome = outcome_of("", f"Traceback …\n{complaint}\n")
    assert (outcome.findings, outcome.failed) == ((), None)
    assert complaint in outcome.away
    assert described("api.txt", outcome).startswith("not audited: ")


def test_a_lock_file_that_cannot_be_read_is_a_failure():
    outcome = outcome_of("", "ERROR: requirement file is invalid: line 3\n")
    assert (outcome.away, outcome.failed) == (None, "ERROR: requirement file is invalid: line 3")


@pytest.mark.parametrize("lock", ["api", "base", "cpu", "cuda", "dev"])
def test_pip_audit_can_read_the_lock_files(lock):
    source = pytest.importorskip("pip_audit._dependency_source")
    path = LOCKS / f"{lock}.txt"
    found = list(source.RequirementSource([path], no_deps=True, disable_pip=True).collect())
    lines = [line for line in path.read_text("utf-8").splitlines() if "==" in line]
    assert 20 < len(found) <= len(lines)
    assert not any(dependency.is_skipped() for dependency in found)
