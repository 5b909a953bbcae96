"""Examples of requests and answers in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from app.scoring.schemas import SCORER_EXAMPLE

_ID = "4b7c2f0e9d1a4c55a3f1d0b2c8e7a691.5d0c1a2b"
_QUESTION = "How do I keep basil alive on a windowsill?"
_RESPONSES = [
    {"id": "short", "text": "Lots of light, water when the soil feels dry, pinch off flowers."},
    {
        "id": "long",
        "text": "Give it six hours of sun, a pot with a drain hole and water whenever the top "
        "centimetre of soil is dry. Cut just above a pair of leaves once a week, so that it grows "
        "bushy, and take flowers off as soon as they show.",
    },
]
_CELL = {
    "status": "scored",
    "attribute": "verbosity",
    "kind": "score",
    "definition_id": "verbosity@3f2a10c9d8e7",
    "cached": False,
    "scores": [
        {
            "index": 0,
            "score": 0.25,
            "spread": 0.0,
            "reasoning": "It names three things to do and explains none of them.",
        },
        {
            "index": 1,
            "score": 0.7,
            "spread": 0.0,
            "reasoning": "It says how much light and water, and how and why to cut.",
        },
    ],
    "examples": [{"id": "hs-017", "similarity": 0.52}, {"id": "hs-004", "similarity": 0.31}],
    "examples_dropped": [],
    "levels_uncovered": [],
    "answers_discarded": 0,
    "usage": {"prompt_tokens": 1480, "cached_prompt_tokens": 320, "output_tokens": 96},
    "timings_ms": {"queue": 1.1, "retrieval": 9.6, "engine": 2310.4},
}
SCORE_SET: dict[str, Any] = {
    "id": _ID,
    "status": "complete",
    "candidates": [{"index": 0, "id": "short"}, {"index": 1, "id": "long"}],
    "cells": [_CELL],
    "scorer": SCORER_EXAMPLE,
    "warnings": [],
}
_COST: dict[str, Any] = {
    "usage": {"prompt_tokens": 1480, "cached_prompt_tokens": 320, "output_tokens": 96},
    "timings_ms": {"queue": 1.1, "retrieval": 9.6, "engine": 2310.4, "total": 2324.8},
}
_SELECTION: dict[str, Any] = {
    "selected": {"index": 0, "id": "short", "distance": 0.05},
    "margin": 0.35,
    "ties": [],
    "ranking": [
        {"index": 0, "id": "short", "distance": 0.05},
        {"index": 1, "id": "long", "distance": 0.4},
    ],
    "ignored": [],
}
_EXPLANATION: dict[str, Any] = {
    "contributions": [
        {
            "index": 0,
            "id": "short",
            "shares": {"helpfulness": 0.2, "verbosity": 0.8},
            "reasonings": {},
        },
        {
            "index": 1,
            "id": "long",
            "shares": {"helpfulness": 0.04, "verbosity": 0.96},
            "reasonings": {},
        },
    ],
    "flips": [
        {
            "attribute": "verbosity",
            "value": 0.48,
            "change": 0.23,
            "to": {"index": 1, "id": "long"},
        }
    ],
    "never_selected": [],
}

SCORE: dict[str, Any] = {**SCORE_SET, **_COST}
SELECT: dict[str, Any] = {
    "selection": {**_SELECTION, "explanation": _EXPLANATION},
    "score_set": SCORE_SET,
    **_COST,
}
PENDING: dict[str, Any] = {
    "score_set_id": _ID,
    "status": "pending",
    "location": f"/v1/score-sets/{_ID}",
    "detail": "scoring is in progress; poll the location, then send targets to /v1/retarget",
}
_NOT_SCORED: dict[str, Any] = {
    "type": "/problems/attribute-not-scored",
    "title": "An attribute of the target is not scored",
    "status": 409,
    "detail": f"score set {_ID!r} has no scores for 'care'",
    "request_id": "01JD3Q6Z6K9T",
    "score_set_id": _ID,
    "missing": ["care"],
    "scored": ["verbosity"],
}
RETARGETS: dict[str, Any] = {
    "pairs": {
        "summary": "One score set, two targets",
        "value": {
            "pairs": [
                {"score_set_id": _ID, "target_index": 0, "selection": _SELECTION},
                {"score_set_id": _ID, "target_index": 1, "problem": _NOT_SCORED},
            ],
            "warnings": [],
            "timings_ms": {"queue": 0, "retrieval": 0, "engine": 0, "total": 0.6},
        },
    },
    "compact": {
        "summary": "Compact: two score sets, three targets",
        "value": {
            "selected": [[0, 1, 1], [0, 0, None]],
            "calibrations": [None, None],
            "problems": [{"score_set_id": _ID, "target_indices": [2], "problem": _NOT_SCORED}],
            "warnings": [],
            "timings_ms": {"queue": 0, "retrieval": 0, "engine": 0, "total": 0.9},
        },
    },
}

_SCENARIO: dict[str, Any] = {"question": _QUESTION, "responses": _RESPONSES}
SCORE_REQUESTS: dict[str, Any] = {
    "plain": {"summary": "All attributes of the default set", "value": _SCENARIO},
    "chosen": {
        "summary": "Selected attributes, plain strings, no examples",
        "value": {
            "question": _QUESTION,
            "responses": [r["text"] for r in _RESPONSES],
            "attributes": ["verbosity", "helpfulness"],
            "scoring": {"bank": None},
        },
    },
    "inline": {
        "summary": "An attribute defined inline",
        "value": {
            **_SCENARIO,
            "attributes": [
                {
                    "name": "playfulness",
                    "definition": "How light-hearted and witty the response is.",
                    "low": "dry and matter-of-fact",
                    "high": "full of jokes and warmth",
                }
            ],
            "scoring": {"bank": None},
        },
    },
    "sampled": {
        "summary": "Averaged over samples and orders",
        "value": {
            **_SCENARIO,
            "attributes": ["helpfulness"],
            "scoring": {"samples": 5, "orders": 2},
        },
    },
    "joint": {
        "summary": "Both attributes in one prompt",
        "value": {
            **_SCENARIO,
            "attributes": ["verbosity", "helpfulness"],
            "scoring": {"joint": True},
        },
    },
}
SELECT_REQUESTS: dict[str, Any] = {
    "short": {
        "summary": "Helpful, but brief",
        "value": {**_SCENARIO, "target": {"helpfulness": 1.0, "verbosity": 0.25}},
    },
    "weighted": {
        "summary": "Three times the weight on verbosity, manhattan distance",
        "value": {
            **_SCENARIO,
            "target": {"helpfulness": 1.0, "verbosity": 0.0},
            "selection": {"weights": {"verbosity": 3}, "distance": "manhattan"},
        },
    },
    "bounded": {
        "summary": "Bounds on verbosity, an explanation, and a minimum margin",
        "value": {
            **_SCENARIO,
            "target": {"helpfulness": 1.0, "verbosity": {"at_most": 0.5}},
            "selection": {"explain": True, "min_margin": 0.05},
        },
    },
    "words": {
        "summary": "Scores are read, and the judge writes afterwards why they may be so",
        "value": {
            **_SCENARIO,
            "target": {"helpfulness": 1.0, "verbosity": 0.25},
            "scoring": {"method": "probe"},
            "selection": {"explain": "words"},
        },
    },
    "prompt_aligned": {
        "summary": "Baseline: the model is shown the target and picks a candidate",
        "value": {
            **_SCENARIO,
            "target": {"helpfulness": 1.0, "verbosity": 0.25},
            "scoring": {"method": "prompt_aligned", "samples": 5},
        },
    },
    "groups": {
        "summary": "One choice for two groups that rated a bank, and a menu of two",
        "value": {
            **_SCENARIO,
            "bank": "neighbours",
            "groups": ["north", "south"],
            "people": {"fair": "least_regret", "menu": 2},
        },
    },
    "person": {
        "summary": "For a person, by own ratings of classes of response",
        "value": {
            **_SCENARIO,
            "bank": "neighbours",
            "person": {
                "ratings": [
                    {"response_class": "apology", "rating": 5, "scenario": "a"},
                    {"response_class": "instruction", "rating": 2, "scenario": "a"},
                ]
            },
        },
    },
}
RETARGET_REQUESTS: dict[str, Any] = {
    "one": {
        "summary": "One score set, one target",
        "value": {"score_set_ids": _ID, "targets": {"verbosity": 0.25}},
    },
    "many": {
        "summary": "Several targets, indices only",
        "value": {
            "score_set_ids": [_ID],
            "targets": [{"verbosity": 0.0}, {"verbosity": 1.0}, {"care": 1.0}],
            "compact": True,
        },
    },
}
