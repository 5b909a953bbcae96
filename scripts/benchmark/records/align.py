"""Runs as ALIGN's records; `app.domain.bank_files` reads such records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.bank import LabelledScenario
from scripts.benchmark.records.choices import NONE
from scripts.benchmark.records.results import Results


def to_align(
    results: Results, scenarios: Mapping[str, LabelledScenario], target_set: str
) -> list[dict[str, Any]]:
    """A run's selections as align-system's records, one for each scenario and target.

    `scenarios` gives the texts, which a results folder does not hold. Pairs without a selection are
    left out: a record has to name a choice.
    """
    (targets,) = (t for t in results.run.target_sets if t.name == target_set)
    records: list[dict[str, Any]] = []
    for result in results.answered:
        scenario = scenarios[result.id]
        choices = [
            {
                "action_id": f"{result.id}.{i}",
                "unstructured": text,
                "kdma_association": dict(labels),
            }
            for i, (text, labels) in enumerate(
                zip(scenario.responses, scenario.labels, strict=True)
            )
        ]
        predictions = [
            {name: scores[i] for name, scores in result.scores.items()} for i in range(len(choices))
        ]
        for number, (target, letter) in enumerate(
            zip(targets.expand(), result.selected[target_set], strict=True)
        ):
            if letter == NONE:
                continue
            choice = ord(letter) - ord("A")
            records.append(
                {
                    "input": {
                        "scenario_id": result.id,
                        "alignment_target_id": f"{target_set}-{number}",
                        "full_state": {"unstructured": scenario.question, "meta_info": {}},
                        "state": scenario.question,
                        "choices": choices,
                    },
                    "label": [dict(labels) for labels in scenario.labels],
                    "choice_info": {"predictions": predictions} if result.scores else {},
                    "alignment_target": target,
                    "output": {"choice": choice, "action": choices[choice]},
                }
            )
    return records
