"""Methods that choose a letter: with the target in words, or without one."""

import json

import jsonschema
import numpy as np
import pytest
from msgspec.structs import replace

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import choice_field
from app.domain.methods import METHODS, profile_name, reads_digits
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from workers.methods.base import Ask, InvalidAnswer, Task
from workers.methods.choosing.method import STEPS, Choosing, step_words
from workers.methods.registry import reading_methods, writing_methods
from workers.retrieval.examples import Neighbour, choose_choices

METHOD = Choosing("prompt_aligned")
DEPTH = Attribute("depth", "How deep the thought goes.")
WIT = Attribute("wit", "How funny it is.")
DEEP = Choice((DEPTH, WIT), {"depth": 1.0, "wit": 0.25})
SCENARIO = Scenario("Why is the sky blue?", ("Because.", "Air scatters.", "Magic."))
FORWARD = Ask((0, 1, 2))
PLAIN = ScorerSettings(method="prompt_aligned")


def example(name, *labels):
    texts = tuple(f"{name} {i}" for i in range(len(labels)))
    return LabelledScenario(name, f"about {name}", texts, tuple(labels))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "strongly avoids"),
        (0.25, "avoids"),
        (0.4, "slightly avoids"),
        (0.5, "neither demonstrates nor avoids"),
        (0.6, "slightly demonstrates"),
        (0.75, "demonstrates"),
        (1, "strongly demonstrates"),
    ],
)
def test_a_target_value_has_words_on_seven_steps(value, words):
    assert step_words(value) == words


def test_the_seven_steps_of_seven_levels_are_all_different():
    assert [step_words(level / 6) for level in range(7)] == list(STEPS)


def test_the_system_turn_gives_the_target_in_words_with_definitions():
    system = METHOD.messages(Task(DEEP, SCENARIO, PLAIN), FORWARD, ())[0].content
    assert "strongly demonstrates depth. How deep the thought goes." in system
    assert "- avoids wit. How funny it is." in system


def test_a_persona_is_given_in_its_own_words_with_or_without_a_target():
    nurse = "A night nurse who is tired of long texts."
    alone = Task(Choice(persona=nurse), SCENARIO, PLAIN)
    system = METHOD.messages(alone, FORWARD, ())[0].content
    assert nurse in system
    assert "this person would prefer" in system
    assert "best of several" not in system
    both = Task(Choice(DEEP.attributes, DEEP.target, nurse), SCENARIO, PLAIN)
    system = METHOD.messages(both, FORWARD, ())[0].content
    assert nurse in system
    assert "strongly demonstrates depth" in system


def test_each_persona_has_its_own_cell_and_choices_without_one_keep_theirs():
    fields = {
        choice_field(c) for c in (DEEP, replace(DEEP, persona="a"), replace(DEEP, persona="b"))
    }
    assert len(fields) == 3


def test_unaligned_mentions_no_target():
    system = Choosing("unaligned").messages(Task(Choice(), SCENARIO, PLAIN), FORWARD, ())[0].content
    assert "best of several responses" in system
    assert "wants" not in system


def test_a_question_shows_all_candidates_in_the_order_of_the_ask():
    content = METHOD.messages(Task(DEEP, SCENARIO, PLAIN), Ask((2, 0, 1)), ())[-1].content
    places = [content.index(text) for text in ("Magic.", "Because.", "Air scatters.")]
    assert places == sorted(places)
    assert "A, B, C?" in content


def test_an_example_shows_the_label_nearest_response_as_the_choice():
    shown = example("cats", {"depth": 0, "wit": 0}, {"depth": 1, "wit": 1}, {"depth": 1, "wit": 0})
    turns = METHOD.messages(Task(DEEP, SCENARIO, PLAIN), FORWARD, (shown,))
    answer = json.loads(turns[2].content)
    chosen = turns[1].content.split(f"Response {answer['choice']}:")[1]
    assert chosen.index("cats 2") < 12  # the very next text
    assert "its depth is very high, its wit is very low" in answer["reasoning"]
    jsonschema.validate(answer, METHOD.schema(FORWARD, PLAIN))


def test_examples_are_in_canonical_order_not_in_the_bank_s():
    """A bank that lists the better response first would teach the model the first letter."""
    shown = example("cats", {"depth": 1, "wit": 0}, {"depth": 0, "wit": 0})
    turned = LabelledScenario("t", shown.question, shown.responses[::-1], shown.labels[::-1])
    as_listed = METHOD.messages(Task(DEEP, SCENARIO, PLAIN), FORWARD, (shown,))
    assert METHOD.messages(Task(DEEP, SCENARIO, PLAIN), FORWARD, (turned,)) == as_listed


def test_an_answer_is_one_vote_for_the_candidate_behind_its_letter():
    judged = METHOD.read('{"reasoning":"so","choice":"B"}', Ask((2, 0, 1)), PLAIN)
    assert {j.position: (j.score, j.reasoning) for j in judged} == {
        2: (0.0, None),
        0: (1.0, "so"),
        1: (0.0, None),
    }


@pytest.mark.parametrize(
    "text",
    ['{"choice":"A"}', '{"reasoning":"x","choice":"D"}', '{"reasoning":"x","choice":""}',
     '{"reasoning":"x","choice":"AB"}', '{"reasoning":"x","choice":0}', "A"],
)  # fmt: skip
def test_any_other_answer_is_invalid(text):
    with pytest.raises(InvalidAnswer):
        METHOD.read(text, FORWARD, PLAIN)


class Similar:
    """The rows of a bank, each a little less similar than the one before."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.looked = 0

    def nearest(self, count):
        self.looked = max(self.looked, count)
        return [Neighbour(row, 1 - row / 10) for row in range(self._count)][:count]

    def among(self, rows, count=None):
        return [Neighbour(int(row), 1 - row / 10) for row in np.sort(rows)]


def test_examples_are_the_nearest_whose_labels_decide_for_the_target():
    bank = [
        example("undecided", {"depth": 1, "wit": 0}, {"depth": 1, "wit": 0}),
        example("unlabelled", {"depth": 1}, {"depth": 0}),
        example("far", {"depth": 1, "wit": 0}, {"depth": 0, "wit": 0}),
        example("further", {"depth": 0, "wit": 0}, {"depth": 1, "wit": 0}),
    ]
    chosen = choose_choices(Similar(4), bank, DEEP, 5)
    assert [bank[n.row].id for n in chosen.neighbours] == ["far", "further"]
    assert choose_choices(Similar(4), bank, DEEP, 1).neighbours[0].row == 2
    assert choose_choices(Similar(2), bank[:2], DEEP, 5).neighbours == ()


def test_examples_of_a_choice_are_searched_among_the_nearest_before_the_whole_bank():
    decides = example("decides", {"depth": 1, "wit": 0}, {"depth": 0, "wit": 0})
    undecided = example("undecided", {"depth": 1, "wit": 0}, {"depth": 1, "wit": 0})
    similar = Similar(1000)
    chosen = choose_choices(similar, [undecided] * 3 + [decides] * 997, DEEP, 5)
    assert [n.row for n in chosen.neighbours] == [3, 4, 5, 6, 7]
    assert similar.looked < 1000
    chosen = choose_choices(similar, [undecided] * 997 + [decides] * 3, DEEP, 5)
    assert [n.row for n in chosen.neighbours] == [997, 998, 999]


def test_the_registry_and_the_traits_agree():
    writing = writing_methods()
    joint = {profile_name(m, reasoning=True, joint=True) for m, t in METHODS.items() if t.joins}
    item_first = {profile_name(m, reasoning=True, item_first=True) for m in ("comparative",)}
    variants = joint | item_first | {"comparative+afterwards"}
    alone = {name: method for name, method in writing.items() if name not in variants}
    assert set(writing) == set(alone) | variants
    assert set(alone) == {name for name, traits in METHODS.items() if traits.generates}
    for name, method in alone.items():
        kind = "choice" if isinstance(method, Choosing) else "score"
        assert METHODS[name].kind == kind
        assert method.name == name
    reading = {
        profile_name(name, reasoning=False)
        for name in METHODS
        if reads_digits(name, reasoning=False)
    }
    assert set(reading_methods()) == reading
