"""Conversations to token ids with a model's chat template."""

from __future__ import annotations

import copy
import hashlib
import logging
import re
import sys
import threading
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cachetools import LRUCache

from workers.errors import EngineRejected
from workers.tokenization.conversation import Message, Prompt
from workers.tokenization.dates import FIXED_DATE

_log = logging.getLogger(__name__)
_KEPT_BYTES = 64 * 1024 * 1024
"""Memory for the tokens of contents that may be shown again."""
_ENTRY_BYTES = 256
"""What an entry takes beside its tokens, roughly."""
_ORDINARY_BYTES = 8
"""More bytes than a token of ordinary text has on average, in any language."""
_CHUNK_CHARS = 16_384
_SEAM_TOKENS = 16
"""Far more tokens than a cut can add to a text."""
_MARK = "\ue000{}\ue001"  # private-use characters: no template produces them
_MARKS = re.compile("\ue000(\\d+)\ue001")


class ChatEncoder:
    """Applies a model's chat template; message contents cannot become part of the template.

    The template is rendered with marks in place of the contents. The frame between the marks is
    tokenized with special tokens, each content without: `<|im_end|>` in a candidate becomes the
    tokens of ten ordinary characters.

    Raises `EngineRejected` for a template that refuses, omits or repeats a message.
    """

    def __init__(self, tokenizer: Any, context_length: int | None = None) -> None:
        # A private copy: the switch for special tokens must not affect other users.
        self._tokenizer = copy.deepcopy(tokenizer)
        self._switch = threading.Lock()
        self._context_length = context_length
        self._longest_token = longest_token(self._tokenizer)
        # The same examples appear in many prompts, so their tokens are cached.
        self._kept: LRUCache[bytes, array[int]] = LRUCache(_KEPT_BYTES, getsizeof=_size)
        self._keeping = threading.Lock()
        added = [str(token) for token in self._tokenizer.get_added_vocab()]
        added += list(self._tokenizer.all_special_tokens)
        longest_first = sorted({t for t in added if len(t) > 1}, key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._added_ids = {
            int(id_) for token, id_ in self._tokenizer.get_added_vocab().items() if token.strip()
        } - {self._tokenizer.unk_token_id}
        self._frame_ids = lru_cache(maxsize=1024)(self._encode_frame)
        self.answer_ids = lru_cache(maxsize=16)(self._answer_ids)
        """Ids of words at the start of an answer, see `_answer_ids`."""
        turns = [Message(role, role) for role in ("system", "user", "assistant", "user")]
        rendered, _ = self._render(turns)
        if _thinks(rendered):
            _log.warning(
                "the model's chat template has thoughts precede an answer: answers are JSON from "
                "the first token, so they may be poor; use a model that answers at once"
            )

    def encode(self, messages: Sequence[Message]) -> Prompt:
        """Return a conversation as tokens, ending where the assistant's answer begins.

        One that cannot fit the context is not encoded, see `Prompt.length`.
        """
        if self._context_length is not None:
            least = self._least_tokens(messages, self._context_length)
            if least > self._context_length:
                return Prompt(messages=(), length=least)
        rendered, contents = self._render(messages)
        ids: list[int] = []
        # The marks split the frame: frame, number, frame, number, …, frame.
        for index, piece in enumerate(_MARKS.split(rendered)):
            if index % 2:
                ids += self._content_ids(contents[int(piece)])
            elif piece:
                ids += self._frame_ids(piece)
        return Prompt(messages=tuple(messages), length=len(ids), token_ids=tuple(ids))

    def _least_tokens(self, messages: Sequence[Message], limit: int) -> int:
        """Return a number of tokens that the contents have at least.

        Encoding megabytes takes long and much memory. Mostly the number of bytes tells that they
        are too long. Where it does not, because the vocabulary has long runs of blanks, contents
        are encoded in chunks until the limit is passed.
        """
        size = sum(len(message.content.encode()) for message in messages)
        least = size // self._longest_token
        if least > limit or size <= limit * _ORDINARY_BYTES:
            return least
        counted = 0
        for content in (message.content for message in messages):
            for start in range(0, len(content), _CHUNK_CHARS):
                chunk = self._encode_content(content[start : start + _CHUNK_CHARS])
                counted += max(0, len(chunk) - _SEAM_TOKENS)
                if counted > limit:
                    return counted
        return least

    def _answer_ids(self, words: tuple[str, ...]) -> tuple[int, ...]:
        """Return the token of each word when it is the first of an answer.

        Raises ValueError when a word takes several tokens, or two words share one.
        """
        rendered, _ = self._render([Message("user", "?")])
        frame = _MARKS.split(rendered)[-1]
        before = self._encode(frame, special=True)
        ids: list[int] = []
        for word in words:
            with_word = self._encode(frame + word, special=True)
            if with_word[:-1] != before:
                raise ValueError(f"{word!r} is not a single token for this model's tokenizer")
            ids.append(with_word[-1])
        if len(set(ids)) < len(ids):
            raise ValueError("two words are the same token for this model's tokenizer")
        return tuple(ids)

    def _render(self, messages: Sequence[Message]) -> tuple[str, list[str]]:
        rendered = self._apply(messages)
        if rendered is None and len(messages) > 1 and messages[0].role == "system":
            # Some templates refuse a system turn, others silently drop it: then its text goes at
            # the start of the first user turn.
            first, second, *rest = messages
            messages = [Message("user", f"{first.content}\n\n{second.content}"), *rest]
            rendered = self._apply(messages)
        if rendered is None:
            roles = ", ".join(message.role for message in messages)
            raise EngineRejected(
                f"the model's chat template does not render every turn of a conversation ({roles})"
            )
        return rendered, [message.content for message in messages]

    def _apply(self, messages: Sequence[Message]) -> str | None:
        """Render the conversation with marks; None if a turn is refused, omitted or repeated."""
        from jinja2.exceptions import TemplateError

        turns = [{"role": m.role, "content": _MARK.format(i)} for i, m in enumerate(messages)]
        try:
            rendered = str(
                self._tokenizer.apply_chat_template(
                    turns,
                    add_generation_prompt=True,
                    tokenize=False,
                    # Otherwise some templates open a block of thoughts, for which the output
                    # schema leaves no room.
                    enable_thinking=False,
                    **FIXED_DATE,
                )
            )
        except TemplateError:
            return None
        # The order may differ: some templates show the system turn with the last user turn.
        shown = sorted(int(mark) for mark in _MARKS.findall(rendered))
        return rendered if shown == list(range(len(messages))) else None

    def _encode_frame(self, text: str) -> tuple[int, ...]:
        return self._encode(text, special=True)

    def _content_ids(self, text: str) -> array[int]:
        key = hashlib.blake2b(text.encode(), digest_size=32).digest()
        with self._keeping:
            kept = self._kept.get(key)
        if kept is None:
            kept = array("I", self._encode_content(text))
            with self._keeping:
                self._kept[key] = kept
        return kept

    def _encode_content(self, text: str) -> list[int]:
        # The tokenizer splits only tokens that are flagged special, and not every template token
        # is. So a text is cut inside each added token, and its pieces are tokenized separately.
        cuts = [match.start() + 1 for match in self._added.finditer(text)]
        ids: list[int] = []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            ids += self._without_added(text[start:end])
        return ids

    def _without_added(self, text: str) -> Sequence[int]:
        """Encode a text without added tokens, cutting it where one is left.

        Added tokens may contain one another, and a tokenizer may normalise a look-alike to one.
        """
        ids = self._encode(text, special=False)
        if len(text) < 2 or self._added_ids.isdisjoint(ids):
            return ids
        middle = len(text) // 2
        return [*self._without_added(text[:middle]), *self._without_added(text[middle:])]

    def _encode(self, text: str, *, special: bool) -> tuple[int, ...]:
        with self._switch:  # a check encodes its prompt in another thread
            encoded = self._tokenizer(
                text, add_special_tokens=False, split_special_tokens=not special, verbose=False
            )
        return tuple(encoded["input_ids"])


def _thinks(rendered: str) -> bool:
    """Return whether an answer begins within thoughts, or in a channel that must be named first."""
    _, opened, after = rendered.rpartition("<think>")
    return (bool(opened) and "</think>" not in after) or "<|channel|>" in rendered


def longest_token(tokenizer: Any) -> int:
    """Return how many bytes a token stands for at most, or more.

    More where a character of the vocabulary stands for one byte.
    """
    return max(len(str(token).encode()) for token in tokenizer.get_vocab())


def _size(ids: array[int]) -> int:
    return sys.getsizeof(ids) + _ENTRY_BYTES


def why_not_single_tokens(encoder: ChatEncoder, words: tuple[str, ...]) -> str | None:
    """Explain why the words are not single, different tokens; None if they are."""
    try:
        encoder.answer_ids(words)
    except ValueError as error:
        return str(error)
    return None


_TEMPLATE_TOKENS = re.compile(
    r"""(?=
    <[|｜][^|｜>\n]{1,40}[|｜]> | \[\|[^|\]\n]{1,40}\|\]
    | </?(?:s|bos|eos|pad|unk|mask|cls|sep|think|tools?|image|filename|reponame)>
    | </?(?:sop|eop|eoh|eoa|eom|unused[0-9]{1,4}|seed:[a-z_]{1,40})>
    | </?(?=[A-Za-z]{1,40}_)[A-Za-z0-9_]{3,40}>   # no HTML tag has a low line
    | </?[A-Z]{3,40}> | <</?SYS>>
    | \[/?[A-Za-z_]++(?<=[A-Z_]{3})\]
    | \]~!?b[\[\]] | \[e~\[
    )[<\[\]]""",
    re.VERBOSE,
)


def neutralised(text: str) -> str:
    """Insert a word joiner into everything that looks like a chat-template token.

    For endpoints that take messages and tokenize them, where `ChatEncoder` cannot be used. The text
    reads the same, but the model's tokenizer no longer sees a special token. Only the first
    character of a token is consumed, because tokens may contain one another. Takes linear time: no
    run in the pattern is both unbounded and given back.
    """
    return _TEMPLATE_TOKENS.sub(lambda start: f"{start[0]}\u2060", text)
