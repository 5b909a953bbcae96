"""Resolving a scoring request: method, attributes, scorer settings."""

import threading
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from app.domain.methods import METHODS
from app.domain.plan import plan_scores
from app.domain.scenario import Attribute, AttributeSet, Choice
from app.domain.scorer import ModelIdentity, Scorer
from app.domain.selection.targets import Bounds
from app.errors import InvalidRequest, UnknownAttribute, UnknownMethod
from app.scoring import planner
from app.scoring.attributes import resolve_attributes
from app.scoring.choices import choice_of, traits_of
from app.scoring.joint import asked_together, check_joint
from app.scoring.planned import Judge, PlannedScorer
from app.scoring.planner import Planner, candidates_of
from app.scoring.prompt_order import check_prompt_order, check_served
from app.scoring.requests import AttributeIn, ScoreRequest, Scoring
from app.scoring.scorer_settings import SAMPLING_TEMPERATURE, scorer_settings, unused_options

SET = AttributeSet("s", (Attribute("a", "A."), Attribute("b", "B.")))


def request(**fields) -> ScoreRequest:
    return ScoreRequest(question="q", responses=["x", "y"], **fields)


def settings_of(*, has_bank: bool = True, **options):
    scoring = Scoring(**options)
    return scorer_settings(scoring, METHODS[scoring.method], has_bank=has_bank)


def unused(**options):
    scoring = Scoring(**options)
    return unused_options(scoring, METHODS[scoring.method])


def test_temperature_defaults_to_greedy_for_one_sample_only():
    assert settings_of().temperature == 0
    assert settings_of(samples=5).temperature == SAMPLING_TEMPERATURE


def test_options_without_effect_do_not_split_the_cache():
    plain = settings_of()
    assert settings_of(seed=7) == plain
    assert settings_of(seed=7, temperature=1).seed == 7
    assert settings_of(reasoning=False, reasoning_chars=99) == settings_of(reasoning=False)
    assert settings_of(examples=3, has_bank=False).examples == 0


def test_several_samples_at_temperature_zero_are_rejected():
    with pytest.raises(ValidationError, match="all samples are the same"):
        Scoring(samples=2, temperature=0)


def test_candidates_without_an_id_get_their_index():
    given = ScoreRequest(question="q", responses=["x", {"id": "mine", "text": "y"}])
    assert [(c.id, c.text) for c in candidates_of(given)] == [("0", "x"), ("mine", "y")]


def test_attributes_default_to_the_target_then_to_the_whole_set():
    assert [a.name for a in resolve_attributes(request(), SET)] == ["a", "b"]
    assert [a.name for a in resolve_attributes(request(), SET, ["b"])] == ["b"]
    listed = request(attributes=["b", AttributeIn(name="c", definition="C.")])
    assert [a.name for a in resolve_attributes(listed, SET, ["a"])] == ["b", "c"]


@pytest.mark.parametrize(
    ("fields", "target", "pointer"),
    [
        ({"attributes": ["a", "z"]}, None, "#/attributes/1"),
        ({}, ["a", "z"], "#/target/z"),
        ({}, ["a/b"], "#/target/a~1b"),
    ],
)
def test_an_unknown_attribute_is_rejected_with_a_pointer(fields, target, pointer):
    with pytest.raises(UnknownAttribute, match="is not in attribute set") as caught:
        resolve_attributes(request(**fields), SET, target)
    assert caught.value.fields[0].pointer == pointer


def test_score_rejects_methods_that_choose_and_refers_to_select():
    with pytest.raises(UnknownMethod, match="use it with /select") as caught:
        traits_of("unaligned", may_choose=False)
    assert caught.value.extensions["known"] == ["comparative", "regression", "kaleido", "probe"]
    assert traits_of("unaligned", may_choose=True).kind == "choice"


def test_a_choice_includes_only_the_attributes_of_the_target():
    method, traits = "prompt_aligned", METHODS["prompt_aligned"]
    asked = choice_of(method, traits, SET.attributes, {"b": 0.25})
    assert asked == Choice((Attribute("b", "B."),), {"b": 0.25})
    turned = choice_of(method, traits, SET.attributes[::-1], {"b": 0.25, "a": 1})
    assert [a.name for a in turned.attributes] == ["a", "b"]
    unread = choice_of("unaligned", METHODS["unaligned"], SET.attributes, {"b": 0.25})
    assert unread == Choice()
    assert choice_of("comparative", METHODS["comparative"], (), {"b": 0}) is None


def test_a_choice_rejects_bounds():
    with pytest.raises(InvalidRequest, match="accepts values as targets, not bounds") as caught:
        choice_of("prompt_aligned", METHODS["prompt_aligned"], SET.attributes, {"a": Bounds(0, 1)})
    assert caught.value.fields[0].pointer == "#/target/a"


def test_options_without_effect_on_a_method_are_dropped_with_a_warning():
    given = {"samples": 5, "orders": 2, "seed": 3, "bank": "b"}
    assert settings_of(method="reward_model", **given) == settings_of(method="reward_model")
    assert set(unused(method="reward_model", **given)) == {"samples", "orders", "seed", "bank"}
    assert settings_of(method="regression", orders=2).orders == 1
    assert unused(method="regression", orders=2) == ["orders"]
    assert unused(orders=2) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"method": "regression"}, "use 'comparative'"),
        ({"method": "kaleido"}, "use 'comparative'"),
        ({"method": "prompt_aligned"}, "use 'comparative'"),
        ({"method": "reward_model"}, "use 'comparative'"),
        ({"reasoning": False}, "one attribute at a time"),
    ],
)
def test_joint_is_rejected_for_methods_that_cannot_join_attributes(options, why):
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_joint(Scoring(joint=True, **options))
    assert caught.value.fields[0].pointer == "#/scoring/joint"
    check_joint(Scoring(**options))
    check_joint(Scoring(joint=True))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"method": "regression"}, "use 'comparative'"),
        ({"method": "kaleido"}, "use 'comparative'"),
        ({"reasoning": False}, "candidates first anyway"),
        ({"joint": True}, "choose one"),
    ],
)
def test_item_first_is_rejected_where_prompts_have_one_order(options, why):
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_prompt_order(Scoring(prompt_order="item_first", **options))
    assert caught.value.fields[0].pointer == "#/scoring/prompt_order"
    check_prompt_order(Scoring(**options))
    check_prompt_order(Scoring(prompt_order="item_first"))


def test_item_first_is_rejected_if_the_workers_do_not_know_it():
    with pytest.raises(InvalidRequest, match="attribute_first") as caught:
        check_served(settings_of(prompt_order="item_first"), served("comparative"))
    assert caught.value.fields[0].pointer == "#/scoring/prompt_order"
    known = served("comparative", "comparative+item-first")
    check_served(settings_of(prompt_order="item_first"), known)
    check_served(settings_of(), served("comparative"))


def test_the_kind_of_retrieval_counts_only_where_there_are_examples():
    assert settings_of(retrieval="fixed").retrieval == "fixed"
    assert settings_of(retrieval="fixed", reasoning=False).retrieval == "fixed"
    assert settings_of(retrieval="fixed", examples=0) == settings_of(examples=0)
    assert unused(method="kaleido", retrieval="fixed") == ["retrieval"]
    assert unused(retrieval="fixed") == []


def served(*profiles: str) -> ModelIdentity:
    return ModelIdentity("m", "r", "fake", 1, "e", dict.fromkeys(profiles, "p"))


def test_joint_attributes_are_sorted_and_a_single_one_is_not_joint():
    model, plain = served("comparative", "comparative+joint"), settings_of(joint=True)
    assert plain == settings_of()
    joint = asked_together(plain, SET.attributes[::-1], model)
    assert joint.joint == SET.attributes
    assert joint == asked_together(plain, SET.attributes, model)
    assert asked_together(plain, SET.attributes[:1], model) == plain


def test_joint_is_rejected_if_the_workers_do_not_support_it():
    with pytest.raises(InvalidRequest, match="one attribute at a time") as caught:
        asked_together(settings_of(), SET.attributes, served("comparative"))
    assert caught.value.fields[0].pointer == "#/scoring/joint"


@pytest.mark.parametrize(("characters", "in_a_thread"), [(50, False), (200_000, True)])
async def test_a_large_scenario_is_planned_off_the_event_loop(monkeypatch, characters, in_a_thread):
    """Meanwhile other requests are answered."""
    threads = []

    class Resolving(Planner):
        async def scorer(self, request, resolved=None, **_):
            judge = Judge(Scorer(settings_of(), served("comparative")), pool=None, live=True)
            return PlannedScorer((judge,), (), choice=None, warnings=())

    def planned(*given, **more):
        threads.append(threading.current_thread())
        return plan_scores(*given, **more)

    monkeypatch.setattr(planner, "plan_scores", planned)
    given = ScoreRequest(question="q", responses=["x", "y" * characters])
    resolved = SimpleNamespace(traits=METHODS["comparative"], method_reason=None)
    await Resolving(None, None, None, None, None).plan(given, resolved)
    assert (threads[0] is not threading.main_thread()) is in_a_thread
