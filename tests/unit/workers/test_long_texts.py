"""Texts of callers are handled in linear time; a limit in seconds that only quadratic code passes.

With 200,000 characters a quadratic step takes minutes, a linear one far less than a second.
"""

import time

import pytest

from app.domain.features import surface_features
from app.domain.scorer import ScorerSettings
from app.domain.texts import as_read, is_blank, text_key, words_of
from app.settings import EngineSettings
from workers.engines.fake import FakeEngine
from workers.engines.simulated import SimulatedJudge
from workers.methods.presentation import shortened
from workers.methods.templates import Templates, fence_for
from workers.retrieval.embedding import HashingEmbedder, SentenceTransformerEmbedder
from workers.tokenization.chat import neutralised
from workers.tokenization.conversation import Message, Prompt

SIZE = 200_000
UNITS = (
    "M",
    "[",
    "[AAAA",
    "[/",
    "<|",
    "<|a",
    "[|",
    "</",
    "~",
    "~~~ ",
    "\n",
    "\n~~~",
    " ",
    "1",
    "1.",
    "- ",
    "\n ",
    ".",
    "a-",
    "-",
    "a--",
    "{",
    '"',
    "\\",
    "_",
    "é",
    "e\u0301",
    "\u0301",
    "好",
    "Response A:\n",
    "Response A:\n~~~\n",
    "of response A, 0 to 1",
    "The a of ",
)
TEXTS = [unit * (SIZE // len(unit)) for unit in UNITS] + [
    "[" + "M" * SIZE + "0",
    "<|" + "a" * SIZE,
    "".join(f"Response A:\n{'~' * n}\n" for n in range(3, 630)),
]
TEMPLATES = Templates("regression")
JUDGE = SimulatedJudge({}, {}, 0)
FAKE = FakeEngine(EngineSettings(engine="fake"))


def read_by_the_fake_judge(text: str) -> object:
    fence = fence_for([text])
    shown = f"Question:\n{fence}\n{text}\n{fence}\n\nResponse A:\n{fence}\n{text}\n{fence}\n\n"
    messages = (Message("user", f"{shown}Rate the wit of response A."),)
    return JUDGE.scores(Prompt(messages, 1))


@pytest.mark.parametrize(
    "handle",
    [
        neutralised,
        lambda text: fence_for([text]),
        lambda text: TEMPLATES.question(text, [text], attribute={"name": ""}, text=text),
        lambda text: surface_features(text, text),
        words_of,
        text_key,
        as_read,
        is_blank,
        lambda text: shortened(text, ScorerSettings()),
        lambda text: HashingEmbedder().encode([text]),
        read_by_the_fake_judge,
        lambda text: FAKE.encode((Message("user", text),)),
    ],
    ids=[
        *("neutralised", "fence", "template", "features", "words", "key", "as_read", "is_blank"),
        *("shortened", "embedder", "fake_judge", "fake_engine"),
    ],
)
def test_a_long_text_is_handled_in_linear_time(handle):
    for text in TEXTS:
        started = time.process_time()
        handle(text)
        assert time.process_time() - started < 5, text[:30]


def test_a_long_sequence_after_a_bracket_stays_as_it_is():
    """A protein of 198 kB took 28 s in each prompt."""
    sequence = "[" + "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ" * 6000 + "0"
    assert neutralised(sequence) == sequence


@pytest.mark.parametrize("token", ["[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[endTURN]", "[A_B]"])
def test_template_tokens_in_brackets_are_neutralised(token):
    assert neutralised(f"a {token} b") == f"a [\u2060{token[1:]} b"


@pytest.mark.parametrize("text", ["[IN]", "[inst]", "[INST", "[1INST]", "[INST ]", "a[0]"])
def test_other_brackets_are_left_alone(text):
    assert neutralised(text) == text


class _Window:
    max_seq_length = 256

    def encode(self, texts, **options):
        self.characters = sum(map(len, texts))
        return [[1.0]] * len(texts)


def test_of_a_long_question_an_embedder_reads_what_its_window_can_hold():
    """8 MB took 6 s and half a gigabyte, of which the model saw 256 tokens."""
    embedder = object.__new__(SentenceTransformerEmbedder)
    embedder._model = model = _Window()
    embedder.encode(["word " * 1_600_000])
    assert model.characters < 100_000
    embedder.encode(["word " * 1000])
    assert model.characters == 5000
