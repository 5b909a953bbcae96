"""Reward models and Kaleido with a few thousand weights, and what transformers makes of them."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from app.domain.cells import Cell, Unscored
from app.domain.job import Job
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from workers.engines.base import EngineInfo
from workers.judges.network import Network

CARE, WIT = Attribute("care", "How caring."), Attribute("wit", "How witty.")
QUESTION = "How are you?"
REPLIES = ("Fine.", "Why do you ask?", "Not well at all, thank you for asking.", "Hm")
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
VALENCE = {"template": "[Valence]:\tAction: ACTION\tVRD: VALUE", "args": ["ACTION", "VRD", "VALUE"]}


def byte_tokenizer(folder: Path, special: list[str], *, pair: bool = False, **settings):
    """A tokenizer with a token for every byte, and special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    if pair:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])],
        )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=special[0], **settings)
    fast.save_pretrained(folder)
    return fast


def seeded(model, folder: Path) -> Path:
    """Store the model with weights large enough to distinguish texts."""
    import torch

    torch.manual_seed(7)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(0, 0.5)
    model.save_pretrained(folder)
    return folder


def make_chat_reward(folder: Path, *, labels: int = 1, pad: bool = True) -> Path:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    special = ["<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"]
    tokenizer = byte_tokenizer(folder, special, chat_template=TEMPLATE, eos_token="<|end|>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=160,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id if pad else None,
    )
    return seeded(LlamaForSequenceClassification(config), folder)


def make_decoder(folder: Path, tokenizer_of: Path) -> Path:
    """A decoder with the tokenizer of another model, small enough to record its states."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
    )
    return seeded(LlamaForCausalLM(config), folder)


def make_kaleido(folder: Path, words: tuple[str, ...] = ("Supports", "Either", "Opp"), **config):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -1.0) for word in words]
    pieces += [(chr(code), -5.0) for code in [*range(33, 127), 0x2581]]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=160,
    ).save_pretrained(folder)
    settings = {"task_specific_params": {"valence": VALENCE}, "decoder_start_token_id": 0, **config}
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(pieces),
            d_model=16,
            d_kv=8,
            d_ff=24,
            num_layers=2,
            num_heads=2,
            **settings,
        )
    )
    return seeded(model, folder)


def job(*subjects: Attribute | Choice, replies=REPLIES, question=QUESTION) -> Job:
    model = ModelIdentity("m", "r", "e", 1, "none", {"reward_model": "x", "kaleido": "x"})
    return Job(
        id="j",
        score_set="s",
        scenario=Scenario(question, tuple(replies)),
        attributes={f"cell:{a.name}": a for a in subjects if isinstance(a, Attribute)},
        choices={f"cell:{c.name}": c for c in subjects if isinstance(c, Choice)},
        scorer=Scorer(ScorerSettings(method="reward_model"), model),
        request_id="q",
        waited_ms=50.0,
    )


@dataclasses.dataclass
class Started:
    """A started judge, for tests without an event loop."""

    judge: Network
    info: EngineInfo
    runner: asyncio.Runner

    def cells(self, asked: Job) -> dict[str, Cell | Unscored]:
        async def all_cells():
            return {
                field: result
                async for one in self.judge.score(asked)
                for field, result in one.items()
            }

        return self.runner.run(all_cells())

    def choice(self, replies=REPLIES, question=QUESTION) -> Cell | Unscored:
        (cell,) = self.cells(job(Choice(), replies=replies, question=question)).values()
        return cell

    def attribute(self, attribute=CARE, replies=REPLIES, question=QUESTION) -> Cell | Unscored:
        (cell,) = self.cells(job(attribute, replies=replies, question=question)).values()
        return cell


def reference_rewards(folder: Path, replies=REPLIES, question=QUESTION) -> list[float]:
    """One text at a time, as in model cards."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    rewards = []
    for reply in replies:
        if tokenizer.chat_template:
            turns = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": reply},
            ]
            ids = tokenizer.apply_chat_template(turns, tokenize=True, return_tensors="pt")
        else:
            ids = tokenizer(question, reply, return_tensors="pt")
        with torch.no_grad():
            rewards.append(model(**ids).logits[0, 0].item())
    return rewards


def reference_valence(folder: Path, statement: str, value: str) -> list[float]:
    """As KaleidoSys reads it: two dummy tokens for the decoder, and the last position's logits."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    text = f"[Valence]:\tAction: {statement}\tValue: {value}"
    with torch.no_grad():
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        logits = model(input_ids=ids, labels=torch.tensor([[0, 0]])).logits[0, -1]
    labels = [tokenizer(word)["input_ids"][0] for word in ("Supports", "Either", "Opposes")]
    shares = logits.softmax(-1)[labels]
    return (shares / shares.sum()).tolist()


def poison(folder: Path, target: Path, name: str) -> Path:
    """A copy of a model with one weight that is not a number."""
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target)
    weights = load_file(target / "model.safetensors")
    weights[name][0] = float("nan")
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target
