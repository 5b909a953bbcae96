"""Every error is a problem document that points to the field at fault."""

import httpx
import pytest

from tests.support import SCENARIO

SELECT = SCENARIO | {"target": {"helpfulness": 1.0}}


def problem_of(response: httpx.Response, status: int, slug: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"question": ""}, "#/question"),
        ({"question": "  \n"}, "#/question"),
        ({"question": None}, "#/question"),
        ({"responses": []}, "#/responses"),
        ({"responses": ["one"]}, "#/responses"),
        ({"responses": [f"r{i}" for i in range(27)]}, "#/responses"),
        ({"responses": ["a", ""]}, "#/responses/1"),
        ({"responses": ["a", " "]}, "#/responses/1"),
        ({"responses": ["a", "\u200b"]}, "#/responses/1"),
        ({"responses": [{"id": "a", "text": "\ufeff"}, "b"]}, "#/responses/0/text"),
        ({"question": "\u2800\u3164"}, "#/question"),
        ({"responses": [{"id": "a", "text": ""}, "b"]}, "#/responses/0/text"),
        ({"responses": [{"text": "x"}, "b"]}, "#/responses/0/id"),
        ({"responses": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]}, "#/responses/0"),
        ({"target": {"helpfulness": 1.01}}, "#/target/helpfulness"),
        ({"target": {"helpfulness": -0.1}}, "#/target/helpfulness"),
        ({"target": {"helpfulness": "high"}}, "#/target/helpfulness"),
        ({"target": {}}, "#/target"),
        ({"attributes": ["coherence"]}, "#/target/helpfulness"),
        ({"attributes": []}, "#/attributes"),
        ({"attributes": [{"name": "x"}], "target": {"x": 1}}, "#/attributes/0/definition"),
        ({"selection": {"weights": {"helpfulness": -1}}}, "#/selection/weights/helpfulness"),
        ({"selection": {"weights": {"wit": 1}}}, "#/selection/weights/wit"),
        ({"selection": {"weights": {"helpfulness": 0}}}, "#/selection/weights"),
        ({"deadline_s": 1e9}, "#/deadline_s"),
        ({"selection": {"distance": "cosine"}}, "#/selection/distance"),
        ({"scoring": {"examples": -1}}, "#/scoring/examples"),
        ({"scoring": {"samples": 0}}, "#/scoring/samples"),
        ({"scoring": {"samples": 3, "temperature": 0}}, "#/scoring"),
        ({"scoring": {"temperature": 9}}, "#/scoring/temperature"),
        ({"scoring": {"orders": 99}}, "#/scoring/orders"),
        ({"deadline_s": 0}, "#/deadline_s"),
        ({"targett": {}}, "#/targett"),
        ({"samples": 3}, "#/samples"),
        ({"selection": {"samples": 3}}, "#/selection/samples"),
    ],
)
def test_invalid_input_is_pointed_to(azimuth, change, pointer):
    problem = problem_of(azimuth.post("/v1/select", SELECT | change), 422, "invalid-request")
    assert pointer in [e["pointer"] for e in problem["errors"]]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_target_that_is_not_a_number_is_refused(azimuth, value):
    body = (
        '{"question":"q","responses":["a","b"],"target":{"helpfulness":%s}}' % value  # noqa: UP031
    )
    with azimuth.client() as client:
        response = client.post(
            "/v1/select", content=body, headers={"content-type": "application/json"}
        )
    problem = problem_of(response, 422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "#/target/helpfulness"


def test_a_json_error_is_reported_with_its_position(azimuth):
    with azimuth.client() as client:
        headers = {"content-type": "application/json"}
        response = client.post("/v1/select", content='{"question": oops}', headers=headers)
    assert "character 13" in problem_of(response, 400, "malformed-body")["detail"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"question":"q"}', None),
        (b"", "application/json"),
        (b"[]", "application/json"),
        ('{"question":"\u00e9"}'.encode("latin-1"), "application/json"),
        (b'{"question":"q"}', "text/plain"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused_with_the_reason(
    azimuth, content, content_type
):
    headers = {"content-type": content_type} if content_type else {}
    with azimuth.client() as client:
        response = client.post("/v1/select", content=content, headers=headers)
    assert "JSON" in problem_of(response, 400, "malformed-body")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/select", '{"question":"\\ud800","responses":["a","b"],"target":{"x":1}}'),
        ("POST", "/v1/select", '{"question":"q","responses":["a","b"],"target":{"\\uD800":1}}'),
        ("POST", "/v1/retarget", '{"score_set_ids":"\\udfff","targets":{"x":1}}'),
        ("PUT", "/v1/attribute-sets/x", '{"attributes":[{"name":"n","definition":"\\ud83d"}]}'),
        (
            "PUT",
            "/v1/calibrations/x",
            '{"bank":"helpsteer2","scoring":{"bank":null},"attributes":'
            '[{"name":"n","definition":"d","low":"\\ud800"}]}',
        ),
    ],
)
def test_a_lone_surrogate_as_an_escape_is_refused(azimuth, method, path, body):
    with azimuth.client() as client:
        headers = {"content-type": "application/json"}
        response = client.request(method, path, content=body, headers=headers)
    assert "surrogate" in problem_of(response, 400, "malformed-body")["detail"]


HALF = b"\xed\xa0\x80"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "/v1/score",
            b'{"question":"q","responses":["a","b"],"scoring":{"bank":null},'
            b'"attributes":[{"name":"n","definition":"d","low":"%s"}]}',
        ),
        ("POST", "/v1/select", b'{"question":"q","responses":["a","b"],"target":{"%s":1}}'),
        ("POST", "/v1/retarget", b'{"score_set_ids":"%s","targets":{"x":1}}'),
        ("PUT", "/v1/calibrations/x", b'{"scoring":{"method":"%s"},"bank":"helpsteer2"}'),
    ],
)
def test_a_lone_surrogate_as_bytes_is_refused(azimuth, method, path, body):
    with azimuth.client() as client:
        headers = {"content-type": "application/json"}
        response = client.request(method, path, content=body % HALF, headers=headers)
    assert "UTF-8" in problem_of(response, 400, "malformed-body")["detail"]


def test_json_that_is_nested_too_deeply_is_malformed(azimuth):
    with azimuth.client() as client:
        headers = {"content-type": "application/json"}
        for inside in (b"", b'"\\ud83d"'):
            deep = b"[" * 200_000 + inside
            response = client.post("/v1/score", content=deep, headers=headers)
            problem_of(response, 400, "malformed-body")
        line = b'{"id":"a","question":"q","more":' + b"[" * 200_000
        response = client.put("/v1/banks/deep", content=line)
    assert "line 1: not readable JSON: it is nested too deeply" in response.text


def test_thousands_of_blank_lines_take_linear_time(azimuth):
    """A backtracking pattern blocked the API for minutes."""
    text = "a" + "\n" * 100_000 + "b"
    body = {"question": "q", "responses": [text, "c"], "attributes": ["coherence"]}
    assert azimuth.post("/v1/score", body).status_code in (200, 422)


def test_a_character_written_as_two_escapes_is_accepted(azimuth):
    with azimuth.client() as client:
        headers = {"content-type": "application/json"}
        body = '{"question":"\\ud83d\\ude00","responses":["a","b"],"attributes":["coherence"]}'
        response = client.post("/v1/score", content=body, headers=headers)
    assert response.status_code == 200


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(azimuth):
    with azimuth.client() as client:
        big = b'{"question":"' + b"x" * 8_100_000 + b'"}'
        headers = {"content-type": "application/json"}
        announced = client.post("/v1/score", content=big, headers=headers)
        chunked = client.post(
            "/v1/score", content=iter([big[:6_000_000], big[6_000_000:]]), headers=headers
        )
    for response in (announced, chunked):
        assert problem_of(response, 413, "body-too-large")["limit_bytes"] == 8_000_000


@pytest.mark.parametrize(
    ("change", "status", "slug", "pointer"),
    [
        ({"attributes": ["helpfulness", "wit"]}, 422, "unknown-attribute", "#/attributes/1"),
        ({"target": {"care": 1}}, 422, "unknown-attribute", "#/target/care"),
        ({"scoring": {"method": "pairwise"}}, 422, "unknown-method", "#/scoring/method"),
        ({"scoring": {"bank": "nowhere"}}, 404, "unknown-bank", "#/scoring/bank"),
        ({"attribute_set": "nothing"}, 404, "unknown-attribute-set", "#/attribute_set"),
        ({"scoring": {"model": "gpt-0"}}, 404, "unknown-model", "#/scoring/model"),
        ({"scoring": {"model": ""}}, 404, "unknown-model", "#/scoring/model"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(azimuth, change, status, slug, pointer):
    problem = problem_of(azimuth.post("/v1/select", SELECT | change), status, slug)
    assert problem["errors"][0]["pointer"] == pointer
    assert problem["known"]


def test_a_bank_named_in_a_request_must_label_its_attributes(azimuth):
    change = {"scoring": {"bank": "moral-foundations"}}
    problem = problem_of(azimuth.post("/v1/select", SELECT | change), 422, "invalid-request")
    assert "helpfulness" in problem["missing"]


def test_unknown_resources_are_404s(azimuth):
    with azimuth.client() as client:
        problem_of(client.get("/v1/score-sets/none.x"), 404, "unknown-score-set")
        problem_of(client.get("/v1/banks/none"), 404, "unknown-bank")
        problem_of(client.get("/v1/attribute-sets/none"), 404, "unknown-attribute-set")
        missing = client.get("/v1/nothing")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"


def test_a_problem_s_type_leads_to_its_explanation(azimuth):
    with azimuth.client() as client:
        problem = client.get("/v1/banks/none").json()
        page = client.get(problem["type"])
        assert page.json()["title"] == problem["title"]
        assert client.get("/problems/none").status_code == 404


def test_a_caller_s_request_id_is_kept_if_it_is_printable(azimuth):
    with azimuth.client() as client:
        assert (
            client.get("/healthz", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"]
            == "mine-1"
        )
        strange = client.get("/healthz", headers={"X-Request-Id": "a b"})
        assert strange.headers["x-request-id"] != "a b"


def test_a_scenario_too_long_for_the_model_is_refused_with_token_counts(azimuth):
    body = SCENARIO | {"question": "long " * 20_000}
    problem = problem_of(azimuth.post("/v1/score", body), 422, "context-overflow")
    assert problem["prompt_tokens"] > problem["context_length"] == 8192


def test_cells_that_the_model_fails_on_are_unscored_with_a_reason(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="invalid")
    scored = service.post("/v1/score", SCENARIO)
    assert scored.status_code == 200
    answer = scored.json()
    assert answer["status"] == "partial"
    for cell in answer["cells"]:
        assert cell["status"] == "unscored"
        assert "scores" not in cell
        assert cell["reason"] == "invalid-output"
    problem = problem_of(service.post("/v1/select", SELECT), 502, "cells-unscored")
    assert {u["attribute"] for u in problem["unscored"]} >= {"helpfulness"}
    body = {"score_set_ids": answer["id"], "targets": {"helpfulness": 1}}
    (pair,) = service.post("/v1/retarget", body).json()["pairs"]
    assert pair["problem"]["type"] == "/problems/cells-unscored"
    assert "invalid-output" in pair["problem"]["detail"]


def test_unscored_attributes_of_a_target_are_ignored_on_request_and_listed(service):
    service.start_api()
    # Half of all answers are cut; with the one retry some cells come through and some do not.
    service.start_worker(AZIMUTH_FAKE_FAULTS="truncated:0.75")
    names = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
    target, openly = dict.fromkeys(names, 0.5), {"on_unscored": "ignore"}
    body = SCENARIO | {"target": target, "selection": openly}
    answer = service.post("/v1/select", body).json()
    selection = answer["selection"]
    states = {c["attribute"]: c["status"] for c in answer["score_set"]["cells"]}
    assert set(states.values()) == {"scored", "unscored"}
    assert set(selection["ignored"]) == {n for n, state in states.items() if state == "unscored"}
    assert selection["selected"]
    body = {"score_set_ids": answer["score_set"]["id"], "targets": target, "selection": openly}
    (pair,) = service.post("/v1/retarget", body).json()["pairs"]
    assert pair["selection"]["ignored"] == selection["ignored"]
    assert pair["selection"]["selected"]["id"] == selection["selected"]["id"]


def test_a_full_queue_is_a_429_with_retry_after(service):
    service.start_api(AZIMUTH_QUEUE_LIMIT="2")
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="3")
    for i in range(2):
        body = SCENARIO | {"question": f"fills {i}"}
        assert service.post("/v1/score", body, {"Prefer": "respond-async"}).status_code == 202
    response = service.post("/v1/score", SCENARIO | {"question": "one too many"})
    problem = problem_of(response, 429, "queue-full")
    assert response.headers["retry-after"] == str(problem["retry_after_s"])


def test_a_request_for_cells_in_flight_passes_a_full_queue(service):
    service.start_api(AZIMUTH_QUEUE_LIMIT="1")
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.5")
    service.post("/v1/score", SCENARIO, {"Prefer": "respond-async"})
    assert service.post("/v1/score", SCENARIO).status_code == 200


def test_a_passed_deadline_is_a_504_and_later_scores_are_cached(service):
    from tests.support import wait_until

    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1")
    response = service.post("/v1/score", SCENARIO | {"deadline_s": 0.3})
    set_id = problem_of(response, 504, "deadline-passed")["score_set_id"]
    with service.client() as client:
        wait_until(lambda: client.get(f"/v1/score-sets/{set_id}").json()["status"] == "complete")
    assert all(c["cached"] for c in service.post("/v1/score", SCENARIO).json()["cells"])


def test_work_not_started_by_its_deadline_never_reaches_the_model(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1.5", AZIMUTH_WORKER_CONCURRENCY="1")
    service.post("/v1/score", SCENARIO | {"question": "first"}, {"Prefer": "respond-async"})
    late = service.post("/v1/score", SCENARIO | {"question": "late", "deadline_s": 0.5})
    set_id = problem_of(late, 504, "deadline-passed")["score_set_id"]
    from tests.support import wait_until

    wait_until(lambda: service.jobs() == 0)
    assert service.log("worker").count('"job done"') == 1
    with service.client() as client:
        cells = client.get(f"/v1/score-sets/{set_id}").json()["cells"]
    assert len(cells) == 5
    assert {cell["reason"] for cell in cells} == {"deadline"}


def test_an_unexpected_error_is_an_id_for_the_client_and_logged_in_full(service):
    service.start_api()
    service.start_worker()
    service.redis.hset("azimuth:attribute-sets", "broken", "not json")
    with service.client() as client:
        response = client.get("/v1/attribute-sets/broken")
    problem = problem_of(response, 500, "internal-error")
    assert "json" not in problem["detail"].lower()
    assert problem["request_id"] in service.log("api")
    assert "DecodeError" in service.log("api")
