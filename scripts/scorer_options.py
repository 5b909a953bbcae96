"""Command line options that say how to score, the same for every script that asks a service to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Protocol

from scripts.benchmark.records.scenario_files import UnusableData

_NUMBERS = ("examples", "samples", "orders", "reasoning_chars", "temperature", "seed")


class _Options(Protocol):
    def add_argument(self, *names: str, **settings: Any) -> Any: ...


def add_scorer_options(parser: _Options) -> None:
    """Add them to a parser or to a group of one, all but the method and the bank of examples."""
    add = parser.add_argument
    add("--model", help="name of the model; the service's default if not given")
    add("--attribute-set", default="helpsteer2", metavar="NAME")
    add(
        "--attributes",
        type=Path,
        metavar="FILE",
        help="attribute definitions of your own (JSON) instead of a set of the service",
    )
    add("--zero-shot", action="store_true", help="no examples")
    add("--examples", type=positive, metavar="N", help="examples for each attribute (5)")
    add("--samples", type=positive, metavar="N")
    add("--orders", type=positive, metavar="N")
    add("--no-reasoning", action="store_true")
    add("--reasoning-chars", type=positive, metavar="N")
    add("--joint", action="store_true", help="all attributes in one prompt and one answer")
    add("--temperature", type=float)
    add("--seed", type=int)


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Those that were given, by their names in requests, without attributes and examples' bank."""
    settings: dict[str, Any] = {
        name: value for name in _NUMBERS if (value := getattr(options, name)) is not None
    }
    if options.no_reasoning:
        settings["reasoning"] = False
    if options.joint:
        settings["joint"] = True
    if options.model:
        settings["model"] = options.model
    return settings


def read_attributes(path: Path) -> dict[str, dict[str, Any]]:
    """Attribute definitions of a JSON file: a list, or an attribute set with `attributes`.

    ALIGN's `score_examples` are what a definition says on scores: they become part of it.
    Raises `UnusableData`.
    """
    try:
        found = json.loads(path.read_bytes())
        listed = found["attributes"] if isinstance(found, dict) else found
        return {
            one["name"]: {
                "name": one["name"],
                "definition": "\n".join(
                    filter(None, (one["definition"], one.get("score_examples")))
                ),
                "low": one.get("low", ""),
                "high": one.get("high", ""),
                "levels": one.get("levels", []),
            }
            for one in listed
        }
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableData(f"{path}: no attribute definitions: {error!r}") from error


def count(text: str) -> int:
    """A whole number, 0 included, as a type of `argparse`."""
    return 0 if text == "0" else positive(text)


def positive(text: str) -> int:
    """A whole number above 0, as a type of `argparse`."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
