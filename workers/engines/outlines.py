"""Outlines on transformers: for laptops where vLLM cannot be installed. One answer at a time."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from app.settings import EngineSettings
from workers.engines.base import (
    Answer,
    EngineInfo,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.engines.identity import model_name, model_revision
from workers.errors import EngineError
from workers.tokenization.chat import ChatEncoder, why_not_single_tokens
from workers.tokenization.conversation import Message, Prompt

_BACKEND = "llguidance"  # honours integer bounds; Outlines' own core accepts 999 for 0 to 100
_DEFAULT_CONTEXT = 4096


class OutlinesEngine:
    """Runs a transformers model; Outlines constrains its output."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._model: Any = None
        self._steerable: Any = None
        self._tokenizer: Any = None
        self._encoder: ChatEncoder | None = None
        self._context_length = _DEFAULT_CONTEXT
        self.steps = 0
        self._turn = threading.Lock()  # a transformers model answers one prompt at a time

    async def start(self) -> EngineInfo:
        """Load the model in a thread."""
        await asyncio.to_thread(self._load)
        settings = self._settings
        dtype = str(self._model.dtype).removeprefix("torch.")
        return EngineInfo(
            engine="outlines",
            model=model_name(settings.model, settings.model_name),
            revision=model_revision(settings.model, settings.model_revision),
            context_length=self._context_length,
            settings=f"dtype={dtype}",
        )

    def _load(self) -> None:
        import outlines
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        settings = self._settings
        self._tokenizer = AutoTokenizer.from_pretrained(
            settings.model, revision=settings.model_revision
        )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = AutoModelForCausalLM.from_pretrained(
            settings.model, revision=settings.model_revision, dtype=settings.dtype
        ).to(device)
        self._model.eval()
        self._steerable = outlines.from_transformers(self._model, self._tokenizer)
        known = getattr(self._model.config, "max_position_embeddings", _DEFAULT_CONTEXT)
        self._context_length = settings.context_length or int(known)
        self._encoder = ChatEncoder(self._tokenizer, self._context_length)

    async def close(self) -> None:
        """Release the model."""
        self._model = self._steerable = None

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Encode a conversation as token ids."""
        assert self._encoder is not None, "start() comes first"
        return self._encoder.encode(messages)

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt in a thread, one sample after another."""
        answers = []
        for sample in range(sampling.samples):
            answers.append(
                await asyncio.to_thread(self._generate_one, prompt, schema, sampling, sample)
            )
        return Generation(tuple(answers), prompt_tokens=prompt.length * sampling.samples)

    def _generate_one(
        self, prompt: Prompt, schema: Schema, sampling: Sampling, sample: int
    ) -> Answer:
        from outlines.backends import get_json_schema_logits_processor

        # Compact JSON, as in the vLLM engine: small models can write white space without end.
        compact = schema | {"x-guidance": {"whitespace_flexible": False}}
        processor = get_json_schema_logits_processor(_BACKEND, self._steerable, json.dumps(compact))
        return self._run(prompt, sampling.max_tokens, sampling, sampling.seed + sample, [processor])

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Write a text in a thread; it ends early if the caller is cancelled."""
        loop = asyncio.get_running_loop()

        def send(part: str) -> None:
            if on_text is not None:
                loop.call_soon_threadsafe(on_text, part)

        parts = _Parts(self._tokenizer, send if on_text is not None else None)
        try:
            answer = await asyncio.to_thread(
                self._run, prompt, sampling.max_tokens, sampling, sampling.seed, [], parts
            )
        finally:
            parts.stopped.set()
        return Generation((answer,), prompt_tokens=prompt.length)

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Explain why `tokens` are not single, different tokens; None if they are."""
        assert self._encoder is not None, "start() comes first"
        return why_not_single_tokens(self._encoder, tokens)

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Run one forward pass in a thread."""
        assert self._encoder is not None, "start() comes first"
        ids = self._encoder.answer_ids(tokens)
        probabilities = await asyncio.to_thread(self._first_token, prompt, ids)
        return TokenProbabilities(probabilities, prompt_tokens=prompt.length)

    def _first_token(self, prompt: Prompt, ids: tuple[int, ...]) -> tuple[float, ...]:
        import torch

        tokens = torch.tensor([list(prompt.token_ids or ())], device=self._model.device)
        with self._turn, torch.inference_mode():
            try:
                logits = self._model(tokens).logits[0, -1].float()
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"transformers could not answer: {error}") from error
        return tuple(torch.softmax(logits, dim=-1)[list(ids)].tolist())

    async def check(self) -> None:
        """Write one token."""
        prompt = self.encode((Message("user", "Say yes."),))
        await asyncio.to_thread(self._run, prompt, 1, Sampling(max_tokens=1), 0, [])

    def _run(
        self,
        prompt: Prompt,
        max_tokens: int,
        sampling: Sampling,
        seed: int,
        processors: list[Any],
        streamer: _Parts | None = None,
    ) -> Answer:
        import torch

        arguments: dict[str, Any] = {"do_sample": False, "repetition_penalty": 1.0}
        if sampling.temperature > 0:
            arguments |= {"do_sample": True, "temperature": sampling.temperature}
            # The model folder's defaults must not override a request's settings.
            arguments |= {"top_k": 0, "top_p": 1.0}
        ids = torch.tensor([list(prompt.token_ids or ())], device=self._model.device)
        with self._turn, torch.inference_mode():
            torch.manual_seed(seed)
            try:
                output = self._model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=max_tokens,
                    logits_processor=[*processors, self._count_step],
                    streamer=streamer,
                    pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                    **arguments,
                )
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"transformers could not answer: {error}") from error
        written = output[0, ids.shape[1] :].tolist()
        ended = bool(written) and written[-1] in _end_tokens(self._model, self._tokenizer)
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return Answer(text, "stop" if ended else "length", len(written))

    def _count_step(self, ids: Any, scores: Any) -> Any:
        self.steps += 1
        return scores


class _Parts:
    """What transformers calls a streamer: gets the prompt's tokens, then each token written."""

    def __init__(self, tokenizer: Any, on_text: OnText | None) -> None:
        self._tokenizer = tokenizer
        self._on_text = on_text
        self._written: list[int] | None = None
        self._shown = 0
        self.stopped = threading.Event()
        """Set when nobody waits for the text any more."""

    def put(self, tokens: Any) -> None:
        """Take the prompt, or the next token."""
        if self.stopped.is_set():
            raise EngineError("the text is no longer wanted")
        if self._written is None:
            self._written = []
            return
        self._written += tokens.reshape(-1).tolist()
        if self._on_text is not None:
            text = self._tokenizer.decode(self._written, skip_special_tokens=True)
            if not text.endswith("\ufffd"):  # else the next token completes a character
                self._on_text(text[self._shown :])
                self._shown = len(text)

    def end(self) -> None:
        """Called after the last token."""


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return {token for token in (*ends, tokenizer.eos_token_id) if token is not None}
