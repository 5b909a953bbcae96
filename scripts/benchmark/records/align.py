"""ALIGN's records, in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import text_digest
from scripts.benchmark.records.choices import NONE
from scripts.benchmark.records.results import Results


def from_align(records: Sequence[Mapping[str, Any]]) -> list[LabelledScenario]:
    """Scenarios from ALIGN's `input_output.json`.

    Two generations of records are read: those of align-system (`input.state`, `input.choices` and
    a `label` beside `input`) and those of steerable-pluralism-llm-regression (`input.prompt`,
    `input.responses`, `input.labels`). A scenario that is repeated for
    several targets is read once. A choice without labels (null, or nothing) has none.
    """
    scenarios: dict[str, LabelledScenario] = {}
    contents: set[str] = set()
    for number, record in enumerate(records):
        given = record["input"]
        if "choices" in given:
            question = given["state"]
            responses = [choice["unstructured"] for choice in given["choices"]]
            labels = record.get("label") or []
            if not any(labels):
                labels = [choice.get("kdma_association") for choice in given["choices"]]
            name = given.get("scenario_id", "scenario")
            meta = (given.get("full_state") or {}).get("meta_info") or {}
            if meta.get("scene_id"):
                name = f"{name}/{meta['scene_id']}"
        else:
            question, responses, labels = given["prompt"], given["responses"], given["labels"]
            name = str(given.get("id") or given.get("scenario_id") or number)
        content = text_digest(json.dumps([question, responses, labels], sort_keys=True))
        if content in contents:
            continue
        contents.add(content)
        while name in scenarios:
            name = f"{name}#{number}"
        scenarios[name] = LabelledScenario(
            id=name,
            question=question,
            responses=tuple(responses),
            labels=tuple(
                {} if one is None else {k: float(v) for k, v in one.items()} for one in labels
            ),
        )
    return list(scenarios.values())


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
