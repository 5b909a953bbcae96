"""Examples of a whole bank: none that gives the answer away, none twice; embedders that fail."""

import numpy as np
import pytest

from app.domain.bank import Bank, LabelledScenario
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from tests.unit.workers.scripted import bank_of
from workers.errors import EmbedderFailed
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.library import BankLibrary
from workers.retrieval.saved import IndexFolder

WARMTH = Attribute("warmth", "How warm.", levels=(0, 0.5, 1))
EGG = "How do I boil an egg?"
REPLIES = ("Ten minutes in boiling water.", "Ask a Café.")


def labelled(name, question=EGG, replies=REPLIES, warm=1.0, cold=0.0):
    return LabelledScenario(name, question, replies, ({"warmth": warm}, {"warmth": cold}))


OTHERS = tuple(labelled(f"o{i}", f"How do I fry potato {i}?", (f"a{i}", f"b{i}")) for i in range(3))


def shown(*scenarios, subject=WARMTH, question=EGG, candidates=REPLIES, count=5, **settings):
    """Ids of the examples for a question."""
    bank = bank_of(*scenarios)
    query = HashingEmbedder().encode([question])[0]
    settings = ScorerSettings(examples=count, **settings)
    chosen = bank.examples(query, Scenario(question, candidates), subject, settings)
    return [bank.bank.scenarios[n.row].id for n in chosen.neighbours]


@pytest.mark.parametrize(
    ("question", "replies"),
    [
        (EGG, REPLIES),
        (EGG + "\r\n", REPLIES),
        ("how do i  boil an EGG? ", REPLIES),
        (EGG, (" Ten minutes in\r\nboiling water.", "Ask a chicken.")),
        (EGG, ("Anything.", "ask a cafe\u0301.")),
    ],
)
@pytest.mark.parametrize("subject", [WARMTH, Choice((WARMTH,), {"warmth": 1})])
def test_a_scenario_that_differs_in_white_space_case_or_unicode_form_is_no_example(
    question, replies, subject
):
    ids = shown(labelled("egg", question, replies), *OTHERS, subject=subject)
    assert sorted(ids) == ["o0", "o1", "o2"]


def test_the_same_question_with_other_replies_is_an_example():
    assert "egg" in shown(labelled("egg", replies=("x", "y")), *OTHERS)


@pytest.mark.parametrize("subject", [WARMTH, Choice((WARMTH,), {"warmth": 1})])
def test_of_equal_scenarios_one_with_the_commonest_labels_is_shown(subject):
    bank = (
        labelled("contradicts", warm=0.0, cold=1.0),
        *(labelled(f"same{i}") for i in range(3)),
        labelled("spaced", EGG + "\n", REPLIES[::-1], warm=0.0, cold=1.0),
        *OTHERS,
    )
    assert shown(*bank, candidates=("x", "y"), subject=subject, count=1) == ["same0"]
    ids = shown(*bank, candidates=("x", "y"), subject=subject, count=20)
    assert sorted(ids) == ["o0", "o1", "o2", "same0"]


class Half:
    """Gives NaN for every text that names an egg."""

    name = "half:1"
    dimensions = 384

    def encode(self, texts):
        vectors = HashingEmbedder().encode(texts)
        vectors[["egg" in text for text in texts]] = np.nan
        return vectors


class Store:
    """Has one bank, and the vectors that were stored."""

    def __init__(self, vectors=None):
        self.saved = vectors

    async def load(self, digest):
        return Bank(digest, (labelled("egg"), *OTHERS))

    async def vectors(self, digest, embedder):
        return self.saved

    async def put_vectors(self, digest, embedder, vectors):
        self.saved = bytearray(vectors)


async def test_an_embedder_that_gives_nan_fails_the_index_and_the_question(tmp_path):
    store = Store()
    library = BankLibrary(store, Half(), IndexFolder(tmp_path))
    with pytest.raises(
        EmbedderFailed, match=r"half:1 .* 1 of 4 questions.* number 1 with 21 characters"
    ):
        await library.get("d")
    assert library.ready == []
    assert store.saved is None
    with pytest.raises(EmbedderFailed, match="cannot be retrieved"):
        await library.embed("an egg")
    assert np.isfinite(await library.embed("a potato")).all()


async def test_stored_vectors_that_are_not_finite_are_made_again(tmp_path):
    nan = np.full((4, 384), np.nan, dtype=np.float32)
    store = Store(bytearray(nan.data.cast("B")))
    await BankLibrary(store, HashingEmbedder(), IndexFolder(tmp_path)).get("d")
    assert np.isfinite(np.frombuffer(store.saved, dtype=np.float32)).all()
