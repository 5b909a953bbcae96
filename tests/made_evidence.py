"""Made-up labelled evidence for calibrations: surface features, a judge of known noise, labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.calibration.evidence import Evidence

FIELDS = ("wit@1", "care@2")


def scenarios(count, *, noise, candidates=2, labelled=(0, 1), seed=0):
    """Labels that surface features do not predict; a judge that sees them through noise and on a
    scale of its own."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(count):
        labels = draw.integers(0, 5, (candidates, 2)) / 4
        scores = 0.4 + 0.2 * (labels + draw.normal(0, noise, labels.shape))
        surface = draw.normal(size=(candidates, 3))
        readings, labels = scores[..., None], labels.copy()
        for column in {0, 1} - set(labelled):
            labels[:, column], readings[:, column] = np.nan, np.nan
        made.append(LabelledEvidence(f"question {index}", Evidence(surface, readings), labels))
    return made


def unscored(known):
    """The same scenario without readings."""
    return replace(known, evidence=replace(known.evidence, readings=np.full((2, 2, 1), np.nan)))
