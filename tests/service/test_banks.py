"""Banks over HTTP: uploads, reports, versions, indexing."""

import asyncio
import json

import pytest
from redis.asyncio import Redis

from app.store.banks import BankStore
from app.store.fleet import Fleet, WorkerInfo
from tests.service.uploads import BANK, WARMTH, index_state, lines, put_bank
from tests.support import SCENARIO, grouped, wait_until


def test_a_stored_bank_is_described_and_indexed_in_advance(azimuth):
    answer = put_bank(azimuth, "support", lines(*BANK)).json()
    assert (answer["scenarios"], answer["responses"]) == (2, 4)
    assert answer["labels"]["warmth"]["levels"] == {"0": 2, "1": 2}
    assert answer["ignored"] == {}
    wait_until(lambda: index_state(azimuth, "support") == "ready")


def test_unknown_members_of_lines_are_reported(azimuth):
    answer = put_bank(azimuth, "misspelt", lines(*[line | {"reasoning": []} for line in BANK]))
    assert answer.json()["ignored"] == {"reasoning": 2}


PAPER = [{"prompt": b["question"]} | {k: b[k] for k in ("responses", "labels")} for b in BANK]


def test_a_json_array_of_other_records_is_stored_with_a_report(azimuth):
    """The data files of the paper's authors."""
    answer = put_bank(azimuth, "paper", json.dumps(PAPER, indent=4)).json()
    assert answer["labels"]["warmth"]["levels"] == {"0": 2, "1": 2}
    assert answer["reading"]["converted"] == {"paper": 2}
    scored = azimuth.post("/v1/score", SCENARIO | grouped(attributes=[WARMTH], bank="paper"))
    assert [e["id"] for e in scored.json()["cells"][0]["examples"]] == ["1", "0"]


def test_a_scale_and_what_becomes_of_unlabelled_responses_are_given_with_the_file(azimuth):
    rated = [b | {"labels": [{"warmth": 5}, {}], "responses": b["responses"]} for b in BANK]
    assert put_bank(azimuth, "rated", lines(*rated)).status_code == 422
    answer = put_bank(azimuth, "rated?scale=1..5&unlabelled=fill", lines(*rated)).json()
    assert answer["labels"]["warmth"]["levels"] == {"0.5": 2, "1": 2}
    assert (answer["reading"]["scale"], answer["reading"]["labels_filled"]) == ("1..5", 2)
    problem = put_bank(azimuth, "rated?scale=1..5&unlabelled=drop", lines(*rated)).json()
    assert "fewer than two responses have labels" in problem["detail"]


@pytest.mark.parametrize("query", ["scale=5..1", "scale=high", "unlabelled=guess", "scale=1..1"])
def test_other_scales_and_wishes_are_refused(azimuth, query):
    problem = put_bank(azimuth, f"rated?{query}", lines(*BANK))
    assert problem.status_code == 422
    assert problem.json()["errors"][0]["pointer"] == f"query:{query.partition('=')[0]}"


def test_duplicates_and_contradictions_are_reported_and_shown_once(azimuth):
    twice = [b | {"id": name} for b in BANK for name in (b["id"], b["id"] + "-again")]
    other = BANK[1] | {"id": "contra", "labels": [{"warmth": 0}, {"warmth": 1}]}
    answer = put_bank(azimuth, "twice", lines(*twice, other)).json()
    assert answer["reading"]["duplicates"] == {"count": 1, "first": [["s0", "s0-again"]]}
    assert answer["reading"]["contradictions"] == {
        "count": 1,
        "first": [["s1", "s1-again", "contra"]],
    }
    scored = azimuth.post("/v1/score", SCENARIO | grouped(attributes=[WARMTH], bank="twice"))
    assert [e["id"] for e in scored.json()["cells"][0]["examples"]] == ["s1", "s0"]


def test_a_stored_bank_and_a_stored_attribute_set_are_used_together(azimuth):
    put_bank(azimuth, "support", lines(*BANK))
    with azimuth.client() as client:
        body = {"description": "tone", "bank": "support", "attributes": [WARMTH]}
        assert client.put("/v1/attribute-sets/tone", json=body).status_code in (200, 201)
        assert client.get("/v1/attribute-sets/tone").json()["attributes"][0]["name"] == "warmth"
    scored = azimuth.post("/v1/score", SCENARIO | {"attribute_set": "tone"}).json()
    (cell,) = scored["cells"]
    assert [e["id"] for e in cell["examples"]] == ["s1", "s0"]  # the egg is nearer to the egg
    assert scored["scorer"]["bank"]["name"] == "support"


def test_scores_belong_to_one_version_of_a_bank(azimuth):
    set_id = {}
    for version in (BANK, BANK[:1], BANK):
        put_bank(azimuth, "versions", lines(*version))
        body = SCENARIO | grouped(attributes=[WARMTH], bank="versions", question="versions")
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
def test_an_invalid_line_is_reported_and_nothing_is_stored(azimuth, content, line, says):
    response = put_bank(azimuth, "bad", content)
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "/problems/invalid-bank"
    assert problem["line"] == line
    assert says in problem["detail"]
    with azimuth.client() as client:
        assert client.get("/v1/banks/bad").status_code == 404


def test_the_same_lines_in_another_order_are_the_same_bank_with_the_same_examples(service):
    """Embeddings are stored by row, so rows need a fixed order."""
    questions = ["why is the sky blue", "learn to swim", "bake some bread", "old roman roads"]
    rows = [BANK[0] | {"id": f"r{i}", "question": q} for i, q in enumerate(questions)]
    body = SCENARIO | grouped(attributes=[WARMTH], bank="b", examples=2)
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


def test_a_bank_that_no_worker_could_index_says_why(service):
    service.start_api()
    digest = put_bank(service, "hard", lines(*BANK)).json()["digest"]

    async def report() -> None:
        async with Redis.from_url(service.redis_url) as redis:
            worker = WorkerInfo(id="w-1-a", state="ready", detail="", pool=None, model="m")
            await Fleet(redis).beat(worker, None)
            await BankStore(redis).mark_index_failed(digest, "w-1-a", "no memory left", ttl_s=60)

    asyncio.run(report())
    with service.client() as client:
        index = client.get("/v1/banks/hard").json()["index"]
    assert index == {"state": "failed", "workers": [], "reason": "no memory left"}


def test_a_stored_bank_is_read_by_workers_that_start_later(service):
    service.start_api()
    assert put_bank(service, "early", lines(*BANK)).json()["index"]["state"] == "no-worker"
    service.start_worker()
    wait_until(lambda: index_state(service, "early") == "ready")
    assert service.redis.keys("azimuth:bank-vectors:*")
