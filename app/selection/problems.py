"""Why a pair of score set and target has no selection: a value, because other pairs go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from app.domain.cells import Pending, Unscored
from app.domain.score_set import ScoreSet
from app.domain.selection.targets import TargetMatrix
from app.errors import (
    AttributeNotScored,
    AzimuthError,
    CellsUnscored,
    FieldError,
    InvalidRequest,
    UnknownScoreSet,
    escaped,
)


@dataclass(frozen=True, slots=True)
class PairProblem:
    """One reason, shared by all the pairs that it concerns."""

    kind: type[AzimuthError]
    detail: str
    fields: tuple[FieldError, ...] = ()
    """They point to `#/targets/<attribute>`, as if the request had one target."""
    extensions: Mapping[str, object] = field(default_factory=dict)

    def error(self) -> AzimuthError:
        """As the exception that a lone pair of `/select` raises."""
        return self.kind(self.detail, fields=self.fields, extensions=dict(self.extensions))

    @classmethod
    def of(cls, error: AzimuthError) -> PairProblem:
        """The value of an exception that concerns one of several score sets."""
        return cls(type(error), error.detail, error.fields, error.extensions)


def unknown_score_set(score_set_id: str) -> PairProblem:
    """The problem of a score set that is not in the cache."""
    return PairProblem(
        UnknownScoreSet,
        f"there is no score set {score_set_id!r}: it expired or never existed",
        (FieldError("#/score_set_ids", f"{score_set_id!r} is unknown"),),
        {"score_set_id": score_set_id},
    )


@dataclass(frozen=True, slots=True)
class Lack:
    """Why an attribute of a target has no score to compare with."""

    attribute: str
    """As the target names it."""
    detail: str
    unscored: Unscored | None = None
    """Where the judge failed on it."""
    ambiguous: tuple[str, ...] = ()
    """Cells that the name may mean."""
    unlabelled: bool = False
    """Where it is scored, but the bank of a Mahalanobis distance does not label it."""


def lack_of(score_set: ScoreSet, attribute: str) -> Lack:
    """Why a score set has not exactly one scored cell for a name in a target."""
    cells = score_set.named(attribute)
    scored = sorted(field for field in cells if field in score_set.scores)
    if len(scored) > 1:
        return Lack(
            attribute,
            f"score set {score_set.id!r} has scores for {len(scored)} definitions of "
            f"{attribute!r}; name one of {', '.join(scored)}",
            ambiguous=tuple(scored),
        )
    unscored = next((cell for cell in cells.values() if isinstance(cell, Unscored)), None)
    if unscored is not None:
        reason = f"{attribute!r} is unscored: {unscored.reason}"
        return Lack(attribute, reason, unscored=unscored)
    pending = any(isinstance(cell, Pending) for cell in cells.values())
    why = ": it is still being scored" if pending else ""
    return Lack(attribute, f"score set {score_set.id!r} has no scores for {attribute!r}{why}")


def problem_of(score_set: ScoreSet, lacks: Sequence[Lack]) -> PairProblem:
    """The one problem of a target that lacks scores for some attributes."""
    unlabelled = [lack for lack in lacks if lack.unlabelled]
    if unlabelled:
        first = unlabelled[0].detail
        return PairProblem(InvalidRequest, first, (FieldError("#/selection/distance", first),))
    missing = [lack for lack in lacks if lack.unscored is None]
    if not missing:
        return PairProblem(
            CellsUnscored,
            ", ".join(lack.detail for lack in lacks),
            extensions={
                "score_set_id": score_set.id,
                "unscored": [msgspec.to_builtins(cell) for cell in score_set.unscored.values()],
            },
        )
    ambiguous = [exact for lack in missing for exact in lack.ambiguous]
    extensions: dict[str, object] = {"score_set_id": score_set.id}
    if ambiguous:
        extensions["ambiguous"] = ambiguous
    absent = [lack.attribute for lack in missing if not lack.ambiguous]
    if absent:
        extensions["missing"] = absent
        extensions["scored"] = sorted({cell.attribute for cell in score_set.scores.values()})
    return PairProblem(
        AttributeNotScored,
        "; ".join(lack.detail for lack in missing),
        tuple(
            FieldError(
                f"#/targets/{escaped(lack.attribute)}",
                "has several definitions" if lack.ambiguous else "is not scored",
            )
            for lack in missing
        ),
        extensions,
    )


def named_twice(
    score_set: ScoreSet, targets: TargetMatrix, field_of: Mapping[str, str]
) -> dict[int, PairProblem]:
    """Problems of targets with two wishes for one cell, by target.

    `name` and `name@digest` may mean the same cell; `field_of` maps names to cell fields.
    """
    columns_of: dict[str, list[int]] = {}
    for a, name in enumerate(targets.attributes):
        if name in field_of:
            columns_of.setdefault(field_of[name], []).append(a)
    problems: dict[int, PairProblem] = {}
    for columns in columns_of.values():
        if len(columns) == 1:
            continue
        names = [targets.attributes[a] for a in columns]
        detail = f"{' and '.join(map(repr, names))} are the same scores: a target may name one"
        problem = PairProblem(
            InvalidRequest,
            detail,
            tuple(FieldError(f"#/targets/{escaped(name)}", detail) for name in names),
            {"score_set_id": score_set.id},
        )
        twice = targets.named[:, columns].sum(axis=1) > 1
        problems |= dict.fromkeys(np.flatnonzero(twice).tolist(), problem)
    return problems
