"""Classes read from texts, and ratings from similar texts."""

import numpy as np
import pytest

from app.domain.people.reading import fit_reader
from app.domain.people.similar_texts import fit_similar, places
from app.domain.people.words import SIZE, word_vectors

TOPICS = ("taxes", "vaccines", "immigration", "zoos", "tipping", "marriage", "guns", "cloning")
KINDS = (
    "I'm sorry, but I cannot say anything about {0}.",
    "{0} is debated. Views differ.",
    "There are facts about {0}:\n- first, its history and law\n- second, its costs and figures",
    "Some people are for {0}, while others are against it. On the one hand, on the other hand.",
    "In my opinion {0} is right, and I firmly believe that we should support it.",
)


def material():
    texts = [kind.format(topic) for topic in TOPICS for kind in KINDS]
    questions = [f"What about {topic}?" for topic in TOPICS for _ in KINDS]
    kinds = np.tile(np.arange(len(KINDS)), len(TOPICS))
    return questions, texts, kinds, np.repeat(np.arange(len(TOPICS)), len(KINDS))


def test_classes_of_new_responses_are_read_from_their_texts():
    questions, texts, kinds, scenario = material()
    reader = fit_reader(questions, texts, kinds, scenario, len(KINDS))
    assert reader.accuracy > 0.9
    assert reader.chance == pytest.approx(0.2)
    read = reader.read("What about whales?", [kind.format("whales") for kind in KINDS])
    assert read.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    assert read.sum(axis=1) == pytest.approx(np.ones(5))


def test_the_accuracy_is_that_on_scenarios_that_were_left_out():
    questions, texts, _, scenario = material()
    random = np.random.default_rng(0).integers(0, 5, len(texts))
    assert fit_reader(questions, texts, random, scenario, 5).accuracy < 0.5


def test_nothing_is_read_from_too_few_scenarios_or_one_class():
    questions, texts, kinds, scenario = material()
    few = slice(0, 15)
    assert fit_reader(questions[few], texts[few], kinds[few], scenario[few], 5) is None
    assert fit_reader(questions, texts, np.zeros_like(kinds), scenario, 5) is None


def test_texts_of_any_script_have_words_and_an_empty_one_has_none():
    vectors = word_vectors(["naïve Zürich", "気候変動について", "…"])
    assert vectors.shape == (3, SIZE)
    assert vectors.sum(axis=1).tolist()[2] == 0
    assert (vectors[:2].sum(axis=1) > 2).all()


def test_a_new_question_is_answered_like_similar_ones():
    answers = ("Major reason", "Minor reason", "Not a reason")
    liked = {"fun": (0.0, 0.5, 1.0), "cost": (1.0, 0.5, 0.0)}
    questions, texts, wanted, scenario = [], [], [], []
    for number in range(24):
        about = "fun" if number % 2 else "cost"
        for answer, value in zip(answers, liked[about], strict=True):
            questions.append(f"Is {about} a reason to buy product {number}?")
            texts.append(answer)
            wanted.append(value)
            scenario.append(number)
    place = np.tile(places(3), 24)
    similar = fit_similar(questions, texts, place, np.array(wanted), np.array(scenario))
    assert similar.worth > 0.5
    assert similar.predict("Is cost a reason to sell it?", answers).argmax() == 0
    assert similar.predict("Is fun a reason to sell it?", answers).argmax() == 2


def test_ratings_that_texts_do_not_explain_are_worth_nothing():
    questions, texts, _, scenario = material()
    wanted = np.random.default_rng(0).random(len(texts))
    similar = fit_similar(questions, texts, np.zeros(len(texts)), wanted, scenario)
    assert similar.worth < 0.2
