"""How much each judge of a committee counts on one attribute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.calibrations.fitting.learners import fit_weights
from app.calibrations.fitting.rows import Indices, Rows, folds_of
from app.domain.arrays import Floats

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of `M` judges."""

    weights: Floats
    """(M,), 0 for those that are left out."""
    predicted: Floats
    """(R,), with weights that have not seen the row; NaN where a judge or the label is missing."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is known of one attribute."""

    rows: Rows
    column: int
    features: Floats
    """(R,), what surface features expect."""
    added: Floats
    """(M, R), how far the expectation of each judge is from that."""
    _chosen: Indices = field(init=False)
    _folds: list[Indices] = field(init=False)
    _scenario: Indices = field(init=False)

    def __post_init__(self) -> None:
        known = self.rows.labelled[:, self.column] & ~np.isnan(self.added).any(axis=0)
        chosen = np.flatnonzero(known)
        number = np.unique(self.rows.scenario[chosen], return_inverse=True)[1].reshape(-1)
        object.__setattr__(self, "_chosen", chosen)
        object.__setattr__(self, "_folds", folds_of(self.rows, chosen, _FOLDS))
        object.__setattr__(self, "_scenario", number)

    def weigh(self) -> Weighed:
        """Leave out judges without whom the error is no larger, the least useful first."""
        places = list(range(len(self.added)))
        best = self.predict(places)
        while places:
            fewer = [[other for other in places if other != place] for place in places]
            predictions = [self.predict(some) for some in fewer]
            errors = [self.error(one) for one in predictions]
            least = int(np.argmin(errors))
            if errors[least] > self.error(best):
                break
            places, best = fewer[least], predictions[least]
        weights = np.zeros(len(self.added))
        weights[places] = self._weights(places, self._chosen)
        return Weighed(weights, best)

    def predict(self, places: Sequence[int]) -> Floats:
        """Labels expected from some of the judges, (R,), each by weights of other questions."""
        predicted = np.full(len(self.features), np.nan)
        for held_out in self._folds:
            weights = self._weights(places, np.setdiff1d(self._chosen, held_out))
            added = weights @ self.added[list(places)][:, held_out]
            predicted[held_out] = np.clip(self.features[held_out] + added, 0.0, 1.0)
        return predicted

    def error(self, predicted: Floats) -> float:
        """Root mean square error; all candidates of a scenario together count once."""
        losses = np.square(predicted - self._labels)[self._chosen]
        means = np.bincount(self._scenario, losses) / np.bincount(self._scenario)
        return float(np.sqrt(means.mean()))

    @property
    def _labels(self) -> Floats:
        return self.rows.labels[:, self.column]

    def _weights(self, places: Sequence[int], rows: Indices) -> Floats:
        if not places:
            return np.zeros(0)
        lacking = (self._labels - self.features)[rows]
        return fit_weights(self.added[list(places)][:, rows].T, lacking)
