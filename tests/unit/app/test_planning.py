"""What a request means: settings, attributes, patience."""

import pytest
from pydantic import ValidationError

from app.domain.types import Attribute, AttributeSet
from app.errors import InvalidRequest, UnknownAttribute
from app.scoring.endpoints import patience_for
from app.scoring.planning import (
    SAMPLING_TEMPERATURE,
    candidates_of,
    check_target,
    resolve_attributes,
    scorer_settings,
)
from app.scoring.schemas import AttributeIn, ScoreRequest, SelectRequest

SET = AttributeSet("s", (Attribute("a", "A."), Attribute("b", "B.")))


def request(**fields) -> ScoreRequest:
    return ScoreRequest(question="q", responses=["x", "y"], **fields)


def test_one_sample_is_greedy_and_several_are_drawn():
    assert scorer_settings(request(), has_bank=True).temperature == 0
    drawn = scorer_settings(request(samples=5), has_bank=True)
    assert drawn.temperature == SAMPLING_TEMPERATURE


def test_what_does_not_matter_does_not_split_the_cache():
    plain = scorer_settings(request(), has_bank=True)
    assert scorer_settings(request(seed=7), has_bank=True) == plain
    assert scorer_settings(request(seed=7, temperature=1), has_bank=True).seed == 7
    silent = scorer_settings(request(reasoning=False, reasoning_chars=99), has_bank=True)
    assert silent == scorer_settings(request(reasoning=False), has_bank=True)
    assert scorer_settings(request(examples=3), has_bank=False).examples == 0


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
    select = SelectRequest(
        question="q", responses=["x", "y"], target={"a": 1, "z": 0}, weights={"y": 1}
    )
    with pytest.raises(InvalidRequest) as caught:
        check_target(select, ["a", "b"])
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
