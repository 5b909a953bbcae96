"""Hidden states of a language model in transformers, cut off after the deepest layer read.

On a GPU, texts run in padded batches. On a CPU each is a pass of its own: padding costs more than
batches save, and an attention mask doubles the attention. Candidates of one question share the pass
of its tokens, and the states of a candidate are the same whatever it is read with.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from workers.errors import EngineError
from workers.judges.batches import batches_of_beginnings
from workers.judges.network import Network
from workers.judges.plaintext import Tokens
from workers.judges.states.base import Reading, chosen_layers, means_of

_log = logging.getLogger(__name__)
_QUESTION, _REPLY = "Is it day?", "Yes."
_AT_ONCE = 2048
"""Tokens of candidates that are read on a CPU before a check can run in between."""
_ROUNDING = 0.05
"""States may differ by this share of the largest one where a question is read beforehand."""


class StatesNetwork(Network):
    """Any decoder of transformers with a chat template."""

    layers: tuple[int, ...] = ()
    _padded = False
    """Whether texts run in padded batches."""
    _continues = False
    """Whether the model can read a candidate after keys and values kept of its question."""

    @property
    def reads(self) -> str:
        """The layers' means."""
        return means_of(self.layers)

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Encode each candidate as the reply to a question."""
        return await self._in_thread(self._texts, question, candidates)

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Read encoded texts. Tokens of a shared question count as cached but for the first."""
        outputs = await self._outputs(texts)
        return [
            Reading(np.asarray(states, dtype=np.float64), len(text.ids), shared)
            for text, (states, shared) in zip(texts, outputs, strict=True)
        ]

    def _texts(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        return [self._encoder.conversation(question, candidate) for candidate in candidates]

    def _class(self) -> Any:
        from transformers import AutoModel

        return AutoModel

    def _accept(self, config: Any) -> None:
        if config.is_encoder_decoder:
            raise EngineError(
                f"{self._settings.model} is an encoder-decoder model; states are read from decoders"
            )
        text = config.get_text_config()
        self.layers = chosen_layers(self._settings.state_layers, text.num_hidden_layers)
        # Deeper layers are neither loaded nor run.
        text.num_hidden_layers = self.layers[-1]
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[: self.layers[-1]]

    def _own_limit(self, config: Any, tokenizer_limit: int | None) -> tuple[int | None, int | None]:
        most = getattr(config.get_text_config(), "max_position_embeddings", None)
        most = most if isinstance(most, int) and most > 0 else None
        limits = [limit for limit in (most, tokenizer_limit) if limit is not None]
        return min(limits, default=None), most

    def _ready(self, tokenizer: Any) -> None:
        if not self._encoder.has_chat_template:
            raise EngineError(f"{self._settings.model} has no chat template")
        if self._pad is None:
            self._pad = tokenizer.pad_token_id or 0  # it is masked, whatever it is
        self._captured: dict[int, Any] = {}
        blocks = _blocks_of(self._model, self.layers[-1])
        for layer in self.layers:
            blocks[layer - 1].register_forward_hook(self._capture(layer))
        self._padded = self._device != "cpu"
        self._continues = not self._padded and self._can_continue()

    def _can_continue(self) -> bool:
        """Read a text in both ways: some models take only one token after what they keep."""
        text = self._least()
        self._continues = False
        whole, _ = self._pass([text])[0]
        self._continues = True
        try:
            states, _ = self._pass([text])[0]
        except (EngineError, AttributeError, NotImplementedError, TypeError) as error:
            _log.info("each candidate is read with its question: %s", error)
            return False
        same = bool(np.abs(states - whole).max() <= _ROUNDING * np.abs(whole).max())
        if not same:
            _log.info("each candidate is read with its question: states would differ otherwise")
        return same

    def _capture(self, layer: int) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            self._captured[layer] = output[0] if isinstance(output, tuple) else output

        return hook

    def _least(self) -> Tokens:
        return self._encoder.conversation(_QUESTION, _REPLY)

    async def _outputs(self, texts: Sequence[Tokens]) -> list[Any]:
        if self._padded:
            return [(states, 0) for states in await super()._outputs(texts)]
        outputs: dict[int, Any] = {}
        beginnings = [text.ids[: text.begin] for text in texts]
        lengths = [len(text.ids) - text.begin for text in texts]
        for batch in batches_of_beginnings(beginnings, lengths, tokens=_AT_ONCE):
            done = await self._in_thread(self._pass, [texts[position] for position in batch])
            self.progress += 1
            outputs |= zip(batch, done, strict=True)
        return [outputs[position] for position in range(len(texts))]

    def _run(self, texts: Sequence[Tokens]) -> list[Any]:
        if self._padded:
            return super()._run(texts)
        kept = self._kept_of(texts[0].ids[: texts[0].begin]) if self._continues else None
        outputs: list[tuple[Any, int]] = []
        for number, text in enumerate(texts):
            # The model adds to what is kept, so all but the last text get a copy.
            own = kept if number + 1 == len(texts) else copy.deepcopy(kept)
            shared = text.begin if kept is not None and number else 0
            outputs.append((self._mean(text, own).numpy(), shared))
        return outputs

    def _kept_of(self, beginning: tuple[int, ...]) -> Any:
        """Keys and values of a question's tokens; None if there are no tokens."""
        import torch

        if not beginning:
            return None
        return self._model(input_ids=torch.tensor([beginning]), use_cache=True).past_key_values

    def _mean(self, text: Tokens, kept: Any) -> Any:
        """The states of one text, [layers, width], averaged over the candidate's tokens."""
        import torch

        ids = text.ids if kept is None else text.ids[text.begin :]
        own = {} if kept is None else {"past_key_values": kept, "use_cache": True}
        self._model(input_ids=torch.tensor([ids]), **own)
        candidate = len(text.ids) - text.begin
        states = [self._captured.pop(layer)[0, -candidate:].float() for layer in self.layers]
        return torch.stack([one.mean(dim=0) for one in states])

    def _batch(self, texts: Sequence[Tokens]) -> dict[str, Any]:
        import torch

        batch = super()._batch(texts)
        begins = torch.tensor([text.begin for text in texts], device=self._device)
        places = torch.arange(batch["input_ids"].shape[1], device=self._device)
        batch["averaged"] = batch["attention_mask"] * (places >= begins[:, None])
        return batch

    def _forward(self, batch: dict[str, Any]) -> Any:
        import torch

        self._model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        weights = batch["averaged"].float()
        weights = weights / weights.sum(dim=1, keepdim=True)
        means = [
            torch.einsum("rt,rtd->rd", weights, self._captured.pop(layer).float())
            for layer in self.layers
        ]
        return torch.stack(means, dim=1)

    def _rows(self, outputs: Any) -> list[Any]:
        return list(outputs.numpy())


def _blocks_of(model: Any, count: int) -> Any:
    """The list of the model's layers. Raises `EngineError` if it is not to be found."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return module
    raise EngineError(f"{type(model).__name__} has no list of {count} layers whose states to read")
