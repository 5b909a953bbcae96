"""Banks, attribute sets, health and metrics."""

import json

import httpx
import pytest

from scripts.serve.processes import free_port
from tests.support import SCENARIO, wait_until

BANK = [
    {
        "id": f"s{i}",
        "question": question,
        "responses": ["Sorry to hear that!", "Read the manual."],
        "labels": [{"warmth": 1.0}, {"warmth": 0.0}],
        "reasonings": [{"warmth": "It is sorry."}, {"warmth": "It is curt."}],
    }
    for i, question in enumerate(["My parcel is late.", "How do I boil an egg well?"])
]
WARMTH = {"name": "warmth", "definition": "How warm it sounds.", "levels": [0, 1]}


def lines(*scenarios) -> str:
    return "\n".join(json.dumps(s) for s in scenarios)


def put_bank(azimuth, name: str, content: str | bytes) -> httpx.Response:
    with azimuth.client() as client:
        return client.put(f"/v1/banks/{name}", content=content)


def index_state(azimuth, name: str) -> str:
    with azimuth.client() as client:
        return client.get(f"/v1/banks/{name}").json()["index"]["state"]


def test_a_stored_bank_is_described_and_indexed_ahead_of_need(azimuth):
    answer = put_bank(azimuth, "support", lines(*BANK)).json()
    assert (answer["scenarios"], answer["responses"]) == (2, 4)
    assert answer["labels"]["warmth"]["levels"] == {"0": 2, "1": 2}
    assert answer["ignored"] == {}
    wait_until(lambda: index_state(azimuth, "support") == "ready")


def test_members_of_lines_that_nothing_reads_are_told(azimuth):
    answer = put_bank(azimuth, "misspelt", lines(*[line | {"reasoning": []} for line in BANK]))
    assert answer.json()["ignored"] == {"reasoning": 2}


def test_a_bank_and_an_attribute_set_of_one_s_own_are_used_together(azimuth):
    put_bank(azimuth, "support", lines(*BANK))
    with azimuth.client() as client:
        body = {"description": "tone", "bank": "support", "attributes": [WARMTH]}
        assert client.put("/v1/attribute-sets/tone", json=body).status_code in (200, 201)
        assert client.get("/v1/attribute-sets/tone").json()["attributes"][0]["name"] == "warmth"
    scored = azimuth.post("/v1/score", SCENARIO | {"attribute_set": "tone"}).json()
    (cell,) = scored["cells"]
    assert [e["id"] for e in cell["examples"]] == ["s1", "s0"]  # the egg is nearer to the egg
    assert scored["scorer"]["bank"]["name"] == "support"


def test_a_new_version_of_a_bank_means_new_scores_and_the_old_ones_stay(azimuth):
    set_id = {}
    for version in (BANK, BANK[:1], BANK):
        put_bank(azimuth, "versions", lines(*version))
        body = SCENARIO | {"attributes": [WARMTH], "bank": "versions", "question": "versions"}
        scored = azimuth.post("/v1/score", body).json()
        key = len(version)
        assert scored["cells"][0]["cached"] is (key in set_id)
        assert set_id.setdefault(key, scored["id"]) == scored["id"]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (lines(BANK[0]) + "\n{broken", 2, "line 2"),
        (lines(BANK[0], BANK[0]), 2, "also on line 1"),
        (lines(BANK[0] | {"labels": [{"warmth": 7}, {}]}), 1, "not within [0, 1]"),
        ("", 1, "empty"),
        (b"\xff\xfe", 1, ""),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_stored(azimuth, content, line, says):
    response = put_bank(azimuth, "bad", content)
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "/problems/invalid-bank"
    assert problem["line"] == line
    assert says in problem["detail"]
    with azimuth.client() as client:
        assert client.get("/v1/banks/bad").status_code == 404


def test_what_hides_a_built_in_name_can_be_deleted_and_the_built_in_is_back(azimuth):
    with azimuth.client() as client:
        for kind, content in (
            ("attribute-sets", json.dumps({"attributes": [WARMTH]})),
            ("banks", lines(*BANK)),
        ):
            path = f"/v1/{kind}/moral-foundations"
            before = client.get(path).json()
            client.put(path, content=content, headers={"Content-Type": "application/json"})
            assert client.get(path).json() != before
            assert client.delete(path).status_code == 204
            assert client.get(path).json() == before
            assert client.delete(path).status_code == 404


@pytest.mark.parametrize("name", ["a b", "..", ".hidden", "x" * 101, "-x"])
def test_a_strange_name_is_refused(azimuth, name):
    with azimuth.client() as client:
        response = client.put(f"/v1/banks/{name.replace('..', '%2E%2E')}", content=lines(*BANK))
    assert response.status_code in (404, 422)


def test_an_attribute_set_with_a_bank_that_is_not_there_is_refused(azimuth):
    with azimuth.client() as client:
        body = {"bank": "nowhere", "attributes": [WARMTH]}
        assert client.put("/v1/attribute-sets/x", json=body).status_code == 404
        assert client.get("/v1/attribute-sets/x").status_code == 404


def test_the_same_lines_in_another_order_are_the_same_bank_with_the_same_examples(service):
    """Embeddings are stored by row: a row must not come to mean another scenario."""
    questions = ["why is the sky blue", "learn to swim", "bake some bread", "old roman roads"]
    rows = [BANK[0] | {"id": f"r{i}", "question": q} for i, q in enumerate(questions)]
    body = SCENARIO | {"attributes": [WARMTH], "bank": "b", "examples": 2}
    service.start_api()
    worker = service.start_worker()
    first = put_bank(service, "b", lines(*rows)).json()
    service.post("/v1/score", body | {"question": "why is the sea blue"})
    second = put_bank(service, "b", lines(*rows[::-1])).json()
    assert second["digest"] == first["digest"]
    worker.kill()
    service.start_worker()
    scored = service.post("/v1/score", body | {"question": "why is the sky so blue"}).json()
    assert scored["cells"][0]["examples"][0]["id"] == "r0"


def test_the_built_in_sets_and_banks_are_there(azimuth):
    with azimuth.client() as client:
        sets = client.get("/v1/attribute-sets").json()["attribute_sets"]
        banks = client.get("/v1/banks").json()["banks"]
        moral = client.get("/v1/attribute-sets/moral-foundations").json()
        bank = client.get("/v1/banks/moral-foundations").json()
    assert {"helpsteer2", "moral-foundations"} <= set(sets) & set(banks)
    assert [a["name"] for a in moral["attributes"]] == [
        "care", "fairness", "liberty", "loyalty", "authority", "sanctity",
    ]  # fmt: skip
    assert bank["builtin"]
    assert bank["index"]["state"] == "ready"


def test_moral_foundations_can_be_selected_by(azimuth):
    body = SCENARIO | {"attribute_set": "moral-foundations", "target": {"care": 1, "loyalty": 0.5}}
    answer = azimuth.post("/v1/select", body).json()
    assert answer["score_set"]["scorer"]["bank"]["name"] == "moral-foundations"
    assert len(answer["score_set"]["cells"]) == 6


def test_a_stored_bank_is_read_by_workers_that_start_later(service):
    service.start_api()
    assert put_bank(service, "early", lines(*BANK)).json()["index"]["state"] == "no-worker"
    service.start_worker()
    wait_until(lambda: index_state(service, "early") == "ready")
    assert service.redis.keys("azimuth:bank-vectors:*")


def test_readiness_says_what_is_waited_for(service):
    service.start_api()
    with service.client() as client:
        nobody = client.get("/readyz")
        assert nobody.status_code == 503
        assert nobody.json()["worker"]["state"] == "away"
        assert nobody.json()["redis"]["state"] == "ready"
        service.start_worker()
        ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"] == {"state": "ready", "detail": "fake on fake", "models": ["fake"]}


def test_metrics_count_what_happened(service):
    service.start_api()
    service.start_worker()
    for _ in range(2):
        service.post("/v1/score", SCENARIO)
    with service.client() as client:
        text = client.get("/metrics").text
    assert 'azimuth_cells_total{result="scored"} 5.0' in text
    assert 'azimuth_cells_total{result="cached"} 5.0' in text
    assert 'azimuth_requests_total{operation="score",status="200"} 2.0' in text
    assert 'azimuth_workers{state="ready"} 1.0' in text


def test_one_request_id_finds_a_request_in_both_logs(service):
    service.start_api()
    service.start_worker()
    service.post("/v1/score", SCENARIO, {"X-Request-Id": "find-me"})
    for name, message in (("api", "POST /v1/score 200"), ("worker", "job done")):
        wait_until(lambda: message in service.log(name))  # noqa: B023
        entries = [json.loads(x) for x in service.log(name).splitlines() if "find-me" in x]
        assert message in [e["message"] for e in entries]
        assert all(e["score_set"] for e in entries)


def test_the_documentation_page_is_served(azimuth):
    with azimuth.client() as client:
        assert "swagger" in client.get("/docs").text.lower()
        assert client.get("/openapi.json").json()["info"]["title"] == "Azimuth"


def test_bodies_and_banks_have_limits_of_their_own(service):
    service.start_api(AZIMUTH_MAX_BODY_BYTES="2000", AZIMUTH_MAX_BANK_BYTES="20000")

    def bank(characters):
        scenario = {"id": "a", "question": "q" * characters, "responses": ["x"], "labels": [{}]}
        return json.dumps(scenario)

    with service.client() as client:
        assert client.put("/v1/banks/b", content=bank(10_000)).status_code == 200
        long = SCENARIO | {"question": "q" * 3000}
        for refused, setting in (
            (client.put("/v1/banks/b", content=bank(30_000)), "AZIMUTH_MAX_BANK_BYTES"),
            (client.post("/v1/score", json=long), "AZIMUTH_MAX_BODY_BYTES"),
        ):
            assert refused.status_code == 413
            assert setting in refused.json()["detail"]
        assert client.get("/v1/banks/b").json()["scenarios"] == 1


def test_a_worker_s_own_metrics_count_jobs_cells_and_tokens_by_kind(service):
    port = free_port()
    service.start_api()
    service.start_worker(AZIMUTH_WORKER_METRICS_PORT=str(port))
    body = SCENARIO | {"attributes": ["helpfulness", "coherence"]}
    usages = [cell["usage"] for cell in service.post("/v1/score", body).json()["cells"]]
    wait_until(lambda: '"job done"' in service.log("worker"), what="the end of the job")
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    for kind in ("prompt", "cached_prompt", "output"):
        spent = sum(usage[f"{kind}_tokens"] for usage in usages)
        assert f'azimuth_worker_tokens_total{{kind="{kind}"}} {float(spent)}' in text
    assert 'azimuth_worker_cells_total{result="scored"} 2.0' in text
    assert 'azimuth_worker_jobs_total{outcome="done"} 1.0' in text
