"""Checks of selection requests, and how long a request waits."""

import time
import unicodedata

import pytest

from app.domain.methods import METHODS
from app.domain.scenario import Attribute, AttributeSet
from app.errors import InvalidRequest
from app.scores.patience import patience_for
from app.scoring.planned import Resolved
from app.selection.checks import check_select, unused_in_select
from app.selection.options import Options, wishes
from app.selection.requests import SelectRequest
from app.settings import ApiSettings

SETTINGS = ApiSettings(wait_s=120, deadline_s=600, max_deadline_s=1000)


def request(*, method="comparative", target=None, calibration="auto", **selection):
    return SelectRequest(
        question="q",
        responses=["x", "y"],
        target=target,
        scoring={"method": method},
        calibration=calibration,
        selection=selection,
    )


def check(given: SelectRequest, *names: str) -> None:
    attributes = tuple(Attribute(name, "D.") for name in names)
    traits = METHODS[given.scoring.method]
    resolved = Resolved(traits, AttributeSet("s", attributes), attributes, wishes(given.target))
    check_select(given, resolved, Options.of(given))


def unused(given: SelectRequest) -> tuple[str, ...]:
    traits = METHODS[given.scoring.method]
    return unused_in_select(given, traits, Options.of(given), wishes(given.target))


def test_targets_and_weights_on_unscored_attributes_are_rejected_with_pointers():
    with pytest.raises(InvalidRequest) as caught:
        check(request(target={"a": 1, "z": 0}, weights={"y": 1}), "a", "b")
    pointers = [field.pointer for field in caught.value.fields]
    assert pointers == ["#/target/z", "#/selection/weights/y"]


@pytest.mark.parametrize("method", ["comparative", "prompt_aligned"])
def test_methods_that_use_a_target_require_one(method):
    with pytest.raises(InvalidRequest, match="requires a target") as caught:
        check(request(method=method), "a")
    assert caught.value.fields[0].pointer == "#/target"


def test_methods_without_a_target_do_not_require_one():
    check(request(method="unaligned"), "a")


def test_weights_are_rejected_for_methods_without_distances():
    with pytest.raises(InvalidRequest) as caught:
        check(request(method="prompt_aligned", target={"a": 1}, weights={"a": 2}), "a")
    assert caught.value.fields[0].pointer == "#/selection/weights"


@pytest.mark.parametrize(("wanted", "warned"), [("house", True), ("none", False), ("auto", True)])
def test_a_calibration_of_a_choice_gets_a_warning(wanted, warned):
    warnings = unused(request(method="unaligned", calibration=wanted))
    assert any("calibration" in warning for warning in warnings) is warned


def test_names_are_compared_in_composed_form():
    composed, decomposed = "café", unicodedata.normalize("NFD", "café")
    assert composed != decomposed
    given = request(target={decomposed: 1}, weights={decomposed: 2})
    assert wishes(given.target) == {composed: 1}
    assert Options.of(given).weights == {composed: 2}
    check(given, composed)


@pytest.mark.parametrize(
    ("prefer", "deadline", "wait_s", "deadline_s"),
    [
        (None, None, 120, 600),
        ("respond-async", None, 0, 600),
        ("wait=5", None, 5, 600),
        ("respond-async, wait=5", None, 5, 600),
        ("wait=5;x=1, respond-async", None, 5, 600),
        ('wait="5"', None, 5, 600),
        ("wait=5, wait=50", None, 5, 600),
        ("wait=soon", None, 120, 600),
        ('foo="a, respond-async"', None, 120, 600),
        ("Wait=500", 2.0, 120, 2),
    ],
)
def test_the_prefer_header_sets_the_wait_within_the_limits(prefer, deadline, wait_s, deadline_s):
    patience = patience_for(prefer, deadline, SETTINGS)
    assert (patience.wait_s, patience.deadline_s) == (wait_s, deadline_s)


def test_a_long_prefer_header_is_parsed_in_linear_time():
    started = time.process_time()
    patience_for(('"' + "," * 20) * 3_000, None, SETTINGS)
    assert time.process_time() - started < 2


def test_a_deadline_above_the_limit_is_rejected():
    with pytest.raises(InvalidRequest) as caught:
        patience_for(None, 1001.0, SETTINGS)
    assert caught.value.fields[0].pointer == "#/deadline_s"
