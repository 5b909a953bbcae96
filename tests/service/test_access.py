"""API keys: no request without one, none beyond its scopes, and no secret in a log."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import Mount

from app.access.policy import scopes_for
from app.domain.access import SCOPES
from app.main import create_app
from app.settings import Settings
from tests import contract_check
from tests.service.test_problems import problem_of
from tests.support import SCENARIO, Service, running_service, secret_with, wait_until

OPEN = {"/healthz", "/readyz"}


def every_route() -> Iterator[tuple[str, str]]:
    """Method and path of all that is served, and of all that the contract has."""
    for route in create_app(Settings()).routes:
        path = route.path + ("/x" if isinstance(route, Mount) else "")
        for method in getattr(route, "methods", None) or {"GET"}:
            yield method, re.sub(r"\{[^}]+\}", "x", path)
    contract = json.loads(contract_check.DOCUMENT.read_text("utf-8"))
    for path, item in contract["paths"].items():
        for method in item:
            yield method.upper(), re.sub(r"\{[^}]+\}", "x", path)
    yield from [("GET", "/"), ("GET", "/no-such-path"), ("OPTIONS", "/v1/select")]


ROUTES = sorted({(method, path) for method, path in every_route() if path not in OPEN})


@pytest.fixture(scope="module")
def keyed(tmp_path_factory) -> Iterator[Service]:
    """Redis and an API that asks for keys."""
    with running_service(tmp_path_factory.mktemp("keyed")) as running:
        running.start_api(AZIMUTH_AUTH="keys", AZIMUTH_LOG_LEVEL="debug")
        yield running


@pytest.fixture(scope="module")
def secrets(keyed) -> dict[str, str]:
    """A key for each scope: scope -> secret."""
    return {scope: secret_with(keyed, scope) for scope in SCOPES}


def call(
    service: Service, method: str, path: str, secret: str | None = None, **more
) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    with service.client() as client:
        return client.request(method, path, headers=headers, **more)


def test_the_routes_include_aliases_documents_and_metrics():
    assert {
        ("POST", "/select"),
        ("POST", "/v1/select"),
        ("GET", "/score-sets/x"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/static-offline-docs/x"),
        ("DELETE", "/v1/keys/x"),
    } <= set(ROUTES)


def test_no_route_answers_without_a_key(keyed):
    with keyed.client() as client:
        for method, path in ROUTES:
            for spelling in {path, f"{path.rstrip('/')}/"}:
                answer = client.request(method, spelling)
                assert answer.status_code == 401, (method, spelling)
                assert answer.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    problem_of(answer, 401, "unauthorized")


def test_no_route_answers_to_a_key_without_its_scope(keyed, secrets):
    refused = 0
    with keyed.client() as client:
        for method, path in ROUTES:
            needed = scopes_for(method, path) | {"admin"}
            for scope in set(SCOPES) - needed:
                headers = {"authorization": f"Bearer {secrets[scope]}"}
                answer = client.request(method, path, headers=headers)
                assert answer.status_code == 403, (method, path, scope)
                if method != "HEAD":
                    problem_of(answer, 403, "forbidden")
                refused += 1
    assert refused > len(ROUTES) / 2


def test_every_route_lets_a_key_with_one_of_its_scopes_pass(keyed, secrets):
    with keyed.client() as client:
        for method, path in ROUTES:
            for scope in scopes_for(method, path) | {"admin"}:
                headers = {"x-api-key": secrets[scope]}
                answer = client.request(method, path, headers=headers)
                assert answer.status_code not in (401, 403), (method, path, scope)


def test_changing_what_is_stored_needs_more_than_reading_it():
    for collection in ("banks", "attribute-sets", "calibrations"):
        assert "select" in scopes_for("GET", f"/v1/{collection}/a\nb/c")
        for method in ("PUT", "DELETE", "POST"):
            assert scopes_for(method, f"/v1/{collection}/a\nb/c") == {"banks"}
    for path in (
        "/v1/keys",
        "/v1/keys/x",
        "/metrics",
        "/v1/new-route",
        "/v2/select",
        "//v1/select",
    ):
        assert scopes_for("GET", path) == {"admin"}


@pytest.mark.parametrize("path", sorted(OPEN))
def test_probes_need_no_key(keyed, path):
    assert call(keyed, "GET", path).status_code in (200, 503)


def test_metrics_are_open_by_a_setting(service):
    service.start_api(AZIMUTH_AUTH="keys", AZIMUTH_OPEN_METRICS="true")
    assert call(service, "GET", "/metrics").status_code == 200
    assert call(service, "GET", "/v1/models").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Basic {secret}"},
        {"authorization": "Bearer {secret}0"},
        {"authorization": "Bearer {other}"},
        {"x-api-key": ""},
        {"x-api-key": "{secret}x"},
        {"x-api-key": "AZ{secret}"},
        {"cookie": "az={secret}"},
    ],
)
def test_what_is_not_a_valid_key_is_refused(keyed, secrets, headers):
    secret = secrets["select"]
    last = "0" if secret[-1] != "0" else "1"
    sent = {
        name: value.format(secret=secret, other=secret[:-1] + last)
        for name, value in headers.items()
    }
    with keyed.client() as client:
        problem_of(client.get("/v1/models", headers=sent), 401, "unauthorized")
        query = client.get("/v1/models", params={"api_key": secret})
        problem_of(query, 401, "unauthorized")


@pytest.mark.parametrize("name", ["bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(keyed, secrets, name):
    with keyed.client() as client:
        headers = {"authorization": f"{name}  {secrets['select']}"}
        assert client.get("/v1/models", headers=headers).status_code == 200


def test_a_proxy_may_use_authorization_for_itself(keyed, secrets):
    headers = {"authorization": "Basic eDp5", "x-api-key": secrets["select"]}
    with keyed.client() as client:
        assert client.get("/v1/models", headers=headers).status_code == 200


def test_a_key_is_created_shown_once_used_and_revoked_over_http(keyed, secrets):
    admin = secrets["admin"]
    body = {"tenant": "support", "scopes": ["banks", "select", "banks"], "expires_in_days": 30}
    created = call(keyed, "POST", "/v1/keys", admin, json=body)
    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    new = created.json()
    assert new["secret"].startswith(f"az_{new['id']}_")
    assert (new["tenant"], new["scopes"]) == ("support", ["banks", "select"])
    assert new["expires_ms"] - new["created_ms"] == 30 * 86_400_000
    listed = call(keyed, "GET", "/v1/keys", admin)
    assert {k: v for k, v in new.items() if k != "secret"} in listed.json()["keys"]
    assert new["secret"] not in listed.text
    assert call(keyed, "GET", "/v1/banks", new["secret"]).status_code == 200
    assert call(keyed, "DELETE", f"/v1/keys/{new['id']}", admin).status_code == 204
    problem_of(call(keyed, "GET", "/v1/banks", new["secret"]), 401, "unauthorized")
    gone = call(keyed, "DELETE", f"/v1/keys/{new['id']}", admin)
    problem_of(gone, 404, "unknown-api-key")


@pytest.mark.parametrize(
    "change", [{"scopes": []}, {"scopes": ["root"]}, {"tenant": ""}, {"expires_in_days": 0}]
)
def test_a_key_with_an_invalid_grant_is_refused(keyed, secrets, change):
    body = {"tenant": "support", "scopes": ["select"]} | change
    answer = call(keyed, "POST", "/v1/keys", secrets["admin"], json=body)
    problem_of(answer, 422, "invalid-request")


def test_keys_are_created_listed_and_revoked_by_a_command(keyed):
    def command(*arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
        return subprocess.run(
            [sys.executable, "-m", "app.access", *arguments],
            env=environment | {"REDIS_URL": keyed.redis_url},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    out = command("create", "--tenant", "ops", "--scope", "admin", "--days", "7")
    (secret,) = re.findall(r"az_[0-9a-f]{12}_[0-9a-f]{64}", out)
    key_id = secret.split("_")[1]
    assert call(keyed, "GET", "/v1/keys", secret).status_code == 200
    listed = command("list")
    assert key_id in listed
    assert secret not in listed
    assert key_id in command("revoke", key_id)
    wait_until(
        lambda: call(keyed, "GET", "/v1/keys", secret).status_code == 401, what="the revocation"
    )


def test_secrets_are_neither_in_logs_nor_in_redis(keyed, secrets):
    secret = secrets["select"]
    call(keyed, "GET", "/v1/models", secret)
    call(keyed, "PUT", "/v1/banks/x", secret)
    call(keyed, "POST", "/v1/select", secret, json=SCENARIO)
    call(keyed, "GET", "/v1/models", secret[:-1] + "x")
    new = call(
        keyed, "POST", "/v1/keys", secrets["admin"], json={"tenant": "t", "scopes": ["select"]}
    )
    wait_until(lambda: secret[3:15] in keyed.log("api"), what="the key's id in the log")
    log, stored = keyed.log("api"), json.dumps(keyed.redis.hgetall("azimuth:api-keys"))
    for one in (*secrets.values(), new.json()["secret"]):
        assert one[16:] not in log
        assert one[16:] not in stored


def test_a_service_without_keys_creates_none(service):
    service.start_api()
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
        body = {"tenant": "t", "scopes": ["admin"]} if method == "POST" else None
        problem_of(call(service, method, path, json=body), 403, "forbidden")


def test_a_service_without_keys_does_not_listen_for_others(service):
    child = service.start_api(AZIMUTH_HOST="0.0.0.0")
    wait_until(lambda: not child.alive(), what="the API's refusal to start")
    assert "AZIMUTH_AUTH=keys" in child.last_lines(5)
    for auth in ("keys", "unprotected"):
        service.start_api(AZIMUTH_HOST="0.0.0.0", AZIMUTH_AUTH=auth)
        assert call(service, "GET", "/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/no-such-path", "/openapi.json"])
def test_a_web_page_cannot_reach_a_service_on_loopback_by_its_own_name(azimuth, path):
    with azimuth.client() as client:
        answer = client.get(path, headers={"host": "evil.example"})
        problem_of(answer, 421, "wrong-host")
        assert (
            client.get(path, headers={"host": f"localhost:{azimuth.api_port}"}).status_code != 421
        )


def test_a_key_with_limits_is_refused_beyond_them(keyed, secrets):
    body = {"tenant": "t", "scopes": ["select"], "requests_per_minute": 3, "tokens_per_minute": 9}
    created = call(keyed, "POST", "/v1/keys", secrets["admin"], json=body).json()
    assert (created["requests_per_minute"], created["tokens_per_minute"]) == (3, 9)
    for left in (2, 1, 0):
        answer = call(keyed, "GET", "/v1/models", created["secret"])
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"requests";q=3;qu="requests";w=60'
        assert answer.headers["ratelimit"].startswith(f'"requests";r={left};t=')
    for _ in range(2):
        refused = call(keyed, "POST", "/v1/select", created["secret"], json=SCENARIO)
        problem = problem_of(refused, 429, "rate-limited")
        assert 0 < problem["retry_after_s"] == int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert "ratelimit" not in call(keyed, "GET", "/v1/models", secrets["select"]).headers


def test_tokens_of_scored_cells_count_towards_the_limit_of_the_key(service):
    service.start_api(AZIMUTH_AUTH="keys")
    service.start_worker(ready=False)
    admin = secret_with(service, "admin")
    body = {"tenant": "t", "scopes": ["select"], "tokens_per_minute": 10}
    secret = call(service, "POST", "/v1/keys", admin, json=body).json()["secret"]
    wait_until(lambda: call(service, "GET", "/readyz").status_code == 200, what="the worker")
    request = SCENARIO | {"attributes": ["coherence"]}
    answer = call(service, "POST", "/v1/score", secret, json=request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ratelimit"] == '"tokens";r=10;t=60'
    refused = call(service, "POST", "/v1/score", secret, json=request)
    assert "10 tokens" in problem_of(refused, 429, "rate-limited")["detail"]
    polled = call(service, "GET", f"/v1/score-sets/{answer.json()['id']}", secret)
    assert polled.status_code == 200


def test_a_tenant_does_not_see_what_another_has_stored_or_scored(service):
    service.start_api(AZIMUTH_AUTH="keys")
    service.start_worker(ready=False)
    ours, theirs = (
        secret_with(service, "select", "banks", tenant=tenant) for tenant in ("us", "them")
    )
    wait_until(lambda: call(service, "GET", "/readyz").status_code == 200, what="the worker")
    line = b'{"id":"s","question":"Q?","responses":["a","b"],"labels":[{"warmth":1},{"warmth":0}]}'
    tone = {"bank": "support", "attributes": [{"name": "warmth", "definition": "How warm it is."}]}
    stored = [
        ("/v1/banks/support", {"content": line}),
        ("/v1/attribute-sets/house-tone", {"json": tone}),
    ]
    for path, body in stored:
        assert call(service, "PUT", path, ours, **body).is_success
        problem = call(service, "GET", path, theirs).json()
        assert problem["status"] == 404
        assert (
            path.rpartition("/")[2]
            not in call(service, "GET", path.rpartition("/")[0], theirs).text
        )
        assert call(service, "DELETE", path, theirs).status_code == 404
        assert call(service, "GET", path, ours).status_code == 200
    problem_of(
        call(service, "POST", "/v1/score", theirs, json=SCENARIO | {"attribute_set": "house-tone"}),
        404,
        "unknown-attribute-set",
    )

    request = SCENARIO | {"attributes": ["coherence"]}
    mine = call(service, "POST", "/v1/score", ours, json=request).json()
    again = call(service, "POST", "/v1/score", ours, json=request).json()
    assert again["id"] == mine["id"]
    assert again["cells"][0]["cached"]
    path = f"/v1/score-sets/{mine['id']}"
    retarget = {"score_set_ids": mine["id"], "targets": {"coherence": 1.0}}
    assert call(service, "GET", path, ours).status_code == 200
    assert call(service, "POST", "/v1/retarget", ours, json=retarget).json()["pairs"][0][
        "selection"
    ]
    problem_of(call(service, "GET", path, theirs), 404, "unknown-score-set")
    (pair,) = call(service, "POST", "/v1/retarget", theirs, json=retarget).json()["pairs"]
    assert pair["problem"]["type"] == "/problems/unknown-score-set"
    other = call(service, "POST", "/v1/score", theirs, json=request).json()
    assert other["id"] != mine["id"]
    assert not other["cells"][0]["cached"]


def test_a_request_without_a_key_is_refused_before_its_body_counts(keyed):
    with socket.create_connection(("127.0.0.1", keyed.api_port), timeout=10) as connection:
        connection.sendall(
            b"PUT /v1/banks/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_web_pages_can_ask_whether_they_may_call_and_read_refusals(service):
    service.start_api(AZIMUTH_AUTH="keys", AZIMUTH_CORS_ORIGINS="https://app.example.org")
    origin = {"origin": "https://app.example.org"}
    asked = origin | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    with service.client() as client:
        preflight = client.options("/v1/select", headers=asked)
        assert preflight.status_code == 200
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        refused = client.get("/v1/models", headers=origin)
        problem_of(refused, 401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == origin["origin"]
