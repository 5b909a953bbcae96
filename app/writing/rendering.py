"""Written texts as clients see them. Pure.

Each function renders a model of `app.writing.schemas`, as plain data.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import to_builtins

from app.domain.cells import Cell, CellState, Unscored
from app.domain.score_set import ScoreSet
from app.schema import Rendered
from app.scores.rendering import degenerate, example_out, timings_out, usage_out
from app.scoring.schemas import scorer_out
from app.writing.planner import PlannedTexts

_LOST = "the work on it was lost: ask for it again"


def generate_out(texts: PlannedTexts, written: ScoreSet, total_ms: float) -> Rendered:
    """A `GenerateOut`."""
    return {
        "texts": [
            text_out(index, written.cells[field], field in written.cached)
            for index, field in enumerate(texts.fields)
        ],
        "writer": writer_out(texts, written),
        "usage": usage_out(written.usage),
        "timings_ms": timings_out(written, total_ms),
        "warnings": [*texts.planned.warnings, *degenerate(written), *_without_examples(written)],
    }


def text_out(index: int, state: CellState, cached: bool) -> Rendered:
    """A `TextOut`."""
    if not isinstance(state, Cell) or state.text is None:
        return {"index": index, "status": "unwritten", **_reason(state)}
    rendered: Rendered = {
        "index": index,
        "status": "written",
        "text": state.text.text,
        "finish": state.text.finish,
        "cached": cached,
        "examples": [example_out(one) for one in state.examples],
        "examples_dropped": state.examples_dropped,
    }
    if state.reach is not None:
        rendered["reach"] = to_builtins(state.reach)
    timings = state.timings
    rendered["usage"] = usage_out(state.usage)
    rendered["timings_ms"] = {
        "queue": round(timings.queue, 2),
        "retrieval": round(timings.retrieval, 2),
        "engine": round(timings.engine, 2),
    }
    return rendered


def writer_out(texts: PlannedTexts, written: ScoreSet) -> Rendered:
    """A `WriterOut`."""
    scorer, first = written.scorer, texts.writings[0]
    known = scorer_out(scorer, written.fingerprint)
    names = ["fingerprint", "model", "model_revision", "engine", "prompt_profile", "bank", "group"]
    rendered: Rendered = {name: known[name] for name in names if name in known}
    if first.style is not None:
        rendered |= {"style": first.style, "retrieval": scorer.settings.retrieval}
    return rendered | {
        "examples": scorer.settings.examples,
        "max_tokens": first.max_tokens,
        "temperature": scorer.settings.temperature,
        "seed": scorer.settings.seed,
    }


def unwritten_extension(states: Sequence[CellState]) -> dict[str, object]:
    """Extension member of a problem document that lists texts that were not written."""
    unwritten = [
        {"index": index} | {name: reason[name] for name in ("reason", "detail")}
        for index, state in enumerate(states)
        if not isinstance(state, Cell) and (reason := _reason(state))
    ]
    return {"unwritten": unwritten}


def _reason(state: CellState) -> Rendered:
    if not isinstance(state, Unscored):
        return {"reason": "lost", "detail": _LOST}
    rendered: Rendered = to_builtins(state)
    return {name: value for name, value in rendered.items() if name != "attribute"}


def _without_examples(written: ScoreSet) -> list[str]:
    """A warning if texts for somebody were written without examples."""
    cells = [cell for cell in written.scored.values() if cell.kind == "text"]
    if not written.scorer.settings.examples or any(cell.examples for cell in cells):
        return []
    if any(cell.examples_dropped for cell in cells):
        return ["the texts were written without examples: the conversation leaves no room for them"]
    return ["the texts were written without examples: the bank has none that can be shown"]
