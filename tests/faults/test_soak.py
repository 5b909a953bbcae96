"""Mixed requests while processes are killed. The long form: `python -m scripts.benchmark soak`."""

from pathlib import Path

from scripts.benchmark.soak.soaking import Plan, soak
from tests.forking import ForkedChild


def test_every_request_is_answered_rightly_while_processes_are_killed(tmp_path: Path) -> None:
    plan = Plan(seconds=8, clients=8, workers=2, break_every_s=1.2, scenarios=300)
    outcome = soak(plan, tmp_path, start=ForkedChild)
    assert outcome.tally.wrong == []
    assert outcome.tally.asked == outcome.tally.answered
    assert outcome.overlaps == 0
    assert outcome.left == {"job": 0, "inflight": 0, "dead": 0}
    assert sum(outcome.kills.values()) >= 3
    assert outcome.tally.answered.total() > 50
