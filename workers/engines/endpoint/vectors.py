"""Reads an endpoint's pooling outputs and embeddings. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.arrays import Floats
from workers.engines.endpoint.replies import expected_form
from workers.errors import EngineError


@dataclass(frozen=True, slots=True)
class Vectors:
    """The numbers of one text, in a row, and the tokens that the endpoint read for it."""

    numbers: Floats
    prompt_tokens: int | None
    """None if the endpoint does not report them."""

    def of_tokens(self, tokens: int) -> Floats:
        """One row for each token. Raises `EngineError` if they cannot be."""
        if not tokens or len(self.numbers) % tokens:
            raise EngineError(
                f"the endpoint gave {len(self.numbers)} numbers for {tokens} tokens, which is not "
                "the same count for each"
            )
        return self.numbers.reshape(tokens, -1)


def read_vectors(document: Any) -> Vectors:
    """Read the one entry of a document. Raises `EngineError`."""
    with expected_form(document):
        entries = document["data"]
        usage = document.get("usage") or {}
        counted = usage.get("prompt_tokens")
        prompt_tokens = None if counted is None else int(counted)
    if len(entries) != 1:
        raise EngineError(f"the endpoint gave {len(entries)} results for one text")
    with expected_form(document):
        (entry,) = entries
        # `/pooling` and `/embeddings` name it differently.
        given = entry["data"] if "data" in entry else entry["embedding"]
        if isinstance(given, str):
            numbers = np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4")
        else:
            numbers = np.asarray(given, dtype=np.float64).ravel()
        if not numbers.size:
            raise ValueError("no numbers")
    return Vectors(numbers.astype(np.float64), prompt_tokens)
