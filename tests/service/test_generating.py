"""`/generate` over HTTP, with the fake engine: styles, the cache, streams, and what fails."""

import json

import httpx
import pytest

from app.access.policy import costs_tokens, scopes_for
from tests.service.test_problems import problem_of
from tests.service.uploads import lines, put_bank
from tests.support import Service

ASKED = {"messages": [{"role": "user", "content": "May I keep hens in the garden?"}]}
SETUP = {
    "rating_scale": {"low": 1, "high": 5},
    "response_classes": {"apology": "Apologise first.", "advice": "Give advice."},
}
RATED = [
    {
        "id": f"q{place}",
        "question": question,
        "responses": ["Sorry to hear that!", f"Read rule {place}."],
        "response_classes": ["apology", "advice"],
        "ratings": [
            {"rater": f"{group}-{rater}", "group": group, "response": response, "rating": rating}
            for group, ratings in (("north", (5, 2)), ("south", (1, 4)))
            for rater in (1, 2)
            for response, rating in enumerate(ratings)
        ],
    }
    for place, question in enumerate(
        ["My hens escaped.", "How do I boil an egg?", "May I keep bees?", "Is my garden too wet?"]
    )
]
GROUP = {"bank": "hens", "group": "north"}


@pytest.fixture(scope="module")
def rated(azimuth: Service) -> Service:
    answer = put_bank(azimuth, "hens", lines(SETUP, *RATED))
    assert answer.status_code == 200, answer.text
    return azimuth


def generated(service: Service, **body) -> dict:
    answer = service.post("/v1/generate", ASKED | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events_of(lines_of_stream) -> list[tuple[str, dict]]:
    events, name = [], ""
    for line in lines_of_stream:
        kind, _, value = line.partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            events.append((name, json.loads(value)))
    return events


def streamed(service: Service, **body) -> list[tuple[str, dict]]:
    with (
        service.client() as client,
        client.stream("POST", "/v1/generate", json=ASKED | {"stream": True} | body) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return events_of(answer.iter_lines())


def test_a_text_is_written_with_what_explains_it(azimuth):
    answer = generated(azimuth, control=True)
    (text,) = answer["texts"]
    assert (text["status"], text["finish"], text["examples"]) == ("written", "stop", [])
    assert text["text"]
    assert text["usage"]["output_tokens"] == len(text["text"].split())
    assert answer["writer"]["prompt_profile"].startswith("responses/1:")
    assert answer["usage"] == text["usage"]


def test_a_greedy_text_is_written_once_and_then_cached(azimuth):
    body = {"messages": [{"role": "user", "content": "Is this one new?"}]}
    first, second = generated(azimuth, **body), generated(azimuth, **body)
    assert [a["texts"][0]["cached"] for a in (first, second)] == [False, True]
    assert first["texts"][0]["text"] == second["texts"][0]["text"]
    assert second["usage"]["output_tokens"] == 0


def test_a_drawn_text_is_new_each_time_and_its_seed_draws_it_again(azimuth):
    drawn = [generated(azimuth, writing={"temperature": 0.7}) for _ in range(2)]
    assert not any(answer["texts"][0]["cached"] for answer in drawn)
    seeds = [answer["writer"]["seed"] for answer in drawn]
    assert seeds[0] != seeds[1]
    again = generated(azimuth, writing={"temperature": 0.7, "seed": seeds[0]})
    assert again["texts"][0]["cached"]
    assert again["texts"][0]["text"] == drawn[0]["texts"][0]["text"]


def test_several_texts_differ_and_keep_their_order(azimuth):
    texts = generated(azimuth, writing={"samples": 3, "seed": 4})["texts"]
    assert [text["index"] for text in texts] == [0, 1, 2]
    assert len({text["text"] for text in texts}) == 3


@pytest.mark.parametrize("style", ["P-I", "C-I", "P-R", "C-R"])
def test_each_style_has_a_prompt_of_its_own_with_examples_of_the_group(rated, style):
    answer = generated(rated, **GROUP, style=style)
    (text,) = answer["texts"]
    assert len(text["examples"]) == 3
    writer = answer["writer"]
    assert (writer["style"], writer["retrieval"]) == (style, "expected")
    assert writer["group"]["name"] == "north"
    control = generated(rated, control=True)
    assert text["usage"]["prompt_tokens"] > control["texts"][0]["usage"]["prompt_tokens"]


def test_control_leaves_the_group_out(rated):
    with_group, without = generated(rated, **GROUP, control=True), generated(rated)
    assert with_group["texts"][0]["text"] == without["texts"][0]["text"]
    assert "style" not in with_group["writer"]


@pytest.mark.parametrize(
    ("body", "status", "slug", "pointer"),
    [
        ({"bank": "none", "group": "north"}, 404, "unknown-bank", "#/bank"),
        ({"bank": "hens", "group": "east"}, 422, "unknown-group", "#/group"),
        ({"bank": "helpsteer2", "group": "x"}, 422, "unsuitable-bank", "#/bank"),
        ({"writing": {"model": "none"}}, 404, "unknown-model", "#/writing/model"),
        ({"deadline_s": 1e9}, 422, "invalid-request", "#/deadline_s"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_with_a_request_is_its_status(rated, body, status, slug, pointer, stream):
    answer = rated.post("/v1/generate", ASKED | body | {"stream": stream})
    assert problem_of(answer, status, slug)["errors"][0]["pointer"] == pointer


def test_a_person_is_written_for_by_own_ratings_or_as_a_rater(rated):
    ratings = [
        {"rating": 5, "response_class": "advice"},
        {"rating": 1, "response_class": "apology"},
    ]
    own = generated(rated, bank="hens", person={"ratings": ratings}, style="C-I")
    rater = generated(rated, bank="hens", person={"rater": "south-1"}, style="C-I")
    for answer in (own, rater):
        assert len(answer["texts"][0]["examples"]) == 3
        assert answer["writer"]["retrieval"] == "similar"
    other = generated(rated, bank="hens", person={"rater": "north-1"}, style="C-I")
    assert other["texts"][0]["text"] != rater["texts"][0]["text"]
    unknown = ASKED | {"bank": "hens", "person": {"rater": "nobody"}}
    problem_of(rated.post("/v1/generate", unknown), 422, "invalid-request")


def test_instructions_need_a_bank_that_has_them(azimuth):
    put_bank(azimuth, "plain?rating_scale=1..5", lines(*RATED))
    body = ASKED | {"bank": "plain", "group": "north", "style": "P-I"}
    problem = problem_of(azimuth.post("/v1/generate", body), 422, "unsuitable-bank")
    assert problem["lacks"] == "classes"


@pytest.mark.parametrize("roles", [["assistant"], ["user", "user"], ["user", "system"]])
def test_messages_come_in_turn_and_end_with_the_users(azimuth, roles):
    messages = [{"role": role, "content": "x"} for role in roles]
    problem_of(azimuth.post("/v1/generate", {"messages": messages}), 422, "invalid-request")


def test_a_conversation_that_is_too_long_is_refused_with_its_tokens(azimuth):
    body = {"messages": [{"role": "user", "content": "word " * 9000}]}
    problem = problem_of(azimuth.post("/v1/generate", body), 422, "context-overflow")
    assert problem["prompt_tokens"] > problem["context_length"] == 8192


def test_examples_give_way_to_a_long_conversation(rated):
    long = {"messages": [{"role": "user", "content": "egg " * 7900}]}
    (text,) = generated(rated, **long, **GROUP, writing={"max_tokens": 64})["texts"]
    assert text["examples_dropped"]


def test_parts_add_up_to_the_text(rated):
    events = streamed(rated, **GROUP, writing={"samples": 2, "seed": 1, "temperature": 1})
    name, done = events[-1]
    assert name == "done"
    for text in done["texts"]:
        parts = [e["text"] for kind, e in events if kind == "text" and e["index"] == text["index"]]
        assert "".join(parts) == text["text"]


def test_a_cached_text_streams_as_well(azimuth):
    body = {"messages": [{"role": "user", "content": "Stream me twice."}]}
    (*_, (_, first)), second = streamed(azimuth, **body), streamed(azimuth, **body)
    assert [kind for kind, _ in second] == ["text", "done"]
    assert second[-1][1]["texts"][0]["cached"]
    assert second[0][1]["text"] == first["texts"][0]["text"]


def test_a_text_is_cut_at_its_limit_and_says_so(azimuth):
    asked = {"messages": [{"role": "user", "content": "Write 50 words."}]}
    (text,) = generated(azimuth, **asked, writing={"max_tokens": 10})["texts"]
    assert (text["finish"], len(text["text"].split())) == ("length", 10)


def test_writing_is_for_keys_that_select_and_costs_tokens():
    assert scopes_for("POST", "/v1/generate") == {"select"}
    assert costs_tokens("POST", "/v1/generate")


def test_a_written_text_is_no_score_set(azimuth):
    generated(azimuth)
    (key, *_) = [k for k in azimuth.redis.keys("azimuth:ss:*") if _is_text(azimuth, k)]
    digest = key.removeprefix("azimuth:ss:")
    with azimuth.client() as client:
        problem_of(client.get(f"/v1/score-sets/{digest}"), 404, "unknown-score-set")
    body = {"score_set_ids": [digest], "targets": [{"helpfulness": 1}]}
    assert httpx.post(azimuth.url + "/v1/retarget", json=body).status_code in (200, 404)


def _is_text(azimuth: Service, key: str) -> bool:
    return any(field.startswith("cell:(text)") for field in azimuth.redis.hkeys(key))
