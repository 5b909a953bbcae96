"""Runs that were interrupted, that fail in part, or that a folder refuses."""

import json
import os
import signal
import subprocess
import sys

from scripts.benchmark.records.reading import read_results
from tests.service.benchmark.runs import ROOT, evaluate, numbers, write_scenarios
from tests.support import wait_until


def test_a_killed_run_resumes_to_the_same_numbers(service, tmp_path):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.3", AZIMUTH_WORKER_CONCURRENCY="2")
    path = write_scenarios(tmp_path / "data.jsonl", 10)
    given = ["--method", "comparative", "--targets", "high", "sample:2", "all"]
    broken = tmp_path / "broken"
    command = [
        sys.executable, "-m", "scripts.benchmark", "run", "--url", service.url,
        "--scenarios", str(path),
        "--out", str(broken), *given, "--concurrency", "2",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    journal = broken / "scenarios.jsonl"
    wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 3, what="lines")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with journal.open("ab") as file:
        file.write(b'{"id":"s9","lab')  # a line that the kill cut
    before = [json.loads(line) for line in journal.read_bytes().splitlines()[:-1]]
    assert 3 <= len(before) < 10
    assert evaluate(service, path, broken, *given) == 0
    assert evaluate(service, path, tmp_path / "whole", *given) == 0
    assert numbers(broken) == numbers(tmp_path / "whole")
    assert len(numbers(broken)) == 10
    assert journal.read_bytes().count(b"\n") == 10  # one line a scenario is left
    # What was scored before the kill was not asked for again.
    after = {one["id"]: one for one in map(json.loads, journal.read_bytes().splitlines())}
    for one in before:
        assert one.items() <= after[one["id"]].items()  # its selections were added
    assert read_results(broken).concurrencies == (2, 8)


def test_a_folder_of_another_run_is_refused(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    evaluate(azimuth, path, tmp_path / "r", "--method", "comparative", "--targets", "high")
    assert (
        evaluate(azimuth, path, tmp_path / "r", "--method", "regression", "--targets", "high") == 1
    )
    assert "other method" in capsys.readouterr().err


def test_failed_scenarios_are_reported_counted_and_retried(service, tmp_path, capsys):
    service.start_api()
    worker = service.start_worker(AZIMUTH_FAKE_FAULTS="invalid:1")
    path = write_scenarios(tmp_path / "data.jsonl", 3)
    given = ["--method", "unaligned", "--targets", "high"]
    assert evaluate(service, path, tmp_path / "r", *given) == 1
    captured = capsys.readouterr()
    assert "invalid-output" in captured.err
    assert "3 without an answer" in captured.out
    results = read_results(tmp_path / "r")
    assert all(s.problem and not s.selected for s in results.scenarios)
    worker.kill()
    service.start_worker()
    assert evaluate(service, path, tmp_path / "r", *given) == 0
    assert len(read_results(tmp_path / "r").answered) == 3


def test_score_sets_that_redis_forgot_are_scored_again(service, tmp_path):
    service.start_api()
    service.start_worker()
    path = write_scenarios(tmp_path / "data.jsonl", 1)
    given = ["--method", "comparative", "--zero-shot", "--targets", "high"]
    assert evaluate(service, path, tmp_path / "r", *given) == 0
    before = numbers(tmp_path / "r")
    journal = tmp_path / "r" / "scenarios.jsonl"
    line = json.loads(journal.read_bytes())
    del line["selected"]  # killed after the scores, before their targets
    journal.write_text(json.dumps(line) + "\n")
    for key in service.redis.scan_iter("*"):
        if line["score_set"].partition(".")[0] in key:
            service.redis.delete(key)
    service.api_child.kill()  # it remembers score sets for a while
    service.start_api()
    service.client().close()
    assert evaluate(service, path, tmp_path / "r", *given) == 0
    assert numbers(tmp_path / "r") == before


def test_other_definitions_of_the_same_attributes_are_another_run(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 2, ("helpfulness",))
    definitions = tmp_path / "attributes.json"
    given = ["--method", "comparative", "--targets", "high", "--zero-shot"]
    given += ["--attributes", str(definitions)]
    definitions.write_text('[{"name": "helpfulness", "definition": "Helps."}]')
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 0
    definitions.write_text('[{"name": "helpfulness", "definition": "Helps a lot."}]')
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 1
    assert "other definitions" in capsys.readouterr().err


def test_a_run_that_the_folder_refuses_does_not_replace_the_bank(azimuth, tmp_path):
    path = write_scenarios(tmp_path / "data.jsonl", 4)
    given = ["--targets", "high", "--bank", "kept", "--bank-file", str(path)]
    assert evaluate(azimuth, path, tmp_path / "r", "--method", "comparative", *given) == 0
    other = write_scenarios(tmp_path / "other.jsonl", 5)
    more = ["--targets", "high", "--bank", "kept", "--bank-file", str(other)]
    assert evaluate(azimuth, path, tmp_path / "r", "--method", "regression", *more) == 1
    with azimuth.client() as client:
        assert client.get("/v1/banks/kept").json()["scenarios"] == 4
