"""Examples for a group: its ratings are their labels, and choose them."""

import asyncio
from itertools import product

import numpy as np
import pytest

from app.domain.bank import Bank, LabelledScenario
from app.domain.rating_records import Rating, RatingScale, RatingSetup
from app.domain.ratings.retrieval import VERSION
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ExampleGroup, ScorerSettings
from tests.unit.workers.scripted import good, job_of
from workers.retrieval import groups
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.groups import GroupBank, RatedBank
from workers.retrieval.index import ExampleIndex

LIKED = Attribute("appropriateness", "How appropriate.")
WARMTH = Attribute("warmth", "How warm.")
CLASSES = ("refusal", "facts", "opinion")
SETUP = RatingSetup(RatingScale(1, 5), dict.fromkeys(CLASSES, ""))
WORDS = (
    "sky sea bread road bank moon tree milk king dust iron love song rain".split()  # noqa: SIM905
)


def scenario(name, question, *people, warmth=None, group="north"):
    """`people` are the ratings of each person for the three responses."""
    return LabelledScenario(
        name,
        question,
        tuple(f"{name} {label}" for label in CLASSES),
        labels=() if warmth is None else ({"warmth": warmth}, {}, {}),
        ratings=tuple(
            Rating(rater=f"{group}-{person}", response=place, rating=value, group=group)
            for person, values in enumerate(people)
            for place, value in enumerate(values)
        ),
        response_classes=CLASSES,
    )


def bank_of(*scenarios):
    vectors = HashingEmbedder().encode([one.question for one in scenarios])
    return RatedBank(Bank("d", scenarios, SETUP), ExampleIndex.build(vectors))


def rated(*scenarios, group="north") -> GroupBank:
    return bank_of(*scenarios).rated_by(group, None)


def settings(kind="expected", weights=None, **more):
    group = ExampleGroup("north", VERSION, weights)
    return ScorerSettings(retrieval=kind, group=group, **more)


def shown(bank, question, subject=LIKED, candidates=("x", "y"), **options):
    query = HashingEmbedder().encode([question])[0]
    chosen = bank.examples(query, Scenario(question, candidates), subject, settings(**options))
    return [bank.bank.scenarios[n.row].id for n in chosen.neighbours], chosen


NEAR = scenario("near", "why is the sky blue", (3, 3, 3), (3, 3, 3))
TYPICAL = scenario("typical", "why is the sea blue", (2, 5, 4), (1, 4, 4))
OTHER = scenario("other", "why is the road long", (5, 1, 1), (5, 1, 1))
FAR = scenario("far", "bake some bread", (1, 5, 3), (1, 5, 3))
SMALL = rated(NEAR, TYPICAL, OTHER, FAR)


def test_the_groups_mean_ratings_are_the_labels_of_its_examples():
    labels = SMALL.bank.scenarios[1].labels
    assert labels == (
        {"appropriateness": 0.125},
        {"appropriateness": 0.875},
        {"appropriateness": 0.75},
    )


def test_responses_without_a_rating_have_no_label_and_other_labels_stay():
    one = scenario("a", "q", (2, 5), warmth=0.5)
    labels = rated(one, NEAR).bank.scenarios[0].labels
    assert labels == ({"warmth": 0.5, "appropriateness": 0.25}, {"appropriateness": 1}, {})


def test_expected_takes_what_is_near_the_groups_ratings_and_nothing_flat():
    ids, chosen = shown(SMALL, "why is the sky so blue", examples=5)
    assert ids == ["typical", "far", "other"]
    scores = [n.parts.score for n in chosen.neighbours]
    assert scores == sorted(scores)
    assert chosen.neighbours[0].parts.stability == pytest.approx(-1 / 6)
    assert chosen.neighbours[0].parts.contrast == pytest.approx((14 / 9 + 2) / 2)


def test_similar_takes_the_most_similar_for_a_group_too():
    ids, chosen = shown(SMALL, "why is the sky so blue", kind="similar", examples=2)
    assert ids == ["near", "typical"]
    assert [n.parts.score for n in chosen.neighbours] == [n.similarity for n in chosen.neighbours]


def test_spica_ranks_by_the_weights_that_are_given():
    for weights, first in (((-1, 0, 0), "near"), ((0, 0, -1), "other"), ((0, 0, 1), "near")):
        ids, _ = shown(SMALL, "why is the sky so blue", kind="spica", weights=weights, examples=1)
        assert ids == [first]


def test_fixed_examples_are_the_same_for_every_question():
    questions = ("why is the sky so blue", "bake bread")
    first, second = (shown(SMALL, one, kind="fixed", examples=2)[0] for one in questions)
    assert first == second


def test_scenarios_that_the_group_has_not_rated_are_no_examples():
    theirs = scenario("theirs", "why is the sky so blue today", (1, 5, 3), group="south")
    bank = rated(NEAR, TYPICAL, theirs)
    for kind in ("similar", "expected"):
        assert "theirs" not in shown(bank, "why is the sky so blue", kind=kind)[0]


def test_an_example_never_has_the_question_and_a_candidate_of_the_scenario():
    ids, _ = shown(SMALL, TYPICAL.question, candidates=("typical facts", "z"), examples=5)
    assert "typical" not in ids


def test_attributes_that_the_bank_labels_have_the_groups_examples():
    warm = scenario("warm", "why is the moon round", (2, 5, 4), (1, 4, 4), warmth=1)
    bank = rated(NEAR, TYPICAL, OTHER, warm)
    ids, chosen = shown(bank, "why is the sky so blue", subject=WARMTH)
    assert ids == ["warm"]
    assert chosen.uncovered == ()


def test_a_choice_has_examples_that_decide_it():
    choice = Choice((LIKED,), {"appropriateness": 1.0})
    ids, _ = shown(SMALL, "why is the sky so blue", subject=choice, examples=5)
    assert ids == ["typical", "far", "other"]
    assert shown(SMALL, "why", subject=choice, kind="similar", examples=5)[0] != []


def many(count=160):
    """Scenarios of many questions; half of the raters agree more than the others."""
    draw = np.random.default_rng(0)
    questions = [" ".join(words) for words in product(WORDS, WORDS)][:count]
    made = []
    for place, question in enumerate(questions):
        mean = np.array([1.5, 4, 3.5]) + draw.normal(0, 1, 3)
        noise = 0.3 if place % 2 else 1.2
        people = np.clip(np.round(mean + draw.normal(0, noise, (2, 3))), 1, 5)
        made.append(scenario(f"s{place:03}", question, *people.tolist()))
    return made


MANY = rated(*many())


def test_weights_are_fitted_on_the_bank_and_on_parts_of_it():
    weights = MANY.fitted.weights
    assert weights.whole.stability < 0
    assert weights.pairs == 160 * 159
    assert len(set(weights.folds)) > 1
    assert MANY.fitted.version == VERSION


def test_what_was_fitted_is_used_again():
    again = bank_of(*many()).rated_by("north", MANY.fitted)
    assert again.fitted is MANY.fitted
    ids = [shown(bank, "sky sea road", kind="spica")[0] for bank in (MANY, again)]
    assert ids[0] == ids[1]


def test_spica_uses_few_examples_and_expected_more():
    spica, expected = (MANY.fitted.reach[kind] for kind in ("spica", "expected"))
    assert spica.degenerate
    assert not expected.degenerate
    assert expected.top_share < spica.top_share
    assert MANY.reach(settings("spica")) == spica
    assert MANY.reach(settings("spica", weights=(-1, 0, 0))).top_share < 0.2
    assert MANY.reach(settings("fixed")) is None


def test_a_large_bank_finds_what_all_of_it_would(monkeypatch):
    """Candidates are the nearest ones, and those that the other measures rank first."""
    questions = ["sky sea road", "milk tree", "moon bank bread"]
    exact = [shown(MANY, one, kind="spica", examples=3)[0] for one in questions]
    monkeypatch.setattr(groups, "EXACT_UP_TO", 10)
    monkeypatch.setattr(groups, "_CANDIDATES", 25)
    assert [shown(MANY, one, kind="spica", examples=3)[0] for one in questions] == exact


def test_a_group_without_ratings_of_its_own_is_unknown():
    with pytest.raises(ValueError, match="no rater is in group 'south'"):
        rated(NEAR, group="south")


def test_a_job_for_a_group_has_its_examples_in_the_prompt_and_their_parts_in_the_cell():
    from tests.unit.workers import scripted

    engine = scripted.ScriptedEngine([good(40, 60)])
    library = scripted.Library()

    async def get_group(digest: str, group: str) -> GroupBank:
        assert group == "north"
        return SMALL

    library.get_group = get_group
    job = job_of(
        Scenario("why is the sky so blue", ("one", "two")),
        (LIKED,),
        bank=True,
        retrieval="expected",
        group=ExampleGroup("north", VERSION),
        examples=2,
    )

    async def run():
        scorer = scripted.scorer_of(scripted.CountingEngine(engine), engine, 100_000)
        scorer._banks = library
        return {k: v async for one in scorer.score(job) for k, v in one.items()}

    (cell,) = asyncio.run(run()).values()
    assert [use.id for use in cell.examples] == ["typical", "far"]
    assert cell.examples[0].score < cell.examples[1].score
    assert cell.reach.questions == 4
    (prompt, _) = engine.asked[0]
    text = "\n".join(message.content for message in prompt.messages)
    assert text.index("bake some bread") < text.index("why is the sea blue")  # the best is last
    assert "near refusal" not in text
