"""Calibrated scores in answers, and selections by them."""

import pytest

from tests.service.calibrations.support import (
    ATTRIBUTES,
    HELD_OUT,
    calibrated,
    compact,
    look_at,
    raw,
    retarget,
    score,
    select,
    selections,
)


def test_cells_have_raw_and_calibrated_scores(judged, house):
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


def test_calibrated_scores_are_nearer_to_unseen_labels(judged, house):
    lost = {"raw": 0.0, "calibrated": 0.0}
    for scenario in HELD_OUT[:20]:
        answer = score(judged, scenario)
        for name, of in (("raw", raw), ("calibrated", calibrated)):
            scores = of(answer)
            lost[name] += sum(
                (scores[attribute][index] - label) ** 2
                for index, labels in enumerate(scenario["labels"])
                for attribute, label in labels.items()
            )
    assert lost["calibrated"] < 0.5 * lost["raw"]


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
def test_selections_use_calibrated_scores(judged, house, target):
    """Of the attributes that the target names, in any order."""
    answer = select(judged, HELD_OUT[2], target=target)
    scores = calibrated(answer["score_set"])
    expected = [
        sum((scores[name][index] - wish) ** 2 for name, wish in target.items()) ** 0.5
        for index in range(2)
    ]
    (again,) = selections(judged, answer["score_set"], targets=[target])
    for selection in (answer["selection"], again):
        distances = {one["index"]: one["distance"] for one in selection["ranking"]}
        assert distances == pytest.approx(dict(enumerate(expected)))


def test_none_keeps_raw_scores(judged, house):
    target = {"helpfulness": 1, "verbosity": 0}
    answer = select(judged, HELD_OUT[2], target=target, calibration="none")
    score_set = answer["score_set"]
    assert "calibration" not in score_set
    assert calibrated(score_set) == {name: [] for name in ATTRIBUTES}
    scores = raw(score_set)
    expected = [
        ((1 - helpful) ** 2 + verbose**2) ** 0.5
        for helpful, verbose in zip(scores["helpfulness"], scores["verbosity"], strict=True)
    ]
    distances = {one["index"]: one["distance"] for one in answer["selection"]["ranking"]}
    assert distances == pytest.approx(dict(enumerate(expected)))
    assert "calibration" not in look_at(judged, score_set["id"], calibration="none")
    (again,) = selections(judged, score_set, targets=[target], calibration="none")
    assert "calibration" not in again
    assert {one["index"]: one["distance"] for one in again["ranking"]} == distances


def test_if_only_some_attributes_are_scored_each_is_calibrated_alone(judged, house):
    answer = score(judged, HELD_OUT[3], attributes=["verbosity"])
    assert answer["calibration"]["basis"] == "alone"
    assert calibrated(answer).keys() == {"verbosity"}


def test_retarget_names_the_calibration_in_full_and_compact_answers(judged, house):
    sets = [score(judged, HELD_OUT[5]), score(judged, HELD_OUT[5], scoring={"orders": 3})]
    ids = [one["id"] for one in sets]
    full = retarget(judged, sets[0], score_set_ids=ids)["pairs"]
    short = compact(judged, sets)
    reference = {"name": "house", "digest": house["digest"], "basis": "together"}
    assert short["calibrations"] == [reference, None]
    chosen = [[], []]
    for pair in full:
        row = ids.index(pair["score_set_id"])
        assert pair["selection"].get("calibration") == (reference if row == 0 else None)
        chosen[row].append(pair["selection"]["selected"]["index"])
    assert short["selected"] == chosen
    assert short["warnings"] == []


def test_calibrated_scores_give_probabilities(judged, house):
    """The error of a single raw answer is unknown; that of a calibrated one is not."""
    target = {"helpfulness": 1, "verbosity": 0.5}

    def chosen(min_probability, **more):
        options = {"min_probability": min_probability}
        return select(judged, HELD_OUT[7], target=target, selection=options, **more)

    unsure = chosen(0.999)
    abstained = unsure["selection"]["abstained"]
    assert unsure["selection"]["selected"] is None
    assert abstained["reason"] == "min-probability"
    assert 0 < abstained["observed"] < 0.999
    assert sum(one["probability"] for one in unsure["selection"]["ranking"]) == pytest.approx(1)
    sure = chosen(0.3)["selection"]
    assert sure["selected"]["probability"] >= 0.3
    raw_answer = chosen(0.3, calibration="none")["selection"]
    assert "observed" not in raw_answer["abstained"]
    options = {"min_probability": 0.3}
    (again,) = selections(judged, unsure["score_set"], targets=[target], selection=options)
    assert again["ranking"] == sure["ranking"]
