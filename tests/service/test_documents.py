"""The examples of the documents run against a service as they stand there."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from scripts.documents.commands import ROOT, call_of
from scripts.documents.markdown import Document
from scripts.documents.shell import commands_of
from tests.support import Service, wait_until

README = Document.read(ROOT / "README.md")
APP = Document.read(ROOT / "app" / "README.md")
ADDRESS = "127.0.0.1:8000"


def texts(document: Document, language: str) -> list[str]:
    return [block.text for block in document.blocks if block.language == language]


def calls(document: Document) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and body of every curl command."""
    for script in texts(document, "sh"):
        for words in commands_of(script):
            if words[0] == "curl":
                method, url, body = call_of(words[1:])
                yield method, url.removeprefix(ADDRESS), body


def run(azimuth: Service, method: str, path: str, body: str | None, folder: Path) -> httpx.Response:
    """Make a call as curl does; `@name` is the content of a file."""
    content = body.encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    if body is not None and body.startswith("@"):
        content = (folder / body[1:]).read_bytes()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}  # curl's own
    with azimuth.client() as client:
        return client.request(method, path, content=content, headers=headers)


def differences(shown: Any, real: Any, where: str = "") -> list[str]:
    """Where an answer that a document shows, shortened, is not like the real one."""
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [f"{where}/{key}" for key in shown if key not in real]
        both = [key for key in shown if key in real]
        return missing + [d for k in both for d in differences(shown[k], real[k], f"{where}/{k}")]
    if isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        pairs = enumerate(zip(shown, real, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{where}/{i}")]
    return [] if type(shown) is type(real) and not isinstance(shown, list) else [where]


def test_the_curl_command_of_the_readme_gets_an_answer_like_the_one_shown(azimuth, tmp_path):
    ((method, path, body),) = calls(README)
    answer = run(azimuth, method, path, body, tmp_path)
    assert answer.status_code == 200, answer.text
    (shown,) = texts(README, "json")
    assert differences(json.loads(shown), answer.json()) == []


def test_a_difference_of_two_answers_is_found():
    real = {"a": [{"b": 1.5, "c": "d"}]}
    assert differences({"a": [{"b": 0.1}]}, real) == []
    assert differences({"a": [{"e": 0.1}]}, real) == ["/a/0/e"]
    assert differences({"a": [{"c": 0.1}]}, real) == ["/a/0/c"]
    assert differences({"a": []}, real) == ["/a"]


def test_the_python_example_of_the_readme_runs(azimuth):
    (script,) = texts(README, "python")
    assert ADDRESS in script
    out, names = io.StringIO(), {}
    with contextlib.redirect_stdout(out):
        exec(compile(script.replace(f"http://{ADDRESS}", azimuth.url), "README.md", "exec"), names)
    names["azimuth"].close()
    first, *others = out.getvalue().splitlines()
    assert first.split()[0] in ("kind", "mean")
    assert len(others) == 2
    assert set(others) <= {"kind", "mean"}


def test_the_bank_and_the_attribute_set_of_the_examples_can_be_stored_and_used(azimuth, tmp_path):
    line = texts(APP, "json")[0]
    (tmp_path / "support.jsonl").write_text(line)
    stored = [call for call in calls(APP) if call[1].endswith(("/support", "/tone"))]
    assert [call[0] for call in stored] == ["PUT", "PUT", "GET"]
    for call in stored:
        answer = run(azimuth, *call, tmp_path)
        assert answer.is_success, answer.text
    wait_until(
        lambda: httpx.get(azimuth.url + stored[2][1]).json()["index"]["state"] == "ready",
        what="the index",
    )
    request = {
        "question": "Where is my order?",
        "responses": ["We are looking into it for you.", "See the tracking page."],
        "attribute_set": "tone",
    }
    answer = azimuth.post("/v1/score", request)
    assert answer.status_code == 200, answer.text
    (cell,) = answer.json()["cells"]
    assert [example["id"] for example in cell["examples"]] == ["s1"]


def test_the_calibration_of_the_examples_is_asked_for_by_a_valid_request(azimuth, tmp_path):
    """The name is unknown here; fits are tested in `tests/service/calibrations`."""
    selects = [call for call in calls(APP) if call[1].endswith("/select")]
    (call,) = [call for call in selects if "calibration" in str(call[2])]
    answer = run(azimuth, *call, tmp_path)
    assert answer.json()["type"] == "/problems/unknown-calibration"


def test_the_choice_for_groups_of_the_examples_is_asked_for_by_a_valid_request(azimuth, tmp_path):
    """The bank is unknown here; choices for groups are tested in `tests/service/test_people.py`."""
    selects = [call for call in calls(APP) if call[1].endswith("/select")]
    (call,) = [call for call in selects if "groups" in str(call[2])]
    answer = run(azimuth, *call, tmp_path)
    assert answer.json()["type"] == "/problems/unknown-bank"
