"""Examples of calibrations for the API's own documentation."""

from __future__ import annotations

from typing import Any

from app.scoring.schemas import SCORER_EXAMPLE

_REPORT: dict[str, Any] = {
    "attribute": "verbosity",
    "basis": "together",
    "scenarios": 500,
    "layer": "alone",
    "error_constant": 0.217,
    "error_raw": 0.31,
    "error_features": 0.15,
    "error_combined": 0.14,
    "error": 0.14,
    "pairs_raw": 0.61,
    "pairs_features": 0.93,
    "pairs": 0.94,
    "summary": "on verbosity this judge lowers the error of surface features by 7 % (from 0.150 to "
    "0.140)",
}
FITTED: dict[str, Any] = {
    "name": "small-judge",
    "state": "ready",
    "detail": "fitted",
    "done": 500,
    "total": 500,
    "left_out": {},
    "warnings": [],
    "fitted": {
        "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48",
        "scorer": SCORER_EXAMPLE,
        "attributes": ["verbosity"],
        "bank": {"name": "helpsteer2-train", "digest": "90b1d8f3c2a4e94f60b7a5d9c01e2f3a"},
        "scenarios": 500,
        "labelled": 500,
        "left_out": {},
        "reports": [_REPORT],
        "created_ms": 1_795_000_000_000,
    },
}
STARTED: dict[str, Any] = {
    "name": "small-judge",
    "state": "scoring",
    "detail": "0 of 500 scenarios are scored",
    "done": 0,
    "total": 500,
    "left_out": {},
    "warnings": [],
}
REQUESTS: Any = {
    "digits": {
        "summary": "For scores read from the probabilities of digits, in two orders",
        "value": {
            "bank": "helpsteer2-train",
            "scoring": {"reasoning": False, "orders": 2, "bank": None},
        },
    }
}
