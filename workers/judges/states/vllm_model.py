"""Models of vLLM whose pooling output is the hidden states of several layers.

vLLM's pooling runner gives what a model's forward pass returns, for each token. Models that support
EAGLE-3 can return the states of chosen layers (`set_aux_hidden_state_layers`). The class made here
returns these, side by side, in place of the last layer's, and loads no layer beyond the deepest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from workers.errors import EngineError

ARCHITECTURE = "AzimuthStates"
"""Name of the class in vLLM's registry, and in the configuration of the model."""
EXTENSION = f"{__name__}.Extension"
_BASE, _LAYERS = "STATES_OF_MODEL_BASE", "STATES_OF_MODEL_LAYERS"
"""Variables by which the processes of vLLM know what to register."""
_LAYER = re.compile(r"\blayers\.(\d+)\.")


def register(base: str, layers: Sequence[int]) -> None:
    """Register the class for a model's own architecture, here and in processes started later.

    Raises `EngineError` if vLLM cannot return the states of its layers.
    """
    os.environ[_BASE], os.environ[_LAYERS] = base, ",".join(map(str, layers))
    _register()


def _register() -> None:
    from vllm import ModelRegistry

    base = os.environ[_BASE]
    layers = tuple(int(layer) for layer in os.environ[_LAYERS].split(","))
    ModelRegistry.register_model(ARCHITECTURE, _states_class(base, layers))


def _states_class(base: str, layers: tuple[int, ...]) -> Any:
    import torch
    from vllm import ModelRegistry
    from vllm.model_executor.models.interfaces import supports_eagle3

    own: Any = ModelRegistry._try_load_model_cls(base)
    if own is None or not supports_eagle3(own):
        raise EngineError(
            f"vLLM cannot return the states of layers of {base}: use AZIMUTH_ENGINE=states"
        )

    class AzimuthStates(own):  # type: ignore[misc]
        def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
            super().__init__(vllm_config=vllm_config, prefix=prefix)
            self.set_aux_hidden_state_layers(layers)

        def forward(self, *arguments: Any, **named: Any) -> Any:
            _, states = super().forward(*arguments, **named)
            return torch.cat(states, dim=-1)

        def load_weights(self, weights: Iterable[tuple[str, Any]]) -> Any:
            return super().load_weights(
                (name, tensor) for name, tensor in weights if _is_read(name, layers[-1])
            )

    return AzimuthStates


def _is_read(name: str, deepest: int) -> bool:
    layer = _LAYER.search(name)
    return layer is None or int(layer[1]) < deepest


class _Extension:
    """Adds nothing to vLLM's worker."""


def __getattr__(name: str) -> Any:
    """Register the class in the process that looks the extension up.

    vLLM looks up its `worker_extension_cls` in each process that runs a model, before it does.
    """
    if name == "Extension":
        _register()
        return _Extension
    raise AttributeError(name)
