"""Reward models: they prefer a reply outright; the paper's baseline (section 4.2, C.3)."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.domain.cells import CandidateScore, Cell, CellResults, CellTimings, Unscored, Usage
from app.domain.job import Job
from app.domain.scenario import Scenario
from workers.errors import EngineError, EngineRejected
from workers.judges.network import Network, not_finite
from workers.judges.plaintext import Tokens

_QUESTION, _REPLY = "Is it day?", "Yes."


class RewardModel(Network):
    """A sequence classifier with one output: the reward of a reply to a question."""

    profiles = {"reward_model": "reward_model/1"}  # noqa: RUF012

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Yield the cell of the job's choice. Raises `EngineError` if the model fails."""
        for field, attribute in job.attributes.items():
            detail = "a reward model chooses a candidate; it does not score attributes"
            yield {field: Unscored(attribute.name, "engine-error", detail)}
        queue_ms = job.waited_ms
        for field, choice in job.choices.items():
            yield {field: await self._choose(choice.name, job.scenario, queue_ms)}

    async def _choose(self, name: str, scenario: Scenario, queue_ms: float) -> Cell | Unscored:
        started = time.perf_counter()
        texts = await self._in_thread(self._texts, scenario)
        if overflow := self._too_long(name, texts):
            return overflow
        try:
            outputs = await self._outputs(texts)
        except EngineRejected as error:
            return Unscored(name, "engine-error", str(error))
        if problem := not_finite(name, outputs):
            return problem
        rewards = [reward for (reward,) in outputs]
        return Cell(
            attribute=name,
            kind="choice",
            scores=tuple(
                CandidateScore(score=preferred, reward=reward)
                for preferred, reward in zip(preferences(rewards), rewards, strict=True)
            ),
            usage=Usage(prompt_tokens=sum(len(text.ids) for text in texts)),
            timings=CellTimings(queue=queue_ms, engine=(time.perf_counter() - started) * 1000),
            created_ms=int(time.time() * 1000),
        )

    def _texts(self, scenario: Scenario) -> list[Tokens]:
        encode = (
            self._encoder.conversation if self._encoder.has_chat_template else self._encoder.pair
        )
        return [encode(scenario.question, candidate) for candidate in scenario.candidates]

    def _class(self) -> Any:
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification

    def _accept(self, config: Any) -> None:
        if config.num_labels != 1:
            raise EngineError(
                f"{self._settings.model} has {config.num_labels} outputs: a reward model has one"
            )

    def _own_limit(self, config: Any, tokenizer_limit: int | None) -> tuple[int | None, int | None]:
        most = getattr(config.get_text_config(), "max_position_embeddings", None)
        most = most if isinstance(most, int) and most > 0 else None
        # RoBERTa has two positions that hold no tokens; its tokenizer accounts for them.
        limits = [limit for limit in (most, tokenizer_limit) if limit is not None]
        return min(limits, default=None), most

    def _ready(self, tokenizer: Any) -> None:
        parameters = inspect.signature(self._model.forward).parameters
        both = set(parameters) & set(tokenizer.model_input_names)
        self._reads_types = "token_type_ids" in both

    def _least(self) -> Tokens:
        (text,) = self._texts(Scenario(_QUESTION, (_REPLY,)))
        return text

    def _forward(self, batch: dict[str, Any]) -> Any:
        if not self._reads_types:
            del batch["token_type_ids"]
        return self._model(**batch).logits


def preferences(rewards: Sequence[float]) -> list[float]:
    """Return the probability that each reply is preferred; they add up to 1.

    exp(r) over the sum of all exp(r). For two replies this is the Bradley-Terry model, with which
    reward models are trained; for more, the Plackett-Luce model.
    """
    highest = max(rewards)
    weights = [math.exp(reward - highest) for reward in rewards]
    total = sum(weights)
    return [weight / total for weight in weights]
