"""The comparison of engines as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.benchmark.engine.measuring import DEFAULT, Comparison, Way
from scripts.benchmark.pages.tables import row_of

_HEADER = (
    "way",
    "scenarios",
    "scenarios/min",
    "prompt tokens sent",
    "computed",
    "written",
    "CPU s a scenario",
    "peak memory, GB",
    "times the paper's way",
)


def table(comparison: Comparison) -> str:
    """A row a way, tokens for each scenario, then the overhead over `LLM.generate`."""
    lines = [row_of(_HEADER), row_of(["---"] * len(_HEADER))]
    lines += [row_of(cells) for cells in _rows(comparison)]
    overheads = comparison.overheads()
    took, used = (", ".join(f"{one[i]:.2f}" for one in overheads) for i in (0, 1))
    lines += ["", f"Service over `LLM.generate`, in turns: time {took}; processor time {used}."]
    if comparison.alone is not None:
        setup = comparison.alone.rounds[0].setup_s
        lines.append(f"Compiling the paper's schema, not counted: {setup:.1f} s.")
    return "\n".join(lines)


def _rows(comparison: Comparison) -> Iterator[list[str]]:
    alone = comparison.alone
    for order, way in comparison.service.items():
        name = f"Azimuth, {order}" + (" (default)" if order == DEFAULT else "")
        yield _row(name, way, alone)
    yield _row("`LLM.generate`, the default's prompts in one list", comparison.listed, alone)
    if alone is not None:
        yield _row("the paper's way: transformers with Outlines, one by one", alone, alone)


def _row(name: str, way: Way, alone: Way | None) -> list[str]:
    last = way.rounds[-1]
    computed = last.prompt_tokens - last.cached_prompt_tokens
    tokens = (last.prompt_tokens, computed, last.output_tokens)
    return [
        name,
        str(way.scenarios),
        f"{way.per_minute:.2f}",
        *(f"{count / way.scenarios:,.0f}" for count in tokens),
        f"{last.cpu_s / way.scenarios:.1f}",
        f"{last.memory_mb / 1024:.1f}",
        f"{way.per_minute / alone.per_minute:.1f}" if alone else "",
    ]
