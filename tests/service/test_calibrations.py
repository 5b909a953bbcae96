"""Calibration over HTTP: fitted in the background, applied to cached scores when they are read."""

import contextlib
import itertools
import json
import os
import random
import signal
from dataclasses import dataclass

import pytest

from app.domain.plan import split_score_set_id
from app.store.redis import score_set_key
from scripts.calibrate import main as calibrate
from tests.support import Service, running_service, wait_until

ATTRIBUTES = ["helpfulness", "verbosity"]
SCORER = {"attributes": ATTRIBUTES, "bank": None, "model": "fake"}
SLOW = SCORER | {"model": "slow"}
LABELS = {"reasoning": False, "orders": 2}
LATE = {"reasoning_chars": 200}
# A judge that sees helpfulness well, and nothing of verbosity, which lengths tell by themselves.
JUDGE = {"AZIMUTH_FAKE_NOISE": "helpfulness:0.15,verbosity:3"}
COUNT = 48
SET = "#/scorer/attribute_set"
TARGETS = [
    dict(zip(ATTRIBUTES, point, strict=True))
    for point in itertools.product([0, 0.25, 0.5, 0.75, 1], repeat=2)
]


def scenarios(first, count):
    """Labelled scenarios: verbosity is how long a reply is, helpfulness nothing one can see."""
    made = []
    for number in range(first, first + count):
        draw = random.Random(number)
        labels = [{name: draw.randrange(5) / 4 for name in ATTRIBUTES} for _ in range(2)]
        responses = [
            " ".join(f"word{draw.randrange(90)}" for _ in range(4 + int(24 * one["verbosity"])))
            + f" {number} {letter}."
            for one, letter in zip(labels, "ab", strict=True)
        ]
        made.append(
            {"id": f"s{number}", "question": f"What about {number}?"}
            | {"responses": responses, "labels": labels}
        )
    return made


BANK, HELD_OUT = scenarios(0, COUNT), scenarios(1000, 40)


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """What the simulated judge sees through its noise."""
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    path.write_text(lines(*BANK, *HELD_OUT))
    return {"AZIMUTH_FAKE_LABELS": str(path), **JUDGE}


@pytest.fixture(scope="module")
def judged(labels, tmp_path_factory):
    """A judge of known quality, one that is as good but slow, and a labelled bank."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api()
        running.start_worker(ready=False, **labels)
        running.start_worker(
            ready=False,
            AZIMUTH_MODEL_NAME="slow",
            AZIMUTH_FAKE_LATENCY_S="0.2",
            AZIMUTH_WORKER_CONCURRENCY="2",
            **labels,
        )
        store(running)
        wait_until(lambda: len(models(running)) == 2, what="both judges")
        yield running


@pytest.fixture(scope="module")
def second(judged, tmp_path_factory):
    """One more API process on the same Redis."""
    with second_api(judged, tmp_path_factory.mktemp("second")) as other:
        yield other


@pytest.fixture(scope="module")
def accepted(judged):
    """The answer to what begins `house`, a calibration for this very judge."""
    return put(judged, "house")


@pytest.fixture(scope="module")
def house(judged, accepted):
    """`house`, once it is fitted."""
    return ready(judged, "house")


@pytest.fixture(scope="module")
def by_labels(judged):
    """A calibration for a judge that reasons not, of a bank with two scenarios that do not fit."""
    with judged.client() as client:
        client.put("/v1/banks/long", content=lines(*too_long(2), *BANK[2:]))
    return fitted(judged, "by-labels", bank="long", scorer=SCORER | LABELS)


@dataclass
class Late:
    """What was scored before its calibration was there, and selections then."""

    score_sets: list
    before: dict
    before_elsewhere: dict
    last_job: list
    fitted: dict


@pytest.fixture(scope="module")
def late(judged, second):
    score_sets = [score(judged, scenario, **LATE) for scenario in HELD_OUT[:10]]
    before, elsewhere = (compact(api, score_sets) for api in (judged, second))
    found = fitted(judged, "late", scorer=SCORER | LATE)
    return Late(score_sets, before, elsewhere, last_job(judged), found)


def store(service):
    with service.client() as client:
        client.put("/v1/banks/labelled", content=lines(*BANK)).raise_for_status()


def too_long(count):
    """The first scenarios of the bank, with questions that no prompt has room for."""
    return [s | {"question": "why " * 9000 + s["id"]} for s in BANK[:count]]


def models(service):
    with service.client() as client:
        return client.get("/readyz").json()["model"].get("models", [])


def put(service, name, **body):
    with service.client() as client:
        body = {"bank": "labelled", "scorer": SCORER} | body
        return client.put(f"/v1/calibrations/{name}", json=body)


def look(service, name):
    with service.client() as client:
        return client.get(f"/v1/calibrations/{name}").json()


def delete(service, name):
    with service.client() as client:
        return client.delete(f"/v1/calibrations/{name}").status_code


def ended(service, name):
    """What became of a fit, once it is over."""

    def over():
        seen = look(service, name)
        return seen if seen["state"] not in ("scoring", "fitting") else None

    return wait_until(over, timeout_s=60, what=f"the end of {name}")


def ready(service, name):
    seen = ended(service, name)
    assert seen["state"] == "ready", seen
    return seen["fitted"]


def fitted(service, name, **body):
    response = put(service, name, **body)
    assert response.status_code == 202, response.text
    return ready(service, name)


def ask(scenario, **more):
    return SCORER | {key: scenario[key] for key in ("question", "responses")} | more


def score(service, scenario, **more):
    response = service.post("/v1/score", ask(scenario, **more))
    assert response.status_code == 200, response.text
    return response.json()


def retarget(service, score_set, status=200, **more):
    body = {"score_set_ids": score_set.get("id"), "targets": TARGETS} | more
    response = service.post("/v1/retarget", body)
    assert response.status_code == status, response.text
    return response.json()


def compact(service, score_sets, **more):
    """Selections as indices for every target."""
    return retarget(
        service, {}, score_set_ids=[one["id"] for one in score_sets], compact=True, **more
    )


def last_job(service):
    """Ids of the last jobs that were ever queued."""
    return sorted(
        (key, service.redis.xinfo_stream(key)["last-generated-id"])
        for key in service.redis.keys("azimuth:jobs:*")
    )


def calibrated(score_set):
    """Attribute -> calibrated scores."""
    return {
        cell["attribute"]: [s["calibrated"] and s["calibrated"]["score"] for s in cell["scores"]]
        for cell in score_set["cells"]
    }


def raw(score_set):
    return {cell["attribute"]: [s["score"] for s in cell["scores"]] for cell in score_set["cells"]}


def problem_of(response, status, slug):
    assert response.status_code == status, response.text
    problem = response.json()
    assert problem["type"] == f"/problems/{slug}"
    return problem


@contextlib.contextmanager
def second_api(service, folder):
    """One more API process on the same Redis."""
    other = Service(folder, dict(service.environment), redis_port=service.redis_port)
    other.start_api()
    try:
        yield other
    finally:
        other.close()


def begin_slowly(service, name, **scorer):
    """A fit that is in the middle of scoring."""
    assert put(service, name, scorer=SLOW | scorer).status_code == 202
    wait_until(lambda: look(service, name)["done"] >= 4, what="some progress")


# --- fitting ---------------------------------------------------------------------------------


def test_a_fit_is_accepted_and_says_where_to_ask_for_it(accepted):
    assert accepted.status_code == 202
    assert accepted.headers["location"] == "/v1/calibrations/house"
    assert accepted.headers["retry-after"] == "1"
    begun = accepted.json()
    assert (begun["name"], begun["state"]) == ("house", "scoring")
    assert (begun["done"], begun["total"]) == (0, COUNT)
    assert begun["detail"] == f"0 of {COUNT} scenarios are scored"
    assert begun["fitted"] is None


def test_settings_without_effect_on_a_fit_are_told_when_it_begins_and_when_it_is_over(judged):
    scorer = SCORER | LABELS | {"samples": 3}
    (warning,) = put(judged, "idle-samples", scorer=scorer).json()["warnings"]
    assert "makes no use of samples" in warning
    assert ended(judged, "idle-samples")["warnings"] == [warning]
    assert delete(judged, "idle-samples") == 204


def test_a_fit_that_is_over_tells_what_it_was_fitted_on_and_for(judged, house):
    seen = look(judged, "house")
    assert (seen["state"], seen["detail"]) == ("ready", "fitted")
    assert (seen["done"], seen["total"], seen["left_out"]) == (COUNT, COUNT, {})
    assert seen["fitted"] == house
    assert house["bank"]["name"] == "labelled"
    assert (house["scenarios"], house["left_out"]) == (COUNT, {})
    assert house["attributes"] == ATTRIBUTES
    assert house["scorer"]["model"] == "fake"
    assert len(house["reports"]) == 4  # each attribute, together with the other and alone


def test_the_reports_say_where_the_judge_is_believed(house):
    together = {r["attribute"]: r for r in house["reports"] if r["basis"] == "together"}
    helpfulness, verbosity = together["helpfulness"], together["verbosity"]
    assert helpfulness["layer"] in ("alone", "together")
    assert helpfulness["error"] < 0.25 < helpfulness["error_features"]
    assert "lowers the error of surface features" in helpfulness["summary"]
    assert verbosity["layer"] == "features"
    assert verbosity["error"] < 0.2 < 0.4 < verbosity["error_raw"]
    assert verbosity["pairs"] > 0.9 > verbosity["pairs_raw"]
    assert verbosity["summary"] == "on verbosity this judge adds nothing to surface features"


def test_progress_is_told_while_it_goes_and_a_second_fit_of_that_name_waits_for_the_first(judged):
    begin_slowly(judged, "running", reasoning_chars=100)
    seen = look(judged, "running")
    assert seen["state"] == "scoring"
    assert 4 <= seen["done"] < seen["total"] == COUNT
    assert seen["detail"] == f"{seen['done']} of {COUNT} scenarios are scored"
    problem = problem_of(put(judged, "running"), 409, "calibration-running")
    assert "'running' is being fitted" in problem["detail"]
    with judged.client() as client:
        listed = client.get("/v1/calibrations").json()["calibrations"]
    assert "running" in [one["name"] for one in listed if one["state"] == "scoring"]
    assert delete(judged, "running") == 204


def test_deleting_stops_a_fit_and_nothing_of_it_comes_back(judged):
    begin_slowly(judged, "gone", reasoning_chars=110)
    assert delete(judged, "gone") == 204
    assert delete(judged, "gone") == 404
    wait_until(lambda: judged.jobs() == 0, what="the end of the jobs that had begun")
    with judged.client() as client:
        response = client.get("/v1/calibrations/gone")
    problem_of(response, 404, "unknown-calibration")
    assert put(judged, "gone", bank="nowhere").status_code == 404  # and not: it is being fitted


def test_a_fit_whose_process_is_killed_goes_on_from_the_cache_to_the_same_result(judged, tmp_path):
    scorer = {"reasoning_chars": 120}
    with second_api(judged, tmp_path) as other:
        begin_slowly(other, "cut", **scorer)
        os.kill(other.api_child.pid, signal.SIGKILL)
        other.api_child.process.wait(20)
    cut = ended(judged, "cut")
    assert cut["state"] == "interrupted"
    assert "put it again to go on" in cut["detail"]
    assert 0 < cut["done"] < COUNT
    assert cut["fitted"] is None
    whole = fitted(judged, "cut", scorer=SLOW | scorer)
    assert whole["scenarios"] == COUNT
    before = last_job(judged)
    again = fitted(judged, "never-cut", scorer=SLOW | scorer)
    assert again["digest"] == whole["digest"]
    assert last_job(judged) == before  # what is scored already is not scored again


def test_a_process_that_is_told_to_end_leaves_its_fit_interrupted_at_once(judged, tmp_path):
    """And fits nothing on the part that it has scored by then."""
    with second_api(judged, tmp_path) as other:
        begin_slowly(other, "stopped", reasoning_chars=130)
        other.api_child.process.terminate()
        assert other.api_child.process.wait(20) in (0, -signal.SIGTERM)
        stopped = look(judged, "stopped")
    assert stopped["state"] == "interrupted"
    assert stopped["done"] < COUNT
    assert stopped["fitted"] is None
    assert stopped["left_out"] == {}
    assert delete(judged, "stopped") == 204


def test_too_few_labels_are_told_and_an_earlier_version_stays_in_use(judged, house):
    """Without asking the judge for any score, where it can be told before."""
    with judged.client() as client:
        client.put("/v1/banks/few", content=lines(*BANK[:19]))
        client.put("/v1/banks/lost", content=lines(*BANK[1:20], *too_long(1)))
    response = put(judged, "house", bank="few")
    assert response.status_code == 422
    assert response.json()["detail"] == (
        "19 scenarios of bank 'few' are labelled on 'helpfulness'; a calibration needs 20"
    )
    assert response.json()["errors"][0]["pointer"] == "#/bank"
    assert put(judged, "house", bank="lost").status_code == 202
    seen = ended(judged, "house")
    assert seen["state"] == "failed"
    assert seen["detail"] == (
        "19 scenarios are labelled and scored on 'helpfulness'; a calibration needs 20"
    )
    assert seen["fitted"] == house
    assert score(judged, HELD_OUT[0])["calibration"]["digest"] == house["digest"]


def test_an_attribute_that_is_named_twice_is_refused_before_any_work(judged):
    response = put(judged, "twice", scorer=SCORER | {"attributes": ["helpfulness"] * 2})
    assert response.status_code == 422
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert pointers == ["#/scorer/attributes/0", "#/scorer/attributes/1"]


def test_what_the_judge_could_not_score_is_counted_by_its_reason(by_labels):
    assert by_labels["left_out"] == {"context-overflow": 2}
    assert by_labels["scenarios"] == COUNT - 2


def test_of_a_sample_the_judge_is_asked_and_of_all_the_others_surface_features_learn(judged, house):
    found = fitted(judged, "sampled", scenarios=24, scorer=SCORER)
    assert (found["scenarios"], found["labelled"]) == (24, COUNT)
    assert (house["scenarios"], house["labelled"]) == (COUNT, COUNT)
    assert {report["scenarios"] for report in found["reports"]} == {24}
    (verbosity,) = [
        r for r in found["reports"] if (r["attribute"], r["basis"]) == ("verbosity", "together")
    ]
    # Twice the labels, and surface features that tell them: nothing is lost for the sample.
    (whole,) = [
        r for r in house["reports"] if (r["attribute"], r["basis"]) == ("verbosity", "together")
    ]
    assert verbosity["error_features"] < 1.5 * whole["error_features"]
    assert delete(judged, "sampled") == 204


def test_without_reasoning_the_probabilities_of_labels_are_evidence_too(judged, by_labels):
    answer = score(judged, HELD_OUT[0], **LABELS)
    assert answer["calibration"]["digest"] == by_labels["digest"]
    assert answer["scorer"]["orders"] == 2
    one = answer["cells"][0]["scores"][0]
    assert len(one["raw"]) == 5
    assert one["calibrated"]["standard_error"] > 0
    # The label's own deviation and what the bank tells of such scores are two errors.
    assert one["standard_error"] != one["calibrated"]["standard_error"]


def test_from_the_command_line_a_fit_ends_in_words(judged, house, tmp_path, capsys):
    path = tmp_path / "bank.jsonl"
    path.write_text(lines(*BANK))
    given = ["by-hand", "--bank", "labelled", "--bank-file", str(path), "--url", judged.url]
    how = ["--only", *ATTRIBUTES, "--zero-shot", "--model", "fake"]
    assert calibrate([*given, *how]) == 0
    told = capsys.readouterr().out
    assert f"on {COUNT} scenarios of labelled" in told
    assert "on verbosity this judge adds nothing to surface features" in told
    assert house["digest"] in told  # the same scenarios, scored the same
    assert delete(judged, "by-hand") == 204
    assert calibrate([*given, *how, "--orders", "99"]) == 1
    assert "#/scorer/orders" in capsys.readouterr().err


# --- refused before anything is begun ----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status", "slug", "pointer"),
    [
        ({"bank": "nowhere"}, 404, "unknown-bank", "#/bank"),
        ({"bank": None}, 422, "invalid-request", "#/bank"),
        ({"scenarios": 19}, 422, "invalid-request", "#/scenarios"),
        ({"targets": []}, 422, "invalid-request", "#/targets"),
        ({"scorer": {"orders": 99}}, 422, "invalid-request", "#/scorer/orders"),
        ({"scorer": {"question": "why?"}}, 422, "invalid-request", "#/scorer/question"),
        ({"scorer": {"attributes": ["wit"]}}, 422, "unknown-attribute", "#/scorer/attributes/0"),
        ({"scorer": {"attribute_set": "x"}}, 404, "unknown-attribute-set", SET),
        ({"scorer": {"bank": "x"}}, 404, "unknown-bank", "#/scorer/bank"),
        ({"scorer": {"model": "x"}}, 404, "unknown-model", "#/scorer/model"),
        ({"scorer": {"method": "x"}}, 422, "unknown-method", "#/scorer/method"),
        ({"scorer": {"method": "unaligned"}}, 422, "unknown-method", "#/scorer/method"),
        (
            {"scorer": {"reasoning": False, "joint": True}},
            422,
            "invalid-request",
            "#/scorer/joint",
        ),
        ({"scorer": {"attributes": ["coherence"], "bank": None}}, 422, "invalid-request", "#/bank"),
    ],
    ids=str,
)  # fmt: skip
def test_a_fit_that_cannot_be_is_refused_and_the_field_named(judged, change, status, slug, pointer):
    problem = problem_of(put(judged, "refused", **change), status, slug)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert delete(judged, "refused") == 404


@pytest.mark.parametrize("name", ["auto", "none"])
def test_names_that_mean_something_else_are_refused(judged, name):
    problem = problem_of(put(judged, name), 422, "invalid-request")
    assert "meaning of its own" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "path:name"


def test_without_a_worker_a_fit_is_a_503_or_waits_for_one_that_is_known(service, labels):
    service.start_api()
    store(service)
    response = put(service, "waits")
    problem_of(response, 503, "model-not-ready")
    assert response.headers["retry-after"]
    worker = service.start_worker(**labels)
    worker.process.terminate()
    worker.process.wait(10)
    assert put(service, "waits").status_code == 202
    wait_until(lambda: service.jobs() > 0, what="jobs that wait")
    assert look(service, "waits")["done"] == 0
    service.start_worker(ready=False, **labels)
    wait_until(lambda: look(service, "waits")["done"] == COUNT, what="all scores")
    assert delete(service, "waits") == 204


# --- applied -----------------------------------------------------------------------------------


def test_cells_tell_raw_and_calibrated_scores(judged, house):
    answer = score(judged, HELD_OUT[0])
    assert answer["calibration"] == {
        "name": "house", "digest": house["digest"], "basis": "together",
    }  # fmt: skip
    errors = {r["attribute"]: r["error"] for r in house["reports"] if r["basis"] == "together"}
    for cell in answer["cells"]:
        for one in cell["scores"]:
            assert 0 <= one["calibrated"]["score"] <= 1
            assert one["calibrated"]["score"] != one["score"]
            assert one["calibrated"]["standard_error"] == pytest.approx(
                errors[cell["attribute"]], abs=0.05
            )
    shown = look_at(judged, answer["id"])
    assert calibrated(shown) == calibrated(answer)
    assert shown["calibration"] == answer["calibration"]


def look_at(service, score_set_id, status=200, **query):
    with service.client() as client:
        response = client.get(f"/v1/score-sets/{score_set_id}", params=query)
    assert response.status_code == status, response.text
    return response.json()


def test_calibrated_scores_are_nearer_to_labels_that_nobody_has_seen(judged, house):
    lost = {"raw": 0.0, "calibrated": 0.0}
    for scenario in HELD_OUT[:20]:
        answer = score(judged, scenario)
        for name, of in (("raw", raw), ("calibrated", calibrated)):
            found = of(answer)
            lost[name] += sum(
                (found[attribute][index] - label) ** 2
                for index, labels in enumerate(scenario["labels"])
                for attribute, label in labels.items()
            )
    assert lost["calibrated"] < 0.5 * lost["raw"]


def test_a_scenario_with_more_responses_than_a_prompt_can_name_is_left_out_and_told(judged):
    many = [f"reply {number}" for number in range(27)]
    crowd = {"id": "crowd", "question": "Who is there?", "responses": many}
    crowd["labels"] = [dict.fromkeys(ATTRIBUTES, 0.5)] * 27
    with judged.client() as client:
        client.put("/v1/banks/crowded", content=lines(crowd, *BANK[:24])).raise_for_status()
    another = SCORER | {"reasoning_chars": 210}  # not what `house` is for
    found = fitted(judged, "crowded", bank="crowded", scorer=another)
    assert found["left_out"] == {"too-many-responses": 1}
    assert not judged.redis.keys("azimuth:dead:*")


def test_candidates_in_another_order_have_the_same_calibrated_scores(judged, house):
    there = score(judged, HELD_OUT[1])
    back = score(judged, HELD_OUT[1] | {"responses": HELD_OUT[1]["responses"][::-1]})
    assert calibrated(back) == {n: scores[::-1] for n, scores in calibrated(there).items()}


@pytest.mark.parametrize(
    "target",
    [
        {"helpfulness": 1, "verbosity": 0},
        {"verbosity": 0.25, "helpfulness": 1},
        {"verbosity": 0.25},
        {"helpfulness": 0.5},
    ],
    ids=str,
)
def test_selections_go_by_calibrated_scores(judged, house, target):
    """Those of the attributes that the target names, in whatever order it names them."""
    answer = judged.post("/v1/select", ask(HELD_OUT[2], target=target)).json()
    found = calibrated(answer["score_set"])
    expected = [
        sum((found[name][index] - wish) ** 2 for name, wish in target.items()) ** 0.5
        for index in range(2)
    ]
    (again,) = retarget(judged, answer["score_set"], targets=[target])["selections"]
    for selection in (answer, again):
        distances = {one["index"]: one["distance"] for one in selection["ranking"]}
        assert distances == pytest.approx(dict(enumerate(expected)))


def test_none_leaves_scores_and_selections_as_the_model_gave_them(judged, house):
    target = {"helpfulness": 1, "verbosity": 0}
    answer = judged.post("/v1/select", ask(HELD_OUT[2], target=target, calibration="none")).json()
    score_set = answer["score_set"]
    assert score_set["calibration"] is None
    assert calibrated(score_set) == {name: [None, None] for name in ATTRIBUTES}
    found = raw(score_set)
    expected = [
        ((1 - helpful) ** 2 + verbose**2) ** 0.5
        for helpful, verbose in zip(found["helpfulness"], found["verbosity"], strict=True)
    ]
    distances = {one["index"]: one["distance"] for one in answer["ranking"]}
    assert distances == pytest.approx(dict(enumerate(expected)))
    assert look_at(judged, score_set["id"], calibration="none")["calibration"] is None
    pair, *_ = retarget(judged, score_set, targets=[target], calibration="none")["selections"]
    assert pair["calibration"] is None
    assert {one["index"]: one["distance"] for one in pair["ranking"]} == distances


def test_where_some_attributes_are_scored_each_is_calibrated_alone(judged, house):
    answer = score(judged, HELD_OUT[3], attributes=["verbosity"])
    assert answer["calibration"]["basis"] == "alone"
    assert calibrated(answer).keys() == {"verbosity"}


def test_another_scorer_is_not_calibrated_by_itself_and_refused_by_name(judged, house):
    answer = score(judged, HELD_OUT[0], orders=3)
    assert answer["calibration"] is None
    assert answer["warnings"] == []
    for path, more in (("/v1/score", {}), ("/v1/select", {"target": TARGETS[0]})):
        body = ask(HELD_OUT[0], orders=3, calibration="house", **more)
        problem = problem_of(judged.post(path, body), 422, "invalid-request")
        assert "'house' was fitted for another scorer" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = retarget(judged, answer, 422, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    problem = look_at(judged, answer["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"


def test_a_named_calibration_that_does_not_fit_is_refused_before_anything_is_scored(judged, house):
    before = last_job(judged)
    for more in ({"orders": 4}, {"attributes": ["coherence"]}, {"calibration": "nope"}):
        body = ask(HELD_OUT[30], **({"calibration": "house"} | more))
        assert judged.post("/v1/score", body).status_code in (404, 422)
    assert last_job(judged) == before


def test_an_attribute_that_it_does_not_know_is_a_warning_and_by_name_a_refusal(judged, house):
    more = {"attributes": [*ATTRIBUTES, "coherence"]}
    answer = score(judged, HELD_OUT[4], **more)
    assert answer["calibration"] is None
    (warning,) = answer["warnings"]
    assert "does not cover coherence" in warning
    assert "as the model gave them" in warning
    problem = problem_of(
        judged.post("/v1/score", ask(HELD_OUT[4], calibration="house", **more)),
        422,
        "invalid-request",
    )
    assert problem["detail"] == "calibration 'house' does not cover coherence"
    assert problem["errors"][0]["pointer"] == "#/calibration"
    # What a target does not name does not matter to it.
    pair, *_ = retarget(judged, answer, calibration="house")["selections"]
    assert pair["calibration"]["name"] == "house"
    problem = retarget(judged, answer, 422, targets={"coherence": 1}, calibration="house")
    assert problem["detail"] == "calibration 'house' does not cover coherence"
    # Targets that name it are answered by raw scores under auto, which says so, once.
    for form in ({}, {"compact": True}):
        told = retarget(judged, answer, targets=[{"coherence": 1}, {"coherence": 0}], **form)
        assert told["warnings"] == [warning]


def test_a_name_that_nothing_was_fitted_under_is_a_404_that_knows_the_others(judged, house):
    answer = score(judged, HELD_OUT[0])
    for response in (
        judged.post("/v1/score", ask(HELD_OUT[0], calibration="nope")),
        judged.post(
            "/v1/retarget",
            {"score_set_ids": answer["id"], "targets": TARGETS[0], "calibration": "nope"},
        ),
    ):
        problem = problem_of(response, 404, "unknown-calibration")
        assert "house" in problem["known"]
        assert problem["errors"][0]["pointer"] == "#/calibration"


def test_a_method_that_chooses_makes_no_use_of_a_calibration_and_says_so(judged, house):
    scenario = {key: HELD_OUT[0][key] for key in ("question", "responses")}
    body = scenario | {"method": "unaligned", "calibration": "house"}
    answer = judged.post("/v1/select", body).json()
    assert answer["score_set"]["calibration"] is None
    assert any(
        "makes no use of" in w and "calibration" in w for w in answer["score_set"]["warnings"]
    )


def test_retargeting_names_what_scores_were_calibrated_by_in_full_and_compact(judged, house):
    sets = [score(judged, HELD_OUT[5]), score(judged, HELD_OUT[5], orders=3)]
    ids = [one["id"] for one in sets]
    full = retarget(judged, sets[0], score_set_ids=ids)["selections"]
    short = compact(judged, sets)
    reference = {"name": "house", "digest": house["digest"], "basis": "together"}
    assert short["calibrations"] == [reference, None]
    chosen = [[], []]
    for pair in full:
        row = ids.index(pair["score_set_id"])
        assert pair["calibration"] == (reference if row == 0 else None)
        chosen[row].append(pair["selected"]["index"])
    assert short["selected"] == chosen
    assert short["warnings"] == []


def test_a_new_fit_changes_cached_scores_when_they_are_read_and_no_model_is_called(judged, late):
    assert late.before["calibrations"] == [None] * 10
    after = compact(judged, late.score_sets)
    assert {one["digest"] for one in after["calibrations"]} == {late.fitted["digest"]}
    assert after["selected"] != late.before["selected"]
    again = score(judged, HELD_OUT[0], **LATE)
    assert raw(again) == raw(late.score_sets[0])
    assert again["calibration"]["digest"] == late.fitted["digest"]
    assert all(cell["cached"] for cell in again["cells"])
    assert again["usage"] == {"prompt_tokens": 0, "cached_prompt_tokens": 0, "output_tokens": 0}
    assert last_job(judged) == late.last_job


def test_another_api_process_hears_of_a_new_calibration_and_of_a_deleted_one(judged, second, late):
    assert late.before_elsewhere == late.before | {
        "timings_ms": late.before_elsewhere["timings_ms"]
    }

    def elsewhere():
        reference = compact(second, late.score_sets)["calibrations"][0]
        return reference and reference["digest"]

    wait_until(lambda: elsewhere() == late.fitted["digest"], timeout_s=5)
    # Deleted and put again: its scores are cached.
    assert delete(judged, "late") == 204
    wait_until(lambda: elsewhere() is None, timeout_s=5)
    assert fitted(judged, "late", scorer=SCORER | LATE)["digest"] == late.fitted["digest"]
    wait_until(lambda: elsewhere() == late.fitted["digest"], timeout_s=5)


def test_with_calibrated_scores_it_is_known_how_likely_a_choice_is(judged, house):
    """A single raw answer tells nothing of its error; the labelled bank does."""
    body = ask(HELD_OUT[7], target={"helpfulness": 1, "verbosity": 0.5})
    unsure = judged.post("/v1/select", body | {"min_probability": 0.999}).json()
    assert unsure["selected"] is None
    assert unsure["abstained"]["reason"] == "min-probability"
    assert 0 < unsure["abstained"]["found"] < 0.999
    assert sum(one["probability"] for one in unsure["ranking"]) == pytest.approx(1)
    sure = judged.post("/v1/select", body | {"min_probability": 0.3}).json()
    assert sure["selected"]["probability"] >= 0.3
    blind = body | {"min_probability": 0.3, "calibration": "none"}
    assert judged.post("/v1/select", blind).json()["abstained"]["found"] is None
    pair, *_ = retarget(judged, unsure["score_set"], targets=[body["target"]], min_probability=0.3)[
        "selections"
    ]
    assert pair["ranking"] == sure["ranking"]


def test_a_score_set_from_before_surface_features_says_what_to_do(judged, house):
    score_set = score(judged, HELD_OUT[25], calibration="none")
    key = score_set_key(split_score_set_id(score_set["id"])[0])
    assert judged.redis.hdel(key, "surface") == 1
    problem = retarget(judged, score_set, 422, targets=TARGETS[0], calibration="house")
    assert problem["errors"][0]["pointer"] == "#/calibration"
    assert "ask for its scores again (they are cached)" in problem["detail"]
    problem = look_at(judged, score_set["id"], 422, calibration="house")
    assert problem["errors"][0]["pointer"] == "query:calibration"
    # Where nobody asked for this calibration, scores are as they were, and say why.
    plain = retarget(judged, score_set, targets=TARGETS[0])
    assert plain["selections"][0]["calibration"] is None
    assert "ask for its scores again (they are cached)" in plain["warnings"][0]
    assert "surface features" in look_at(judged, score_set["id"])["warnings"][0]
    # The first way out: nothing is calibrated.
    assert retarget(judged, score_set, calibration="none")["selections"][0]["selected"]
    # The second: features are taken from the texts, and scores from the cache.
    queued = last_job(judged)
    assert all(cell["cached"] for cell in score(judged, HELD_OUT[25])["cells"])
    assert last_job(judged) == queued
    assert retarget(judged, score_set)["selections"][0]["calibration"]["name"] == "house"


def test_a_calibration_whose_content_is_gone_says_so(judged, second, house):
    key = f"azimuth:calibration-data:{house['digest']}"
    judged.redis.rename(key, "elsewhere")
    try:  # at a process that has not read it yet
        response = second.post("/v1/score", ask(HELD_OUT[9], calibration="house"))
    finally:
        judged.redis.rename("elsewhere", key)
    problem = problem_of(response, 404, "unknown-calibration")
    assert "fit it again" in problem["detail"]
    assert score(second, HELD_OUT[9])["calibration"]["name"] == "house"
