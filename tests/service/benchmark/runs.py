"""Scenario files, and runs of the benchmark against a service."""

import json
import random
from pathlib import Path

from scripts.benchmark.__main__ import main
from scripts.benchmark.records.reading import read_results

ROOT = Path(__file__).resolve().parents[3]

NAMES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def write_scenarios(path: Path, count: int, names=NAMES, levels=5) -> Path:
    draw = random.Random(count)
    top = levels - 1

    def labels():
        return {name: round(draw.randrange(levels) / top, 6) for name in names}

    lines = [
        {
            "id": f"s{number}",
            "question": f"question {number}?",
            "responses": [f"one answer to {number}", f"another answer to {number}"],
            "labels": [labels(), labels()],
        }
        for number in range(count)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def evaluate(service, scenarios, out, *more):
    given = ["--url", service.url, "--scenarios", str(scenarios), "--out", str(out)]
    return main(["run", *given, *more])


def numbers(folder):
    """What a run found, without what it took."""
    return {s.id: (s.scores, s.selected, s.reversed) for s in read_results(folder).scenarios}
