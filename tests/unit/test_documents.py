"""Documents are short, complete and true: names, links, commands and examples exist."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from app.settings import PREFIX
from scripts.documents.check import documents, faults_of
from scripts.documents.commands import ROOT, faults_of_command, operation_of, resolved
from scripts.documents.markdown import Document
from scripts.documents.shell import commands_of
from tests.unit.test_architecture import LEVEL

README = Document.read(ROOT / "README.md")


def faults(text: str, path: Path = ROOT / "README.md") -> list[str]:
    return list(faults_of(Document(path, text)))


def shell(*commands: str) -> str:
    return "```sh\n" + "\n".join(commands) + "\n```\n"


def curl(body: object, path: str = "select") -> str:
    return shell(f"curl 127.0.0.1:8000/v1/{path} -d '{json.dumps(body)}'")


def _section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_document_has_no_faults(path):
    assert list(faults_of(Document.read(path))) == []


def test_the_readme_is_at_most_180_lines():
    assert len(README.text.splitlines()) <= 180


def test_the_readme_links_to_every_other_document():
    named = {(ROOT / link.partition("#")[0]).resolve() for link in README.links}
    assert set(documents()) - named - {README.path} == set()


def test_the_layers_are_in_the_readme_of_the_app_from_the_top_down():
    text = (ROOT / "app" / "README.md").read_text("utf-8")
    rows = [row for row in _section(text, "Layout").splitlines() if row.startswith("| `app.")]
    parts = [part for row in rows for part in re.findall(r"`(app\.\w+)`", row.split("|")[1])]
    assert sorted(parts) == sorted(LEVEL)
    levels = [LEVEL[part] for part in parts]
    assert levels == sorted(levels, reverse=True)


def test_the_readme_lists_every_operation():
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
    table = _section(README.text, "Operations")
    for path in contract["paths"]:
        collection = re.sub(r"/\{[^}]+\}$", "", path)
        assert collection in table or path == "/problems/{slug}", path


def test_the_answer_in_the_readme_has_the_shape_of_the_contract():
    (shown,) = [json.loads(b.text) for b in README.blocks if b.language == "json"]
    operation = operation_of("POST", "/v1/select")
    schema = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
    jsonschema.validate(shown, _shortened(schema))


def test_the_distances_in_the_readme_follow_from_the_scores_and_the_target():
    (shown,) = [json.loads(b.text) for b in README.blocks if b.language == "json"]
    target = {"helpfulness": 1.0, "verbosity": 0.25}
    cells = {cell["attribute"]: cell["scores"] for cell in shown["score_set"]["cells"]}
    for ranked in shown["selection"]["ranking"]:
        squares = [
            (cells[name][ranked["index"]]["score"] - wish) ** 2 for name, wish in target.items()
        ]
        assert ranked["distance"] == pytest.approx(sum(squares) ** 0.5, abs=5e-4)


def _shortened(schema):
    """The schema of an answer of which members may be left out, but none added."""
    if isinstance(schema, list):
        return [_shortened(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    short = {k: _shortened(v) for k, v in schema.items() if k != "required"}
    return short | ({"additionalProperties": False} if "properties" in schema else {})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](no/such/file.md)", "leads to no file"),
        ("[a](app/README.md#no-such-heading)", "leads to no heading"),
        ("`app/no_such_module.py`", "no file"),
        ("`no_such_name`", "no_such_name"),
        ('`"no_such_member": 1`', "no_such_member"),
        ('`"explain": "perhaps"`', "explain"),
        ("`Selector.no_such_method`", "no_such_method"),
        ("`python -m scripts.no_such_module`", "no module"),
        ("`python -m no_such_package.module`", "no module"),
        (shell(".venv/bin/python -m scripts.calibrate x --bank b --colour red"), "--colour"),
        (shell(".venv/bin/python -m scripts.benchmark measure"), "no command measure"),
        (shell(".venv/bin/python -m scripts.benchmark run --no-such-option"), "--no-such-option"),
        (shell(".venv/bin/python -m pytest tests/no_such_test.py"), "tests/no_such_test.py"),
        (shell("./scripts/no-such-script"), "scripts/no-such-script"),
        (shell("./scripts/run --loudly"), "--loudly"),
        (shell("AZIMUTH_NO_SUCH_SETTING=1 ./scripts/run"), "AZIMUTH_NO_SUCH_SETTING"),
        (shell("frobnicate now"), "frobnicate"),
        (shell("curl 127.0.0.1:8000/v1/no-such-path"), "no operation"),
        (shell("echo 'without an end"), "does not end"),
        (curl({"question": "Q", "responses": ["a", "b"], "target": {"x": 2}}), "not valid"),
        (curl({"question": "Q", "responses": ["a", "b"], "method": "x"}), "not valid"),
        ("```python\nprint(\n```\n", "Python"),
        ('```json\n{"a": 1\n```\n', "JSON"),
        ('```json\n{"id": "1", "question": "", "labels": []}\n```\n', "bank"),
    ],
)
def test_a_fault_of_a_document_is_found(text, fault):
    assert [one for one in faults(text) if fault in one], faults(text)


def test_commands_are_read_over_lines_quotes_comments_and_functions():
    script = """\
A=1 B='x y' run --flag   # a comment
curl url -d '{
  "a": "# no comment"}' && next \\
    --option
f() { tool "$@" --always; }
f one "${X}"
"""
    assert list(commands_of(script)) == [
        ["A=1", "B=x y", "run", "--flag"],
        ["curl", "url", "-d", '{\n  "a": "# no comment"}'],
        ["next", "--option"],
        ["tool", "one", "${X}", "--always"],
    ]


def test_anchors_are_those_of_github():
    text = "# Reward models and Kaleido\n## `code`, twice!\n## code twice\n## A CPU\n"
    anchors = Document(README.path, text).anchors
    assert anchors == {"reward-models-and-kaleido", "code-twice", "code-twice-1", "a-cpu"}


def test_settings_in_text_exist():
    """Variables that documents speak of, not only those that their commands set."""
    for path in documents():
        for name in re.findall(rf"\b({PREFIX}\w+)\b", path.read_text("utf-8")):
            assert list(faults_of_command([f"{name}=1"])) == [], f"{path}: {name}"
