"""A sample `/select` and two `/retarget` calls, with the curl commands that do the same."""

from __future__ import annotations

import json
from typing import Any

from app.scores.schemas import CandidateScoreOut, FailedPairOut, ScoreSetOut, SelectOut
from app.selection.schemas import SelectionOut
from scripts.client.answers import scored_of
from scripts.client.problems import ServiceProblem
from scripts.client.service import Service

CAVEATS = {
    "SmolLM2-135M-Instruct": "this model runs anywhere and shows that all parts work, but it is "
    "far too small to judge. Its choices mean little; the README names models that judge.",
    "fake": "the fake engine makes these scores up.",
}
QUESTION = "My basil on the windowsill keeps dying. What am I doing wrong?"
RESPONSES = [
    {
        "id": "brief",
        "text": "Most likely too little light and too much water. Put it in your sunniest window "
        "and water only when the soil feels dry.",
    },
    {
        "id": "thorough",
        "text": "Basil wants three things. Light: at least six hours of sun, so a south-facing "
        "window. Water: when the top two centimetres of soil are dry, poured until it runs out "
        "below, and never left standing in the saucer. Room: shop pots hold twenty crowded "
        "seedlings, so split them into three pots. Then cut above a pair of leaves every week and "
        "it will grow bushy instead of tall.",
    },
    {"id": "useless", "text": "Plants die. You could buy plastic ones, they never complain."},
]
ATTRIBUTES = ["helpfulness", "correctness", "complexity", "verbosity"]
"""Those that any of the targets names."""
TARGET = {"helpfulness": 1.0, "correctness": 1.0, "verbosity": 0.25}
SELECT: dict[str, Any] = {
    "question": QUESTION,
    "responses": RESPONSES,
    "attributes": ATTRIBUTES,
    "target": TARGET,
}
SAMPLED: dict[str, Any] = {"scoring": {"samples": 3}}
"""For judges that write: the means of three answers."""
NEW_TARGETS: list[tuple[str, dict[str, float]]] = [
    ("a reader who wants every detail", {"helpfulness": 1.0, "complexity": 1.0, "verbosity": 1.0}),
    ("a reader who wants to be teased", {"helpfulness": 0.0, "verbosity": 0.0}),
]


async def show(url: str, *, reads: bool = False) -> str:
    """Send the sample requests and print them; the selection as one line of JSON.

    With `reads`, the service reads hidden states by default and writes nothing. Raises
    `ServiceProblem` and `ServiceAway`.
    """
    async with Service(url) as service:
        print(f"\nQuestion: {QUESTION}")
        for response in RESPONSES:
            print(f"  {response['id']:>9}: {_clip(response['text'])}")
        how = "made of the model's hidden states" if reads else "means of three samples"
        print(f"\nSelect for the target {_words(TARGET)}; scores are {how}:\n")
        body = SELECT if reads else SELECT | SAMPLED
        print(_curl(url, "/v1/select", body))
        answer, _ = await service.select(body)
        _print_answer(answer)
        for reader, target in NEW_TARGETS:
            await _show_retarget(service, url, answer.score_set.id, reader, target)
    return _as_line(answer)


async def _show_retarget(
    service: Service, url: str, score_set_id: str, reader: str, target: dict[str, float]
) -> None:
    body = {"score_set_ids": score_set_id, "targets": target}
    print(f"\nRetarget, without the model, for {reader}: {_words(target)}\n")
    print(_curl(url, "/v1/retarget", body))
    answer = await service.retarget(body)
    (pair,) = answer.pairs
    if isinstance(pair, FailedPairOut):
        raise ServiceProblem(pair.problem)
    _print_selection(pair.selection)
    print(f"  took {answer.timings_ms.total:.1f} ms")


def _print_answer(answer: SelectOut) -> None:
    model = answer.score_set.scorer.model
    if answer.score_set.calibration and answer.score_set.calibration.notice:
        print(f"  Note: {answer.score_set.calibration.notice}\n")
    elif model in CAVEATS:
        print(f"  Note: {CAVEATS[model]}\n")
    _print_scores(answer.score_set)
    _print_selection(answer.selection)
    usage, seconds = answer.usage, answer.timings_ms.total / 1000
    print(
        f"  took {seconds:.1f} s; {usage.prompt_tokens} prompt tokens "
        f"({usage.cached_prompt_tokens} from the prefix cache), "
        f"{usage.output_tokens} output tokens"
    )


def _print_scores(score_set: ScoreSetOut) -> None:
    ids = [candidate.id for candidate in score_set.candidates]
    print(f"  {'':12}" + "".join(f"{name:>16}" for name in ids))
    for cell in scored_of(score_set.cells):
        scores = "".join(f"{_score(s):>16}" for s in cell.scores)
        print(f"  {cell.attribute:12}{scores}" + ("   from the cache" if cell.cached else ""))
    print()
    first = scored_of(score_set.cells)[0]
    if not any(score.reasoning for score in first.scores):
        return
    for name, score in zip(ids, first.scores, strict=True):
        print(f"  {first.attribute} of {name}: {score.reasoning or '(no reasoning)'}")
    print()


def _score(score: CandidateScoreOut) -> str:
    error = score.calibrated.standard_error if score.calibrated else score.spread
    return f"{score.score:.2f} ± {error:.2f}"


def _print_selection(selection: SelectionOut) -> None:
    assert selection.selected is not None, "the sample sets no limits, so nothing abstains"
    ranking = ", ".join(f"{one.id} {one.distance:.3f}" for one in selection.ranking)
    print(f"  selected: {selection.selected.id}   (distances: {ranking})")


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
    if isinstance(value, list) and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"      {_json(one)}" for one in value) + "\n    ]"
    return json.dumps(value, ensure_ascii=False)


def _words(target: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in target.items())


def _clip(text: str, width: int = 88) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
