"""What a request means: settings, attributes, patience."""

import pytest
from pydantic import ValidationError

from app.domain.methods import METHODS
from app.domain.scenario import Attribute, AttributeSet, Choice
from app.domain.scorer import ModelIdentity
from app.errors import InvalidRequest, UnknownAttribute, UnknownMethod
from app.scores.endpoints import patience_for
from app.scoring.joint import asked_together, check_joint
from app.scoring.planning import (
    SAMPLING_TEMPERATURE,
    candidates_of,
    check_target,
    choice_of,
    resolve_attributes,
    scorer_settings,
    traits_of,
    without_effect,
)
from app.scoring.requests import AttributeIn, ScoreRequest
from app.selection.requests import SelectRequest

SET = AttributeSet("s", (Attribute("a", "A."), Attribute("b", "B.")))


def request(**fields) -> ScoreRequest:
    return ScoreRequest(question="q", responses=["x", "y"], **fields)


def select_request(**fields) -> SelectRequest:
    return SelectRequest(question="q", responses=["x", "y"], **fields)


def settings_of(given: ScoreRequest, *, has_bank: bool = True):
    return scorer_settings(given, METHODS[given.method], has_bank=has_bank)


def test_one_sample_is_greedy_and_several_are_drawn():
    assert settings_of(request()).temperature == 0
    drawn = settings_of(request(samples=5))
    assert drawn.temperature == SAMPLING_TEMPERATURE


def test_what_does_not_matter_does_not_split_the_cache():
    plain = settings_of(request())
    assert settings_of(request(seed=7)) == plain
    assert settings_of(request(seed=7, temperature=1)).seed == 7
    silent = settings_of(request(reasoning=False, reasoning_chars=99))
    assert silent == settings_of(request(reasoning=False))
    assert settings_of(request(examples=3), has_bank=False).examples == 0


def test_several_samples_at_temperature_zero_are_refused():
    with pytest.raises(ValidationError, match="all the same"):
        request(samples=2, temperature=0)


def test_candidates_without_an_id_are_called_by_their_index():
    given = ScoreRequest(question="q", responses=["x", {"id": "mine", "text": "y"}])
    assert [(c.id, c.text) for c in candidates_of(given)] == [("0", "x"), ("mine", "y")]


def test_attributes_are_all_of_the_set_or_those_named_or_defined():
    assert [a.name for a in resolve_attributes(None, SET)] == ["a", "b"]
    mixed = resolve_attributes(["b", AttributeIn(name="c", definition="C.")], SET)
    assert [a.name for a in mixed] == ["b", "c"]


def test_an_unknown_attribute_is_pointed_to():
    with pytest.raises(UnknownAttribute) as caught:
        resolve_attributes(["a", "z"], SET)
    assert "'z'" in caught.value.detail
    assert caught.value.fields[0].pointer == "#/attributes/1"


def test_a_target_or_weight_for_what_was_not_asked_is_pointed_to():
    select = select_request(target={"a": 1, "z": 0}, weights={"y": 1})
    with pytest.raises(InvalidRequest) as caught:
        check_target(select, METHODS["comparative"], ["a", "b"])
    assert [f.pointer for f in caught.value.fields] == ["#/target/z", "#/weights/y"]


@pytest.mark.parametrize(
    ("prefer", "deadline", "wait_s", "deadline_s"),
    [
        (None, None, 120, 600),
        ("respond-async", None, 0, 600),
        ("wait=5", None, 5, 600),
        ("respond-async, wait=5", None, 0, 600),
        ("Wait=500", 2.0, 120, 2),
    ],
)
def test_patience_follows_the_prefer_header_within_the_limits(prefer, deadline, wait_s, deadline_s):
    patience = patience_for(prefer, deadline, wait_s=120, deadline_s=600, max_deadline_s=1000)
    assert (patience.wait_s, patience.deadline_s) == (wait_s, deadline_s)


def test_a_deadline_beyond_the_latest_is_refused_not_shortened():
    with pytest.raises(InvalidRequest) as caught:
        patience_for(None, 1001.0, wait_s=120, deadline_s=600, max_deadline_s=1000)
    assert caught.value.fields[0].pointer == "#/deadline_s"


def test_a_method_that_scores_needs_a_target_to_select_and_one_that_reads_none_does_not():
    for method in ("comparative", "prompt_aligned"):
        with pytest.raises(InvalidRequest) as caught:
            check_target(select_request(method=method), METHODS[method], ["a"])
        assert caught.value.fields[0].pointer == "#/target"
    check_target(select_request(method="unaligned"), METHODS["unaligned"], ["a"])


def test_weights_are_refused_where_no_distance_is_measured():
    weighted = select_request(method="prompt_aligned", target={"a": 1}, weights={"a": 2})
    with pytest.raises(InvalidRequest) as caught:
        check_target(weighted, METHODS["prompt_aligned"], ["a"])
    assert caught.value.fields[0].pointer == "#/weights"


def test_score_refuses_methods_that_choose_and_says_where_they_belong():
    with pytest.raises(UnknownMethod, match="/select only") as caught:
        traits_of(request(method="unaligned"))
    assert caught.value.extensions["known"] == ["comparative", "regression", "kaleido"]
    assert traits_of(select_request(method="unaligned")).kind == "choice"


def test_a_choice_is_about_the_attributes_of_the_target_alone():
    wish = select_request(method="prompt_aligned", target={"b": 0.25})
    asked = choice_of(wish, METHODS["prompt_aligned"], SET.attributes)
    assert asked == Choice((Attribute("b", "B."),), {"b": 0.25})
    both = select_request(method="prompt_aligned", target={"b": 0.25, "a": 1})
    turned = choice_of(both, METHODS["prompt_aligned"], SET.attributes[::-1])
    assert [a.name for a in turned.attributes] == ["a", "b"]
    unread = select_request(method="unaligned", target={"b": 0.25})
    assert choice_of(unread, METHODS["unaligned"], SET.attributes) == Choice()
    assert choice_of(select_request(target={"b": 0}), METHODS["comparative"], ()) is None


def test_what_a_method_does_not_use_neither_splits_its_cache_nor_goes_unsaid():
    given = select_request(method="reward_model", samples=5, orders=2, seed=3, bank="b")
    assert settings_of(given) == settings_of(select_request(method="reward_model"))
    (warning,) = without_effect(given, METHODS["reward_model"])
    assert all(name in warning for name in ("samples", "orders", "seed", "bank"))
    alone = request(method="regression", orders=2)
    assert settings_of(alone).orders == 1
    assert "orders" in without_effect(alone, METHODS["regression"])[0]
    assert without_effect(request(orders=2), METHODS["comparative"]) == ()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"method": "regression"}, "'comparative' can"),
        ({"method": "kaleido"}, "'comparative' can"),
        ({"method": "prompt_aligned", "target": {"a": 1}}, "'comparative' can"),
        ({"method": "reward_model"}, "'comparative' can"),
        ({"reasoning": False}, "nothing is written"),
    ],
)
def test_joint_is_refused_where_nothing_could_come_of_it(fields, why):
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_joint(select_request(joint=True, **fields))
    assert caught.value.fields[0].pointer == "#/joint"
    check_joint(select_request(**fields))
    check_joint(request(joint=True))


def served(*profiles: str) -> ModelIdentity:
    return ModelIdentity("m", "r", "fake", 1, "e", dict.fromkeys(profiles, "p"))


def test_attributes_are_asked_together_in_one_order_and_one_alone_as_ever():
    model, plain = served("comparative", "comparative+joint"), settings_of(request(joint=True))
    assert plain == settings_of(request())
    joint = asked_together(plain, SET.attributes[::-1], model)
    assert joint.joint == SET.attributes
    assert joint == asked_together(plain, SET.attributes, model)
    assert asked_together(plain, SET.attributes[:1], model) == plain


def test_workers_that_cannot_ask_together_are_told_of():
    with pytest.raises(InvalidRequest, match="one attribute at a time") as caught:
        asked_together(settings_of(request()), SET.attributes, served("comparative"))
    assert caught.value.fields[0].pointer == "#/joint"


@pytest.mark.parametrize(("wanted", "told"), [("house", True), ("none", False)])
def test_a_choice_cannot_be_calibrated_and_to_want_none_is_heeded(wanted, told):
    given = select_request(method="unaligned", calibration=wanted)
    warnings = without_effect(given, METHODS["unaligned"])
    assert any("calibration" in warning for warning in warnings) is told
