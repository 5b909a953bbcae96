"""A sample `/select` and two `/retarget` calls, with the curl lines that do the same."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

CAVEATS = {
    "SmolLM2-135M-Instruct": "this model runs anywhere and shows that all parts work, but is far "
    "too small to judge. Its choices mean little; the README names models that judge.",
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
"""Those of the first target, and those that the later targets name."""
TARGET = {"helpfulness": 1.0, "correctness": 1.0, "verbosity": 0.25}
NEW_TARGETS: list[tuple[str, dict[str, float]]] = [
    ("somebody who wants every detail", {"helpfulness": 1.0, "complexity": 1.0, "verbosity": 1.0}),
    ("somebody who wants to be teased", {"helpfulness": 0.0, "verbosity": 0.0}),
]


def show(url: str) -> str:
    """Send the sample, print it readably, and return the selection as one line of JSON."""
    with httpx.Client(base_url=url, timeout=600) as client:
        request = {
            "question": QUESTION,
            "responses": RESPONSES,
            "attributes": ATTRIBUTES,
            "target": TARGET,
            "scoring": {"samples": 3},
        }
        print(f"\nQuestion: {QUESTION}")
        for response in RESPONSES:
            print(f"  {response['id']:>9}: {_clip(response['text'])}")
        print(f"\nSelect for the target {_plain(TARGET)}, scores averaged over three samples:\n")
        print(_curl(url, "/v1/select", request))
        answer = _post(client, "/v1/select", request)
        selection, score_set = answer["selection"], answer["score_set"]
        caveat = CAVEATS.get(score_set["scorer"]["model"])
        if caveat:
            print(f"  Mind: {caveat}\n")
        _print_scores(score_set)
        _print_selection(selection)
        timings, usage = answer["timings_ms"], answer["usage"]
        print(
            f"  {timings['total'] / 1000:.1f} s; {usage['prompt_tokens']} prompt tokens "
            f"({usage['cached_prompt_tokens']} from the prefix cache), "
            f"{usage['output_tokens']} written"
        )
        for who, target in NEW_TARGETS:
            retarget = {"score_set_ids": score_set["id"], "targets": target}
            print(f"\nRetarget, without the model, for {who}, {_plain(target)}:\n")
            print(_curl(url, "/v1/retarget", retarget))
            answer = _post(client, "/v1/retarget", retarget)
            _print_selection(answer["pairs"][0]["selection"])
            print(f"  {answer['timings_ms']['total']:.1f} ms")
    kept = ("selected", "margin", "ties", "ranking")
    return json.dumps({key: selection[key] for key in kept} | {"score_set_id": score_set["id"]})


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    while response.status_code == 202:  # a slow machine: ask until the scores are there
        while client.get(response.headers["location"]).json()["status"] == "pending":
            time.sleep(1)
        response = client.post(path, json=body)
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def _curl(url: str, path: str, body: dict[str, Any]) -> str:
    content = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return f"  curl {url}{path} -H 'Content-Type: application/json' -d '{content}'\n"


def _print_scores(score_set: dict[str, Any]) -> None:
    ids = [candidate["id"] for candidate in score_set["candidates"]]
    print(f"  {'':>12}" + "".join(f"{name:>11}      " for name in ids))
    for cell in score_set["cells"]:
        scores = "".join(f"{s['score']:>11.2f} ±{s['spread']:.2f}" for s in cell["scores"])
        origin = "from the cache" if cell["cached"] else cell["status"]
        print(f"  {cell['attribute']:>12}{scores}   {origin}")
    print()
    cell = score_set["cells"][0]
    for name, score in zip(ids, cell["scores"], strict=True):
        print(f"  {cell['attribute']} of {name}: {score.get('reasoning', 'no reason asked for')}")
    print()


def _print_selection(selection: dict[str, Any]) -> None:
    ranking = ", ".join(f"{r['id']} ({r['distance']:.3f})" for r in selection["ranking"])
    print(f"  selected: {selection['selected']['id']}   by distance: {ranking}")


def _plain(target: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in target.items())


def _clip(text: str, width: int = 88) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
