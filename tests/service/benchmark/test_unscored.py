"""Answers that are missing, late or not valid."""

from scripts.benchmark.records.reading import read_results
from tests.service.benchmark.runs import NAMES, evaluate, write_scenarios


def test_unscored_cells_are_kept_with_their_reason_and_select_nothing(service, tmp_path):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="truncated:0.6")
    path = write_scenarios(tmp_path / "data.jsonl", 8)
    evaluate(service, path, tmp_path / "r", "--method", "comparative", "--targets", "high")
    partly = [s for s in read_results(tmp_path / "r").scenarios if s.unscored and s.scores]
    assert partly
    for scenario in partly:
        assert set(scenario.unscored.values()) == {"truncated"}
        assert scenario.selected == {"high": "-"}


def test_one_target_without_a_valid_answer_loses_one_selection(service, tmp_path):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="invalid:0.5")
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    given = ["--method", "prompt_aligned", "--targets", "sample:3"]
    evaluate(service, path, tmp_path / "r", *given)
    letters = "".join(s.selected["sample-3"] for s in read_results(tmp_path / "r").answered)
    assert "-" in letters
    assert set(letters) & {"A", "B"}
    for scenario in read_results(tmp_path / "r").answered:
        lost = "-" in scenario.selected["sample-3"]
        assert scenario.unscored == ({"(choice)": "invalid-output"} if lost else {})


def test_slow_answers_are_polled_for(service, tmp_path):
    service.start_api(AZIMUTH_WAIT_S="0.2")
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.6")
    path = write_scenarios(tmp_path / "data.jsonl", 1)
    for method in ("comparative", "unaligned"):
        given = ["--method", method, "--targets", "high"]
        assert evaluate(service, path, tmp_path / method, *given) == 0
        (scenario,) = read_results(tmp_path / method).scenarios
        assert not scenario.cached  # it was scored for this run
        assert scenario.seconds > 0.5


def test_cells_that_stay_unscored_are_not_requested_forever(service, tmp_path, capsys):
    service.start_api(AZIMUTH_WAIT_S="0.05")
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.1", AZIMUTH_FAKE_FAULTS="truncated:1")
    path = write_scenarios(tmp_path / "data.jsonl", 1)
    given = ["--targets", "high"]
    assert evaluate(service, path, tmp_path / "s", "--method", "comparative", *given) == 0
    (scenario,) = read_results(tmp_path / "s").scenarios
    assert scenario.unscored == dict.fromkeys(NAMES, "truncated")
    assert evaluate(service, path, tmp_path / "c", "--method", "unaligned", *given) == 1
    assert "truncated" in capsys.readouterr().err
