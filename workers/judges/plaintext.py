"""Texts to token ids for reward models and Kaleido; nothing in a text is a special token."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workers.errors import EngineError
from workers.tokenization.chat import longest_token
from workers.tokenization.dates import FIXED_DATE

_MARKS = ("\ue000", "\ue001")  # private-use characters: no template produces them


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as a model reads it."""

    ids: tuple[int, ...]
    types: tuple[int, ...]
    """Token type ids, which some models read: 1 for the second text of a pair, else 0."""
    begin: int = 0
    """In a conversation: the place of the answer's first token."""


class PlainEncoder:
    """Encodes texts within a model's frame; texts cannot change the frame.

    A text is cut inside everything that spells an added token, and its pieces are encoded
    separately. A text that spells none is encoded in one piece, as the model's authors did. Of a
    text that cannot fit the context, as much is encoded as shows it. Not thread-safe.
    """

    def __init__(self, tokenizer: Any, context_length: int | None = None) -> None:
        if getattr(tokenizer, "backend_tokenizer", None) is None:
            raise EngineError(
                f"{type(tokenizer).__name__} is not a fast tokenizer, which is required"
            )
        self._tokenizer = tokenizer
        self._most_chars: int | None = None
        if context_length is not None:
            self._most_chars = (context_length + 1) * longest_token(tokenizer)
        self._frame = _bare(tokenizer.backend_tokenizer, special=True)
        self._text = _bare(tokenizer.backend_tokenizer, special=False)
        # Runs of blanks are added tokens of some code models; they are harmless.
        spelled = {*map(str, tokenizer.get_added_vocab()), *map(str, tokenizer.all_special_tokens)}
        spelled = {token for token in spelled if len(token.strip()) > 1}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._spelled = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        ids = {self._frame.token_to_id(token) for token in spelled}
        self._added = ids - {None, tokenizer.unk_token_id}

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer has a chat template."""
        return bool(self._tokenizer.chat_template)

    def text(self, text: str) -> Tokens:
        """Encode a text with the model's special tokens around it (T5: `</s>` after it)."""
        return _tokens(self._text.post_process(self._plain(text), None, True))

    def pair(self, first: str, second: str) -> Tokens:
        """Encode two texts with the model's special tokens around a pair."""
        plain = self._plain(first), self._plain(second)
        return _tokens(self._text.post_process(*plain, True))

    def conversation(self, question: str, answer: str) -> Tokens:
        """Encode a user's turn and the assistant's with the tokenizer's chat template."""
        contents = {
            mark: text[: self._most_chars]
            for mark, text in zip(_MARKS, (question, answer), strict=True)
        }
        text = "".join(contents.get(piece, piece) for piece in self._turns)
        # Encoded as a whole, words next to the frame are tokenized as in training. This is used if
        # it yields the frame's special tokens and no others.
        whole = self._frame.encode(text, add_special_tokens=False)
        parts = [
            self._plain(contents[piece])
            if piece in contents
            else self._frame.encode(piece, add_special_tokens=False)
            for piece in self._turns
        ]
        ids = [token for part in parts for token in part.ids]
        begin = sum(len(part.ids) for part in parts[:3])
        if self._added_in(whole.ids) == self._added_in(ids):
            ids = whole.ids
            start = sum(len(contents.get(piece, piece)) for piece in self._turns[:3])
            ends = [end for _, end in whole.offsets]
            begin = next((i for i, end in enumerate(ends) if end > start), len(ids) - 1)
        return Tokens(tuple(ids), (0,) * len(ids), begin)

    @cached_property
    def _turns(self) -> list[str]:
        """The rendered template in pieces: frame, mark, frame, mark, frame.

        It is rendered with marks in place of the contents, so it cannot change or cut them.
        """
        from jinja2.exceptions import TemplateError

        roles = ("user", "assistant")
        turns = [{"role": r, "content": m} for r, m in zip(roles, _MARKS, strict=True)]
        try:
            rendered = self._tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                **FIXED_DATE,
            )
        except TemplateError as error:
            raise EngineError(
                f"the model's chat template refuses a question with a reply: {error}"
            ) from None
        pieces = re.split("([\ue000\ue001])", str(rendered))
        if tuple(pieces[1::2]) != _MARKS:
            raise EngineError(
                "the model's chat template does not show question and reply once each"
            )
        return pieces

    def _plain(self, text: str) -> Any:
        text = text[: self._most_chars]
        cuts = [match.start() + 1 for match in self._spelled.finditer(text)]
        ends = [*cuts, len(text)]
        encodings: list[Any] = []
        for start, end in zip([0, *cuts], ends, strict=True):
            encoding = self._text.encode(text[start:end], add_special_tokens=False)
            if self._added_in(encoding.ids):
                # Normalization can create an added token; single characters cannot become one.
                encodings += [
                    self._text.encode(character, add_special_tokens=False)
                    for character in text[start:end]
                ]
            else:
                encodings.append(encoding)
        return type(encodings[0]).merge(encodings, True)

    def _added_in(self, ids: Sequence[int]) -> list[int]:
        return [token for token in ids if token in self._added]


def _bare(backend: Any, *, special: bool) -> Any:
    own = copy.deepcopy(backend)
    own.no_padding()
    own.no_truncation()
    own.encode_special_tokens = not special
    return own


def _tokens(encoding: Any) -> Tokens:
    return Tokens(tuple(encoding.ids), tuple(encoding.type_ids))
