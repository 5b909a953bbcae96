"""The report page of the command line: trial fits over HTTP, and what they leave behind."""

import re

from scripts.calibrate import fitting
from scripts.calibrate.__main__ import main as calibrate
from scripts.calibrate.pages import trials
from scripts.calibrate.pages.draws import PARTS
from scripts.calibrate.pages.held_out import find
from tests.service.calibrations.support import (
    ATTRIBUTES,
    BANK,
    HELD_OUT,
    ask,
    calibrated,
    delete,
    ended,
    last_job,
    lines,
    look_at,
    problem_of,
    put,
    score,
)

FEW = 28
"""Scenarios of which three quarters suffice for a fit; every fit takes a second or two."""
SHORT = [one["id"] for one in BANK[:24]]


def test_the_page_has_all_its_parts_and_leaves_no_trial_behind(judged, tmp_path, monkeypatch):
    asked = []

    async def noting(*given):
        asked.append(last_job(judged))
        return await find(*given)

    monkeypatch.setattr(fitting, "find", noting)
    file, page = tmp_path / "bank.jsonl", tmp_path / "out" / "page.html"
    file.write_text(lines(*BANK))
    given = ["shown", "--bank", "labelled", "--bank-file", str(file), "--url", judged.url]
    given += ["--only", *ATTRIBUTES, "--zero-shot", "--model", "fake", "--method", "probe"]
    given += ["--scenarios", str(FEW), "--report", str(page)]
    run_one, wanted = trials._trial, []

    async def interrupted(*of):
        wanted.append(of[-2:])
        if len(wanted) > 2:
            raise KeyboardInterrupt
        return await run_one(*of)

    with monkeypatch.context() as patch:
        patch.setattr(trials, "_trial", interrupted)
        assert calibrate(given) == 130
    (kept,) = page.parent.iterdir()
    done = len(kept.read_bytes().splitlines())
    assert done in (1, 2)

    async def counted(*of):
        wanted.append(of[-2:])
        return await run_one(*of)

    wanted.clear()
    with monkeypatch.context() as patch:
        patch.setattr(trials, "_trial", counted)
        assert calibrate(given) == 0
    assert len(wanted) == PARTS - done
    assert list(page.parent.iterdir()) == [page]
    assert all(job == last_job(judged) for job in asked)  # trials ask the judge nothing more
    html = page.read_text("utf-8")
    assert "<h1>Calibration shown</h1>" in html
    for part in ("sources", "curve", "reliability", "surprises"):
        assert f'<h3 id="{part}">' in html
    assert f"{FEW * 3 // 4} scenarios</th>" in html
    assert not re.search(r'(src|href)="(?!#)', html)  # needs no other file
    assert "What about" not in html
    with judged.client() as client:
        names = [one["name"] for one in client.get("/v1/calibrations").json()["calibrations"]]
    assert not [name for name in names if "trial" in name]
    assert delete(judged, "shown") == 204


def test_a_fit_on_named_scenarios_that_auto_does_not_choose(judged, house):
    put(judged, "aside", scenario_ids=SHORT, automatic=False)
    aside = ended(judged, "aside")["fitted"]
    assert (aside["scenarios"], aside["labelled"], aside["automatic"]) == (24, 24, False)
    by_default = score(judged, HELD_OUT[38])
    assert by_default["calibration"]["name"] == "house"  # though `aside` is later
    named = look_at(judged, by_default["id"], calibration="aside")
    assert named["calibration"]["name"] == "aside"
    assert calibrated(named) != calibrated(by_default)
    assert judged.post("/v1/score", ask(HELD_OUT[38], calibration="aside")).status_code == 200
    assert delete(judged, "aside") == 204


def test_unknown_scenarios_are_refused(judged):
    refused = problem_of(put(judged, "x", scenario_ids=[*SHORT, "nobody"]), 422, "invalid-request")
    assert refused["errors"][0]["pointer"] == "#/scenario_ids"
    assert "no scenario 'nobody'" in refused["detail"]
