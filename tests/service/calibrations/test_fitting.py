"""Fitting over HTTP: what is scored, what is learnt, what is reported."""

from scripts.calibrate.__main__ import main as calibrate
from tests.service.calibrations.support import (
    ATTRIBUTES,
    BANK,
    COUNT,
    DIGITS,
    HELD_OUT,
    delete,
    ended,
    fitted,
    lines,
    look,
    put,
    score,
)


def test_a_fit_is_accepted_with_the_place_to_poll(accepted):
    assert accepted.status_code == 202
    assert accepted.headers["location"] == "/v1/calibrations/house"
    assert accepted.headers["retry-after"] == "1"
    begun = accepted.json()
    assert (begun["name"], begun["state"]) == ("house", "scoring")
    assert (begun["done"], begun["total"]) == (0, COUNT)
    assert begun["detail"] == f"0 of {COUNT} scenarios are scored"
    assert "fitted" not in begun


def test_a_finished_fit_shows_its_bank_and_its_scorer(judged, house):
    seen = look(judged, "house")
    assert (seen["state"], seen["detail"]) == ("ready", "fitted")
    assert (seen["done"], seen["total"], seen["left_out"]) == (COUNT, COUNT, {})
    assert seen["fitted"] == house
    assert house["bank"]["name"] == "labelled"
    assert (house["scenarios"], house["left_out"]) == (COUNT, {})
    assert house["attributes"] == ATTRIBUTES
    assert house["scorer"]["model"] == "fake"
    assert len(house["reports"]) == 4  # each attribute, together with the other and alone


def test_the_reports_show_where_the_judge_helps(house):
    together = {r["attribute"]: r for r in house["reports"] if r["basis"] == "together"}
    helpfulness, verbosity = together["helpfulness"], together["verbosity"]
    assert helpfulness["layer"] in ("alone", "together")
    assert helpfulness["error"] < 0.25 < helpfulness["error_features"]
    assert "lowers the error of surface features" in helpfulness["summary"]
    assert verbosity["layer"] == "features"
    assert verbosity["error"] < 0.2 < 0.4 < verbosity["error_raw"]
    assert verbosity["pairs"] > 0.9 > verbosity["pairs_raw"]
    assert verbosity["summary"] == "on verbosity this judge adds nothing to surface features"


def test_settings_without_effect_are_warnings_from_start_to_end(judged):
    unused = put(judged, "idle-samples", scoring=DIGITS | {"samples": 3})
    (warning,) = unused.json()["warnings"]
    assert "does not use samples" in warning
    assert ended(judged, "idle-samples")["warnings"] == [warning]
    assert delete(judged, "idle-samples") == 204


def test_several_banks_are_learnt_from_and_reported_apart(judged, house):
    """Also if they have the same ids: every scenario of both is scored and has its labels."""
    with judged.client() as client:
        client.put("/v1/banks/second", content=lines(*BANK[:30])).raise_for_status()
    both = fitted(judged, "both", further_banks=["second"])
    assert both["bank"]["name"] == "labelled"
    assert [one["name"] for one in both["further_banks"]] == ["second"]
    assert both["scenarios"] == COUNT + 30
    reports = {(one["bank"], one["attribute"], one["basis"]): one for one in both["reports"]}
    assert len(reports) == 8
    own = {(one["attribute"], one["basis"]): one for one in house["reports"]}
    assert (
        reports["labelled", "helpfulness", "together"]["error"]
        == (own["helpfulness", "together"]["error"])
    )
    assert reports["second", "helpfulness", "together"]["scenarios"] == 30
    answer = score(judged, HELD_OUT[0], calibration="both")
    assert answer["calibration"]["name"] == "both"
    assert delete(judged, "both") == 204


def test_scenarios_that_cannot_be_scored_are_counted_by_reason(by_digits):
    assert by_digits["left_out"] == {"context-overflow": 2}
    assert by_digits["scenarios"] == COUNT - 2


def test_scenarios_with_too_many_responses_are_left_out_and_counted(judged):
    many = [f"reply {number}" for number in range(27)]
    crowd = {"id": "crowd", "question": "Who is there?", "responses": many}
    crowd["labels"] = [dict.fromkeys(ATTRIBUTES, 0.5)] * 27
    with judged.client() as client:
        client.put("/v1/banks/crowded", content=lines(crowd, *BANK[:24])).raise_for_status()
    another = {"reasoning_chars": 210}  # `house` is not for this scorer
    crowded = fitted(judged, "crowded", bank="crowded", scoring=another)
    assert crowded["left_out"] == {"too-many-responses": 1}
    assert not judged.redis.keys("azimuth:dead:*")


def test_only_the_sample_is_scored_and_surface_features_learn_from_all(judged, house):
    sampled = fitted(judged, "sampled", scenarios=24)
    assert (sampled["scenarios"], sampled["labelled"]) == (24, COUNT)
    assert (house["scenarios"], house["labelled"]) == (COUNT, COUNT)
    assert {report["scenarios"] for report in sampled["reports"]} == {24}
    (verbosity,) = [
        r for r in sampled["reports"] if (r["attribute"], r["basis"]) == ("verbosity", "together")
    ]
    # Surface features predict verbosity: they lose nothing when only a sample is scored.
    (whole,) = [
        r for r in house["reports"] if (r["attribute"], r["basis"]) == ("verbosity", "together")
    ]
    assert verbosity["error_features"] < 1.5 * whole["error_features"]
    assert delete(judged, "sampled") == 204


def test_digit_readings_are_calibrated_as_well(judged, by_digits):
    answer = score(judged, HELD_OUT[0], scoring=DIGITS)
    assert answer["calibration"]["digest"] == by_digits["digest"]
    assert answer["scorer"]["orders"] == 2
    one = answer["cells"][0]["scores"][0]
    assert len(one["digit_probabilities"]) == 5
    assert one["calibrated"]["standard_error"] > 0
    # The digit's own deviation and the error of such scores on the bank are two errors.
    assert one["standard_error"] != one["calibrated"]["standard_error"]


def test_the_command_line_prints_the_reports(judged, house, tmp_path, capsys):
    path = tmp_path / "bank.jsonl"
    path.write_text(lines(*BANK))
    given = ["by-hand", "--bank", "labelled", "--bank-file", str(path), "--url", judged.url]
    how = ["--only", *ATTRIBUTES, "--zero-shot", "--model", "fake"]
    assert calibrate([*given, *how]) == 0
    printed = capsys.readouterr().out
    assert f"on {COUNT} scenarios of labelled" in printed
    assert "on verbosity this judge adds nothing to surface features" in printed
    assert house["digest"] in printed  # the same scenarios, scored the same
    assert delete(judged, "by-hand") == 204
    assert calibrate([*given, *how, "--orders", "99"]) == 1
    assert "#/scoring/orders" in capsys.readouterr().err
