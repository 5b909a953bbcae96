"""Sample requests on three everyday scenarios, with the curl commands that do the same."""

from __future__ import annotations

import json
from typing import Any

from app.scores.schemas import (
    CandidateScoreOut,
    FailedPairOut,
    ScoredCellOut,
    ScoreSetOut,
    SelectOut,
)
from app.selection.schemas import SelectionOut
from scripts.client.answers import scored_of, scorers_of
from scripts.client.problems import ServiceProblem
from scripts.client.service import Service
from scripts.everyday.scenarios import Choice, EverydayScenario, everyday_scenarios

CAVEATS = {
    "SmolLM2-135M-Instruct": "this model runs anywhere and shows that all parts work, but it is "
    "far too small to judge in words. Its choices mean little; the README names models that judge.",
    "fake": "the fake engine makes these scores up.",
}
SHOWN = ("open-01", "open-18", "open-12")
"""Ids of the scenarios; the first is shown with its commands."""
SAMPLED: dict[str, Any] = {"method": "comparative", "samples": 3}
"""For judges that write: the means of three answers."""


def shown_scenarios() -> list[EverydayScenario]:
    """The scenarios of `SHOWN`, in that order."""
    known = {scenario.id: scenario for scenario in everyday_scenarios("open")}
    return [known[one] for one in SHOWN]


async def show(url: str, *, reads: bool = False) -> str:
    """Send the sample requests and print them; the first selection as one line of JSON.

    With `reads`, the service reads hidden states by default and writes nothing. Raises
    `ServiceProblem` and `ServiceAway`.
    """
    first, *others = shown_scenarios()
    async with Service(url) as service:
        _print_scenario(first)
        how = "made of the model's hidden states" if reads else "means of three samples"
        choice, *rest = first.choices
        print(f"\nSelect {_wanted(choice)}; scores are {how}:\n")
        body = _body(first, choice, reads=reads)
        print(_curl(url, "/v1/select", body))
        answer, seconds = await service.select(body)
        _print_answer(answer, choice, seconds)
        for other in rest:
            await _show_retarget(service, url, answer.score_set.id, other)
        for scenario in others:
            await _show_short(service, scenario, reads=reads)
    return _as_line(answer)


async def show_writing(url: str) -> None:
    """Have the judge write about the first scenario, and print that. Raises as `show` does."""
    scenario = shown_scenarios()[0]
    choice = scenario.choices[0]
    async with Service(url) as service:
        print(f"\nThe judge writes about the first question: {scenario.question}")
        print(f"Select {_wanted(choice)} by method comparative:\n")
        body = _body(scenario, choice, reads=False)
        print(_curl(url, "/v1/select", body))
        answer, seconds = await service.select(body)
    _print_answer(answer, choice, seconds)


async def _show_retarget(service: Service, url: str, score_set_id: str, choice: Choice) -> None:
    body = {"score_set_ids": score_set_id, "targets": choice.target}
    print(f"\nRetarget, without the model, {_wanted(choice)}:\n")
    print(_curl(url, "/v1/retarget", body))
    answer = await service.retarget(body)
    (pair,) = answer.pairs
    if isinstance(pair, FailedPairOut):
        raise ServiceProblem(pair.problem)
    _print_selection(pair.selection, choice)
    print(f"  took {answer.timings_ms.total:.1f} ms")


async def _show_short(service: Service, scenario: EverydayScenario, *, reads: bool) -> None:
    _print_scenario(scenario)
    for choice in scenario.choices:
        answer, _ = await service.select(_body(scenario, choice, reads=reads))
        print(f"\nSelect {_wanted(choice)}:")
        _print_selection(answer.selection, choice)


def _body(scenario: EverydayScenario, choice: Choice, *, reads: bool) -> dict[str, Any]:
    """A request that scores all that any choice of the scenario needs."""
    names = dict.fromkeys(name for one in scenario.choices for name in one.target)
    body: dict[str, Any] = {
        "question": scenario.question,
        "responses": list(scenario.candidates),
        "attributes": list(names),
        "target": choice.target,
    }
    return body if reads else body | {"scoring": SAMPLED}


def _print_scenario(scenario: EverydayScenario) -> None:
    print(f"\nQuestion: {scenario.question}")
    for index, text in enumerate(scenario.candidates):
        print(f"  {index}: {_clip(text)}")


def _wanted(choice: Choice) -> str:
    return f"for \u201c{choice.name}\u201d ({_words(choice.target)})"


def _print_answer(answer: SelectOut, choice: Choice, seconds: float) -> None:
    scorer = scorers_of(answer.score_set.scorer)[0]
    model = scorer.model
    if answer.score_set.calibration and answer.score_set.calibration.notice:
        print(f"  Note: {answer.score_set.calibration.notice}\n")
    elif model in CAVEATS:
        print(f"  Note: {CAVEATS[model]}\n")
    if answer.score_set.method_reason:
        print(f"  Method {scorer.method}: {answer.score_set.method_reason}\n")
    _print_scores(answer.score_set)
    _print_selection(answer.selection, choice)
    # An answer that was polled for has used no tokens itself; its cells have.
    usages = [cell.usage for cell in scored_of(answer.score_set.cells) if not cell.cached]
    used = [answer.usage] if answer.usage.prompt_tokens else usages
    print(
        f"  took {seconds:.1f} s; {sum(one.prompt_tokens for one in used)} prompt tokens "
        f"({sum(one.cached_prompt_tokens for one in used)} from the prefix cache), "
        f"{sum(one.output_tokens for one in used)} output tokens"
    )


def _print_scores(score_set: ScoreSetOut) -> None:
    ids = [candidate.id for candidate in score_set.candidates]
    cells = scored_of(score_set.cells)
    print(f"  {'':12}" + "".join(f"{name:>16}" for name in ids))
    for cell in cells:
        scores = "".join(f"{_score(s):>16}" for s in cell.scores)
        print(f"  {cell.attribute:12}{scores}" + ("   from the cache" if cell.cached else ""))
    print()
    _print_reasonings(ids, cells[0])


def _print_reasonings(ids: list[str], cell: ScoredCellOut) -> None:
    if not any(score.reasoning for score in cell.scores):
        return
    for name, score in zip(ids, cell.scores, strict=True):
        print(f"  {cell.attribute} of {name}: {score.reasoning or '(no reasoning)'}")
    print()


def _score(score: CandidateScoreOut) -> str:
    error = score.calibrated.standard_error if score.calibrated else score.spread
    return f"{score.score:.2f} ± {error:.2f}"


def _print_selection(selection: SelectionOut, choice: Choice) -> None:
    assert selection.selected is not None, "the sample sets no limits, so nothing abstains"
    ranking = ", ".join(f"{one.id} {one.distance:.3f}" for one in selection.ranking)
    right = choice.right == selection.selected.index
    judged = "right" if right else f"people would take {choice.right}"
    print(f"  selected: {selection.selected.id}, {judged}   (distances: {ranking})")


def _as_line(answer: SelectOut) -> str:
    kept = {"selected", "margin", "ties", "ranking"}
    selection = answer.selection.model_dump(mode="json", include=kept)
    return json.dumps(selection | {"score_set_id": answer.score_set.id})


def _curl(url: str, path: str, body: dict[str, Any]) -> str:
    """A command to copy, with a member of the body a line."""
    members = ",\n".join(f'    "{name}": {_json(value)}' for name, value in body.items())
    content = f"{{\n{members}\n  }}".replace("'", "'\\''")
    return f"  curl {url}{path} -H 'Content-Type: application/json' -d '{content}'\n"


def _json(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(one, dict) or len(one) > 24 for one in value):
        return "[\n" + ",\n".join(f"      {_json(one)}" for one in value) + "\n    ]"
    return json.dumps(value, ensure_ascii=False)


def _words(target: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in target.items())


def _clip(text: str, width: int = 88) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
