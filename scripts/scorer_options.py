"""How to score, as typed options and as options of a command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, get_args

from app.domain.methods import METHODS, PromptOrder, Retrieval
from app.domain.names import canonical_name
from app.domain.scenario import Attribute
from scripts.benchmark.records.scenario_files import UnusableData

_OPTIONAL = (
    "examples",
    "group",
    "retrieval",
    "prompt_order",
    "samples",
    "orders",
    "reasoning_chars",
    "temperature",
    "seed",
)

_DIGITS = "digits"
"""What `comparative` without reasoning is called after the name of a model."""
DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_SET = "helpsteer2"


@dataclass(frozen=True, slots=True)
class ScorerOptions:
    """How to score, without the method and the bank of examples. None: the service's default."""

    models: tuple[str, ...] = ()
    """Several are a committee. `NAME=METHOD` asks one in another way; `digits` is a method here."""
    attribute_set: str = DEFAULT_SET
    attributes: Path | None = None
    """A file of definitions that takes the place of the attribute set."""
    zero_shot: bool = False
    examples: int | None = None
    group: str | None = None
    """A group of the bank's raters."""
    retrieval: Retrieval | None = None
    prompt_order: PromptOrder | None = None
    samples: int | None = None
    orders: int | None = None
    reasoning: bool = True
    reasoning_chars: int | None = None
    joint: bool = False
    temperature: float | None = None
    seed: int | None = None

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """The options of a command line that `add_scorer_options` described."""
        return cls(
            models=tuple(arguments.model or ()),
            attribute_set=arguments.attribute_set,
            attributes=arguments.attributes,
            zero_shot=arguments.zero_shot,
            reasoning=not arguments.no_reasoning,
            joint=arguments.joint,
            **{name: getattr(arguments, name) for name in _OPTIONAL},
        )

    def settings(self) -> dict[str, Any]:
        """The settings that differ from the service's defaults, by their names in requests."""
        settings: dict[str, Any] = {
            name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None
        }
        if not self.reasoning:
            settings["reasoning"] = False
        if self.joint:
            settings["joint"] = True
        judges = [_judge(one) for one in self.models]
        if judges:
            alone = len(judges) == 1 and isinstance(judges[0], str)
            settings["model"] = judges[0] if alone else judges
        return settings

    def arguments(self) -> list[str]:
        """The command line that means the same."""
        words = ["--attributes", str(self.attributes)] if self.attributes else []
        if not self.attributes and self.attribute_set != DEFAULT_SET:
            words += ["--attribute-set", self.attribute_set]
        words += [word for one in self.models for word in ("--model", one)]
        words += ["--zero-shot"] if self.zero_shot else []
        words += [] if self.reasoning else ["--no-reasoning"]
        words += ["--joint"] if self.joint else []
        for name in _OPTIONAL:
            if (value := getattr(self, name)) is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return words


SERVICE_DEFAULTS = ScorerOptions()


def _judge(given: str) -> str | dict[str, Any]:
    """A model as requests name it: `NAME`, or `NAME=METHOD` as a judge with a method."""
    name, _, method = given.rpartition("=")
    if not name:
        return given
    if method == _DIGITS:
        return {"model": name, "method": "comparative", "reasoning": False}
    return {"model": name, "method": method}


def _model(text: str) -> str:
    """`NAME` or `NAME=METHOD`, as a type of `argparse`."""
    name, _, method = text.rpartition("=")
    known = [*(one for one, traits in METHODS.items() if traits.kind == "score"), _DIGITS]
    if name and method not in known:
        raise argparse.ArgumentTypeError(f"{method!r} is not one of {', '.join(known)}")
    return text


class _Parser(Protocol):
    def add_argument(self, *names: str, **settings: Any) -> Any: ...


def add_scorer_options(parser: _Parser) -> None:
    """Add them to a parser or to a group of one, all but the method and the bank of examples."""
    add = parser.add_argument
    add(
        "--model",
        action="append",
        type=_model,
        metavar="NAME",
        help="name of the model (default: the service's); several make a committee, and "
        "NAME=METHOD (or NAME=digits) asks one of them in another way",
    )
    add("--attribute-set", default=DEFAULT_SET, metavar="NAME")
    add(
        "--attributes",
        type=Path,
        metavar="FILE",
        help="JSON file of attribute definitions (a list, a set, or names and texts), in "
        "place of an attribute set of the service",
    )
    add("--zero-shot", action="store_true", help="no examples")
    add("--examples", type=positive, metavar="N", help="examples for each attribute (default: 5)")
    add("--group", help="a group of the bank's raters, whose ratings choose the examples")
    add(
        "--retrieval",
        choices=get_args(Retrieval),
        help="examples nearest to the question, or the same for all (default: similar), or for a "
        "group (default: expected)",
    )
    add(
        "--prompt-order",
        choices=get_args(PromptOrder),
        help="what a prompt begins with: the attribute, or the candidates (default: "
        "attribute_first)",
    )
    add("--samples", type=positive, metavar="N")
    add("--orders", type=positive, metavar="N")
    add("--no-reasoning", action="store_true")
    add("--reasoning-chars", type=positive, metavar="N")
    add("--joint", action="store_true", help="all attributes in one prompt and one answer")
    add("--temperature", type=float)
    add("--seed", type=int)


def read_attributes(path: Path) -> dict[str, Attribute]:
    """Attribute definitions of a JSON file.

    It holds a list, an attribute set with `attributes`, or a mapping of names to definitions, as
    the paper's `attribute_descriptions.json`. ALIGN's `score_examples` are appended to the
    definition. Raises `UnusableData`.
    """
    try:
        return {one.name: one for one in map(_attribute, _listed(json.loads(path.read_bytes())))}
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableData(f"{path}: no attribute definitions: {error!r}") from error


def _listed(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return content
    if "attributes" in content:
        listed: list[dict[str, Any]] = content["attributes"]
        return listed
    if not content or not all(isinstance(text, str) for text in content.values()):
        raise ValueError(
            "neither a list, nor an object with `attributes`, nor a mapping of names to texts"
        )
    return [{"name": name, "definition": text} for name, text in content.items()]


def _attribute(given: dict[str, Any]) -> Attribute:
    return Attribute(
        name=canonical_name(given["name"]),
        definition="\n".join(filter(None, (given["definition"], given.get("score_examples")))),
        low=given.get("low", ""),
        high=given.get("high", ""),
        levels=tuple(given.get("levels", ())),
    )


def count(text: str) -> int:
    """A whole number, 0 included, as a type of `argparse`."""
    return 0 if text == "0" else positive(text)


def positive(text: str) -> int:
    """A whole number above 0, as a type of `argparse`."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
