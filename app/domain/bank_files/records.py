"""Records of the paper's authors and of ALIGN as lines of a bank."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.domain.bank import excerpt
from app.domain.rating_records import Rating

Kind = Literal["line", "paper", "align", "spica"]
"""A bank's own line; `prompt`, `responses` and `labels` of steerable-pluralism-llm-regression; a
record of ALIGN's `input_output.json`; a line with `strategies`, as response classes are called in
SPICA's data."""

_Labels = list[dict[str, Any] | None]


class _Paper(Struct):
    prompt: str
    responses: list[str]
    labels: _Labels
    reasonings: list[dict[str, str] | None] | None = None
    id: str | int | None = None
    scenario_id: str | int | None = None


class _Choice(Struct):
    unstructured: str
    kdma_association: dict[str, Any] | None = None


class _FullState(Struct):
    meta_info: dict[str, Any] | None = None


class _AlignInput(Struct):
    state: str
    choices: list[_Choice]
    scenario_id: str | int | None = None
    full_state: _FullState | None = None


class _Align(Struct):
    input: _AlignInput
    label: _Labels | None = None


class _AlignedPaper(Struct):
    input: _Paper


class Record(Struct, frozen=True):
    """One record as a line of a bank, which is not checked yet."""

    kind: Kind
    line: dict[str, Any]
    ignored: tuple[str, ...] = ()
    """Members that are not known."""


_KNOWN = {
    "line": (
        "id",
        "question",
        "responses",
        "labels",
        "reasonings",
        "ratings",
        "response_classes",
    ),
    "paper": _Paper.__struct_fields__,
}


def record_of(given: Any, number: int) -> Record:
    """Convert a record, told by its members; `number` is its id if it has none, counted from 0.

    A null label of a converted record is no label. Raises `ValueError`.
    """
    if not isinstance(given, dict):
        raise ValueError(f"a record is an object, not {excerpt(given)}")
    if "question" in given or not {"prompt", "input"} & given.keys():
        lacking = [name for name in ("id", "question", "responses") if name not in given]
        if lacking:
            raise ValueError(
                f"the record has no {' and no '.join(lacking)} (known are lines of a bank with "
                "id, question and responses, records with prompt and responses, and ALIGN's "
                "records with input)"
            )
        if "strategies" in given and "response_classes" not in given:
            line = {name: value for name, value in given.items() if name != "strategies"}
            return Record(
                "spica",
                {**line, "response_classes": given["strategies"]},
                _unknown(line, "line"),
            )
        return Record("line", given, _unknown(given, "line"))
    if "prompt" in given:
        return Record(
            "paper", _from_paper(msgspec.convert(given, _Paper), number), _unknown(given, "paper")
        )
    wrapped = given["input"]
    if isinstance(wrapped, dict) and "prompt" in wrapped and "choices" not in wrapped:
        return Record("align", _from_paper(msgspec.convert(given, _AlignedPaper).input, number))
    return Record("align", _from_align(msgspec.convert(given, _Align)))


def _from_paper(record: _Paper, number: int) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": str(record.id or record.scenario_id or number),
        "question": record.prompt,
        "responses": record.responses,
        "labels": _without_null(record.labels),
    }
    if record.reasonings is not None:
        line["reasonings"] = [one or {} for one in record.reasonings]
    return line


def _from_align(record: _Align) -> dict[str, Any]:
    given = record.input
    labels = record.label or []
    if not any(labels):
        labels = [choice.kdma_association for choice in given.choices]
    name = "scenario" if given.scenario_id is None else str(given.scenario_id)
    meta = (given.full_state.meta_info if given.full_state else None) or {}
    if meta.get("scene_id"):
        name = f"{name}/{meta['scene_id']}"
    return {
        "id": name,
        "question": given.state,
        "responses": [choice.unstructured for choice in given.choices],
        "labels": _without_null(labels),
    }


def _without_null(labels: _Labels) -> list[dict[str, Any]]:
    return [
        {name: label for name, label in (one or {}).items() if label is not None} for one in labels
    ]


def _unknown(given: dict[str, Any], kind: Kind) -> tuple[str, ...]:
    ratings = given.get("ratings")
    rated = [one for one in ratings if isinstance(one, dict)] if isinstance(ratings, list) else []
    odd = {name for one in rated for name in one if name not in Rating.__struct_fields__}
    return (
        *(name for name in given if name not in _KNOWN[kind]),
        *sorted(f"ratings.{name}" for name in odd),
    )
