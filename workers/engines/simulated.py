"""Scores of a simulated judge: known labels plus noise. Part of the fake engine.

It shows what a judge of a given quality would be worth, without a model. The prompt is parsed for
the question, the attribute and the candidates. Each score is the candidate's label plus Gaussian
noise that depends on these three only, not on the prompt's order or examples.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.domain.bank import InvalidLines, LabelledScenario
from app.domain.bank_files.reading import read_bank_file
from workers.tokenization.conversation import Prompt

_ATTRIBUTE = re.compile(r"(?:Rate the|The) (.+?) of (?:the )?responses?\b")
_TOGETHER = re.compile(r"Rate .+? for these attributes: (.+)\.$")
_QUESTION = re.compile(r"\AQuestion:\n(~+)\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)


Known = tuple[str, str]
"""A question and a response to it."""


class SimulatedJudge:
    """Labels of known responses, and the noise added to them."""

    version = 2
    """Version of the noise; scores of different versions are not comparable."""

    def __init__(
        self, labels: Mapping[Known, Mapping[str, float]], noise: Mapping[str, float], seed: int
    ) -> None:
        self._labels = labels
        self._noise = noise
        self._seed = seed

    @classmethod
    def read(cls, path: Path, noise: str, seed: int) -> SimulatedJudge:
        """Read a scenario file and a noise: `helpfulness:0.5,verbosity:0.15`, or one for all.

        Raises ValueError for an invalid noise, and for a missing or invalid file.
        """
        try:
            scenarios = read_bank_file(path.read_bytes()).scenarios
        except (OSError, InvalidLines) as error:
            raise ValueError(f"AZIMUTH_FAKE_LABELS={path}: {error}") from error
        return cls(known_labels(scenarios), parse_noise(noise), seed)

    def scores(self, prompt: Prompt) -> dict[tuple[str, ...], float]:
        """Return the scores in [0, 1] of labelled candidates, by their place in the answer.

        A place is the candidate's letter, or empty for a candidate shown alone. If the prompt asks
        for several attributes, the attribute's name comes first.
        """
        turn = prompt.messages[-1].content
        scores: dict[tuple[str, ...], float] = {}
        framed = _QUESTION.match(turn)
        if framed is None:
            return scores
        # No text holds the prompt's own fence, so none can pass for another candidate.
        fence = framed[1]
        shown = re.findall(
            rf"^Response(?: ([A-Z]))?:\n{fence}\n(.*?)\n{fence}$", turn, re.MULTILINE | re.DOTALL
        )
        for place, attribute in _asked(turn):
            for letter, text in shown:
                known = framed[2], text
                label = self._labels.get(known, {}).get(attribute)
                if label is not None:
                    at = (*place, letter) if letter else place
                    scores[at] = self._noisy(known, attribute, label)
        return scores

    def opinions(self, question: str, response: str) -> dict[str, float]:
        """Return its scores of a labelled response, by attribute; none of any other."""
        known = question, response
        labels = self._labels.get(known, {})
        return {name: self._noisy(known, name, label) for name, label in labels.items()}

    def _noisy(self, known: Known, attribute: str, label: float) -> float:
        source = "\x1f".join([str(self._seed), attribute, *known]).encode()
        draw = random.Random(hashlib.sha256(source).digest())
        deviation = self._noise.get(attribute, self._noise.get("", 0.0))
        return min(1.0, max(0.0, label + draw.gauss(0.0, deviation)))


def known_labels(scenarios: Iterable[LabelledScenario]) -> dict[Known, Mapping[str, float]]:
    """Return each response's labels by question and response: one text can answer many."""
    return {
        (scenario.question, text): labels
        for scenario in scenarios
        for text, labels in zip(scenario.responses, scenario.labels, strict=False)
    }


def _asked(turn: str) -> list[tuple[tuple[str, ...], str]]:
    """Return the attributes that a prompt asks for, each with its place in the answer."""
    line = turn.rpartition("\n")[2]  # earlier lines may be a candidate's text
    if together := _TOGETHER.match(line):
        return [((name,), name) for name in together[1].split(", ")]
    single = _ATTRIBUTE.match(line)
    return [((), single[1])] if single else []


def parse_noise(text: str) -> dict[str, float]:
    """Parse attribute -> standard deviation; the empty name stands for all other attributes."""
    noise: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.rpartition(":")
        deviation = float(value)
        if not 0 <= deviation < float("inf"):
            raise ValueError(f"AZIMUTH_FAKE_NOISE: {part!r} is not a standard deviation")
        noise[name] = deviation
    return noise
