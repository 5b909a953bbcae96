"""Every method of a language model with the real small one, and the benchmark over it."""

import json

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.records.reading import read_results

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

BODY = {
    "question": "What is the capital of France?",
    "responses": ["Paris.", "I would rather not say."],
    "attributes": ["helpfulness", "verbosity"],
    "target": {"helpfulness": 1.0, "verbosity": 0.25},
}
CHEAP = {"reasoning_chars": 60, "examples": 2}


def select(azimuth, **more):
    with azimuth.client(timeout_s=500) as client:
        response = client.post("/v1/select", json=BODY | {"scoring": CHEAP | more})
    assert response.status_code == 200, response.text
    return response.json()


def test_regression_scores_each_candidate_separately(real_azimuth):
    answer = select(real_azimuth, method="regression")
    for cell in answer["score_set"]["cells"]:
        assert cell["status"] == "scored"
        assert all(0 <= s["score"] <= 1 and s["reasoning"] for s in cell["scores"])


def test_joint_attributes_are_scored_in_one_answer(real_azimuth):
    """Two attributes of two candidates, in the order of the schema."""
    answer = select(real_azimuth, joint=True)
    assert answer["score_set"]["scorer"]["joint"] == ["helpfulness", "verbosity"]
    assert [c["status"] for c in answer["score_set"]["cells"]] == ["scored"] * 2
    for cell in answer["score_set"]["cells"]:
        assert all(0 <= s["score"] <= 1 and s["reasoning"] for s in cell["scores"])
        assert len(cell["examples"]) == 2
    for tokens, spent in answer["usage"].items():
        assert spent == sum(c["usage"][tokens] for c in answer["score_set"]["cells"])


def usage_of(azimuth, question, **scoring):
    """Tokens of one scenario on two attributes, and the share that the prefix cache served."""
    body = BODY | {
        "question": question,
        "scoring": {"reasoning_chars": 20, "examples": 3, **scoring},
    }
    with azimuth.client(timeout_s=500) as client:
        response = client.post("/v1/select", json=body)
    assert response.status_code == 200, response.text
    usage = response.json()["usage"]
    return usage, usage["cached_prompt_tokens"] / usage["prompt_tokens"]


def test_with_the_item_first_attributes_share_question_and_candidates(real_azimuth):
    long = {"bank": None, "prompt_order": "item_first"}
    question = "Which towns lie on the river that runs through Paris? " * 12
    _, shared = usage_of(real_azimuth, question, **long)
    # One of two prompts is served but for its attribute and the last block.
    assert shared > 0.35


@pytest.mark.parametrize("order", ["attribute_first", "item_first"])
def test_fixed_examples_are_served_from_the_prefix_cache_for_every_later_scenario(
    real_azimuth, order
):
    options = {"retrieval": "fixed", "prompt_order": order}
    usage_of(real_azimuth, "How deep is the Seine?", **options)
    usage, shared = usage_of(real_azimuth, "Who built the Louvre?", **options)
    assert shared > 0.7
    _, similar = usage_of(real_azimuth, "Who built the Pantheon?", prompt_order=order)
    assert usage["prompt_tokens"] > 800
    assert shared > similar + 0.1


@pytest.mark.parametrize(
    "more",
    [
        {"method": "prompt_aligned", "bank": None},
        {"method": "prompt_aligned", "samples": 3},
        {"method": "unaligned", "orders": 2},
    ],
)
def test_methods_that_choose_give_each_candidate_its_votes(real_azimuth, more):
    answer = select(real_azimuth, **more)
    votes = more.get("samples", 1) * more.get("orders", 1)
    (cell,) = answer["score_set"]["cells"]
    assert cell["kind"] == "choice"
    shares = [s["score"] for s in cell["scores"]]
    assert sum(shares) == pytest.approx(1)
    assert all(share * votes == pytest.approx(round(share * votes), abs=1e-4) for share in shares)
    selected = answer["selection"]["selected"]
    assert selected["preference"] == max(shares)
    assert cell["scores"][selected["index"]]["reasoning"]
    if more["method"] == "prompt_aligned":
        assert len(cell["examples"]) == (0 if "bank" in more else 2)


def test_the_benchmark_runs_over_the_real_model(real_azimuth, tmp_path, capsys):
    lines = [
        {
            "id": f"s{i}",
            "question": question,
            "responses": responses,
            "labels": [{"helpfulness": 1, "verbosity": 0.5}, {"helpfulness": 0, "verbosity": 0}],
        }
        for i, (question, responses) in enumerate(
            [
                ("How much is 2 + 3?", ["Five, since 2 + 3 = 5.", "No."]),
                ("Name a colour.", ["Blue, like the sky at noon.", "Eh."]),
            ]
        )
    ]
    path = tmp_path / "eval.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    given = ["run", "--url", real_azimuth.url, "--scenarios", str(path), "--reasoning-chars", "60"]
    targets = ["--targets", "high", "low", "all", "--order-check", "1"]
    out = tmp_path / "r"
    assert (
        main([*given, "--method", "comparative", "--zero-shot", *targets, "--out", str(out)]) == 0
    )
    results = read_results(out)
    assert results.complete
    for scenario in results.scenarios:
        assert set(scenario.scores) == {"helpfulness", "verbosity"}
        assert scenario.usage.prompt_tokens > 100
        assert scenario.usage.output_tokens > 10
        assert len(scenario.selected["all"]) == 25
    assert len([s for s in results.scenarios if s.reversed]) == 1
    assert "chance 50.0" in capsys.readouterr().out
