"""Problems of single pairs of score set and target, as values: other pairs go on. Pure."""

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
    """Why pairs have no selection. Pairs with the same problem may share it."""

    kind: type[AzimuthError]
    detail: str
    fields: tuple[FieldError, ...] = ()
    """Pointers are `#/targets/<attribute>`, as in a request with a single target."""
    extensions: Mapping[str, object] = field(default_factory=dict)

    def error(self) -> AzimuthError:
        """The problem as an exception, for `/select`."""
        return self.kind(self.detail, fields=self.fields, extensions=dict(self.extensions))

    @classmethod
    def of(cls, error: AzimuthError) -> PairProblem:
        """The problem for an exception about one of several score sets."""
        return cls(type(error), error.detail, error.fields, error.extensions)


def unknown_score_set(score_set_id: str) -> PairProblem:
    """The problem of a score set that is not in the cache."""
    return PairProblem(
        UnknownScoreSet,
        f"no score set has the id {score_set_id!r}: it expired or never existed",
        (FieldError("#/score_set_ids", f"{score_set_id!r} is unknown"),),
        {"score_set_id": score_set_id},
    )


@dataclass(frozen=True, slots=True)
class Lack:
    """Why an attribute of a target has no usable score."""

    attribute: str
    """Name in the target."""
    detail: str
    unscored: Unscored | None = None
    """The cell, if it is unscored."""
    ambiguous: tuple[str, ...] = ()
    """Fields of the cells, if several match the name."""
    unlabelled: bool = False
    """True if it is scored, but the bank of the Mahalanobis distance has too few labels of it."""


def lack_of(score_set: ScoreSet, attribute: str) -> Lack:
    """Why a name in a target does not match exactly one scored cell."""
    cells = score_set.named(attribute)
    scored = sorted(field for field in cells if field in score_set.scores)
    if len(scored) > 1:
        return Lack(
            attribute,
            f"score set {score_set.id!r} has scores for {len(scored)} definitions of "
            f"{attribute!r}; use one of the names {', '.join(scored)}",
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
    """The problem of a target with unusable attributes."""
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
    """Problems of targets that name one cell twice, by target.

    `name` and `name@digest` may refer to the same cell; `field_of` maps names to fields.
    """
    if len(set(field_of.values())) == len(field_of):
        return {}
    columns_of: dict[str, list[int]] = {}
    for a, name in enumerate(targets.attributes):
        if name in field_of:
            columns_of.setdefault(field_of[name], []).append(a)
    problems: dict[int, PairProblem] = {}
    for columns in columns_of.values():
        if len(columns) == 1:
            continue
        names = [targets.attributes[a] for a in columns]
        detail = f"{' and '.join(map(repr, names))} are the same attribute: name it only once"
        problem = PairProblem(
            InvalidRequest,
            detail,
            tuple(FieldError(f"#/targets/{escaped(name)}", detail) for name in names),
            {"score_set_id": score_set.id},
        )
        twice = targets.named[:, columns].sum(axis=1) > 1
        problems |= dict.fromkeys(np.flatnonzero(twice).tolist(), problem)
    return problems
