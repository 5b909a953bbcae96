"""Answers of a simulated judge: known labels plus noise. Part of the fake engine.

It tells what a judge of a given quality would be worth, without a model: the prompt is read back
for the attribute and the candidates, and each score is the candidate's label plus Gaussian noise
that is drawn once for question, candidate and attribute, whatever the prompt's order or examples.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from pathlib import Path

from app.domain.bank import InvalidLines, parse_bank
from workers.engines.base import Prompt

_ATTRIBUTE = re.compile(r"(?:Rate the|The) (.+?) of (?:the )?responses?\b")
_TOGETHER = re.compile(r"Rate .+? for these attributes: (.+)\.$")
_CANDIDATE = re.compile(r"^Response(?: ([A-Z]))?:\n(~+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)


class SimulatedJudge:
    """Labels of known responses, and how noisily they are seen."""

    def __init__(
        self, labels: Mapping[str, Mapping[str, float]], noise: Mapping[str, float], seed: int
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
        labels: dict[str, Mapping[str, float]] = {}
        for scenario in bank.scenarios:
            labels |= dict(zip(scenario.responses, scenario.labels, strict=False))
        return cls(labels, parse_noise(noise), seed)

    def scores(self, prompt: Prompt) -> dict[tuple[str, ...], float]:
        """Where in the answer a score stands -> that score in [0, 1], for what is labelled.

        A place is the candidate's letter, none for one shown alone; where the prompt asks for
        several attributes, the attribute's name stands before it.
        """
        question = prompt.messages[-1].content
        found: dict[tuple[str, ...], float] = {}
        for place, attribute in _asked(question):
            for letter, _, text in _CANDIDATE.findall(question):
                label = self._labels.get(text, {}).get(attribute)
                if label is not None:
                    at = (*place, letter) if letter else place
                    found[at] = self._seen(text, attribute, label)
        return found

    def _seen(self, text: str, attribute: str, label: float) -> float:
        source = f"{self._seed}\x1f{attribute}\x1f{text}".encode()
        draw = random.Random(hashlib.sha256(source).digest())
        deviation = self._noise.get(attribute, self._noise.get("", 0.0))
        return min(1.0, max(0.0, label + draw.gauss(0.0, deviation)))


def _asked(question: str) -> list[tuple[tuple[str, ...], str]]:
    """The attributes that a prompt asks for, each with where the answer tells of it."""
    line = question.rpartition("\n")[2]  # what stands before may be a candidate's words
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
