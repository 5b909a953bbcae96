"""A labelled bank, a simulated judge of known quality, and requests about them."""

from __future__ import annotations

import contextlib
import itertools
import json
import random

from tests.support import Service, wait_until

ATTRIBUTES = ["helpfulness", "verbosity"]
DIGITS = {"reasoning": False, "orders": 2}
LATE = {"reasoning_chars": 200}
# The judge sees helpfulness well, and knows nothing of verbosity, which lengths predict.
JUDGE = {"AZIMUTH_FAKE_NOISE": "helpfulness:0.15,verbosity:3"}
COUNT = 48
SLOW_COUNT = 24
"""Scenarios of the smaller bank that the slow judge scores."""
LEASE = {"AZIMUTH_FIT_LEASE_S": "3"}
TARGETS = [
    dict(zip(ATTRIBUTES, point, strict=True))
    for point in itertools.product([0, 0.25, 0.5, 0.75, 1], repeat=2)
]


def scenarios(first, count):
    """Labelled scenarios: verbosity is the length of a reply, helpfulness cannot be seen in it."""
    made = []
    for number in range(first, first + count):
        draw = random.Random(number)
        labels = [{name: draw.randrange(5) / 4 for name in ATTRIBUTES} for _ in range(2)]
        responses = [
            " ".join(f"word{draw.randrange(90)}" for _ in range(4 + int(24 * one["verbosity"])))
            + f" {number} {letter}."
            for one, letter in zip(labels, "ab", strict=True)
        ]
        made.append(
            {"id": f"s{number}", "question": f"What about {number}?"}
            | {"responses": responses, "labels": labels}
        )
    return made


BANK, HELD_OUT = scenarios(0, COUNT), scenarios(1000, 40)


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


def store_banks(service):
    with service.client() as client:
        client.put("/v1/banks/labelled", content=lines(*BANK)).raise_for_status()
        client.put("/v1/banks/short", content=lines(*BANK[:SLOW_COUNT])).raise_for_status()


def too_long(count):
    """The first scenarios of the bank, with questions that are too long for any prompt."""
    return [s | {"question": "why " * 9000 + s["id"]} for s in BANK[:count]]


def models(service):
    with service.client() as client:
        return client.get("/readyz").json()["model"].get("models", [])


def scorer(**scoring):
    """The part of a request that names attributes, and how they are scored."""
    return {"attributes": ATTRIBUTES, "scoring": {"bank": None, "model": "fake"} | scoring}


def put(service, name, *, scoring=None, **body):
    with service.client() as client:
        body = {"bank": "labelled"} | scorer(**(scoring or {})) | body
        return client.put(f"/v1/calibrations/{name}", json=body)


def look(service, name):
    with service.client() as client:
        return client.get(f"/v1/calibrations/{name}").json()


def delete(service, name):
    with service.client() as client:
        return client.delete(f"/v1/calibrations/{name}").status_code


def ended(service, name):
    """The state of a fit, once it has ended."""

    def over():
        seen = look(service, name)
        return seen if seen["state"] not in ("scoring", "fitting") else None

    return wait_until(over, timeout_s=240, what=f"the end of {name}")


def ready(service, name):
    seen = ended(service, name)
    assert seen["state"] == "ready", seen
    return seen["fitted"]


def fitted(service, name, **body):
    response = put(service, name, **body)
    assert response.status_code == 202, response.text
    return ready(service, name)


def slow_fit(reasoning_chars):
    """Body of a fit by the slow judge; each length has scores of its own."""
    return {"bank": "short", "scoring": {"model": "slow", "reasoning_chars": reasoning_chars}}


def begin_slowly(service, name, reasoning_chars):
    """A fit in the middle of scoring."""
    assert put(service, name, **slow_fit(reasoning_chars)).status_code == 202
    wait_until(lambda: look(service, name)["done"] >= 4, what="some progress")


def ask(scenario, *, scoring=None, **more):
    question = {key: scenario[key] for key in ("question", "responses")}
    return scorer(**(scoring or {})) | question | more


def score(service, scenario, **more):
    response = service.post("/v1/score", ask(scenario, **more))
    assert response.status_code == 200, response.text
    return response.json()


def look_at(service, score_set_id, status=200, **query):
    with service.client() as client:
        response = client.get(f"/v1/score-sets/{score_set_id}", params=query)
    assert response.status_code == status, response.text
    return response.json()


def select(service, scenario, **more):
    response = service.post("/v1/select", ask(scenario, **more))
    assert response.status_code == 200, response.text
    return response.json()


def retarget(service, score_set, **more):
    body = {"score_set_ids": score_set.get("id"), "targets": TARGETS} | more
    response = service.post("/v1/retarget", body)
    assert response.status_code == 200, response.text
    return response.json()


def selections(service, score_set, **more):
    """The selections of all pairs."""
    return [pair["selection"] for pair in retarget(service, score_set, **more)["pairs"]]


def problem_of_pair(service, score_set, **more):
    """The problem of the only pair."""
    (pair,) = retarget(service, score_set, **more)["pairs"]
    return pair["problem"]


def compact(service, score_sets, **more):
    """Selections as indices for every target."""
    return retarget(
        service, {}, score_set_ids=[one["id"] for one in score_sets], compact=True, **more
    )


def last_job(service):
    """Ids of the last jobs that were queued."""
    return sorted(
        (key, service.redis.xinfo_stream(key)["last-generated-id"])
        for key in service.redis.keys("azimuth:jobs:*")
    )


def calibrated(score_set):
    """Attribute -> calibrated scores."""
    return {
        cell["attribute"]: [s["calibrated"]["score"] for s in cell["scores"] if "calibrated" in s]
        for cell in score_set["cells"]
    }


def raw(score_set):
    return {cell["attribute"]: [s["score"] for s in cell["scores"]] for cell in score_set["cells"]}


def problem_of(response, status, slug):
    assert response.status_code == status, response.text
    problem = response.json()
    assert problem["type"] == f"/problems/{slug}"
    return problem


@contextlib.contextmanager
def second_api(service, folder):
    """Another API process on the same Redis."""
    other = Service(folder, dict(service.environment), redis_port=service.redis_port)
    other.start_api(**LEASE)
    try:
        yield other
    finally:
        other.close()
