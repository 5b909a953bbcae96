"""How a calibration is fitted and what it is worth: scikit-learn on a labelled bank. Pure.

Nothing that is measured here has seen its own label: the first layer's opinions that the second
one learns from, and all errors that are reported, come from folds that were left out, and
scenarios that share a question share a fold. (Scores from in-context examples are safe as well: a
worker never shows a scenario its own labels. As in any stacking, a second layer that leaves a row
out is fitted on other rows' opinions, and the forests that gave those may have seen its label.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.calibrations.sharpening import rows_by_scenario, sharpened
from app.domain import features
from app.domain.arrays import Floats
from app.domain.bank import MAX_DISTINCT_LEVELS, LabelledScenario
from app.domain.calibration.forest import Forest
from app.domain.calibration.model import (
    AttributeReport,
    Basis,
    Calibration,
    Evidence,
    FeatureModel,
    Layer,
    Stack,
    first_layer,
    second_layer_inputs,
    with_differences,
)
from app.domain.fingerprint import attribute_name
from app.domain.selection.uncertainty import SharedErrors

LEAST_SCENARIOS = 20
"""Labelled scenarios that an attribute must have: fewer tell nothing about folds left out."""
_FOLDS = 10
_STACK_FOLDS = 5
_TREES = 100
_LEAST_FOR_TREES = 100
"""Labelled scenarios from which on the second layer grows trees as well."""
_SURFACE_LEAF, _STACK_LEAF = 10, 5
_STACK_SHARE = 0.5
_CLEARLY = 1.645
"""Standard errors by which a judge must lower the error: by luck one in twenty would."""
_LEAST_DEVIATION = 1e-9
_LEAST_GAIN = 1e-9
"""Of the mean squared error: less is rounding."""
_ALPHAS = np.logspace(-1, 4, 16)

_BASES: tuple[Basis, ...] = ("together", "alone")

Bools = NDArray[np.bool_]


class UnfitBank(ValueError):
    """A bank, as far as it could be scored, is no ground for a calibration."""


class TooFewLabels(UnfitBank):
    """Too few scenarios are labelled and scored on an attribute."""


@dataclass(frozen=True, slots=True)
class LabelledEvidence:
    """One scenario to learn from."""

    question: str
    evidence: Evidence
    labels: Floats
    """(C, A), NaN where there is no label."""


def labels_of(
    scenario: LabelledScenario, positions: Sequence[int], attributes: Sequence[str]
) -> Floats:
    """Labels (C, A) of a scenario's candidates, NaN where there is none.

    `positions` says which candidate each response is. Those of one text are one candidate: it has
    the mean of their labels, because the expected label is what is to be learnt.
    """
    sums = np.zeros((max(positions) + 1, len(attributes)))
    counts = np.zeros_like(sums)
    for labels, position in zip(scenario.labels, positions, strict=True):
        for column, name in enumerate(attributes):
            if name in labels:
                sums[position, column] += labels[name]
                counts[position, column] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


@dataclass(frozen=True, slots=True)
class _Bank:
    """All scenarios in rows."""

    scenarios: tuple[Evidence, ...]
    labels: Floats
    """(R, A)"""
    raw: Floats
    """(R, A), the judge's scores; NaN where it gave none."""
    scenario: NDArray[np.intp]
    """(R,), which scenario a row is of."""
    question: NDArray[np.intp]
    """(R,), which question it answers, numbered in the bank's order."""

    @property
    def usable(self) -> Bools:
        """(R, A), where there are a label and a score."""
        return np.asarray(~np.isnan(self.labels) & ~np.isnan(self.raw))


def fit(
    scenarios: Sequence[LabelledEvidence], *, scorer: str, fields: Sequence[str]
) -> Calibration:
    """Fit a calibration of `A` = `len(fields)` attributes; without its digest.

    Scenarios that the judge has not scored (NaN) still tell what surface features are worth. The
    same scenarios give the same calibration. Raises `UnfitBank`.
    """
    names = [attribute_name(field) for field in fields]
    bank = _in_rows(scenarios, names)
    feature_models = _fit_feature_models(bank)
    opinion = _opinions(bank, feature_models)
    levels = tuple(_levels(bank.labels[:, column]) for column in range(len(fields)))
    guesses: dict[Layer, Floats] = {}
    everything = tuple(range(len(fields)))
    features_alone, guesses["features"] = _fit_each(
        bank, opinion, ~np.isnan(bank.labels), hears=False
    )
    alone, guesses["alone"] = _fit_each(bank, opinion, bank.usable, hears=True)
    together = None
    complete = np.asarray(bank.usable.all(axis=1))
    enough = len(set(bank.scenario[complete])) >= LEAST_SCENARIOS
    if len(fields) > 1 and enough and _can_be_left_out(bank, complete):
        together, guesses["together"] = _fit_stack(bank, opinion, everything, everything, complete)
    reports: list[AttributeReport] = []
    layers: dict[Basis, tuple[Layer, ...]] = {}
    errors: dict[Basis, SharedErrors] = {}
    for basis in _BASES if together else _BASES[1:]:
        of_basis = [_report(bank, guesses, basis, c, name) for c, name in enumerate(names)]
        reports += of_basis
        layers[basis] = tuple(report.layer for report in of_basis)
        stands = [guesses[layer][:, c] for c, layer in enumerate(layers[basis])]
        said = np.clip(np.stack(stands, axis=1), 0.0, 1.0)
        errors[basis] = sharpened(_errors(bank, said, levels), bank.scenario, said, bank.labels)
    return Calibration(
        digest="",
        scorer=scorer,
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=feature_models,
        features_alone=features_alone,
        together=together,
        alone=alone,
        layers=layers,
        levels=levels,
        errors=errors,
        reports=tuple(reports),
    )


def fit_features(scenarios: Sequence[LabelledEvidence], *, fields: Sequence[str]) -> Calibration:
    """What surface features alone are worth: a calibration that heeds no judge.

    It is for no scorer: a yardstick for the others. Of the evidence it reads the features only.
    Raises `UnfitBank`.
    """
    bank = _in_rows(scenarios, [attribute_name(field) for field in fields])
    feature_models = _fit_feature_models(bank)
    opinion = _opinions(bank, feature_models)
    features_alone, said = _fit_each(bank, opinion, ~np.isnan(bank.labels), hears=False)
    levels = tuple(_levels(bank.labels[:, column]) for column in range(len(fields)))
    layer: Layer = "features"
    return Calibration(
        digest="",
        scorer="",
        features=features.VERSION,
        fields=tuple(fields),
        feature_models=feature_models,
        features_alone=features_alone,
        together=None,
        alone=(),
        layers={"alone": (layer,) * len(fields)},
        levels=levels,
        errors={"alone": _errors(bank, np.clip(said, 0.0, 1.0), levels)},
        reports=(),
    )


def _in_rows(scenarios: Sequence[LabelledEvidence], names: Sequence[str]) -> _Bank:
    """Raises `UnfitBank` where there is too little to learn from."""
    if not scenarios:
        raise TooFewLabels(_lacking(0, names[0]))
    sizes = [len(scenario.labels) for scenario in scenarios]
    every = dict.fromkeys(s.question for s in scenarios)
    questions = {question: index for index, question in enumerate(every)}
    question = np.array([questions[s.question] for s in scenarios], dtype=np.intp)
    bank = _Bank(
        scenarios=tuple(s.evidence for s in scenarios),
        labels=np.concatenate([s.labels for s in scenarios]),
        raw=np.concatenate([s.evidence.judge[:, :, 0] for s in scenarios]),
        scenario=np.repeat(np.arange(len(scenarios)), sizes),
        question=np.repeat(question, sizes),
    )
    for column, name in enumerate(names):
        usable = bank.usable[:, column]
        if (found := len(set(bank.scenario[usable]))) < LEAST_SCENARIOS:
            raise TooFewLabels(_lacking(found, name))
        if not _can_be_left_out(bank, usable):
            raise UnfitBank(
                f"the scenarios that are labelled and scored on {name!r} ask too few different "
                "questions for some to be left out"
            )
    return bank


def _lacking(found: int, attribute: str) -> str:
    return (
        f"{found} scenarios are labelled and scored on {attribute!r}; "
        f"a calibration needs {LEAST_SCENARIOS}"
    )


def _can_be_left_out(bank: _Bank, usable: Bools) -> bool:
    """Whether some of the usable rows can be left out and some remain."""
    return len(np.unique(bank.question[usable])) > 1


def _folds(bank: _Bank, rows: NDArray[np.intp], folds: int) -> list[NDArray[np.intp]]:
    """`rows` in parts to leave out one at a time, those of one question in one part.

    Dealt out by the order of the questions that these rows have: every part has its share of
    them, whichever rows of the bank they are.
    """
    number = np.unique(bank.question[rows], return_inverse=True)[1].reshape(-1)
    return [rows[number % folds == fold] for fold in range(min(folds, int(number.max()) + 1))]


def _fit_feature_models(bank: _Bank) -> tuple[FeatureModel, ...]:
    """One forest for all attributes that have the very same labelled rows."""
    inputs = np.concatenate([with_differences(s.surface) for s in bank.scenarios])
    return tuple(
        FeatureModel(
            tuple(columns), _grow(inputs[rows], bank.labels[rows][:, columns], _SURFACE_LEAF)
        )
        for columns, rows in _groups(bank)
    )


def _groups(bank: _Bank) -> list[tuple[list[int], NDArray[np.intp]]]:
    """Attributes by what rows are labelled on them: (columns, rows)."""
    labelled = ~np.isnan(bank.labels)
    groups: dict[bytes, list[int]] = {}
    for column in range(labelled.shape[1]):
        groups.setdefault(labelled[:, column].tobytes(), []).append(column)
    return [(columns, np.flatnonzero(labelled[:, columns[0]])) for columns in groups.values()]


def _opinions(bank: _Bank, feature_models: Sequence[FeatureModel]) -> Floats:
    """The first layer's word for every row, by forests that have not seen its label: (R, A)."""
    opinion = first_layer(feature_models, bank.scenarios, bank.labels.shape[1])
    inputs = np.concatenate([with_differences(s.surface) for s in bank.scenarios])
    for columns, rows in _groups(bank):
        for out in _folds(bank, rows, _FOLDS):
            kept = np.setdiff1d(rows, out)
            forest = _grow(inputs[kept], bank.labels[kept][:, columns], _SURFACE_LEAF)
            opinion[out[:, None], columns] = forest.predict(inputs[out])
    return opinion


def _fit_each(
    bank: _Bank, opinion: Floats, usable: Bools, *, hears: bool
) -> tuple[tuple[Stack, ...], Floats]:
    """A second layer for each attribute, which hears the judge on that one or not at all, and what
    they say of rows that they have not seen: (R, A)."""
    stacks: list[Stack] = []
    out_of_fold = np.full(opinion.shape, np.nan)
    for column in range(opinion.shape[1]):
        heard = (column,) if hears else ()
        stack, said = _fit_stack(bank, opinion, heard, (column,), usable[:, column])
        stacks.append(stack)
        out_of_fold[:, column] = said[:, 0]
    return tuple(stacks), out_of_fold


def _fit_stack(
    bank: _Bank,
    opinion: Floats,
    heard: tuple[int, ...],
    columns: tuple[int, ...],
    usable: Bools,
) -> tuple[Stack, Floats]:
    """A second layer, and what it says of rows that it has not seen: (R, k), NaN elsewhere."""
    inputs = second_layer_inputs(bank.scenarios, opinion, heard)
    labels = bank.labels[:, list(columns)]
    rows = np.flatnonzero(usable)
    out_of_fold = np.full(labels.shape, np.nan)

    def stack(kept: NDArray[np.intp]) -> Stack:
        enough = len(np.unique(bank.scenario[kept])) >= _LEAST_FOR_TREES
        grows = bool(heard) and enough
        return _stack(inputs[kept], labels[kept], heard, columns, grows=grows)

    for out in _folds(bank, rows, _STACK_FOLDS):
        out_of_fold[out] = stack(np.setdiff1d(rows, out)).predict(inputs[out])
    return stack(rows), out_of_fold


def _stack(
    inputs: Floats,
    labels: Floats,
    heard: tuple[int, ...],
    columns: tuple[int, ...],
    *,
    grows: bool,
) -> Stack:
    from sklearn.linear_model import RidgeCV

    center, scale = inputs.mean(axis=0), inputs.std(axis=0)
    # What never varies says nothing. Its deviation need not be 0: the mean of equal floats is off
    # by their last bit, and divided by that the first other value would drown everything.
    scale = np.where(scale > _LEAST_DEVIATION, scale, 1.0)
    ridge = RidgeCV(alphas=_ALPHAS, alpha_per_target=len(columns) > 1)
    ridge.fit((inputs - center) / scale, labels if len(columns) > 1 else labels[:, 0])
    coefficients = np.asarray(ridge.coef_, dtype=np.float64).reshape(len(columns), -1).T
    return Stack(
        heard=heard,
        columns=columns,
        center=center,
        scale=scale,
        coefficients=coefficients,
        intercept=np.asarray(ridge.intercept_, dtype=np.float64).reshape(len(columns)),
        forest=_grow(inputs, labels, _STACK_LEAF, share=_STACK_SHARE) if grows else None,
    )


def _grow(inputs: Floats, labels: Floats, leaf: int, *, share: float = 1.0) -> Forest:
    """Extra trees (Geurts et al. 2006): they overfit little, and need no tuning."""
    from sklearn.ensemble import ExtraTreesRegressor

    grown = ExtraTreesRegressor(
        _TREES, min_samples_leaf=leaf, max_features=share, random_state=0, n_jobs=1
    ).fit(inputs, labels if labels.shape[1] > 1 else labels[:, 0])
    return as_forest([tree.tree_ for tree in grown.estimators_])


def as_forest(trees: Sequence[Any]) -> Forest:
    """scikit-learn's trees as arrays."""
    counts = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)

    def child(tree: Any, side: str, root: int) -> NDArray[np.int32]:
        # Of a leaf, whose children are -1, any place that exists: it is never gone to.
        return np.asarray(np.maximum(getattr(tree, side), 0) + root, dtype=np.int32)

    pairs = list(zip(trees, roots, strict=True))
    feature = np.concatenate([np.maximum(tree.feature, -1) for tree in trees]).astype(np.int16)
    return Forest(
        feature=feature,
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([child(tree, "children_left", root) for tree, root in pairs]),
        right=np.concatenate([child(tree, "children_right", root) for tree, root in pairs]),
        value=np.concatenate([tree.value[:, :, 0] for tree in trees]).astype(np.float32),
        roots=roots,
    )


def _report(
    bank: _Bank, guesses: Mapping[Layer, Floats], basis: Basis, column: int, name: str
) -> AttributeReport:
    """Decide whose word stands for an attribute, from guesses (R, A) that have not seen labels."""
    judges: list[Layer] = ["alone", "together"] if basis == "together" else ["alone"]
    known = ~np.isnan(bank.labels[:, column])
    for listening in judges:
        known &= ~np.isnan(guesses[listening][:, column])
    rows = np.flatnonzero(known)
    label = bank.labels[rows, column]
    said = {of: np.clip(guess[rows, column], 0.0, 1.0) for of, guess in guesses.items()}
    raw = bank.raw[rows, column]
    # Errors of one scenario go together: they count once.
    number = np.unique(bank.scenario[rows], return_inverse=True)[1].reshape(-1)
    lost = {of: _means(np.square(guess - label), number) for of, guess in said.items()}
    judge = min(judges, key=lambda candidate: float(lost[candidate].mean()))
    gain = lost["features"] - lost[judge]
    luck = _CLEARLY * gain.std(ddof=1) / np.sqrt(len(gain))
    helps = gain.mean() > max(luck, _LEAST_GAIN)
    layer: Layer = judge if helps else "features"
    error = {of: float(np.sqrt(lost[of].mean())) for of in said}
    return AttributeReport(
        attribute=name,
        basis=basis,
        scenarios=len(gain),
        layer=layer,
        error_constant=float(label.std()),
        error_raw=float(np.sqrt(_means(np.square(raw - label), number).mean())),
        error_features=error["features"],
        error_judge=error[judge],
        error=error[layer],
        pairs_raw=_pair_order(label, raw, number),
        pairs_features=_pair_order(label, said["features"], number),
        pairs=_pair_order(label, said[layer], number),
        says=_says(name, error["features"], error[judge] if helps else None),
    )


def _says(name: str, features: float, judge: float | None) -> str:
    if judge is None:
        return f"on {name} this judge adds nothing to surface features"
    return (
        f"on {name} this judge lowers the error of surface features by "
        f"{100 * (1 - judge / features):.0f} % (from {features:.3f} to {judge:.3f})"
    )


def _means(values: Floats, number: NDArray[np.intp]) -> Floats:
    """Mean of the values for each number: (R,) -> (S,)."""
    return np.asarray(np.bincount(number, values) / np.bincount(number), dtype=np.float64)


def _pair_order(label: Floats, guess: Floats, number: NDArray[np.intp]) -> float | None:
    right: list[float] = []
    for scenario in range(int(number.max()) + 1):
        rows = np.flatnonzero(number == scenario)
        for i, a in enumerate(rows):
            for b in rows[i + 1 :]:
                if label[a] != label[b]:
                    product = np.sign(guess[a] - guess[b]) * np.sign(label[a] - label[b])
                    right.append((1 + float(product)) / 2)
    return float(np.mean(right)) if right else None


def _levels(labels: Floats) -> tuple[float, ...]:
    """The values that labels take, ascending; empty where there are too many to be levels."""
    found = np.unique(labels[~np.isnan(labels)])
    return tuple(found.tolist()) if len(found) <= MAX_DISTINCT_LEVELS else ()


def _errors(bank: _Bank, used: Floats, levels: tuple[tuple[float, ...], ...]) -> SharedErrors:
    """Covariances of the errors of `used` (R, A), from the rows that have both of a pair."""
    error = used - bank.labels
    size = error.shape[1]
    same, other = np.zeros((size, size)), np.zeros((size, size))
    blocks = [error[rows] for rows in rows_by_scenario(bank.scenario)]
    for a in range(size):
        for b in range(size):
            same[a, b] = _mean([block[:, a] * block[:, b] for block in blocks])
            # Of two different candidates: all products of sums, less those with themselves.
            other[a, b] = _mean(
                [
                    np.outer(block[:, a], block[:, b])[~np.eye(len(block), dtype=bool)]
                    for block in blocks
                    if len(block) > 1
                ]
            )
    return SharedErrors(same, (other + other.T) / 2, levels)


def _mean(parts: Sequence[Floats]) -> float:
    values = np.concatenate(parts) if parts else np.array([])
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else 0.0
