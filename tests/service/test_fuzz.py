"""Requests made from the contract, right and wrong ones: each is answered as documented.

Bounded and repeatable: the same requests are drawn in every run.
"""

import json
from collections import defaultdict

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import contract_check
from tests.support import client_with_every_scope
from tests.unit.domain.test_bank_files_fuzz import RECORDS

DRAWN = 40
"""Requests drawn for each operation, after those that schemathesis derives from its schemas."""
LINES = RECORDS.map(lambda records: "\n".join(map(json.dumps, records)).encode())

UNLABELLED = st.sampled_from(["keep", "drop", "fill", "other"])
BOUNDED = settings(
    max_examples=DRAWN,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

schemathesis.openapi.media_type("application/jsonl", LINES)
CONTRACT = schemathesis.openapi.from_path(contract_check.DOCUMENT)
CONTRACT.config.generation.update(
    modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a service that asks for keys, with a key for everything."""
    with client_with_every_scope(tmp_path_factory.mktemp("fuzz")) as client:
        yield client


RATED = [
    {
        "id": f"r{number}",
        "question": f"What about {number}?",
        "responses": ["Yes.", "No."],
        "labels": [{"warmth": 1}, {"warmth": 0}],
        "ratings": [{"rater": "a", "response": place, "rating": 5 - place} for place in (0, 1)],
    }
    for number in range(3)
]
"""A bank that targets can be learned from."""


@pytest.fixture(autouse=True)
def examples_stored(client):
    """Store what the contract's examples refer to; an earlier request may have deleted it."""
    paths = json.loads(contract_check.DOCUMENT.read_text("utf-8"))["paths"]
    for path, name in (("banks", "my-bank"), ("attribute-sets", "support-tone")):
        content = paths[f"/v1/{path}/{{name}}"]["put"]["requestBody"]["content"]
        example = content["application/json"]["example"]
        client.put(f"/v1/{path}/{name}", json=example).raise_for_status()
    client.put("/v1/banks/rated", json=RATED, params={"rating_scale": "1..5"}).raise_for_status()


def with_time_to_answer(body):
    """Replace a deadline that is over before a judge can answer: 504 would be right."""
    if isinstance(body, dict) and isinstance(deadline := body.get("deadline_s"), float):
        return body | {"deadline_s": 20.0 if 0 < deadline < 20 else deadline}
    return body


NAMED = ("bank", "attribute_set", "attributes", "model", "method", "covariance_bank", "calibration")
"""Members that name what is stored: a name at random leads to a 404 and no further."""


def with_names_in_use(body, method, path):
    """Leave half of the requests that need stored things without names that nothing has."""
    if path.endswith("/learn-target") and isinstance(body, dict):
        return body if len(json.dumps(body)) % 2 else {"bank": "rated"}
    if not (method == "PUT" and "calibrations" in path and isinstance(body, dict)):
        return body
    if len(json.dumps(body)) % 2:
        return body
    kept = {name: value for name, value in body.items() if name not in NAMED}
    if isinstance(kept.get("scoring"), dict):
        kept["scoring"] = {n: v for n, v in kept["scoring"].items() if n not in NAMED}
    return kept | {"bank": "helpsteer2"}


ANSWERED: dict[tuple[str, str], set[int]] = defaultdict(set)
"""Operation -> statuses of its answers."""


def as_documented(response: httpx.Response) -> None:
    contract_check.check(response)
    assert response.status_code < 500, response.text


@CONTRACT.parametrize()
@BOUNDED
def test_every_request_is_answered_as_documented(case, client):
    case.body = with_names_in_use(with_time_to_answer(case.body), case.method, case.path)
    if isinstance(case.query, dict) and len(case.query) % 2:
        case.query.pop("against", None)  # a bank that there is not
    made = case.call(base_url=str(client.base_url), headers=dict(client.headers))
    ANSWERED[case.method, case.path].add(made.status_code)
    as_documented(
        httpx.Response(
            made.status_code,
            headers={"content-type": made.headers.get("content-type", [""])[0]},
            content=made.content,
            request=httpx.Request(case.method, made.request.url),
        )
    )


def test_the_requests_got_as_far_as_a_success_in_every_operation_that_takes_a_body():
    contract = json.loads(contract_check.DOCUMENT.read_text("utf-8"))["paths"]
    taking = [(m.upper(), p) for p, item in contract.items() for m in item if m in ("post", "put")]
    print({name: sorted(ANSWERED[name]) for name in taking})
    # Parallel runs may ask for some of the operations in another process.
    tried = [name for name in taking if ANSWERED[name]]
    assert [name for name in tried if min(ANSWERED[name]) >= 300] == []


@BOUNDED
@given(
    content=LINES | st.binary() | st.text().map(str.encode),
    query=st.fixed_dictionaries(
        {}, optional={"scale": st.sampled_from(["1..5", "5..1", "x"]), "unlabelled": UNLABELLED}
    ),
    media_type=st.sampled_from(["application/jsonl", "application/json", "text/plain"]),
)
def test_every_upload_is_answered_as_documented(content, query, media_type, client):
    headers = {"content-type": media_type}
    as_documented(client.put("/v1/banks/drawn", content=content, params=query, headers=headers))
