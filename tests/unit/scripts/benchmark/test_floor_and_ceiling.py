"""Random choices are at chance and the oracle is always right: so the scoring itself is."""

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.reading import read_results

DATASETS = (
    "helpsteer2",
    "triage",
    "opinionqa/CREGION_Northeast",
    "opinionqa/EDUCATION_Less_than_high_school",
)


def run(shared_data, tmp_path, dataset, method, *targets):
    path = shared_data / dataset / "eval.jsonl"
    given = ["run", "--scenarios", str(path), "--method", method, "--targets", *targets]
    assert main([*given, "--out", str(tmp_path / "r")]) == 0
    results = read_results(tmp_path / "r")
    return {t.name: accuracy(pairs_of(results.answered, t)) for t in results.run.target_sets}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_oracle_is_always_right(shared_data, tmp_path, dataset):
    found = run(shared_data, tmp_path, dataset, "oracle", "high", "low", "sample:10", "all")
    assert {name: one.mean for name, one in found.items()} == dict.fromkeys(found, 1.0)


@pytest.mark.parametrize("dataset", DATASETS)
def test_random_choices_are_within_their_interval_around_chance(shared_data, tmp_path, dataset):
    """Of all targets together: one seeded draw, so its interval holds chance or it never does."""
    found = run(shared_data, tmp_path, dataset, "random", "sample:10", "all")
    for one in found.values():
        low, high = one.interval
        assert low <= one.chance <= high
    if dataset in ("helpsteer2", "triage"):
        assert found["all"].chance == pytest.approx(0.5, abs=0.001)
    else:
        assert found["all"].chance < 0.4  # two to five answers
