"""The committed contract is up to date and complete."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from scripts.documents.openapi import PATH, document

DOCUMENT = json.loads(document())
OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
IDS = [f"{method} {path}" for path, method, _ in OPERATIONS]


def test_the_committed_document_is_up_to_date():
    assert Path(PATH).read_text("utf-8") == document(), "run: python -m scripts.documents openapi"


def test_the_document_is_valid_openapi():
    validate(DOCUMENT)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=IDS)
def test_every_operation_has_a_summary_an_id_and_examples(path, method, operation):
    assert operation["summary"]
    assert operation["description"]
    assert "/" not in operation["operationId"]
    assert "_v1_" not in operation["operationId"]
    for status, response in operation["responses"].items():
        assert response.get("content") or status == "204"
        for content in response.get("content", {}).values():
            assert content.get("example") or content.get("examples"), status
    if method in ("post", "put"):
        body = operation["requestBody"]["content"]
        assert all(c.get("example") or c.get("examples") for c in body.values())


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def example(one: dict) -> dict:
    """The example, with a reference to a component resolved."""
    slug = one.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["examples"][slug] if slug else one


def resolved(schema: dict) -> dict:
    return {**schema, "components": DOCUMENT["components"]}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=IDS)
def test_every_example_satisfies_its_own_schema(path, method, operation):
    import jsonschema

    answers = operation["responses"].values()
    contents = [c for answer in answers for c in answer.get("content", {}).items()]
    contents += list(operation.get("requestBody", {}).get("content", {}).items())
    for media_type, content in contents:
        if "json" not in media_type or media_type.endswith("jsonl"):
            continue
        values = [example(e)["value"] for e in content.get("examples", {}).values()]
        values += [content["example"]] if "example" in content else []
        for value in values:
            jsonschema.validate(value, resolved(content["schema"]))
