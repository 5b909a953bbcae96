"""Banks, attribute sets, models and health over HTTP."""

import asyncio
import json
import re
from urllib.parse import quote

import httpx
import pytest
from redis.asyncio import Redis

from app.store.banks import BankStore
from app.store.fleet import Fleet, WorkerInfo
from tests.support import SCENARIO, grouped, wait_until

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


def test_labels_under_names_with_spaces_and_signs_serve_as_examples(azimuth):
    """Attributes of ALIGN's own data."""
    name = "INCOME_$100,000 or more"
    labelled = [b | {"labels": [{name: 1}, {name: 0}], "reasonings": None} for b in BANK]
    answer = put_bank(azimuth, "align-names", lines(*labelled)).json()
    assert list(answer["labels"]) == [name]
    asked = {"name": name, "definition": "What the rich prefer."}
    scored = azimuth.post("/v1/score", SCENARIO | grouped(attributes=[asked], bank="align-names"))
    (cell,) = scored.json()["cells"]
    assert (cell["attribute"], len(cell["examples"])) == (name, 2)


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


def test_deleting_a_stored_name_uncovers_the_built_in_one(azimuth):
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


NAMES = [
    "INCOME_$100,000 or more",
    "Moral judgement",
    "EDUCATION_College graduate/some postgrad",
    "评审",
    "100 % a?b#c&d;e=f/../g@h",
    'Zoë\'s "tone" <b>\\',
    ".hidden",
    "-x",
    "x" * 128,
]
"""Names that people give to things."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["banks", "attribute-sets"])
def test_things_are_stored_read_listed_and_deleted_under_any_name(azimuth, kind, name):
    content = {
        "banks": lines(*BANK),
        "attribute-sets": json.dumps({"attributes": [WARMTH | {"name": name}]}),
    }[kind]
    path = f"/v1/{kind}/{quote(name, safe='')}"
    with azimuth.client() as client:
        headers = {"Content-Type": "application/json"}
        assert client.put(path, content=content, headers=headers).json()["name"] == name
        assert client.get(path).json()["name"] == name
        listed = client.get(f"/v1/{kind}").json()[kind.replace("-", "_")]
        assert name in [one["name"] for one in listed]
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", NAMES[2:5])
def test_the_location_of_a_calibration_leads_to_it_under_any_name(azimuth, name):
    with azimuth.client() as client:
        path = f"/v1/calibrations/{quote(name, safe='')}"
        body = {"bank": "helpsteer2", "scenarios": 20}
        started = client.put(path, json=body)
        assert started.status_code == 202, started.text
        assert client.get(started.headers["location"]).json()["name"] == name
        assert client.delete(path).status_code == 204


def test_names_are_compared_in_one_normal_form(azimuth):
    """The two ways of writing é look the same, so they are the same name."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with azimuth.client() as client:
        path = f"/v1/attribute-sets/{quote(decomposed)}"
        body = {"attributes": [WARMTH | {"name": decomposed}]}
        assert client.put(path, json=body).json()["name"] == composed
        found = client.get(f"/v1/attribute-sets/{quote(composed)}").json()
        assert found["attributes"][0]["name"] == composed
        target = grouped(attribute_set=decomposed, bank=None, target={decomposed: 1})
    answer = azimuth.post("/v1/select", SCENARIO | target)
    assert answer.status_code == 200
    assert [c["attribute"] for c in answer.json()["score_set"]["cells"]] == [composed]
    twice = SCENARIO | target | {"target": {composed: 1, decomposed: 0}}
    refused = azimuth.post("/v1/select", twice)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/target"


def test_an_attribute_of_any_name_is_scored_and_selected_by(azimuth):
    names = ["INCOME_$100,000 or more", "EDUCATION_College graduate/some postgrad", "评审", "a@b"]
    attributes = [WARMTH | {"name": name} for name in names]
    body = SCENARIO | grouped(attributes=attributes, bank=None)
    scored = azimuth.post("/v1/score", body).json()
    assert [cell["attribute"] for cell in scored["cells"]] == names
    targets = dict.fromkeys(names, 1.0)
    answer = azimuth.post("/v1/retarget", {"score_set_ids": scored["id"], "targets": targets})
    (pair,) = answer.json()["pairs"]
    assert pair["selection"]["selected"]


@pytest.mark.parametrize(
    "name",
    ["%20", "%20x", "x%20", "a%0Ab", "a%00b", "%E2%80%A8", "%2E%2E", "x" * 129, "%FF", "%ED%A0%80"],
)
def test_an_invalid_name_is_refused(azimuth, name):
    with azimuth.client() as client:
        response = client.put(f"/v1/banks/{name}", content=lines(*BANK))
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "path:name"


def test_the_name_of_a_choice_s_cell_is_reserved(azimuth):
    body = SCENARIO | grouped(attributes=[WARMTH | {"name": "(choice)"}], bank=None)
    response = azimuth.post("/v1/score", body)
    assert response.status_code == 422
    assert "reserved" in response.json()["detail"]


def test_an_attribute_set_with_an_unknown_bank_is_refused(azimuth):
    with azimuth.client() as client:
        body = {"bank": "nowhere", "attributes": [WARMTH]}
        assert client.put("/v1/attribute-sets/x", json=body).status_code == 404
        assert client.get("/v1/attribute-sets/x").status_code == 404


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


def test_the_built_in_sets_and_banks_are_listed(azimuth):
    with azimuth.client() as client:
        sets = [one["name"] for one in client.get("/v1/attribute-sets").json()["attribute_sets"]]
        banks = [one["name"] for one in client.get("/v1/banks").json()["banks"]]
        moral = client.get("/v1/attribute-sets/moral-foundations").json()
        bank = client.get("/v1/banks/moral-foundations").json()
    assert {"helpsteer2", "moral-foundations"} <= set(sets) & set(banks)
    assert [a["name"] for a in moral["attributes"]] == [
        "care", "fairness", "liberty", "loyalty", "authority", "sanctity",
    ]  # fmt: skip
    assert bank["builtin"]
    assert bank["index"]["state"] == "ready"


def test_candidates_are_selected_by_moral_foundations(azimuth):
    body = SCENARIO | {"attribute_set": "moral-foundations", "target": {"care": 1, "loyalty": 0.5}}
    answer = azimuth.post("/v1/select", body).json()
    assert answer["score_set"]["scorer"]["bank"]["name"] == "moral-foundations"
    assert [c["attribute"] for c in answer["score_set"]["cells"]] == ["care", "loyalty"]


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


def test_readiness_reports_each_part(service):
    service.start_api()
    with service.client() as client:
        absent = client.get("/readyz")
        assert absent.status_code == 503
        assert absent.json()["worker"]["state"] == "away"
        assert absent.json()["redis"]["state"] == "ready"
        service.start_worker()
        ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"] == {"state": "ready", "detail": "fake on fake", "models": ["fake"]}


def test_models_are_listed_with_what_they_can_do(service):
    service.start_api()
    with service.client() as client:
        assert client.get("/v1/models").json() == {"models": []}
        worker = service.start_worker()
        (model,) = client.get("/v1/models").json()["models"]
        assert model["name"] == model["engine"] == "fake"
        assert (model["state"], model["workers"], model["default"]) == ("ready", 1, True)
        assert {"comparative", "regression"} <= set(model["methods"])
        assert model["reads_digits"]
        assert model["context_length"] == 8192
        worker.stop(10)
        wait_until(lambda: client.get("/v1/models").json()["models"][0]["state"] == "away")
        (model,) = client.get("/v1/models").json()["models"]
        assert model["workers"] == 0


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_pages_need_no_network(azimuth, page):
    with azimuth.client() as client:
        html = client.get(page).text
        assert "openapi.json" in html
        references = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
        assert len(references) >= 2
        assert re.findall(r"https?://[^\s\"']+", html) == []
        for reference in references:
            assert reference.startswith("/")
            assert client.get(reference).status_code == 200
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
