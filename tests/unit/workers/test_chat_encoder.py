"""Prompts as token ids: what cannot fit is not tokenized, and the date is always the same."""

import time

import pytest

from app.settings import EngineSettings
from workers.engines.openai import OpenAIEngine
from workers.judges.plaintext import PlainEncoder
from workers.tokenization import chat
from workers.tokenization.chat import ChatEncoder
from workers.tokenization.conversation import Message

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"
DATED = "Today is {{ strftime_now('%d %B %Y') }}, or {{ date_string }}. " + TEMPLATE
BLANKS = " " * 64


def tokenizer_of(template: str = TEMPLATE):
    """A byte-level vocabulary of single bytes, and of one run of blanks."""
    blank = "\u0120"
    runs = [blank * 2**n for n in range(7)]
    vocabulary = {
        letter: n for n, letter in enumerate(sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    }
    vocabulary |= {run: len(vocabulary) + n for n, run in enumerate(runs[1:])}
    model = tokenizers.models.BPE(vocabulary, [(run, run) for run in runs[:-1]])
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    backend.add_special_tokens(["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"])
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")
    made.chat_template = template
    return made


def user(text: str) -> list[Message]:
    return [Message("user", text)]


class Counting(ChatEncoder):
    """Counts the characters that it tokenizes."""

    characters = 0

    def _encode(self, text, *, special):
        self.characters += len(text)
        return super()._encode(text, special=special)


@pytest.fixture
def encoder():
    return Counting(tokenizer_of(), 1000)


def test_a_conversation_that_fits_is_encoded(encoder):
    prompt = encoder.encode(user("Hello"))
    assert prompt.length == len(prompt.token_ids) == 3 + len("Hello")


def test_megabytes_are_not_tokenized(encoder):
    """Their bytes tell that they are too long."""
    encoder.characters = 0
    prompt = encoder.encode(user("iVBORw0K" * 1_000_000))
    assert prompt.length > 1000
    assert not prompt.token_ids
    assert prompt.messages == ()
    assert encoder.characters == 0


def test_of_a_text_that_could_be_made_of_long_tokens_only_a_part_is_tokenized(encoder):
    encoder.characters = 0
    prompt = encoder.encode(user("a" * 60_000))
    assert prompt.length > 1000
    assert not prompt.token_ids
    assert 0 < encoder.characters <= 16_384


def test_a_text_of_long_tokens_that_fits_is_encoded(encoder):
    prompt = encoder.encode(user(BLANKS * 900))
    assert prompt.length == 3 + 900
    assert len(prompt.token_ids) == prompt.length
    assert encoder.encode(user(BLANKS * 1100)).length > 1000


@pytest.mark.parametrize("size", [990, 997, 998, 5000, 8001, 20_000])
def test_no_text_that_fits_is_refused_unseen(size):
    """Whatever the size, the length is exact or over the limit, and the two agree."""
    exact = ChatEncoder(tokenizer_of()).encode(user("x" * size)).length
    bounded = ChatEncoder(tokenizer_of(), 1000).encode(user("x" * size))
    assert (bounded.length > 1000) == (exact > 1000)
    assert bounded.length <= exact


def test_what_is_kept_of_encoded_texts_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(chat, "_KEPT_BYTES", 100_000)
    encoder = ChatEncoder(tokenizer_of())
    for number in range(50):
        encoder.encode(user(f"{number} " + "x" * 5000))
    assert 50_000 < encoder._kept.currsize <= 100_000
    assert len(encoder._kept) < 10


def test_an_encoded_text_is_kept(encoder):
    first = encoder.encode(user("Hello"))
    encoder.characters = 0
    assert encoder.encode(user("Hello")) == first
    assert encoder.characters == 0


def test_a_text_that_spells_many_added_tokens_is_encoded_in_linear_time():
    text = "<|end|>" * 20_000
    started = time.process_time()
    prompt = ChatEncoder(tokenizer_of()).encode(user(text))
    assert time.process_time() - started < 30
    assert prompt.length == 3 + len(text)


def test_the_date_in_a_template_is_always_the_same():
    dated, fixed = (
        ChatEncoder(tokenizer_of(template)).encode(user("Hello")).token_ids
        for template in (DATED, f"Today is 01 January 2025, or 1 January 2025. {TEMPLATE}")
    )
    assert dated == fixed


def test_a_reward_model_is_shown_the_same_date():
    shown = "".join(PlainEncoder(tokenizer_of(DATED))._turns)
    assert "Today is 01 January 2025, or 1 January 2025." in shown


def test_without_a_tokenizer_megabytes_are_not_searched_for_template_tokens(monkeypatch):
    def never(text):
        raise AssertionError("searched")

    monkeypatch.setattr("workers.engines.openai.neutralised", never)
    engine = OpenAIEngine(EngineSettings(openai_url="http://x/v1", openai_prompt="chat"))
    engine._context_length = 8192
    prompt = engine.encode((Message("user", "iVBORw0K" * 1_000_000),))
    assert prompt.length > 2_000_000
    assert prompt.messages == ()


def test_of_a_text_that_a_reward_model_cannot_take_only_a_part_is_tokenized():
    encoder = PlainEncoder(tokenizer_of(), 1000)
    whole, long = (encoder.text("a" * size) for size in (900, 8_000_000))
    assert len(whole.ids) == 900
    assert 1000 < len(long.ids) < 200_000
    assert len(encoder.pair("a" * 8_000_000, "b" * 8_000_000).ids) < 400_000
    assert len(encoder.conversation("a" * 900, "b" * 8_000_000).ids) < 200_000


HARMONY = (
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}<|channel|>final"
    "{% endif %}<|message|>{{ m.content }}<|end|>{% endfor %}<|start|>assistant"
)


@pytest.mark.parametrize(
    ("template", "warned"),
    [
        (TEMPLATE, False),
        (TEMPLATE + "<think>\n\n</think>\n\n", False),
        (TEMPLATE + "<think>\n", True),
        (HARMONY, True),
    ],
)
def test_a_template_that_has_the_model_think_first_is_reported(template, warned, caplog):
    ChatEncoder(tokenizer_of(template))
    assert ("thoughts" in caplog.text) is warned
