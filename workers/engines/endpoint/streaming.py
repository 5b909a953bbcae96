"""Reads a text of an endpoint in parts, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from workers.engines.base import Answer, FinishReason, Generation, OnText
from workers.engines.endpoint.faults import fault_within
from workers.engines.endpoint.replies import counts_of, expected_form, finish_reason_of, text_of
from workers.errors import EngineError

_DONE = "[DONE]"


async def read_parts(lines: AsyncIterator[str], on_text: OnText) -> Generation:
    """Read the events of one text. Raises `EngineError`."""
    parts: list[str] = []
    reason: FinishReason = "other"
    counts = (0, 0, 0)
    async for document in _documents(lines):
        with expected_form(document):
            if document.get("usage"):
                counts = counts_of(document)
            for choice in document.get("choices") or ():
                delta = choice.get("delta") or {}
                part = text_of(choice["text"] if "text" in choice else delta.get("content"))
                if delta.get("refusal"):
                    return Generation((Answer("", "refused", 0),), counts[0], counts[1])
                if choice.get("finish_reason") is not None:
                    reason = finish_reason_of(choice["finish_reason"])
                if part:
                    parts.append(part)
                    on_text(part)
    if reason == "other" and not parts:
        raise EngineError("the endpoint's stream ended without a text")
    # Endpoints that report no usage mostly send a token an event.
    answer = Answer("".join(parts), reason, counts[2] or len(parts))
    return Generation((answer,), counts[0], counts[1])


async def _documents(lines: AsyncIterator[str]) -> AsyncIterator[Any]:
    async for line in lines:
        kind, _, content = line.partition(":")
        if kind != "data" or not content.strip():
            continue
        if content.strip() == _DONE:
            return
        try:
            document = msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise EngineError("an event of the endpoint's stream is not JSON") from error
        if fault := fault_within(document):
            raise fault
        yield document
