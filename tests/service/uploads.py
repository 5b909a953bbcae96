"""A small bank, and how it is uploaded."""

import json

import httpx

BANK = [
    {
        "id": f"s{i}",
        "question": question,
        "responses": ["Sorry to hear that!", "Read the manual."],
        "labels": [{"warmth": 1.0}, {"warmth": 0.0}],
        "reasonings": [{"warmth": "It is sorry."}, {"warmth": "It is curt."}],
    }
    for i, question in enumerate(["My parcel is late.", "How do I boil an egg well?"])
]
WARMTH = {"name": "warmth", "definition": "How warm it sounds.", "levels": [0, 1]}


def lines(*scenarios) -> str:
    return "\n".join(json.dumps(s) for s in scenarios)


def put_bank(azimuth, name: str, content: str | bytes) -> httpx.Response:
    with azimuth.client() as client:
        return client.put(f"/v1/banks/{name}", content=content)


def index_state(azimuth, name: str) -> str:
    with azimuth.client() as client:
        return client.get(f"/v1/banks/{name}").json()["index"]["state"]
