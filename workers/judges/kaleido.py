"""Kaleido: how far a reply supports or opposes a value (the paper's sections 4.2 and C.4).

Model and input are those of Sorensen et al., "Value Kaleidoscope" (AAAI 2024), with the valence
task of their `KaleidoSys`. The template comes from the weights' configuration. The probabilities
are those of the decoder's first token, over the first tokens of the three valences alone. Their
code cuts the text at 128 tokens; here a text that is too long is reported as such.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.domain.cells import CandidateScore, Cell, CellResults, CellTimings, Unscored, Usage
from app.domain.job import Job
from app.domain.scenario import Attribute, Scenario
from workers.errors import EngineError, EngineRejected
from workers.judges.network import Network, not_finite
from workers.judges.plaintext import Tokens

_VALENCES = ("Supports", "Either", "Opposes")
_WEIGHTS = (1.0, 0.5, 0.0)
_KIND = "Value"
"""Kaleido distinguishes values, rights and duties; attributes are values (C.4)."""
_TEMPLATE = "[Valence]:\tAction: ACTION\tVRD: VALUE"
_ARGUMENTS = ("ACTION", "VRD", "VALUE")
_CONTEXT = 512
"""Tokens that T5 was trained on. Its positions are relative, so longer texts work as well."""


class Kaleido(Network):
    """A T5 that reads whether a statement supports a value, opposes it, or either."""

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Yield the cells of all attributes, from one run over all candidates.

        Raises `EngineError` if the model fails.
        """
        for field, choice in job.choices.items():
            detail = "Kaleido scores attributes; it does not choose a candidate"
            yield {field: Unscored(choice.name, "engine-error", detail)}
        queue_ms = job.waited_ms
        started = time.perf_counter()
        short_enough: dict[str, list[Tokens]] = {}
        for field, attribute in job.attributes.items():
            texts = await self._in_thread(self._texts, job.scenario, attribute.name)
            if overflow := self._too_long(attribute.name, texts):
                yield {field: overflow}
            else:
                short_enough[field] = texts
        try:
            outputs = await self._outputs(
                [text for texts in short_enough.values() for text in texts]
            )
        except EngineRejected as error:
            for field in short_enough:
                yield {field: Unscored(job.attributes[field].name, "engine-error", str(error))}
            return
        timings = CellTimings(queue=queue_ms, engine=(time.perf_counter() - started) * 1000)
        for position, (field, texts) in enumerate(short_enough.items()):
            first = position * len(texts)
            own = outputs[first : first + len(texts)]
            yield {field: _cell(job.attributes[field], texts, own, timings)}

    @property
    def profiles(self) -> dict[str, str]:
        """The version covers the template and the valences' tokens, which come with the weights."""
        content = repr((self._template, self._arguments, self._valence_ids))
        return {"kaleido": f"kaleido/1:{hashlib.sha256(content.encode()).hexdigest()[:12]}"}

    def _texts(self, scenario: Scenario, value: str) -> list[Tokens]:
        return [
            self._encoder.text(self._fill(f"{scenario.question} {candidate}", value))
            for candidate in scenario.candidates
        ]

    def _fill(self, statement: str, value: str) -> str:
        filled = dict(zip(self._arguments, (statement, _KIND, value), strict=True))
        # All at once, so that a statement with the word VALUE keeps it.
        names = "|".join(map(re.escape, self._arguments))
        return re.sub(names, lambda match: filled[match[0]], self._template)

    def _class(self) -> Any:
        from transformers import AutoModelForSeq2SeqLM

        return AutoModelForSeq2SeqLM

    def _accept(self, config: Any) -> None:
        if not config.is_encoder_decoder:
            raise EngineError(
                f"{self._settings.model} is not an encoder-decoder model, as Kaleido is"
            )
        task = (getattr(config, "task_specific_params", None) or {}).get("valence") or {}
        self._template = task.get("template", _TEMPLATE)
        self._arguments = tuple(task.get("args", _ARGUMENTS))
        if len(self._arguments) != 3 or any(a not in self._template for a in self._arguments):
            raise EngineError(f"the valence template {self._template!r} lacks {self._arguments}")
        start = getattr(config, "decoder_start_token_id", None)
        self._start = config.pad_token_id if start is None else start

    def _own_limit(self, config: Any, tokenizer_limit: int | None) -> tuple[int | None, int | None]:
        return tokenizer_limit or _CONTEXT, None

    def _ready(self, tokenizer: Any) -> None:
        firsts = [tokenizer(word, add_special_tokens=False)["input_ids"][:1] for word in _VALENCES]
        self._valence_ids = [token for first in firsts for token in first]
        unusable = {tokenizer.unk_token_id, *tokenizer.all_special_ids}
        if len(set(self._valence_ids) - unusable) != len(_VALENCES):
            tokens = dict(zip(_VALENCES, firsts, strict=True))
            raise EngineError(f"the valences do not begin with different tokens: {tokens}")

    def _least(self) -> Tokens:
        return self._encoder.text(self._fill("Do a pushup", "Health"))

    def _forward(self, batch: dict[str, Any]) -> Any:
        import torch

        ids = batch["input_ids"]
        begun = torch.full((len(ids), 1), self._start, device=ids.device)
        logits = self._model(
            input_ids=ids, attention_mask=batch["attention_mask"], decoder_input_ids=begun
        ).logits
        return logits[:, 0, self._valence_ids].float().softmax(-1)


def _cell(
    attribute: Attribute,
    texts: Sequence[Tokens],
    valences: Sequence[tuple[float, ...]],
    timings: CellTimings,
) -> Cell | Unscored:
    if problem := not_finite(attribute.name, valences):
        return problem
    return Cell(
        attribute=attribute.name,
        scores=tuple(
            CandidateScore(score=valence_score(v), valence=(v[0], v[1], v[2])) for v in valences
        ),
        usage=Usage(prompt_tokens=sum(len(text.ids) for text in texts)),
        timings=timings,
        created_ms=int(time.time() * 1000),
    )


def valence_score(valence: Sequence[float]) -> float:
    """Return a score in [0, 1] from the probabilities of (supports, either, opposes), 4.2."""
    score = sum(weight * share for weight, share in zip(_WEIGHTS, valence, strict=True))
    return min(1.0, max(0.0, score))
