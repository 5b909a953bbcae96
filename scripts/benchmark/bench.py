"""Measurements of Azimuth itself against a running service.

`python -m scripts.benchmark frontier --scenarios FILE --train FILE --targets T… --out DIR`
`python -m scripts.benchmark draw DIR… --out DIR`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import calibrate
from scripts.benchmark import evaluate
from scripts.benchmark.frontier.runs import MODES, Mode, mode_called, picture, read_frontiers, table
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.plots.frontier import FREE
from scripts.benchmark.records.grouping import slug
from scripts.benchmark.records.results import CALIBRATED
from scripts.benchmark.records.scenario_files import (
    UnusableData,
    labelled_attributes,
    levels_of,
    read_scenarios,
)

_EXAMPLES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark")
    commands = parser.add_subparsers(dest="command", required=True)
    _frontier_options(commands.add_parser("frontier", help="accuracy against cost, mode by mode"))
    draw = commands.add_parser("draw", help="table and pictures from results folders")
    draw.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    draw.add_argument("--out", type=Path, required=True, metavar="DIR")
    draw.add_argument("--targets", nargs="+", metavar="SET", help="target sets; all if not given")
    options = parser.parse_args(given)
    try:
        if options.command == "draw":
            return _draw(options.folders, options.out, options.targets)
        return _frontier(options)
    except (UnusableData, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _frontier_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scenarios", type=Path, required=True, metavar="FILE", help="to evaluate on")
    add("--train", type=Path, required=True, metavar="FILE", help="examples, and calibrations")
    add("--targets", nargs="+", default=["high", "low", "sample:10"], metavar="T")
    add("--out", type=Path, required=True, metavar="DIR", help="a folder a run; resumed if begun")
    add(
        "--mode",
        action="append",
        metavar="NAME[=EVALUATED[:TRAINING]]",
        help="modes, with numbers of scenarios (`all` for all); by default: "
        + ", ".join(f"{m.name}={m.scenarios or 'all'}:{m.training or 'all'}" for m in MODES),
    )
    add("--url", default="http://127.0.0.1:8000")
    add("--attribute-set", default="helpsteer2", metavar="NAME")
    add("--attributes", type=Path, metavar="FILE")
    add("--bank-chars", type=int, metavar="N", help="longest examples to show, in characters")
    add("--model", help="name of the model; the service's default if not given")
    add("--concurrency", type=int, default=8, metavar="N")


def _frontier(options: argparse.Namespace) -> int:
    modes = [mode_of(text) for text in options.mode] if options.mode else list(MODES)
    status = 0
    for mode in modes:
        status |= _measure(mode, options)
    folders = [p for p in sorted(options.out.iterdir()) if (p / "run.json").exists()]
    return status | _draw(sorted(folders, key=_place), options.out)


def _place(folder: Path) -> tuple[int, bool]:
    """Where a run stands in the table: in the order of the modes, raw scores first."""
    names = [mode.name for mode in MODES]
    label = str(json.loads((folder / "run.json").read_bytes()).get("label", ""))
    label = label.removesuffix(CALIBRATED)
    return names.index(label) if label in names else len(names), not folder.name.endswith("-raw")


def _measure(mode: Mode, options: argparse.Namespace) -> int:
    """Run one mode, raw and calibrated; what is there already is not asked for again."""
    common = ["--scenarios", str(options.scenarios), "--targets", *options.targets]
    common += ["--url", options.url]
    if mode.scenarios:
        common += ["--sample", str(mode.scenarios)]
    defined = ["--attribute-set", options.attribute_set]
    if options.attributes:
        defined += ["--attributes", str(options.attributes)]
    stem = slug(mode.name)
    raw = options.out / f"{stem}-raw"
    if mode.name == FREE:
        fitted = ["--method", "features", "--bank-file", str(options.train)]
        return evaluate.main([*common, *defined, *fitted, "--label", FREE, "--out", str(raw)])
    scorer = [*defined, "--method", "comparative", *mode.options]
    if options.model:
        scorer += ["--model", options.model]
    bank = f"{options.train.resolve().parent.name}-examples"
    examples, chars = options.train, options.bank_chars
    if mode.fixed:
        bank += "-fixed"
        examples, chars = options.out / "fixed-examples.jsonl", None
        options.out.mkdir(parents=True, exist_ok=True)
        examples.write_text(fixed_examples(options.train, options.bank_chars), "utf-8")
    asked = [*common, *scorer, "--concurrency", str(options.concurrency)]
    if "--zero-shot" not in mode.options:
        asked += ["--bank", bank, "--bank-file", str(examples)]
        asked += ["--bank-chars", str(chars)] if chars else []
        scorer += ["--examples-bank", bank]
    status = evaluate.main([*asked, "--label", mode.name, "--out", str(raw)])
    name = f"frontier-{options.train.resolve().parent.name}-{stem}"
    fitting = [name, "--bank", f"{name}-labels", "--bank-file", str(options.train), *scorer]
    scenarios = read_scenarios([options.scenarios])[0]
    fitting += ["--only", *levels_of(scenarios)]
    if mode.training:
        fitting += ["--scenarios", str(mode.training)]
    asked_together = {frozenset(labelled_attributes(s)) for s in scenarios}
    if "--joint" in mode.options and len(asked_together) > 1:
        print(
            f"note: {mode.name} stays raw: what is asked together is part of a scorer, and these "
            "scenarios are labelled on different attributes",
            file=sys.stderr,
        )
        return status
    if failed := calibrate.main([*fitting, "--url", options.url]):
        return status | failed  # what came of it would be raw scores by another name
    better = ["--calibration", name, "--probabilities", "--label", mode.name + CALIBRATED]
    return status | evaluate.main([*asked, *better, "--out", str(options.out / f"{stem}-cal")])


def fixed_examples(train: Path, chars: int | None) -> str:
    """The few scenarios that all prompts show, as JSON Lines: those that together show most label
    levels, short ones first. From a bank that is no larger than what is asked for nothing is
    retrieved."""
    scenarios = read_scenarios([train])[0]
    scenarios.sort(key=lambda s: (len(s.question) + sum(map(len, s.responses)), s.id))
    if chars:
        scenarios = [
            s for s in scenarios if len(s.question) + sum(map(len, s.responses)) <= chars
        ] or scenarios[:_EXAMPLES]
    shown: set[tuple[str, float]] = set()
    chosen: list[str] = []
    while scenarios and len(chosen) < _EXAMPLES:
        levels = [{item for one in s.labels for item in one.items()} for s in scenarios]
        best = max(range(len(scenarios)), key=lambda i: len(levels[i] - shown))
        shown |= levels[best]
        chosen.append(scenarios.pop(best).id)
    lines = train.read_text("utf-8").splitlines()
    return "".join(line + "\n" for line in lines if line and json.loads(line)["id"] in chosen)


def mode_of(text: str) -> Mode:
    """`few-shot=60:100`, `labels=all`, `zero-shot`."""
    name, _, sizes = text.partition("=")
    mode = mode_called(name)
    if not sizes:
        return mode
    evaluated, _, training = sizes.partition(":")
    return Mode(
        mode.name, mode.options, _size(evaluated), _size(training or "all"), fixed=mode.fixed
    )


def _size(text: str) -> int | None:
    return None if text == "all" else int(text)


def _draw(folders: Sequence[Path], out: Path, wanted: Sequence[str] | None = None) -> int:
    frontiers = read_frontiers(folders)
    known = dict.fromkeys(name for one in frontiers for name in one.sets)
    sets = list(wanted or known)
    if missing := [name for name in sets if name not in known]:
        raise ValueError(f"no run has the targets {missing[0]!r}: {', '.join(sorted(known))}")
    out.mkdir(parents=True, exist_ok=True)
    tables: list[str] = []
    for number, one in enumerate(frontiers, start=1):
        own = [name for name in sets if name in one.sets]
        tables.append(table(one, own))
        for name in own:
            path = out / f"frontier-{number}-{slug(one.key.title)}-{slug(name)}.svg"
            path.write_text(drawing.on_white(picture(one, name)), "utf-8")
    told = "\n\n".join(tables)
    (out / "frontier.md").write_text(told + "\n", "utf-8")
    print(told)
    print(f"\n{out}/frontier.md, {out}/frontier-*.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
