"""`explain: "words"`: what a judge writes about scores that it read and did not write."""

from tests.support import SCENARIO, grouped

NAMES = ["helpfulness", "verbosity"]
TARGET = {"helpfulness": 1.0, "verbosity": 0.25}


def select(azimuth, **more):
    body = SCENARIO | grouped(target=TARGET, **more)
    response = azimuth.post("/v1/select", body)
    assert response.status_code == 200, response.text
    return response.json()


def test_words_are_written_after_digits_are_read_marked_as_such_and_cached(azimuth):
    asked = {"question": "Digits?", "reasoning": False, "explain": "words"}
    answer = select(azimuth, **asked)
    reasons = answer["selection"]["explanation"]["reasons"]
    assert reasons["source"] == "afterwards"
    assert "did not produce the scores" in reasons["note"]
    assert (reasons["model"], reasons["absent"]) == ("fake", [])
    assert reasons["prompt_profile"].startswith("afterwards/1:")
    scores = {
        (cell["attribute"], one["index"]): round(one["score"], 2)
        for cell in answer["score_set"]["cells"]
        for one in cell["scores"]
    }
    written = {(one["attribute"], one["index"]): one for one in reasons["written"]}
    assert {place: one["score"] for place, one in written.items()} == scores
    assert {one["id"] for one in written.values()} == {"long", "short"}
    assert all(one["text"] for one in written.values())
    cells = answer["score_set"]["cells"]
    own = sum(cell["usage"]["prompt_tokens"] for cell in cells)
    assert answer["usage"]["prompt_tokens"] > own

    again = select(azimuth, **asked)
    assert again["selection"]["explanation"]["reasons"] == reasons
    assert again["usage"]["prompt_tokens"] == 0
    plain = select(azimuth, **asked | {"explain": True})
    assert "reasons" not in plain["selection"]["explanation"]


def test_words_about_a_score_serve_every_target_that_shows_the_same_candidates(azimuth):
    asked = {"question": "Targets?", "reasoning": False, "explain": "words"}
    select(azimuth, **asked)
    body = SCENARIO | grouped(**asked, attributes=NAMES, target={"verbosity": 0.9})
    answer = azimuth.post("/v1/select", body).json()
    assert answer["usage"]["output_tokens"] == 0
    written = answer["selection"]["explanation"]["reasons"]["written"]
    assert {one["attribute"] for one in written} == {"verbosity"}


def test_a_judge_that_wrote_before_it_scored_is_not_asked_again(azimuth):
    explanation = select(azimuth, question="Written?", explain="words")["selection"]["explanation"]
    assert "reasons" not in explanation
    assert all(one["reasonings"] for one in explanation["contributions"])


def test_words_are_refused_where_no_model_is_called(azimuth):
    body = grouped(score_set_ids="x", targets=TARGET, explain="words")
    response = azimuth.post("/v1/retarget", body)
    assert response.status_code == 422
    assert "use /select" in response.json()["errors"][0]["detail"]
    other = SCENARIO | grouped(target=TARGET, explain="yes")
    assert azimuth.post("/v1/select", other).status_code == 422
