"""Fitting from the command line: what is sent, what is shown, and what may go wrong meanwhile."""

import json

import httpx
import pytest

from app.banks.reading import reading_out
from app.calibrations.schemas import FittedOut
from app.domain.bank_files.reading import BankFile
from app.scoring.schemas import SCORER_EXAMPLE
from scripts.calibrate import fitting, following
from scripts.calibrate.__main__ import main, options_of, parser
from scripts.calibrate.report import report
from scripts.client import connection as module

PLACE = "/v1/calibrations/house"


def seen(state, done=0, **more):
    return {
        "name": "house",
        "state": state,
        "detail": f"{state}!",
        "done": done,
        "total": 40,
    } | more


def attribute(name, basis, summary, **more):
    return {
        "attribute": name, "basis": basis, "scenarios": 40, "layer": "alone", "summary": summary,
        "error_constant": 0.3, "error_raw": 0.31, "error_features": 0.25, "error_combined": 0.2,
        "error": 0.2, "pairs_raw": 0.6, "pairs_features": 0.7, "pairs": 0.75,
    } | more  # fmt: skip


READY = seen(
    "ready",
    40,
    fitted={
        "digest": "0d1e",
        "scorer": SCORER_EXAMPLE | {"model": "small"},
        "attributes": ["wit", "care"],
        "bank": {"name": "people", "digest": "b"},
        "scenarios": 38,
        "labelled": 38,
        "left_out": {"context-overflow": 2},
        "reports": [
            attribute("wit", "together", "on wit this judge helps"),
            attribute("care", "together", "on care it adds nothing", pairs_raw=None),
            attribute("wit", "alone", "on wit alone this judge adds nothing"),
        ],
        "created_ms": 0,
    },
)
STORED = {
    "name": "people", "digest": "b", "scenarios": 40, "responses": 80, "labels": {},
    "created_ms": 0, "builtin": False, "index": {"state": "ready", "workers": []},
    "reading": reading_out(BankFile(), "0..1").model_dump(),
}  # fmt: skip


def problem(status, slug, title, detail="", **more):
    document = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    return status, document | {"request_id": "r"} | more


RUNNING = problem(409, "calibration-running", "Running")


class Azimuth:
    """Answers by turns; the last answer to a method is given again."""

    def __init__(self, **turns):
        self.turns = turns
        self.asked = []
        self.queries = []

    async def __call__(self, request):
        self.queries.append(dict(request.url.params))
        self.asked.append((request.method, request.url.path, request.content))
        turns = self.turns[request.method]
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        status, content = turn if isinstance(turn, tuple) else (200, turn)
        return httpx.Response(status, json=content, headers={"Retry-After": "0.01"})

    def sent(self, path=PLACE):
        return [json.loads(c) for m, p, c in self.asked if (m, p) == ("PUT", path)]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command against an Azimuth: its exit status, what it printed, and its complaints."""
    client = httpx.AsyncClient
    monkeypatch.setattr(following, "_POLL_S", 0.0)

    def run(azimuth, *more):
        transport = httpx.MockTransport(azimuth)
        monkeypatch.setattr(
            module.httpx,
            "AsyncClient",
            lambda **_: client(base_url="http://it", transport=transport),
        )
        status = main(["house", "--bank", "people", *more])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def body(*given):
    arguments = parser().parse_args(["house", "--bank", "b", *given])
    return fitting.request_of(options_of(arguments))


def test_options_that_are_not_given_are_left_to_the_service():
    assert body() == {
        "bank": "b",
        "attribute_set": "helpsteer2",
        "scoring": {"method": "comparative"},
    }


def test_options_say_how_to_score():
    given = "--method regression --zero-shot --samples 3 --orders 2 --temperature 0.5 --seed 7"
    scoring = body(*given.split(), "--model", "m", "--no-reasoning", "--joint")["scoring"]
    assert scoring == {
        "method": "regression", "bank": None, "samples": 3,
        "orders": 2, "temperature": 0.5, "seed": 7, "model": "m", "reasoning": False, "joint": True,
    }  # fmt: skip
    given = "--prompt-order item_first --retrieval fixed"
    assert body(*given.split())["scoring"] == {
        "method": "comparative", "prompt_order": "item_first", "retrieval": "fixed",
    }  # fmt: skip
    assert body("--examples-bank", "e")["scoring"]["bank"] == "e"
    assert body("--scenarios", "30") == body() | {"scenarios": 30, "sample_seed": 0}


def test_a_bank_file_is_stored_with_the_scale_and_the_way_of_its_labels(run, tmp_path):
    path = tmp_path / "ratings.json"
    path.write_text("[]")
    azimuth = Azimuth(PUT=[STORED, seen("scoring")], GET=[READY])
    options = ["--bank-file", str(path), "--scale", "1..5", "--unlabelled", "drop"]
    assert run(azimuth, *options)[0] == 0
    assert azimuth.queries[0] == {"scale": "1..5", "unlabelled": "drop"}


def test_attributes_are_names_of_a_set_or_definitions_of_a_file(tmp_path):
    assert body("--only", "wit")["attributes"] == ["wit"]
    path = tmp_path / "own.json"
    path.write_text('[{"name": "wit", "definition": "W."}, {"name": "care", "definition": "C."}]')
    own = body("--attributes", str(path))["attributes"]
    assert [one["name"] for one in own] == ["wit", "care"]
    assert body("--attributes", str(path), "--only", "care")["attributes"] == own[1:]


def test_the_bank_is_stored_before_and_the_reports_shown_after(run, tmp_path):
    (tmp_path / "bank.jsonl").write_text("lines")
    azimuth = Azimuth(
        PUT=[STORED, (202, seen("scoring"))], GET=[seen("scoring", 9), seen("fitting", 40), READY]
    )
    status, out, _ = run(azimuth, "--bank-file", str(tmp_path / "bank.jsonl"))
    assert status == 0
    assert [one[:2] for one in azimuth.asked[:2]] == [("PUT", "/v1/banks/people"), ("PUT", PLACE)]
    assert azimuth.asked[0][2] == b"lines"
    printed = out.splitlines()
    assert printed[0] == (
        "house is fitted for comparative with small, on 38 scenarios of people "
        "(left out: 2 context-overflow)"
    )
    assert printed[2].split() == [
        "attribute", "scored", "scenarios", "error:", "raw", "features", "+", "judge", "used",
        "pairs:", "raw", "features", "used",
    ]  # fmt: skip
    assert printed[3].split() == [
        "wit", "together", "40", "0.310", "0.250", "0.200", "0.200",
        "60", "%", "70", "%", "75", "%",
    ]  # fmt: skip
    assert printed[4].split()[7] == "–"
    assert "on wit this judge helps" in printed
    assert "on care it adds nothing" in printed
    assert (
        "on wit alone this judge adds nothing" not in printed
    )  # `together` is reported where it exists


def test_progress_and_the_time_left_are_shown(run):
    status, _, err = run(Azimuth(PUT=[(202, seen("scoring"))], GET=[seen("scoring", 10), READY]))
    assert status == 0
    assert "house" in err
    assert "40/40" in err


def test_a_running_fit_of_that_name_is_followed(run):
    """Interrupting the command does not interrupt the service."""
    azimuth = Azimuth(PUT=[RUNNING], GET=[seen("scoring", 10), READY])
    status, out, err = run(azimuth)
    assert status == 0
    assert "is already being fitted" in err
    assert "house is fitted" in out


def test_an_interrupted_fit_is_started_again(run):
    azimuth = Azimuth(
        PUT=[(202, seen("scoring"))], GET=[seen("interrupted", 10), seen("scoring", 20), READY]
    )
    status, _, err = run(azimuth)
    assert status == 0
    assert "the fit continues" in err
    first, again = azimuth.sent()
    assert first == again


def test_a_fit_that_is_interrupted_without_progress_is_given_up(run):
    azimuth = Azimuth(PUT=[(202, seen("scoring"))], GET=[seen("interrupted", 40)])
    status, _, err = run(azimuth)
    assert status == 1
    assert "interrupted!" in err
    assert len(azimuth.sent()) == 4


def test_a_fit_that_fails_ends_with_its_reason(run):
    status, out, err = run(Azimuth(PUT=[(202, seen("scoring"))], GET=[seen("failed", 40)]))
    assert (status, out) == (1, "")
    assert "error: house could not be fitted: failed!" in err


def test_a_problem_is_printed_with_the_fields_at_fault(run):
    fields = [{"pointer": "#/bank", "detail": "known are helpsteer2"}]
    unknown = problem(
        404, "unknown-bank", "No such bank", "no bank is called 'people'", errors=fields
    )
    status, out, err = run(Azimuth(PUT=[unknown], GET=[READY]))
    assert (status, out) == (1, "")
    assert "error: 404 No such bank: no bank is called 'people'" in err
    assert "  #/bank: known are helpsteer2" in err


def test_a_missing_bank_file_is_reported(run):
    status, _, err = run(Azimuth(PUT=[STORED], GET=[READY]), "--bank-file", "nowhere.jsonl")
    assert status == 1
    assert "nowhere.jsonl" in err


def test_methods_that_choose_cannot_be_calibrated(capsys):
    with pytest.raises(SystemExit):
        main(["house", "--bank", "b", "--method", "unaligned"])
    assert "invalid choice" in capsys.readouterr().err


def test_the_report_notes_when_only_a_sample_of_the_labelled_scenarios_was_scored():
    printed = report("house", FittedOut.model_validate(READY["fitted"] | {"labelled": 500}))
    assert (
        "on 38 scenarios of people (left out: 2 context-overflow); surface features on " in printed
    )
    assert "all its 500" in printed


def test_several_models_are_a_committee():
    given = ["x", "--bank", "b", "--method", "probe", "--model", "A", "--model", "A=digits"]
    options = options_of(parser().parse_args([*given, "--model", "B=comparative"]))
    assert fitting.request_of(options)["scoring"]["model"] == [
        "A",
        {"model": "A", "method": "comparative", "reasoning": False},
        {"model": "B", "method": "comparative"},
    ]
    assert options.scorer.arguments() == [
        "--model", "A", "--model", "A=digits", "--model", "B=comparative",
    ]  # fmt: skip
    alone = options_of(parser().parse_args([*given[:5], "--model", "A"]))
    assert fitting.request_of(alone)["scoring"]["model"] == "A"
