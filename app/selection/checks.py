"""What can be refused about a target before anything is scored. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.calibration.model import NONE
from app.domain.methods import MethodTraits
from app.domain.selection.distance import Distance
from app.domain.selection.targets import Bounds, Wish
from app.errors import FieldError, InvalidRequest, escaped
from app.scoring.planner import Resolved
from app.selection.options import Options
from app.selection.requests import SelectRequest

MAX_PAIRS = 20_000
"""Pairs of score set and target that one request may have answered in full."""
MAX_COMPACT_PAIRS = 5_000_000
"""Pairs that one request may have answered as indices."""
MAX_DRAWN_PAIRS = 1_000
"""Pairs whose probabilities or explanations one request may ask for."""
MAX_ATTRIBUTES = 200
"""Different attributes that the targets of one request may name."""
_OF_DISTANCES = ("weights", "explain", "min_probability", "min_margin", "max_distance")
Target = Mapping[str, Wish]


def check_select(request: SelectRequest, resolved: Resolved, options: Options) -> None:
    """Raise `InvalidRequest` for a target or option that the method or attributes rule out."""
    method, traits = request.scoring.method, resolved.traits
    needed = traits.kind == "score" or traits.reads_target
    if not resolved.target and needed:
        detail = f"method {method!r} needs a target"
        raise InvalidRequest(detail, fields=[FieldError("#/target", detail)])
    if traits.kind == "choice":
        for name in _OF_DISTANCES:
            if getattr(request.selection, name):
                detail = f"method {method!r} has no distances, so {name} does not apply"
                raise InvalidRequest(detail, fields=[FieldError(f"#/selection/{name}", detail)])
    check_metric(options.metric, [resolved.target])
    target, weights = resolved.target, options.weights
    if target and all(weights.get(name) == 0 for name in target):
        raise weightless()
    errors = [
        FieldError(f"{part}/{escaped(name)}", f"{name!r} is not among the attributes asked for")
        for part, names in (("#/target", target), ("#/selection/weights", weights))
        for name in names
        if name not in resolved.names
    ]
    if errors:
        raise InvalidRequest(
            f"{errors[0].detail}: {', '.join(resolved.names)}",
            fields=errors,
            extensions={"known": resolved.names},
        )


def unused_in_select(
    request: SelectRequest, traits: MethodTraits, options: Options, target: Target
) -> tuple[str, ...]:
    """Warnings about parts of a request to select that have no effect."""
    if traits.kind == "score":
        stray = [name for name in options.weights if name not in target]
        warnings = (
            [f"the target does not name {', '.join(stray)}, so a weight has no effect"]
            if stray
            else []
        )
        return (*warnings, *unused_covariance_bank(options))
    unused: list[str] = []
    if options.metric != "euclidean":
        unused.append("distance")
    if options.covariance_bank is not None:
        unused.append("covariance_bank")
    if "calibration" in request.model_fields_set and request.calibration != NONE:
        unused.append("calibration")
    if not traits.reads_target:
        given = ("target", "attributes", "attribute_set")
        unused += [name for name in given if name in request.model_fields_set]
    if not unused:
        return ()
    return (f"method {request.scoring.method!r} does not use {', '.join(unused)}",)


def unused_covariance_bank(options: Options) -> tuple[str, ...]:
    """The warning for a covariance bank beside a distance that does not use one."""
    if options.covariance_bank is None or options.metric == "mahalanobis":
        return ()
    return (f"covariance_bank has no effect on the {options.metric} distance",)


def check_many(score_sets: int, targets: Sequence[Target], options: Options) -> None:
    """Raise `InvalidRequest` for more pairs than one request may have, or for stray weights."""
    _check_size(score_sets, targets, options)
    check_metric(options.metric, targets)
    if not options.weights:
        return
    named = {name for target in targets for name in target}
    stray = [name for name in options.weights if name not in named]
    if stray:
        raise InvalidRequest(
            f"there is a weight for {stray[0]!r}, which no target names",
            fields=[
                FieldError(f"#/selection/weights/{escaped(name)}", "no target names it")
                for name in stray
            ],
        )


def check_metric(metric: Distance, targets: Sequence[Target]) -> None:
    """Raise `InvalidRequest` for bounds where the distance takes values only."""
    if metric != "mahalanobis":
        return
    for target in targets:
        for name, wish in target.items():
            if isinstance(wish, Bounds):
                detail = f"{name!r} has bounds, and a Mahalanobis distance takes values only"
                raise InvalidRequest(detail, fields=[FieldError("#/selection/distance", detail)])


def weightless() -> InvalidRequest:
    """The error for a target whose attributes all have weight 0."""
    detail = "every attribute of the target has weight 0, so all candidates would tie"
    return InvalidRequest(detail, fields=[FieldError("#/selection/weights", detail)])


def _check_size(score_sets: int, targets: Sequence[Target], options: Options) -> None:
    limit = MAX_COMPACT_PAIRS
    if not options.compact:
        limit = MAX_DRAWN_PAIRS if options.one_by_one else MAX_PAIRS
    if score_sets * len(targets) > limit:
        detail = f"{score_sets} score sets x {len(targets)} targets are more than {limit} pairs"
        if limit == MAX_DRAWN_PAIRS:
            detail += f"; without explain and min_probability the limit is {MAX_PAIRS}"
        if limit != MAX_COMPACT_PAIRS:
            detail += f"; with compact it is {MAX_COMPACT_PAIRS}"
        raise InvalidRequest(detail, fields=[FieldError("#/targets", detail)])
    names = {name for target in targets for name in target}
    if len(names) > MAX_ATTRIBUTES:
        detail = f"the targets name {len(names)} attributes, more than {MAX_ATTRIBUTES}"
        raise InvalidRequest(detail, fields=[FieldError("#/targets", detail)])
