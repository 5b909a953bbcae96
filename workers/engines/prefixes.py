"""Which tokens of a prompt a prefix cache would serve: part of the fake engine."""

from __future__ import annotations

from collections.abc import Sequence

from cachetools import LRUCache

_BLOCK_TOKENS = 16
"""As in vLLM on a GPU."""
_MOST_BLOCKS = 100_000


class PrefixCache:
    """Blocks of tokens of earlier prompts, each known together with all blocks before it."""

    def __init__(self) -> None:
        self._known: LRUCache[int, bool] = LRUCache(_MOST_BLOCKS)

    def serve(self, ids: Sequence[int]) -> int:
        """Return how many tokens at the start are known, and keep the prompt's blocks.

        The last token is always computed: an answer begins with what the model makes of it.
        """
        served, before = 0, 0
        for end in range(_BLOCK_TOKENS, len(ids) + 1, _BLOCK_TOKENS):
            before = hash((before, tuple(ids[end - _BLOCK_TOKENS : end])))
            if before in self._known and served == end - _BLOCK_TOKENS and end < len(ids):
                served = end
            self._known[before] = True
        return served
