"""`/select` for a person, a group or groups, and the audit of a bank, over HTTP."""

import json

import numpy as np
import pytest

from tests.made_ratings import CLASSES, made_bank

TOPICS = ("taxes", "vaccines", "zoos", "tipping", "marriage", "guns", "cloning", "opera")
TEXTS = (
    "I'm sorry, but I cannot say anything about {0}.",
    "{0} is debated. Views differ.",
    "There are facts about {0}:\n- first, its history and law\n- second, its costs and figures",
    "Some people are for {0}, while others are against it. On the one hand, on the other hand.",
    "In my opinion {0} is right, and I firmly believe that we should support it.",
)
GROUPS = ["g0", "g1", "g2", "g3"]


def bank_file(labels=False, **made):
    """A made bank as JSON Lines, about many topics."""
    table = made_bank(people=20, prompts=8, **made).table
    ratings = {}
    for row in range(len(table)):
        ratings.setdefault(int(table.scenario[row]), []).append(
            {
                "rater": table.raters[table.rater[row]],
                "group": table.groups[int(table.membership[table.rater[row]].argmax())],
                "response": int(table.response[row]),
                "rating": float(table.value[row]),
            }
        )
    lines = [
        {"rating_scale": {"low": 1, "high": 5}, "response_classes": dict.fromkeys(CLASSES, "")}
    ]
    for place, rated in ratings.items():
        topic = f"{TOPICS[place % 8]} {place}"
        line = {
            "id": f"s{place}",
            "question": f"What about {topic}?",
            "responses": [text.format(topic) for text in TEXTS],
            "response_classes": list(CLASSES),
            "ratings": rated,
        }
        if labels:
            means = [np.mean([r["rating"] for r in rated if r["response"] == c]) for c in range(5)]
            line["labels"] = [{"helpfulness": round((m - 1) / 4, 2)} for m in means]
        lines.append(line)
    return "\n".join(json.dumps(line) for line in lines)


@pytest.fixture(scope="module")
def bank(azimuth):
    with azimuth.client() as client:
        for name, made in {
            "rated": {"seed": 1, "group_sd": 0.8},
            "alike": {"seed": 2},
            "labelled": {"seed": 3, "labels": True},
        }.items():
            answer = client.put(f"/v1/banks/{name}", content=bank_file(**made))
            assert answer.status_code == 200, answer.text
    return "rated"


BODY = {
    "question": "What about whales?",
    "responses": [text.format("whales") for text in TEXTS],
    "bank": "rated",
}


def select(azimuth, status=200, **more):
    answer = azimuth.post("/v1/select", BODY | more)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_group_gets_what_its_people_are_expected_to_like(azimuth, bank):
    answer = select(azimuth, group="g0")
    (row,) = answer["people"]["rows"]
    assert row["support"] > 0.5
    ranked = answer["selection"]["ranking"]
    assert [one["expected"] for one in ranked] == sorted(row["expected"], reverse=True)
    assert row["choice"]["index"] == ranked[0]["index"] == int(np.argmax(row["expected"]))
    low, high = ranked[0]["interval"]
    assert 1 <= low <= ranked[0]["expected"] <= high <= 5


def test_classes_of_new_candidates_are_read_from_their_texts(azimuth, bank):
    people = select(azimuth, group="g0")["people"]
    read = [max(one["classes"], key=one["classes"].get) for one in people["candidates"]]
    assert read == list(CLASSES)
    assert {one["source"] for one in people["candidates"]} == {"read"}
    assert people["reader"]["accuracy"] > 0.9 > people["reader"]["chance"]


def test_classes_are_known_of_the_banks_own_responses_and_may_be_given(azimuth, bank):
    own = [text.format("taxes 0") for text in TEXTS]
    people = select(azimuth, group="g0", question="What about taxes 0?", responses=own)["people"]
    assert {one["source"] for one in people["candidates"]} == {"rated"}
    assert "reader" not in people
    given = select(azimuth, group="g0", people={"candidate_classes": ["stance", *[None] * 4]})
    first = given["people"]["candidates"][0]
    assert (first["source"], first["classes"]) == ("given", {"stance": 1.0})


def test_a_persons_own_ratings_decide(azimuth, bank):
    loved = [{"response_class": "refuse", "rating": 5, "scenario": f"x{i}"} for i in range(8)]
    hated = [{"response_class": "detailed", "rating": 1, "scenario": f"x{i}"} for i in range(8)]
    answer = select(azimuth, person={"ratings": loved + hated})
    (row,) = answer["people"]["rows"]
    assert row["own_ratings"] == 8
    assert row["expected"][0] > 4 > 2 > row["expected"][2]
    by_place = select(azimuth, person={"ratings": [{"scenario": "s0", "response": 0, "rating": 5}]})
    assert by_place["people"]["rows"][0]["own_ratings"] == 1


def test_a_rater_of_the_bank_is_a_person_too(azimuth, bank):
    answer = select(azimuth, person={"rater": "r0000"})
    (row,) = answer["people"]["rows"]
    assert (row["name"], row["own_ratings"]) == ("r0000", 8)


def test_one_choice_for_several_groups_with_who_loses_what(azimuth, bank):
    answer = select(azimuth, groups=GROUPS, people={"fair": "least_regret", "menu": 2})
    people = answer["people"]
    expected = np.array([row["expected"] for row in people["rows"]])
    fair = {one["rule"]: one for one in people["fair"]}
    assert fair["maximin"]["choice"]["index"] == int(expected.min(axis=0).argmax())
    assert fair["utilitarian"]["choice"]["index"] == int(expected.mean(axis=0).argmax())
    regret = expected.max(axis=1, keepdims=True) - expected
    chosen = answer["selection"]["selected"]["index"]
    assert chosen == fair["least_regret"]["choice"]["index"] == int(regret.max(axis=0).argmin())
    losses = {one["group"]: one["regret"] for one in fair["least_regret"]["groups"]}
    assert losses == pytest.approx(dict(zip(GROUPS, regret[:, chosen], strict=True)))
    assert people["menu"]["expected"] >= people["menu"]["single"]
    assert (len(people["menu"]["candidates"]), people["menu"]["people"]) == (2, 80)


def test_groups_that_the_bank_does_not_tell_apart_are_warned_of(azimuth, bank):
    answer = select(azimuth, groups=GROUPS, bank="alike")
    if any(row["support"] == 0 for row in answer["people"]["rows"]):
        assert "does not support means of their own" in answer["warnings"][0]


def test_scores_on_attributes_that_the_bank_labels_count(azimuth, bank):
    answer = select(azimuth, group="g0", bank="labelled", attributes=["helpfulness"])
    assert answer["score_set"]["status"] == "complete"
    assert any(one["shift"] for one in answer["people"]["candidates"]) or answer["warnings"]
    without = select(azimuth, group="g0", attributes=["helpfulness"])
    assert "too few labels" in without["warnings"][0]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"group": "nobody"}, "#/group"),
        ({"groups": ["g0", "g0"]}, "#/groups"),
        ({"groups": ["g0"], "people": {"group_weights": {"g1": 1}}}, "#/people/group_weights"),
        ({"person": {"rater": "nobody"}}, "#/person/rater"),
        ({"person": {"ratings": [{"response_class": "no", "rating": 3}]}}, "response_class"),
        ({"person": {"ratings": [{"response_class": "terse", "rating": 9}]}}, "rating"),
        ({"person": {"ratings": [{"scenario": "s0", "response": 9, "rating": 3}]}}, "response"),
        ({"person": {"ratings": [], "rater": "r0000"}}, "#/person"),
        ({"group": "g0", "target": {"helpfulness": 1}}, ""),
        ({"group": "g0", "bank": None}, ""),
        ({"group": "g0", "bank": "helpsteer2"}, "#/bank"),
        ({"group": "g0", "people": {"candidate_classes": ["terse"]}}, "candidate_classes"),
    ],
)
def test_what_cannot_be_meant_is_refused(azimuth, bank, more, pointer):
    problem = select(azimuth, status=422, **more)
    assert any(pointer in one["pointer"] for one in problem["errors"])


def test_an_unknown_bank_is_a_problem(azimuth, bank):
    assert azimuth.post("/v1/select", BODY | {"group": "g0", "bank": "none"}).status_code == 404


def test_an_audit_tells_whether_groups_differ(azimuth, bank):
    with azimuth.client() as client:
        found = client.get("/v1/banks/rated/audit").json()
        alike = client.get("/v1/banks/alike/audit").json()
        assert client.get("/v1/banks/none/audit").status_code == 404
        assert client.get("/v1/banks/helpsteer2/audit").status_code == 422
    assert found["words"][0].startswith("These groups differ")
    assert alike["words"][0].startswith("These groups do not differ measurably")
    assert "single people do" in alike["words"][0]
    assert found["p"] < 0.05 < alike["p"]
    assert [one["part"] for one in found["shares"]] == [
        "class",
        "group",
        "person",
        "prompt",
        "rest",
    ]
    assert [one["group"] for one in found["groups"]] == GROUPS
    assert all(0.7 < share < 0.95 for share in found["coverage"].values())


@pytest.mark.parametrize("distance", ["euclidean", "likelihood", "jensen_shannon"])
def test_a_target_may_be_a_distribution_of_values(azimuth, distance):
    decided = {"values": [0.2, 0.25, 0.3, 0.9]}
    options = {"distance": distance, "seed": 3, "history": {"helpfulness": [0.2]}}
    body = {
        "question": "distribution?",
        "responses": ["a", "b b", "c c c"],
        "target": {"helpfulness": decided, "verbosity": 0.5},
        "selection": options,
    }
    answer = azimuth.post("/v1/select", body).json()
    drawn = answer["selection"].get("drawn")
    assert (drawn is None) == (distance != "euclidean")
    wanted = {"score_set_ids": answer["score_set"]["id"], "targets": body["target"]}
    again = azimuth.post("/v1/retarget", wanted | {"selection": options}).json()
    selection = again["pairs"][0]["selection"]
    assert selection["selected"]["index"] == answer["selection"]["selected"]["index"]
    assert selection.get("drawn") == drawn
    compact = azimuth.post("/v1/retarget", wanted | {"selection": options, "compact": True}).json()
    assert compact["selected"] == [[selection["selected"]["index"]]]


def learn(azimuth, status=200, **body):
    answer = azimuth.post("/v1/learn-target", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_target_is_learned_from_the_candidates_that_were_preferred(azimuth):
    """A hidden target prefers; the learned one makes nearly the same choices."""
    names = ["helpfulness", "verbosity"]
    ids = []
    for number in range(10):
        responses = [f"{number} {'word ' * (3 * i)}{i}" for i in range(6)]
        body = {"question": f"learn {number}", "responses": responses, "attributes": names}
        ids.append(azimuth.post("/v1/score", body).json()["id"])
    hidden = {"helpfulness": 1.0, "verbosity": 0.3}
    wanted = {"score_set_ids": ids, "compact": True}
    preferred = azimuth.post("/v1/retarget", wanted | {"targets": hidden}).json()["selected"]
    observed = [
        {"score_set_id": one, "preferred": str(index)}
        for one, (index,) in zip(ids, preferred, strict=True)
    ]
    learned = learn(azimuth, observed=observed)
    assert (learned["scenarios"], learned["pairs"]) == (10, 50)
    assert learned["accuracy"] > 0.6
    targets = {"targets": learned["target"], "selection": {"weights": learned["weights"]}}
    again = azimuth.post("/v1/retarget", wanted | targets).json()["selected"]
    assert np.mean([a == b for a, b in zip(again, preferred, strict=True)]) >= 0.6


def test_a_target_is_learned_from_the_labels_and_ratings_of_a_bank(azimuth, bank):
    for who in ({}, {"group": "g0"}, {"rater": "r0000"}):
        learned = learn(azimuth, bank="labelled", **who)
        assert set(learned["target"]) == {"helpfulness"}
        assert learned["target"]["helpfulness"] > 0.5


def test_what_a_target_cannot_be_learned_from_is_refused(azimuth, bank):
    body = {"question": "q?", "responses": ["a", "b"], "attributes": ["helpfulness"]}
    own = azimuth.post("/v1/score", body).json()["id"]
    problem = learn(azimuth, 422, observed=[{"score_set_id": own, "preferred": "z"}])
    assert problem["errors"][0]["pointer"] == "#/observed/0/preferred"
    problem = learn(azimuth, 422, observed=[{"score_set_id": own, "ratings": [1, 2, 3]}])
    assert problem["errors"][0]["pointer"] == "#/observed/0/ratings"
    learn(azimuth, 422, observed=[{"score_set_id": own, "ratings": [3, 3]}])
    learn(azimuth, 422, bank="rated")
    learn(azimuth, 422, bank="labelled", group="nobody")
    learn(azimuth, 422, bank="labelled", observed=[{"score_set_id": own, "ratings": [1, 2]}])
    learn(azimuth, 404, observed=[{"score_set_id": "0" * 32, "preferred": "0"}])
    none = [{"score_set_id": own, "preferred": "0"}]
    learn(azimuth, 409, observed=none, attributes=["verbosity"])


def test_a_persona_in_words_chooses_without_a_target(azimuth):
    body = {"question": "persona?", "responses": ["a", "b"], "persona": "A tired night nurse."}
    chosen = azimuth.post("/v1/select", body | {"scoring": {"method": "prompt_aligned"}})
    assert chosen.status_code == 200, chosen.text
    assert chosen.json()["selection"]["ranking"][0]["preference"] is not None
    refused = azimuth.post("/v1/select", body | {"target": {"helpfulness": 1}})
    assert refused.json()["errors"][0]["pointer"] == "#/persona"


def test_attributes_count_as_much_as_they_are_relevant(azimuth):
    target = {"helpfulness": 1.0, "verbosity": 0.0}
    body = {"question": "relevant?", "responses": ["a", "b b", "c c c"], "target": target}
    alone = azimuth.post("/v1/select", body | {"target": {"verbosity": 0.0}}).json()
    given = {"helpfulness": 0.0, "verbosity": 0.7}
    answer = azimuth.post("/v1/select", body | {"relevance": given}).json()
    assert answer["selection"]["relevance"] == given
    chosen = answer["selection"]["selected"]["index"]
    assert chosen == alone["selection"]["selected"]["index"]
    again = {"score_set_ids": answer["score_set"]["id"], "targets": target, "compact": True}
    retargeted = azimuth.post("/v1/retarget", again | {"relevance": [given]}).json()
    assert retargeted["selected"] == [[chosen]]
    refused = azimuth.post("/v1/retarget", again | {"relevance": [given, given]})
    assert refused.status_code == 422


def test_the_judge_may_say_how_relevant_attributes_are(azimuth):
    target = {"helpfulness": 1.0, "verbosity": 0.0}
    body = {"question": "judged?", "responses": ["a", "b b"], "target": target}
    asked = body | {"relevance": "judge"}
    selection = azimuth.post("/v1/select", asked).json()["selection"]
    assert set(selection["relevance"]) == set(target)
    assert "relevance_unknown" not in selection
    jobs = azimuth.jobs()
    assert azimuth.post("/v1/select", asked).json()["selection"] == selection
    assert azimuth.jobs() == jobs
    given = azimuth.post("/v1/select", body | {"relevance": selection["relevance"]}).json()
    assert given["selection"]["ranking"] == selection["ranking"]
