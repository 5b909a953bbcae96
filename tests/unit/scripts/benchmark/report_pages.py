"""Results folders, and the pages that report on them."""

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np

from app.domain.cells import Usage
from scripts.benchmark.pages.report import write_report
from scripts.benchmark.records.choices import encode_choices
from scripts.benchmark.records.reading import RUN_FILE, SCENARIOS_FILE, read_all
from scripts.benchmark.records.results import DataFile, Run, ScenarioResult, TargetSet

NAMES = ("helpfulness", "correctness", "verbosity")

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)

HOSTILE = "<script>alert('x')</script> $\\frac{1}$ _a|b"


def target_sets() -> tuple[TargetSet, ...]:
    return (
        TargetSet("high", "high", (dict.fromkeys(NAMES, 1.0),)),
        TargetSet("low", "low", (dict.fromkeys(NAMES, 0.0),)),
        TargetSet(
            "sampled", "sampled", ({"helpfulness": 0.75}, {"verbosity": 0.0, "correctness": 1})
        ),
        TargetSet("all", "all", (), dict.fromkeys(NAMES, LEVELS)),
    )


def results_folder(
    folder: Path,
    *,
    method: str = "comparative",
    label: str = "",
    model: str = "acme/judge-1b",
    dataset: str = "helpsteer2",
    scenarios: int = 6,
    answered: int | None = None,
    problems: Sequence[str] = (),
    seed: int = 0,
    digest: str = "d1" * 32,
    names: Sequence[str] = NAMES,
    sets: Sequence[TargetSet] | None = None,
    **fields,
) -> Path:
    """Write a results folder of random labels, scores and selections."""
    sets = target_sets() if sets is None else sets
    rows = _rows(scenarios, names, sets, problems, seed, method == "comparative", fields)
    run = Run(
        method=method,
        settings={"examples": 5, "samples": 1},
        attributes=dict.fromkeys(names, LEVELS),
        target_sets=tuple(sets),
        data=(DataFile("eval.jsonl", digest, 250),),
        sample=scenarios,
        sample_seed=11,
        scenarios=tuple(row.id for row in rows),
        command="python -m scripts.benchmark run --sample 6",
        versions={"azimuth": "9.8.7"},
        started="2026-11-20T10:11:12Z",
        dataset=dataset,
        label=label,
        scorer={"fingerprint": "f00dcafe", "model": model, "revision": "abc123"} if model else {},
    )
    folder.mkdir(parents=True)
    (folder / RUN_FILE).write_bytes(msgspec.json.encode(run))
    lines = [msgspec.json.encode(row) + b"\n" for row in rows[:answered]]
    (folder / SCENARIOS_FILE).write_bytes(b"".join(lines))
    return folder


def _rows(count, names, sets, problems, seed, scored, fields) -> list[ScenarioResult]:
    labels_of, rng = np.random.default_rng(1), np.random.default_rng(seed)
    rows = []
    for number in range(count):
        labels = tuple({n: float(labels_of.choice(LEVELS)) for n in names} for _ in range(2))
        if number < len(problems):
            rows.append(ScenarioResult(f"s{number}", labels, problem=problems[number]))
            continue
        chosen = {t.name: encode_choices(rng.integers(0, 2, len(t)).tolist()) for t in sets}
        rows.append(
            ScenarioResult(
                f"s{number}",
                labels,
                scores={n: tuple(rng.random(2).tolist()) for n in names} if scored else {},
                selected=chosen,
                forward=chosen if number < 2 else {},
                reversed=chosen if number < 2 else {},
                seconds=1.5 + number,
                usage=Usage(900, 300, 80),
                **fields,
            )
        )
    return rows


class Page(HTMLParser):
    """The tags and the visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.text += text

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


def report_on(tmp_path: Path, *folders: Path) -> tuple[str, str]:
    write_report(read_all(folders), tmp_path / "report")
    read = [(tmp_path / "report" / name).read_text() for name in ("report.html", "report.md")]
    return read[0], read[1]
