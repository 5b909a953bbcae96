"""Settings of a run: what the service refuses, and what has no effect."""

import json

from scripts.benchmark.records.reading import read_results
from tests.service.benchmark.runs import NAMES, evaluate, write_scenarios


def test_unknown_settings_end_the_run_with_the_service_s_message(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    given = ["--method", "comparative", "--targets", "high", "--bank", "nowhere"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 1
    assert "'nowhere'" in capsys.readouterr().err


def test_a_bank_file_can_be_stored_first_without_its_long_scenarios(azimuth, tmp_path):
    path = write_scenarios(tmp_path / "data.jsonl", 12)
    given = ["--method", "comparative", "--targets", "high", "--bank", "short", "--examples", "3"]
    more = ["--bank-file", str(path), "--bank-chars", "47"]
    assert evaluate(azimuth, path, tmp_path / "r", *given, *more) == 0
    with azimuth.client() as client:
        stored = client.get("/v1/banks/short").json()
    assert 0 < stored["scenarios"] < 12


def test_a_deadline_above_the_service_s_limit_is_left_out(service, tmp_path):
    service.start_api(AZIMUTH_MAX_DEADLINE_S="700")
    service.start_worker()
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    given = ["--method", "comparative", "--targets", "high"]
    assert evaluate(service, path, tmp_path / "r", *given) == 0


def test_a_setting_that_the_service_refuses_ends_the_run_at_once(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 2)
    given = ["--method", "comparative", "--targets", "high", "--examples", "100"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 1
    assert "error: 422" in capsys.readouterr().err
    assert read_results(tmp_path / "r").scenarios == ()


def test_options_without_effect_are_reported(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 2, ("wit",))
    definitions = tmp_path / "attributes.json"
    definitions.write_text('[{"name": "wit", "definition": "Funny."}]')
    given = ["--targets", "high", "--attributes", str(definitions), "--order-check", "1"]
    assert evaluate(azimuth, path, tmp_path / "r", "--method", "regression", *given) == 0
    errors = capsys.readouterr().err
    assert "note: --order-check has no effect on regression" in errors
    assert "no labels for 'wit'" in errors
    assert errors.count("scored without examples") == 1


def test_a_run_without_a_bank_is_called_zero_shot(azimuth, tmp_path):
    with azimuth.client() as client:
        asked = {"attributes": [{"name": "wit", "definition": "Funny."}]}
        assert client.put("/v1/attribute-sets/bare", json=asked).is_success
    path = write_scenarios(tmp_path / "data.jsonl", 1, ("wit",))
    given = ["--method", "comparative", "--targets", "high", "--attribute-set", "bare"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 0
    assert read_results(tmp_path / "r").run.title == "comparative, zero-shot"


def test_a_joint_run_can_have_scenarios_with_different_attributes(azimuth, tmp_path):
    path = write_scenarios(tmp_path / "data.jsonl", 3)
    other = write_scenarios(tmp_path / "other.jsonl", 2, NAMES[:2])
    single = write_scenarios(tmp_path / "single.jsonl", 1, NAMES[:1])
    lines = [json.loads(line) for p in (path, other, single) for line in p.read_text().split("\n")]
    path.write_text("\n".join(json.dumps(x | {"id": f"s{i}"}) for i, x in enumerate(lines)))
    given = ["--method", "comparative", "--joint", "--targets", "high"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 0
    results = read_results(tmp_path / "r")
    assert results.run.title == "comparative, few-shot, joint"
    assert results.run.settings["joint"] is True
    assert sorted(len(s.scores) for s in results.scenarios) == [1, 2, 2, 5, 5, 5]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 0  # taken up again


def test_methods_that_cannot_be_joint_end_the_run_with_a_reason(azimuth, tmp_path, capsys):
    path = write_scenarios(tmp_path / "data.jsonl", 1)
    given = ["--method", "regression", "--joint", "--targets", "high"]
    assert evaluate(azimuth, path, tmp_path / "r", *given) == 1
    assert "several attributes in one prompt" in capsys.readouterr().err
