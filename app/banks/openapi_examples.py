"""Examples in the contract of the bank endpoints."""

from __future__ import annotations

from typing import Any

BANK: dict[str, Any] = {
    "name": "my-bank",
    "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48",
    "scenarios": 2,
    "responses": 4,
    "labels": {
        "warmth": {"labels": 4, "low": 0.0, "high": 1.0, "levels": {"0": 1, "0.5": 2, "1": 1}}
    },
    "created_ms": 1_795_000_000_000,
    "builtin": False,
    "ratings": {
        "scale": {"low": 1.0, "high": 5.0},
        "response_classes": {"apology": "Apologise, then help.", "instruction": ""},
        "raters": 4,
        "ratings": 16,
        "groups": {
            "customers": {
                "raters": 2,
                "ratings": 8,
                "scenarios": 2,
                "agreement": 0.62,
                "stability": {"mean": -0.4, "scenarios": 2},
                "contrast": {"mean": 1.3, "scenarios": 2},
            }
        },
    },
}
WITH_INDEX: dict[str, Any] = {
    **BANK,
    "index": {"state": "ready", "workers": ["w-3f2a10"]},
    "group_retrieval": {
        "all-MiniLM-L6-v2:53aa5117": {
            "customers": {
                "version": "group/1",
                "weights": {
                    "similarity": 0.02,
                    "stability": -0.17,
                    "contrast": 0.14,
                    "constant": 1.31,
                    "pairs": 10920,
                },
                "reach": {
                    "expected": {
                        "questions": 100,
                        "examples": 15,
                        "top_share": 0.52,
                        "degenerate": False,
                    }
                },
            }
        }
    },
}
STORED: dict[str, Any] = {
    **WITH_INDEX,
    "ignored": {},
    "reading": {
        "converted": {"align": 3},
        "scale": "0..1",
        "repeated": 1,
        "left_out": {"count": 1, "first": [{"number": 3, "reason": "no response has a label"}]},
        "responses_dropped": 0,
        "labels_filled": 0,
        "duplicates": {"count": 1, "first": [["scene-1", "scene-2"]]},
        "contradictions": {"count": 0, "first": []},
    },
    "findings": [
        {
            "kind": "flat-raters",
            "detail": "raters gave the same rating to everything, 5 times or more: they express no "
            "preference, and make scenarios look stable",
            "count": 1,
            "first": ["customer-07"],
        }
    ],
}
LINES = (
    '{"id": "s1", "question": "My parcel is late.", "responses": ["We are so sorry! Let me look.", '
    '"Check the tracking page."], "labels": [{"warmth": 1}, {"warmth": 0}], "reasonings": '
    '[{"warmth": "It apologises and offers help."}, {"warmth": "It sends the customer away."}]}\n'
)


RECORDS = [
    {
        "prompt": "My parcel is late.",
        "responses": ["We are so sorry! Let me look.", "Check the tracking page."],
        "labels": [{"warmth": 1}, {"warmth": 0}],
    }
]
