"""What an endpoint serves: its context length, and the tokenizer of its model."""

from __future__ import annotations

from typing import Any

from app.settings import EngineSettings
from workers.engines.identity import tokenizer_revision
from workers.errors import EngineRejected


def context_length(entry: dict[str, Any], settings: EngineSettings) -> int:
    """Return the context length that the settings or the endpoint's entry for the model give."""
    context = settings.context_length or entry.get("max_model_len")
    if context is None:
        raise EngineRejected(
            "the endpoint does not report the model's context length: set AZIMUTH_CONTEXT_LENGTH"
        )
    return int(context)


def load_tokenizer(settings: EngineSettings) -> tuple[Any, str]:
    """Load the tokenizer of an endpoint's model; it comes with its name and revision."""
    from transformers import AutoTokenizer

    name = settings.tokenizer or settings.model
    # The revision is the model's: a tokenizer from another repository has no such revision.
    revision = None if settings.tokenizer else settings.model_revision
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise EngineRejected(
            f"no tokenizer could be loaded for {name!r}: set AZIMUTH_TOKENIZER, "
            "or AZIMUTH_OPENAI_PROMPT=chat"
        ) from error
    return tokenizer, f"{name}@{tokenizer_revision(name, revision)}"
