"""Bodies of the model endpoints."""

from __future__ import annotations

from typing import Literal

from app.schema import Maybe, Open

ModelState = Literal["ready", "loading", "draining", "failed", "away"]


class ModelOut(Open):
    """A model that workers with one engine serve, load or have served. One model may have several
    engines, e.g. one that writes and one that reads hidden states. Members are absent while it is
    first loading and not known yet."""

    name: str
    """What requests call it, in `scoring.model`."""
    state: ModelState
    """Of its most advanced worker; `away` without one."""
    default: bool
    """Whether requests that name no model get this one."""
    workers: int
    """Live workers that serve or load it."""
    methods: list[str]
    """Scoring methods that it serves, once its `state` is `ready`."""
    engine: Maybe[str] = None
    """`vllm`, `openai`, `outlines`, `reward`, `kaleido`, `states`, `vllm_states` or `fake`."""
    revision: Maybe[str] = None
    """Commit of the weights, or a digest of the local folder."""
    context_length: Maybe[int] = None
    """Tokens of prompt and answer together."""
    reads_digits: Maybe[bool] = None
    """Whether the probabilities of its answer tokens can be read, for methods without reasoning."""
    embedder: Maybe[str] = None
    """Sentence-embedding model that examples are retrieved with."""


class ModelsOut(Open):
    """All models."""

    models: list[ModelOut]
    """Sorted by name and engine."""
