"""Members of request bodies have the types of the contract: nothing is converted by guess."""

import copy
import json

import pytest

from tests.contract_check import DOCUMENT
from tests.support import SCENARIO, client_with_every_scope, grouped

CONTRACT = json.loads(DOCUMENT.read_text("utf-8"))
WRONG = {
    "number": [True, "0.5", [0.5]],
    "integer": [True, "5", 1.5],
    "boolean": [1, 0, "true", None],
    "string": [1, True],
    "null": [],
}
RIGHT = {
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
}


def resolved(schema):
    while "$ref" in schema:
        schema = CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def leaves(schema, steps=()):
    """Paths to the numbers, truth values, texts and nulls that a schema has, with their types."""
    schema = resolved(schema)
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from leaves(branch, steps)
    for name, one in schema.get("properties", {}).items():
        yield from leaves(one, (*steps, name))
    if schema.get("additionalProperties"):
        yield from leaves(schema["additionalProperties"], (*steps, "helpfulness"))
    if "items" in schema or "prefixItems" in schema:
        yield from leaves(schema.get("items") or schema["prefixItems"][0], (*steps, 0))
    if schema.get("type") in WRONG and "enum" not in schema:
        yield steps, schema["type"]


def with_value(body, steps, value):
    """A copy of a body with another value at a path; what is on the way is made if need be."""
    if not steps:
        return value
    step, *rest = steps
    if isinstance(step, int):
        return [with_value(body[0] if isinstance(body, list) and body else None, rest, value)] + (
            body[1:] if isinstance(body, list) else []
        )
    made = copy.deepcopy(body) if isinstance(body, dict) else {}
    return made | {step: with_value(made.get(step), rest, value)}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a service with keys, which has every operation."""
    with client_with_every_scope(tmp_path_factory.mktemp("types")) as client:
        yield client


def operations():
    """Every operation with a JSON object as its body, and an example of one."""
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content and "$ref" in content["schema"]:
                examples = content.get("examples", {"only": {"value": content.get("example")}})
                example = next(iter(examples.values()))["value"]
                yield pytest.param(method, path, example, content["schema"], id=f"{method} {path}")


def pointers(response):
    return [error["pointer"] for error in response.json().get("errors", ())]


@pytest.mark.parametrize(("method", "path", "example", "schema"), list(operations()))
def test_a_member_of_another_type_is_refused_with_its_place(client, method, path, example, schema):
    types: dict[tuple, set] = {}
    for steps, kind in leaves(schema):
        types.setdefault(steps, set()).add(kind)
    assert types
    for steps, kinds in types.items():
        pointer = "#" + "".join(f"/{step}" for step in steps)
        for value in (v for kind in kinds for v in WRONG[kind]):
            if any(RIGHT[kind](value) for kind in kinds):
                continue  # a member of several types
            body = with_value(example, steps, value)
            response = client.request(method, path.replace("{name}", "typed"), json=body)
            where = f"{pointer}: {value!r}"
            assert response.status_code == 422, where
            assert pointer in pointers(response), (where, pointers(response))


@pytest.mark.parametrize(
    "options",
    [
        {"target": {"helpfulness": 1}, "weights": {"helpfulness": 2}},
        {"target": {"helpfulness": {"between": [0, 1]}}, "max_distance": 1},
        {"target": {"helpfulness": 0.5}, "orders": 2.0, "samples": 1.0, "deadline_s": 30},
    ],
)
def test_whole_numbers_are_numbers_in_either_form(client, options):
    answer = client.post("/v1/select", json=SCENARIO | grouped(**options))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("label", [True, "0.5"])
def test_labels_of_banks_are_held_to_the_same_rule(client, label):
    line = {"id": "s", "question": "q", "responses": ["a", "b"], "labels": [{"w": label}, {}]}
    response = client.put("/v1/banks/typed", content=json.dumps(line))
    assert response.status_code == 422
    assert "labels[0].w" in response.json()["detail"]
