"""Who is expected to give which candidate what: the matrix that choices are made from. Pure.

Shapes: `R` rows (groups, or one person), `C` candidates, `K` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.domain.arrays import Floats
from app.domain.people.estimates import Estimate
from app.domain.people.model import PeopleModel

Source = Literal["rated", "given", "read", "unknown"]


@dataclass(frozen=True)
class CandidateReading:
    """What is known of the candidates before anybody is asked."""

    classes: Floats
    """(C, K), probabilities"""
    shift: Floats
    """(C,), rating points by which a candidate is above what its class gets"""
    sources: tuple[Source, ...]
    """How each candidate's class is known: rated in the bank, given in the request, read from the
    text, or not at all."""


@dataclass(frozen=True)
class ExpectedMatrix:
    """Expected ratings of candidates, in rating points."""

    expected: Floats
    """(R, C)"""
    error: Floats
    """(R, C), standard error of `expected`"""
    low: Floats
    """(R, C), ends of the interval in which four of five ratings lie"""
    high: Floats


def expected_matrix(
    model: PeopleModel, rows: Sequence[Estimate], candidates: CandidateReading
) -> ExpectedMatrix:
    """Mix what each row expects of the classes by the candidates' probabilities of classes.

    A candidate of uncertain class has the variance of the mixture: that of its classes, and that
    between them.
    """
    share = candidates.classes.T
    means = np.array([one.mean for one in rows])
    errors = np.array([one.error for one in rows])
    singles = np.array([one.single for one in rows])
    quantiles = np.array([model.quantiles if one.own else model.unknown_quantiles for one in rows])
    mean = means @ share
    # From the differences: subtracting squares would lose digits.
    between = np.maximum((means**2) @ share - mean**2, 0.0)
    between[between < 1e-9] = 0.0
    deviation = np.sqrt((errors + singles) @ share + between)
    centre = mean + candidates.shift
    return ExpectedMatrix(
        np.clip(centre, *model.scale),
        np.sqrt(errors @ share + between),
        np.clip(centre + (quantiles[:, 0] @ share) * deviation, *model.scale),
        np.clip(centre + (quantiles[:, 1] @ share) * deviation, *model.scale),
    )


def people_matrix(model: PeopleModel, people: Floats, candidates: CandidateReading) -> Floats:
    """(N, C), what single people of the bank are expected to give; `people` is (N, K)."""
    return np.asarray(np.clip(people @ candidates.classes.T + candidates.shift, *model.scale))
