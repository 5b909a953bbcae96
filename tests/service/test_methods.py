"""Methods other than `comparative`, from HTTP to the worker and back."""

import pytest

from tests.support import SCENARIO, grouped, wait_until

TARGET = {"helpfulness": 1.0, "verbosity": 0.25}


def select(azimuth, question, **more):
    response = azimuth.post("/v1/select", SCENARIO | grouped(question=question, **more))
    assert response.status_code == 200, response.text
    return response.json()


def test_regression_scores_each_candidate_and_can_be_retargeted(azimuth):
    answer = select(azimuth, "regress", method="regression", target=TARGET)
    assert answer["score_set"]["scorer"]["method"] == "regression"
    assert [c["attribute"] for c in answer["score_set"]["cells"]] == list(TARGET)
    again = azimuth.post(
        "/v1/retarget", {"score_set_ids": answer["score_set"]["id"], "targets": TARGET}
    ).json()
    assert again["pairs"][0]["selection"]["selected"] == answer["selection"]["selected"]


@pytest.mark.parametrize("method", ["prompt_aligned", "unaligned"])
def test_methods_that_choose_select_by_votes(azimuth, method):
    target = TARGET if method == "prompt_aligned" else None
    body = {"target": target} if target else {}
    answer = select(azimuth, f"votes of {method}", method=method, samples=5, **body)
    selection = answer["selection"]
    shares = [r["preference"] for r in selection["ranking"]]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert selection["margin"] == pytest.approx(shares[0] - shares[1])
    assert not any("distance" in r for r in selection["ranking"])
    (cell,) = answer["score_set"]["cells"]
    assert (cell["attribute"], cell["kind"]) == ("(choice)", "choice")
    winner = cell["scores"][selection["selected"]["index"]]
    assert winner["reasoning"]
    assert len(winner["values"]) == 5


def test_choices_are_cached_by_target(azimuth):
    asked = {"method": "prompt_aligned", "attributes": ["helpfulness", "verbosity"]}
    first = select(azimuth, "cached choice", target=TARGET, **asked)
    turned = {name: TARGET[name] for name in reversed(TARGET)}
    again = select(azimuth, "cached choice", target=turned, **asked)
    assert again["score_set"]["cells"][0]["cached"]
    assert again["selection"] == first["selection"]
    other = select(azimuth, "cached choice", target=TARGET | {"verbosity": 1}, **asked)
    assert not other["score_set"]["cells"][0]["cached"]
    assert other["score_set"]["id"] == first["score_set"]["id"]


def test_examples_of_a_choice_fit_its_target(azimuth):
    answer = select(azimuth, "examples", method="prompt_aligned", target=TARGET, examples=3)
    assert len(answer["score_set"]["cells"][0]["examples"]) == 3
    zero = select(azimuth, "examples", method="prompt_aligned", target=TARGET, bank=None)
    assert zero["score_set"]["cells"][0]["examples"] == []


def test_a_choice_without_usable_examples_gets_a_warning(azimuth):
    lines = (
        '{"id":"x","question":"q","responses":["a","b"],'
        '"labels":[{"helpfulness":1},{"verbosity":0}]}'
    )
    with azimuth.client() as client:
        client.put("/v1/banks/undecided", content=lines).raise_for_status()
    answer = select(
        azimuth, "undecided", method="prompt_aligned", target=TARGET, bank="undecided",
        attributes=list(TARGET),
    )  # fmt: skip
    assert "without examples" in answer["score_set"]["warnings"][0]


def test_the_default_model_is_never_replaced_by_another(service):
    service.start_api(AZIMUTH_DEFAULT_MODEL="mine")
    service.start_worker(ready=False, AZIMUTH_MODEL_NAME="other")
    wait_until(lambda: service.redis.hlen("azimuth:pools"), what="the pool")

    def detail():
        response = service.post("/v1/select", SCENARIO | {"target": TARGET})
        assert response.status_code == 503
        return response.json()["detail"]

    wait_until(
        lambda: "a request may name 'other' instead" in detail(), what="the other to be ready"
    )
    assert "no worker serves 'mine', the model in AZIMUTH_DEFAULT_MODEL" in detail()
    service.start_worker(ready=False, AZIMUTH_MODEL_NAME="mine")
    wait_until(lambda: service.redis.hlen("azimuth:pools") == 2, what="both pools")
    answer = service.post("/v1/select", SCENARIO | {"target": TARGET}).json()
    assert answer["score_set"]["scorer"]["model"] == "mine"


def test_a_choice_cannot_be_retargeted(azimuth):
    answer = select(azimuth, "not to retarget", method="unaligned")
    for name in ("helpfulness", "(choice)"):
        response = azimuth.post(
            "/v1/retarget", {"score_set_ids": answer["score_set"]["id"], "targets": {name: 1}}
        )
        (pair,) = response.json()["pairs"]
        assert pair["problem"]["type"].endswith("attribute-not-scored")
        assert pair["problem"]["scored"] == []


def test_options_that_a_method_ignores_get_a_warning(azimuth):
    answer = select(azimuth, "idle", method="unaligned", target=TARGET, examples=3)
    scoring, selection = answer["score_set"]["warnings"]
    assert "examples" in scoring
    assert "target" in selection


def test_score_rejects_methods_that_choose(azimuth):
    response = azimuth.post("/v1/score", SCENARIO | grouped(method="unaligned"))
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/scoring/method"


def test_a_method_that_no_worker_serves_is_rejected(azimuth):
    response = azimuth.post("/v1/select", SCENARIO | grouped(method="reward_model"))
    assert response.status_code == 422
    assert "does not serve" in response.json()["detail"]


def test_select_requires_a_target_for_methods_that_use_one(azimuth):
    for method in ("comparative", "prompt_aligned"):
        response = azimuth.post("/v1/select", SCENARIO | grouped(method=method))
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "#/target"


@pytest.mark.parametrize("method", ["comparative", "regression"])
def test_without_reasoning_digits_are_read_and_no_text_is_generated(azimuth, method):
    answer = select(azimuth, f"digits {method}", method=method, target=TARGET, reasoning=False)
    assert answer["score_set"]["scorer"]["prompt_profile"].startswith("digits/")
    for cell in answer["score_set"]["cells"]:
        for scored in cell["scores"]:
            assert "reasoning" not in scored
            mass = sum(scored["digit_probabilities"])
            assert scored["digit_mass"] == pytest.approx(mass, abs=1e-5)  # cells keep six digits
            mean = sum(p * i / 4 for i, p in enumerate(scored["digit_probabilities"])) / mass
            assert scored["score"] == pytest.approx(mean, abs=1e-5)
            assert scored["standard_error"] > 0
    assert sum(r["probability"] for r in answer["selection"]["ranking"]) == pytest.approx(1)
    reasoned = select(azimuth, f"digits {method}", method=method, target=TARGET)
    assert reasoned["score_set"]["id"] != answer["score_set"]["id"]


def test_samples_have_no_effect_on_digit_readings_and_get_a_warning(azimuth):
    plain = select(azimuth, "read once", target=TARGET, reasoning=False)
    drawn = select(azimuth, "read once", target=TARGET, reasoning=False, samples=5)
    assert drawn["score_set"]["id"] == plain["score_set"]["id"]
    assert "samples" in drawn["score_set"]["warnings"][0]


def test_a_model_without_probability_for_any_digit_leaves_the_cell_unscored(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="invalid:1")
    body = SCENARIO | grouped(attributes=["coherence"], reasoning=False)
    (cell,) = service.post("/v1/score", body).json()["cells"]
    assert cell["status"] == "unscored"
    assert cell["reason"] == "invalid-output"
