"""Hidden states of a language model in transformers, cut off after the deepest layer read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workers.errors import EngineError
from workers.judges.network import Network
from workers.judges.plaintext import Tokens
from workers.judges.states.base import Reading, chosen_layers

_QUESTION, _REPLY = "Is it day?", "Yes."


class StatesNetwork(Network):
    """Any decoder of transformers with a chat template."""

    layers: tuple[int, ...] = ()

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Encode each candidate as the reply to a question."""
        return await self._in_thread(self._texts, question, candidates)

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Read encoded texts in batches of similar length."""
        outputs = await self._outputs(texts)
        return [
            Reading(np.asarray(states, dtype=np.float64), len(text.ids))
            for text, states in zip(texts, outputs, strict=True)
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

    def _capture(self, layer: int) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            self._captured[layer] = output[0] if isinstance(output, tuple) else output

        return hook

    def _least(self) -> Tokens:
        return self._encoder.conversation(_QUESTION, _REPLY)

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
