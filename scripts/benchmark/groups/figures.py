"""From measurements of groups and people to the figures that are kept and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from app.domain.arrays import Floats
from app.domain.people.audit import audit
from app.domain.people.model import fit
from app.domain.people.reading import fit_reader
from app.domain.ratings.table import Ints, RatingTable
from scripts.benchmark.groups.opinions import SOURCES, chances, read_opinions, right_answers
from scripts.benchmark.groups.people import DRAWS, Curve, group_values, learning_curve
from scripts.benchmark.groups.retrieving import GroupResult, Retrieved
from scripts.benchmark.measures.estimates import NORMAL_95
from scripts.benchmark.records.group_figures import (
    AuditFigures,
    ChoiceFigures,
    CurvePoint,
    Estimate,
    OpinionFigures,
    PeopleFigures,
    ReadingFigures,
    RetrievalFigures,
    RetrievedFigures,
    ShareFigures,
    WeightFigures,
)

_T = {4: 3.182, 7: 2.447, 10: 2.262}
"""97.5 % quantile of Student's t for so many blocks of raters, or folds of people."""
_PAPER = ("baseline", "spica")
"""Conditions of the paper's published errors"""
ALL = "all"
"""Stands for the mean over groups."""


def retrieval_figures(
    results: Mapping[str, GroupResult], blocks: Ints, published: Mapping[tuple[str, str], Floats]
) -> RetrievalFigures:
    """Figures 3, 6 and 9: mismatch and weights, for each group and way to retrieve."""
    rows: list[RetrievedFigures] = []
    for group, result in results.items():
        similar = result.retrieved[0]
        rows += [_retrieved(group, [one], [similar], blocks) for one in result.retrieved]
        rows += _published(group, published, [group], blocks)
    each = [result.retrieved for result in results.values()]
    for place in range(len(each[0])):
        rows.append(_retrieved(ALL, [some[place] for some in each], [s[0] for s in each], blocks))
    rows += _published(ALL, published, list(results), blocks)
    weights = [
        WeightFigures(
            group, result.weights.similarity, result.weights.stability, result.weights.contrast
        )
        for group, result in results.items()
    ]
    return RetrievalFigures(len(blocks), tuple(rows), tuple(weights))


def _retrieved(
    group: str, some: Sequence[Retrieved], similar: Sequence[Retrieved], blocks: Ints
) -> RetrievedFigures:
    mismatch = np.mean([one.mismatch for one in some], axis=0)
    less = mismatch - np.mean([one.mismatch for one in similar], axis=0)
    same = some[0].kind == similar[0].kind
    return RetrievedFigures(
        group=group,
        kind=some[0].kind,
        mismatch=_by_block(mismatch, blocks),
        less=None if same else _over(less),
        less_by_raters=None if same else _by_block(less, blocks),
        examples=tuple(len(np.unique(one.example)) for one in some),
        value=float(np.mean([one.value for one in some])),
        spread=float(np.mean([one.spread for one in some])),
    )


def _published(
    name: str, published: Mapping[tuple[str, str], Floats], groups: Sequence[str], blocks: Ints
) -> list[RetrievedFigures]:
    """The paper's errors, the mean over groups; no rows where a group has none."""
    if any((condition, group) not in published for condition in _PAPER for group in groups):
        return []
    similar, spica = (
        np.mean([published[condition, group] for group in groups], axis=0) for condition in _PAPER
    )
    less = spica - similar
    return [
        RetrievedFigures(name, "paper's similar", _by_block(similar, blocks)),
        RetrievedFigures(
            name, "paper's spica", _by_block(spica, blocks), _over(less), _by_block(less, blocks)
        ),
    ]


def people_figures(table: RatingTable, draws: int = DRAWS) -> PeopleFigures:
    """Learning curve, coverage, choices for groups and the audit."""
    found = audit(fit(table), table.membership)
    return PeopleFigures(
        people=len(table.raters),
        curve=tuple(_point(one, table) for one in learning_curve(table, draws=draws)),
        choices=tuple(
            ChoiceFigures(
                one.way, *(_over(each, _t(each)) for each in (one.value, one.regret, one.worst))
            )
            for one in group_values(table)
        ),
        audit=AuditFigures(
            words=tuple(found.words),
            shares=tuple(
                ShareFigures(one.part, Estimate(one.share, one.low, one.high))
                for one in found.shares
            ),
            p=found.p,
            needed=tuple((one.points, one.people) for one in found.needed),
        ),
    )


def _point(curve: Curve, table: RatingTable) -> CurvePoint:
    covered = np.nanmean(curve.inside, axis=0)
    return CurvePoint(
        own=curve.own,
        gain=_over(curve.gain),
        error=float(curve.error.mean()),
        covered=float(covered.mean()),
        by_class=dict(zip(table.classes, covered.tolist(), strict=True)),
    )


def reading_figures(spica: Path) -> tuple[ReadingFigures, ...]:
    """How well classes are read from the texts of prompts that were left out."""
    lines = (spica / "train.jsonl").read_text("utf-8").splitlines()
    scenarios = [json.loads(line) for line in lines]
    figures: list[ReadingFigures] = []
    for texts in (3, 1):
        material = [
            (one["question"], text, kind, place)
            for place, one in enumerate(scenarios)
            for kind, some in enumerate(one["response_texts"])
            for text in some[:texts]
        ]
        questions, answers, kinds, places = zip(*material, strict=True)
        reader = fit_reader(questions, answers, np.array(kinds), np.array(places), 5)
        assert reader is not None
        figures.append(ReadingFigures(texts, reader.accuracy, reader.chance))
    return tuple(figures)


def opinion_figures(folder: Path) -> tuple[OpinionFigures, ...]:
    """Accuracy on OpinionQA, by what the prediction may learn from."""
    opinions = read_opinions(folder)
    groups = sorted({one.group for one in opinions})
    figures: list[OpinionFigures] = []
    for source in SOURCES:
        right = [right_answers(opinions, group, source).astype(np.float64) for group in groups]
        by_group = {group: _over(one) for group, one in zip(groups, right, strict=True)}
        figures.append(OpinionFigures(source, by_group, float(np.concatenate(right).mean())))
    for place, name in enumerate(("guessing", "commonest place")):
        shares = {group: chances(opinions, group)[place] for group in groups}
        exact = {group: Estimate(one, one, one) for group, one in shares.items()}
        figures.append(OpinionFigures(name, exact, float(np.mean(list(shares.values())))))
    return tuple(figures)


def _over(values: Floats, quantile: float = NORMAL_95) -> Estimate:
    half = quantile * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    mean = values.mean()
    return Estimate(float(mean), float(mean - half), float(mean + half))


def _by_block(values: Floats, blocks: Ints) -> Estimate:
    means = np.array([values[blocks == block].mean() for block in np.unique(blocks)])
    interval = _over(means, _t(means))
    shift = float(values.mean()) - interval.mean  # blocks may differ in size
    return Estimate(interval.mean + shift, interval.low + shift, interval.high + shift)


def _t(values: Floats) -> float:
    return _T.get(len(values), 2.5)
