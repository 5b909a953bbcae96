"""Targets by the hundred thousand, and targets that select nothing."""

import json
import random
import time

import pytest

from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.running import scoring
from tests.service.benchmark.runs import evaluate, write_scenarios


@pytest.mark.parametrize("method", ["comparative", "prompt_aligned", "unaligned", "oracle"])
def test_targets_on_other_attributes_select_nothing(azimuth, tmp_path, method):
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["labels"] = [{"verbosity": 0}, {"verbosity": 1}]
    path.write_text("\n".join(map(json.dumps, lines)))
    targets = tmp_path / "targets.jsonl"
    targets.write_text('{"helpfulness": 1}\n{"helpfulness": 0, "coherence": 1}\n')
    given = ["--method", method, "--targets", f"sampled:{targets}"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 0
    selected = {s.id: s.selected["sampled"] for s in read_results(tmp_path / "r").scenarios}
    assert selected["s0"] == "--"
    assert "-" not in selected["s1"]


def test_a_single_pair_without_scores_does_not_fail_the_run(service, tmp_path):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="truncated:1")
    path = write_scenarios(tmp_path / "data.jsonl", 1)
    given = ["--method", "comparative", "--targets", "high"]
    assert evaluate(service, path, tmp_path / "r", *given) == 0
    (scenario,) = read_results(tmp_path / "r").scenarios
    assert scenario.selected == {"high": "-"}
    assert scenario.problem is None


def test_many_targets_of_many_attributes_are_sent_in_several_bodies(azimuth, tmp_path):
    names = [f"an-attribute-with-a-long-name-that-takes-many-bytes-{n}" for n in range(12)]
    asked = {"attributes": [{"name": name, "definition": "Longish."} for name in names]}
    with azimuth.client() as client:
        assert client.put("/v1/attribute-sets/long", json=asked).is_success
    path = write_scenarios(tmp_path / "data.jsonl", 2, names, levels=3)
    targets = tmp_path / "targets.jsonl"
    draw = random.Random(0)
    wishes = [{name: draw.random() for name in names} for _ in range(9_000)]
    targets.write_text("\n".join(map(json.dumps, wishes)))
    given = ["--method", "comparative", "--attribute-set", "long", "--targets"]
    assert evaluate(azimuth, path, tmp_path / "r", *given, f"sampled:{targets}") == 0
    assert len(read_results(tmp_path / "r").scenarios[0].selected["sampled"]) == 9_000


def test_all_targets_of_six_attributes_with_seven_levels_are_answered_in_seconds(
    azimuth, tmp_path, monkeypatch
):
    """117,649 targets x 60 scenarios, in three blocks, once the scores are cached."""
    monkeypatch.setattr(scoring, "_BLOCK", 25)
    names = ("care", "fairness", "liberty", "loyalty", "authority", "sanctity")
    path = write_scenarios(tmp_path / "data.jsonl", 60, names, levels=7)
    given = ["--method", "comparative", "--attribute-set", "moral-foundations", "--zero-shot"]
    assert evaluate(azimuth, path, tmp_path / "warm", *given, "--targets", "high") == 0
    started = time.monotonic()
    assert evaluate(azimuth, path, tmp_path / "r", *given, "--targets", "all") == 0
    took = time.monotonic() - started
    results = read_results(tmp_path / "r")
    assert all(s.cached for s in results.scenarios)
    (targets,) = results.run.target_sets
    assert len(targets) == 117_649
    assert {len(s.selected["all"]) for s in results.scenarios} == {117_649}
    found = accuracy(pairs_of(results.answered, targets))
    assert 0.4 < found.mean < 0.6  # the fake engine's scores are hashes
    assert took < 40, "a limit against a change of order, not a measurement"
