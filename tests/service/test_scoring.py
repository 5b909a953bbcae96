"""`/score`, `/select` and the score cache, from HTTP to the worker and back."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import SCENARIO, grouped, wait_until

TARGET = {"helpfulness": 1.0, "verbosity": 0.25}


def scenario(question: str, **more):
    return SCENARIO | grouped(question=question, **more)


def select(azimuth, body):
    response = azimuth.post("/v1/select", body)
    assert response.status_code == 200, response.text
    return response.json()


def chosen(azimuth, body):
    return select(azimuth, body)["selection"]


def scores_by_text(answer, texts):
    """Attribute -> text -> score, with all its members."""
    return {
        cell["attribute"]: {texts[s["index"]]: s | {"index": None} for s in cell["scores"]}
        for cell in answer["score_set"]["cells"]
    }


def test_a_selection_explains_itself(azimuth):
    answer = select(azimuth, scenario("explain", target=TARGET))
    selection = answer["selection"]
    ranking = selection["ranking"]
    assert selection["selected"] == ranking[0]
    assert ranking[0]["distance"] <= ranking[1]["distance"]
    assert selection["margin"] == pytest.approx(ranking[1]["distance"] - ranking[0]["distance"])
    score_set = answer["score_set"]
    assert score_set["status"] == "complete"
    assert score_set["candidates"] == [{"index": 0, "id": "long"}, {"index": 1, "id": "short"}]
    assert [c["attribute"] for c in score_set["cells"]] == list(TARGET)
    for cell in score_set["cells"]:
        assert all(0 <= s["score"] <= 1 and s["reasoning"] for s in cell["scores"])
        assert len(cell["examples"]) == 5
        assert cell["levels_uncovered"] == []
    scorer = score_set["scorer"]
    assert scorer["method"] == "comparative"
    assert scorer["bank"]["name"] == "helpsteer2"
    assert scorer["fingerprint"]
    assert answer["usage"]["prompt_tokens"] > 0
    assert answer["timings_ms"]["total"] >= answer["timings_ms"]["engine"]


def test_the_distance_follows_from_the_scores_in_the_answer(azimuth):
    answer = select(azimuth, scenario("distance", target=TARGET))
    scores = {
        c["attribute"]: c["scores"][answer["selection"]["selected"]["index"]]["score"]
        for c in answer["score_set"]["cells"]
    }
    expected = sum((scores[name] - value) ** 2 for name, value in TARGET.items()) ** 0.5
    assert answer["selection"]["selected"]["distance"] == pytest.approx(expected)


def test_select_scores_only_the_attributes_of_the_target(azimuth):
    one = select(azimuth, scenario("named", target={"coherence": 1}))
    assert [c["attribute"] for c in one["score_set"]["cells"]] == ["coherence"]
    more = select(
        azimuth, scenario("named", target={"coherence": 1}, attributes=["coherence", "verbosity"])
    )
    assert [c["attribute"] for c in more["score_set"]["cells"]] == ["coherence", "verbosity"]
    whole = azimuth.post("/v1/score", scenario("named")).json()
    assert [c["attribute"] for c in whole["cells"]] == [
        "helpfulness", "correctness", "coherence", "complexity", "verbosity",
    ]  # fmt: skip


def test_members_that_cannot_apply_are_absent_not_null(azimuth):
    answer = select(azimuth, scenario("no nulls", target=TARGET))
    assert "null" not in json.dumps(answer)


def test_a_second_call_is_answered_from_the_cache_without_a_job(azimuth):
    body = scenario("twice", target=TARGET)
    first, second = select(azimuth, body), select(azimuth, body)
    assert not any(c["cached"] for c in first["score_set"]["cells"])
    assert all(c["cached"] for c in second["score_set"]["cells"])
    assert second["usage"] == {"prompt_tokens": 0, "cached_prompt_tokens": 0, "output_tokens": 0}
    assert second["selection"] == first["selection"]


@pytest.mark.parametrize(
    "more", [{}, {"samples": 2, "orders": 2}, {"reasoning": False, "bank": None}], ids=str
)
def test_reordered_and_repeated_candidates_reuse_the_cells_and_select_the_same_text(azimuth, more):
    texts = ["alpha", "beta", "gamma"]
    asked = scenario("order", target=TARGET, **more)
    first = select(azimuth, asked | {"responses": texts})
    for other in (["gamma", "alpha", "beta"], ["beta", "alpha", "gamma", "alpha"]):
        again = select(azimuth, asked | {"responses": other})
        assert all(c["cached"] for c in again["score_set"]["cells"])
        selected = again["selection"]["selected"]["index"]
        assert other[selected] == texts[first["selection"]["selected"]["index"]]
        assert scores_by_text(again, other) == scores_by_text(first, texts)
        half = again["score_set"]["id"].partition(".")[0]
        assert half == first["score_set"]["id"].partition(".")[0]


def test_a_repeated_candidate_ties_with_itself(azimuth):
    answer = chosen(azimuth, scenario("ties", responses=["same", "same"], target=TARGET))
    assert answer["margin"] == 0
    assert answer["selected"]["index"] == 0
    assert answer["ties"] == [{"index": 1, "id": "1"}]


def test_candidates_that_look_the_same_tie(azimuth):
    texts = ["Bonne id\u00e9e.", "Bonne ide\u0301e. ", "Non."]
    body = scenario("looks", responses=texts, target=TARGET)
    answer = azimuth.post("/v1/select", body).json()
    scores = [[s["score"] for s in cell["scores"]] for cell in answer["score_set"]["cells"]]
    assert all(first == second for first, second, _ in scores)
    again = azimuth.post("/v1/select", body | {"responses": texts[::-1]}).json()
    assert all(cell["cached"] for cell in again["score_set"]["cells"])


def test_adding_an_attribute_scores_only_that_attribute(azimuth):
    body = scenario("one more", attributes=["helpfulness", "coherence"])
    azimuth.post("/v1/score", body)
    body["attributes"].append("verbosity")
    answer = azimuth.post("/v1/score", body).json()
    assert {c["attribute"]: c["cached"] for c in answer["cells"]} == {
        "helpfulness": True,
        "coherence": True,
        "verbosity": False,
    }


def test_another_target_is_answered_from_cached_scores(azimuth):
    names = ["helpfulness", "verbosity"]
    select(azimuth, scenario("targets", attributes=names, target={"helpfulness": 1}))
    answer = select(azimuth, scenario("targets", attributes=names, target={"verbosity": 0}))
    assert all(c["cached"] for c in answer["score_set"]["cells"])


def test_answers_use_the_caller_s_ids_and_order(azimuth):
    responses = [{"id": "z", "text": "beta two"}, {"id": "a", "text": "alpha two"}]
    first = chosen(azimuth, scenario("ids", responses=responses, target=TARGET))
    swapped = chosen(azimuth, scenario("ids", responses=responses[::-1], target=TARGET))
    assert first["selected"]["id"] == swapped["selected"]["id"]
    assert first["selected"]["index"] == 1 - swapped["selected"]["index"]


def test_a_score_set_can_be_read_again_by_its_id(azimuth):
    made = azimuth.post("/v1/score", scenario("look again")).json()
    with azimuth.client() as client:
        seen = client.get(f"/v1/score-sets/{made['id']}").json()
    assert "selection" not in made
    assert seen["status"] == "complete"
    assert seen["candidates"] == made["candidates"]
    by_name = {c["attribute"]: c["scores"] for c in seen["cells"]}
    assert by_name == {c["attribute"]: c["scores"] for c in made["cells"]}


def test_routes_are_also_available_without_the_prefix(azimuth):
    body = scenario("no prefix", target=TARGET)
    assert azimuth.post("/select", body).status_code == 200
    again = azimuth.post("/score", scenario("no prefix", attributes=list(TARGET))).json()
    assert all(cell["cached"] for cell in again["cells"])


def test_several_samples_and_orders_return_spread_and_values(azimuth):
    body = scenario("spread", attributes=["helpfulness"], samples=3, orders=2)
    (cell,) = azimuth.post("/v1/score", body).json()["cells"]
    for score in cell["scores"]:
        assert len(score["values"]) == 6
        assert score["score"] == pytest.approx(sum(score["values"]) / 6, abs=1e-6)
        assert score["spread"] > 0


def test_order_of_prompts_and_retrieval_are_part_of_the_scorer(azimuth):
    fingerprints = set()
    for order in ("attribute_first", "item_first"):
        for retrieval in ("similar", "fixed"):
            asked = scenario("orders of prompts", prompt_order=order, retrieval=retrieval)
            answer = azimuth.post("/v1/score", asked).json()
            scorer, cells = answer["scorer"], answer["cells"]
            assert (scorer["prompt_order"], scorer["retrieval"]) == (order, retrieval)
            fingerprints.add(scorer["fingerprint"])
            assert answer["status"] == "complete"
            assert not any(cell["cached"] for cell in cells)
            shown = [sorted(e["id"] for e in cell["examples"]) for cell in cells]
            assert all(len(ids) == 5 for ids in shown)
            if order == "item_first":
                assert all(ids == shown[0] for ids in shown)
    assert len(fingerprints) == 4


def test_an_order_of_prompts_that_a_method_lacks_is_rejected(azimuth):
    response = azimuth.post(
        "/v1/score",
        SCENARIO | grouped(question="refused", method="regression", prompt_order="item_first"),
    )
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/scoring/prompt_order"


def test_scoring_without_examples_has_another_fingerprint(azimuth):
    few = azimuth.post("/v1/score", scenario("shots", attributes=["coherence"])).json()
    zero = azimuth.post("/v1/score", scenario("shots", attributes=["coherence"], bank=None)).json()
    assert zero["cells"][0]["examples"] == []
    assert "bank" not in zero["scorer"]
    assert zero["scorer"]["fingerprint"] != few["scorer"]["fingerprint"]


def test_an_inline_attribute_is_scored_without_examples_with_a_warning(azimuth):
    inline = {"name": "wit", "definition": "How witty it is."}
    answer = azimuth.post("/v1/score", scenario("inline", attributes=["coherence", inline])).json()
    assert [c["attribute"] for c in answer["cells"]] == ["coherence", "wit"]
    assert answer["cells"][1]["examples"] == []
    assert "'wit'" in answer["warnings"][0]


def test_an_edited_definition_is_scored_again(azimuth):
    for definition, expected in (("one", False), ("two", False), ("one", True)):
        inline = {"name": "wit", "definition": definition}
        body = scenario("edited", attributes=[inline], bank=None)
        assert azimuth.post("/v1/score", body).json()["cells"][0]["cached"] is expected


def test_a_single_response_can_be_scored_but_not_selected(azimuth):
    body = scenario("single", responses=["only"])
    assert azimuth.post("/v1/score", body).status_code == 200
    assert azimuth.post("/v1/select", body | {"target": TARGET}).status_code == 422


def test_26_responses_are_scored_together(azimuth):
    body = scenario("many", responses=[f"answer {i}" for i in range(26)], attributes=["coherence"])
    (cell,) = azimuth.post("/v1/score", body).json()["cells"]
    assert len(cell["scores"]) == 26


def test_weights_and_distance_change_the_ranking(azimuth):
    plain = select(azimuth, scenario("weights", target=TARGET))
    body = scenario("weights", target=TARGET, weights={"verbosity": 9}, distance="manhattan")
    weighted = select(azimuth, body)
    assert all(c["cached"] for c in weighted["score_set"]["cells"])
    assert weighted["selection"]["ranking"] != plain["selection"]["ranking"]


def test_respond_async_answers_202_with_a_url_to_poll(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="2")  # enough time to poll
    body = scenario("async", target=TARGET)
    response = service.post("/v1/select", body, {"Prefer": "respond-async"})
    assert response.status_code == 202
    location = response.headers["location"]
    with service.client() as client:
        pending = client.get(location).json()
        assert pending["status"] == "pending"
        assert {c["status"] for c in pending["cells"]} == {"pending"}
        wait_until(lambda: client.get(location).json()["status"] == "complete")
        answer = client.post(
            "/v1/retarget",
            json={"score_set_ids": response.json()["score_set_id"], "targets": TARGET},
        )
    assert answer.status_code == 200
    again = service.post("/v1/select", body, {"Prefer": "respond-async"})
    assert again.status_code == 200  # from the cache


def test_respond_async_with_a_wait_answers_202_only_after_it(service):
    """RFC 7240: the answer is a 202 only if scoring takes longer than `wait`."""
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.3")
    patient = {"Prefer": "respond-async, wait=20"}
    assert service.post("/v1/score", scenario("patient"), patient).status_code == 200


def test_scoring_longer_than_the_wait_limit_answers_202(service):
    service.start_api(AZIMUTH_WAIT_S="0.3")
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1")
    assert service.post("/v1/score", scenario("long wait")).status_code == 202


def test_concurrent_identical_requests_are_scored_once(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.5")
    body = scenario("at once", target=TARGET)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: select(service, body), range(8)))
    assert len({a["score_set"]["id"] for a in answers}) == 1
    wait_until(lambda: '"job done"' in service.log("worker"), what="the end of the job")
    assert service.log("worker").count('"job done"') == 1


def test_identical_requests_to_two_api_processes_are_scored_once(service):
    service.start_api()
    first_url = service.url
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="2")
    service.start_api()
    service.client().close()  # waits until the second process is up
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda url: httpx.post(url + "/v1/score", json=scenario("two apis"), timeout=30),
                [first_url, service.url],
            )
        )
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json()["cells"] == answers[1].json()["cells"]
    wait_until(lambda: '"job done"' in service.log("worker"), what="the end of the job")
    assert service.log("worker").count('"job done"') == 1


def test_overlapping_requests_share_cells_in_flight(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.5")
    bodies = [
        scenario("overlap", attributes=["helpfulness", "coherence"]),
        scenario("overlap", attributes=["coherence", "verbosity"]),
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda b: service.post("/v1/score", b).json(), bodies))
    assert all(a["status"] == "complete" for a in answers)
    # A job is logged only after its last cell was answered.
    wait_until(lambda: service.log("worker").count('"job done"') == 2, what="both jobs")
    done = [line for line in service.log("worker").splitlines() if '"job done"' in line]
    assert sum(json.loads(line)["cells"] for line in done) == 3
