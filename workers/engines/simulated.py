"""Answers of a simulated judge: known labels plus noise. Part of the fake engine.

It tells what a judge of a given quality would be worth, without a model: the prompt is read back
for the question, the attribute and the candidates, and each score is the candidate's label plus
Gaussian noise that is drawn once for these three, whatever the prompt's order or examples.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.domain.bank import InvalidLines, LabelledScenario, parse_bank
from workers.engines.base import Prompt

_ATTRIBUTE = re.compile(r"(?:Rate the|The) (.+?) of (?:the )?responses?\b")
_TOGETHER = re.compile(r"Rate .+? for these attributes: (.+)\.$")
_QUESTION = re.compile(r"\AQuestion:\n(~+)\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
_CANDIDATE = re.compile(r"^Response(?: ([A-Z]))?:\n(~+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)


Known = tuple[str, str]
"""A question and a response to it."""


class SimulatedJudge:
    """Labels of known responses, and how noisily they are seen."""

    version = 2
    """Of how noise is drawn: scores of another version are another judge's."""

    def __init__(
        self, labels: Mapping[Known, Mapping[str, float]], noise: Mapping[str, float], seed: int
    ) -> None:
        self._labels = labels
        self._noise = noise
        self._seed = seed

    @classmethod
    def read(cls, path: Path, noise: str, seed: int) -> SimulatedJudge:
        """From a scenario file and `helpfulness:0.5,verbosity:0.15` (or one number for all).

        Raises ValueError for a noise that is none, and for a file that is not there or not valid.
        """
        try:
            bank = parse_bank(path.read_bytes())
        except (OSError, InvalidLines) as error:
            raise ValueError(f"AZIMUTH_FAKE_LABELS={path}: {error}") from error
        return cls(known_labels(bank.scenarios), parse_noise(noise), seed)

    def scores(self, prompt: Prompt) -> dict[tuple[str, ...], float]:
        """Where in the answer a score stands -> that score in [0, 1], for what is labelled.

        A place is the candidate's letter, none for one shown alone; where the prompt asks for
        several attributes, the attribute's name stands before it.
        """
        turn = prompt.messages[-1].content
        found: dict[tuple[str, ...], float] = {}
        framed = _QUESTION.match(turn)
        if framed is None:
            return found
        for place, attribute in _asked(turn):
            for letter, _, text in _CANDIDATE.findall(turn):
                known = framed[2], text
                label = self._labels.get(known, {}).get(attribute)
                if label is not None:
                    at = (*place, letter) if letter else place
                    found[at] = self._seen(known, attribute, label)
        return found

    def _seen(self, known: Known, attribute: str, label: float) -> float:
        source = "\x1f".join([str(self._seed), attribute, *known]).encode()
        draw = random.Random(hashlib.sha256(source).digest())
        deviation = self._noise.get(attribute, self._noise.get("", 0.0))
        return min(1.0, max(0.0, label + draw.gauss(0.0, deviation)))


def known_labels(scenarios: Iterable[LabelledScenario]) -> dict[Known, Mapping[str, float]]:
    """Each response's labels, under its question as well: the same words answer many."""
    return {
        (scenario.question, text): labels
        for scenario in scenarios
        for text, labels in zip(scenario.responses, scenario.labels, strict=False)
    }


def _asked(turn: str) -> list[tuple[tuple[str, ...], str]]:
    """The attributes that a prompt asks for, each with where the answer tells of it."""
    line = turn.rpartition("\n")[2]  # what stands before may be a candidate's words
    if together := _TOGETHER.match(line):
        return [((name,), name) for name in together[1].split(", ")]
    single = _ATTRIBUTE.match(line)
    return [((), single[1])] if single else []


def parse_noise(text: str) -> dict[str, float]:
    """Attribute -> standard deviation; under the empty name that of all others."""
    noise: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.rpartition(":")
        deviation = float(value)
        if not 0 <= deviation < float("inf"):
            raise ValueError(f"{part!r} is no standard deviation")
        noise[name] = deviation
    return noise
