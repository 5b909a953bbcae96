"""Examples of requests and answers in the OpenAPI document."""

from __future__ import annotations

from typing import Any

_QUESTION = "Should I tell my neighbour that her dog barks all day?"
GENERATE_REQUESTS: dict[str, Any] = {
    "for_a_group": {
        "summary": "For a group of a rated bank",
        "value": {
            "messages": [{"role": "user", "content": _QUESTION}],
            "bank": "neighbours",
            "group": "north",
            "style": "C-R",
        },
    },
    "control": {
        "summary": "Without examples, two drawn texts, streamed",
        "value": {
            "messages": [
                {"role": "system", "content": "You answer in one sentence."},
                {"role": "user", "content": _QUESTION},
            ],
            "writing": {"samples": 2, "temperature": 0.8, "seed": 7, "max_tokens": 120},
            "stream": True,
        },
    },
}
WRITER: dict[str, Any] = {
    "fingerprint": "5b1fd0e2a9c84d7fa1b0c3d2e4f56789",
    "model": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "model_revision": "sha256:5a1f0c9be2d34710",
    "engine": "vllm",
    "prompt_profile": "responses/1:4be1a2c7",
    "bank": {"name": "neighbours", "digest": "b1d8f3c2a4e94f60b7a5d9c01e2f3a48"},
    "group": {"name": "north", "version": "group/1"},
    "style": "C-R",
    "retrieval": "expected",
    "examples": 3,
    "max_tokens": 512,
    "temperature": 0.0,
    "seed": 0,
}
USAGE = {"prompt_tokens": 412, "cached_prompt_tokens": 320, "output_tokens": 24}
TIMINGS = {"queue": 3.1, "retrieval": 8.4, "engine": 640.2, "total": 655.0}
TEXT: dict[str, Any] = {
    "index": 0,
    "status": "written",
    "text": "Yes, kindly: she may not know, because she is out when it happens.",
    "finish": "stop",
    "cached": False,
    "examples": [
        {"id": "q17", "similarity": 0.61, "score": 0.44, "stability": -0.5, "contrast": 1.9}
    ],
    "examples_dropped": [],
    "reach": {"questions": 100, "examples": 31, "top_share": 0.22},
    "usage": USAGE,
    "timings_ms": {"queue": 3.1, "retrieval": 8.4, "engine": 640.2},
}
GENERATE: dict[str, Any] = {
    "texts": [TEXT],
    "writer": WRITER,
    "usage": USAGE,
    "timings_ms": TIMINGS,
    "warnings": [],
}
EVENTS = """\
event: text
data: {"index":0,"text":"Yes, kindly:"}

event: text
data: {"index":0,"text":" she may not know, because she is out when it happens."}

event: done
data: {"texts":[{"index":0,"status":"written","text":"Yes, kindly: …"}]}

"""

RESPOND_REQUESTS: dict[str, Any] = {
    "for_groups": {
        "summary": "One candidate for each response class, fairly for two groups",
        "value": {
            "messages": [{"role": "user", "content": _QUESTION}],
            "bank": "neighbours",
            "groups": ["north", "south"],
        },
    },
    "for_a_target": {
        "summary": "Three drawn candidates, scored for a target",
        "value": {
            "messages": [{"role": "user", "content": _QUESTION}],
            "writing": {"samples": 3, "seed": 1},
            "target": {"helpfulness": 1, "verbosity": 0.25},
        },
    },
}
_OWN = {"examples": [], "usage": USAGE}
_CANDIDATES = [
    {**TEXT, **_OWN, "id": "advice", "response_class": "advice"},
    {
        "index": 1,
        "id": "refusal",
        "response_class": "refusal",
        "status": "unwritten",
        "reason": "deadline",
        "detail": "the deadline passed while the text was written",
    },
]
_STEP = {"usage": USAGE, "timings_ms": TIMINGS}
RESPOND: dict[str, Any] = {
    "selected": {"id": "advice", "response_class": "advice", "text": TEXT["text"]},
    "texts": _CANDIDATES,
    "writer": {name: WRITER[name] for name in WRITER if name not in ("bank", "group", "style")},
    "writing": _STEP,
    "choosing": _STEP,
    "timings_ms": TIMINGS,
    "warnings": [],
}
