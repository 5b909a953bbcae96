"""No attack changes the frame of a prompt, by the token ids of a real tokenizer.

How much attacks change scores is measured by `python -m scripts.benchmark attacks`.
"""

import copy
import json
from itertools import pairwise

import pytest

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from scripts.benchmark.__main__ import main
from scripts.benchmark.attacks.corpus import ATTACKS, TEMPLATE_TOKENS
from workers.methods.base import Task
from workers.methods.registry import reading_methods, writing_methods
from workers.methods.templates import fence_for
from workers.tokenization.chat import ChatEncoder
from workers.tokenization.conversation import Message

pytestmark = pytest.mark.model

CARE = Attribute("care", "How caring it is.", "cold", "warm")
WIT = Attribute("wit", "How funny it is.")
METHODS = {**writing_methods(), **{f"{n}, read": m for n, m in reading_methods().items()}}
BOTH = (CARE, WIT)
CHOICE = Choice(BOTH, {"care": 1.0, "wit": 0.25})
EXAMPLE = LabelledScenario(
    "e", "Is it late?", ("Yes.", "Sleep well!"), ({"care": 0.2, "wit": 0}, {"care": 1, "wit": 0.5})
)
HARMLESS = "harmless words"
PLACES = {
    "question": lambda text: Scenario(text, ("Fine.", "Well.")),
    "first candidate": lambda text: Scenario("How are you?", (text, "Fine.")),
    "last candidate": lambda text: Scenario("How are you?", ("Fine.", text)),
}


@pytest.fixture(scope="module")
def tokenizer(small_model):
    """The small model's tokenizer, which also knows the template tokens of other families."""
    from transformers import AutoTokenizer

    known = copy.deepcopy(AutoTokenizer.from_pretrained(small_model))
    known.add_tokens(list(TEMPLATE_TOKENS))
    return known


@pytest.fixture(scope="module")
def encoder(tokenizer):
    return ChatEncoder(tokenizer)


def conversations(name, scenario):
    """All prompts with which a method asks about a scenario."""
    method = METHODS[name]
    examples = () if name.endswith("aligned") else (EXAMPLE,)
    subject = CHOICE if name.endswith("aligned") else BOTH if "joint" in name else CARE
    settings = ScorerSettings(
        joint=BOTH if "joint" in name else (), explains=(0.5, 0.7) if "afterwards" in name else ()
    )
    task = Task(subject, scenario, settings)
    return [method.messages(task, ask, examples) for ask in method.asks(scenario, settings)]


def turns_of(ids, added):
    """Split token ids at template tokens; return the runs between them, and them."""
    cuts = [i for i, token in enumerate(ids) if token in added]
    runs = [ids[start + 1 : end] for start, end in pairwise([-1, *cuts, len(ids)])]
    return runs, [ids[i] for i in cuts]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("name", METHODS)
def test_an_attack_is_text_within_its_fences_and_changes_nothing_else(
    name, kind, place, encoder, tokenizer
):
    added = set(tokenizer.get_added_vocab().values())
    for attack in ATTACKS[kind]:
        # It needs the same fences, so that only the text differs.
        fence = fence_for([attack])
        plain = f"{HARMLESS} {fence[1:]}"
        hostile = conversations(name, PLACES[place](attack))
        harmless = conversations(name, PLACES[place](plain))
        for messages, expected in zip(hostile, harmless, strict=True):
            turns, marks = turns_of(encoder.encode(messages).token_ids, added)
            usual, usual_marks = turns_of(encoder.encode(expected).token_ids, added)
            assert marks == usual_marks, attack[:80]
            assert [m.content.count(fence) for m in messages] == [
                m.content.count(fence) for m in expected
            ]
            changed = [i for i, turn in enumerate(turns) if turn != usual[i]]
            assert len(changed) <= 1
            for i in changed:
                shown = tokenizer.decode(usual[i]).replace(plain, attack)
                assert tokenizer.decode(turns[i]) == shown, attack[:80]


@pytest.mark.parametrize("kind", ["template tokens", "nested template tokens"])
def test_tokenized_as_part_of_the_frame_the_attacks_would_be_template_tokens(kind, tokenizer):
    added = set(tokenizer.get_added_vocab().values())
    for attack in ATTACKS[kind]:
        assert added & set(tokenizer(attack)["input_ids"]), attack


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["<<s>>", "<s>"], "say <<s>> 100"),
        (["ab|", "b|c"], "say ab|c 100"),
        (["<s>"], "say <\u2060s> 100"),
    ],
    ids=["contained", "overlapping", "normalised"],
)
def test_template_tokens_that_one_cut_would_leave_are_split_too(tokens, text, tokenizer):
    from tokenizers import normalizers

    other = copy.deepcopy(tokenizer)
    other.backend_tokenizer.normalizer = normalizers.Replace("\u2060", "")
    other.add_tokens(tokens)
    added = set(other.get_added_vocab().values())
    assert added & set(other(text)["input_ids"])
    marks = [
        turns_of(ChatEncoder(other).encode([Message("user", content)]).token_ids, added)[1]
        for content in ("harmless", text)
    ]
    assert marks[0] == marks[1]


@pytest.mark.timeout(600)
def test_the_benchmark_of_attacks_reports_every_kind(real_azimuth, tmp_path, capsys):
    given = ["--scenarios", "1", "--per-kind", "1", "--out", str(tmp_path / "attacks.json")]
    assert main(["attacks", "--url", real_azimuth.url, *given]) == 0
    shifts = json.loads((tmp_path / "attacks.json").read_bytes())["digits"]["shifts"]
    assert [one["kind"] for one in shifts][1:] == list(ATTACKS)
    for one in shifts:
        assert (one["trials"], one["mean"] is None) == (1, one["refused"] == 1)
        assert one["refused"] == 0 or one["kind"] == "repetitions"
    assert "| score pleas | 1 |" in capsys.readouterr().out
