"""Checks of targets and selection options before anything is scored. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.calibration.model import NONE
from app.domain.methods import MethodTraits
from app.domain.selection.distance import Distance
from app.domain.selection.distributions import DISTRIBUTION_METRICS
from app.domain.selection.targets import Bounds, Wish
from app.errors import FieldError, InvalidRequest, escaped
from app.scoring.planned import Resolved
from app.selection.options import Options
from app.selection.requests import SelectRequest

MAX_PAIRS = 20_000
"""Maximum number of pairs of score set and target in a request."""
MAX_COMPACT_PAIRS = 5_000_000
"""Maximum number of pairs in a compact request."""
MAX_DRAWN_PAIRS = 1_000
"""Maximum number of pairs in a request for probabilities or explanations."""
MAX_CURVES = 10_000
"""Maximum number of targets times attributes for distances between distributions."""
MAX_ATTRIBUTES = 200
"""Maximum number of different attributes in the targets of a request."""
_OF_DISTANCES = ("weights", "explain", "min_probability", "min_margin", "max_distance")
Target = Mapping[str, Wish]


def check_select(request: SelectRequest, resolved: Resolved, options: Options) -> None:
    """Raise `InvalidRequest` if the target or an option does not suit the method or attributes."""
    method, traits = request.scoring.method, resolved.traits
    needed = traits.kind == "score" or traits.reads_target
    if request.persona is not None and not traits.reads_target:
        detail = f"method {method!r} reads no persona: use prompt_aligned"
        raise InvalidRequest(detail, fields=[FieldError("#/persona", detail)])
    if not resolved.target and needed and request.persona is None:
        detail = f"method {method!r} requires a target"
        raise InvalidRequest(detail, fields=[FieldError("#/target", detail)])
    if traits.kind == "choice":
        for name in _OF_DISTANCES:
            if getattr(request.selection, name):
                detail = f"method {method!r} computes no distances, so {name} does not apply"
                raise InvalidRequest(detail, fields=[FieldError(f"#/selection/{name}", detail)])
    check_metric(options.metric, [resolved.target])
    target, weights = resolved.target, options.weights
    if target and all(weights.get(name) == 0 for name in target):
        raise weightless()
    errors = [
        FieldError(f"{part}/{escaped(name)}", f"{name!r} is not one of the scored attributes")
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
    """Warnings about members of a `/select` request that have no effect."""
    if traits.kind == "score":
        stray = [name for name in options.weights if name not in target]
        warnings = (
            [f"weights of attributes that are not in the target have no effect: {', '.join(stray)}"]
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
    """A warning if there is a covariance bank, but the distance does not use one."""
    if options.covariance_bank is None or options.metric == "mahalanobis":
        return ()
    return (f"covariance_bank has no effect on the {options.metric} distance",)


def check_many(score_sets: int, targets: Sequence[Target], options: Options) -> None:
    """Raise `InvalidRequest` if there are too many pairs, or weights that no target uses."""
    _check_size(score_sets, targets, options)
    check_metric(options.metric, targets)
    if not options.weights:
        return
    named = {name for target in targets for name in target}
    stray = [name for name in options.weights if name not in named]
    if stray:
        raise InvalidRequest(
            f"{stray[0]!r} has a weight, but is not in any target",
            fields=[
                FieldError(f"#/selection/weights/{escaped(name)}", "is not in any target")
                for name in stray
            ],
        )


def check_metric(metric: Distance, targets: Sequence[Target]) -> None:
    """Raise `InvalidRequest` if a target has bounds and the distance supports only values."""
    if metric != "mahalanobis":
        return
    for target in targets:
        for name, wish in target.items():
            if isinstance(wish, Bounds):
                detail = f"{name!r} has bounds, but the mahalanobis distance supports only values"
                raise InvalidRequest(detail, fields=[FieldError("#/selection/distance", detail)])


def weightless() -> InvalidRequest:
    """The error for a target whose attributes all have weight 0."""
    detail = "every attribute of the target has weight 0: give one a positive weight"
    return InvalidRequest(detail, fields=[FieldError("#/selection/weights", detail)])


def _check_size(score_sets: int, targets: Sequence[Target], options: Options) -> None:
    limit = MAX_COMPACT_PAIRS
    if not options.compact:
        limit = MAX_DRAWN_PAIRS if options.one_by_one else MAX_PAIRS
    if score_sets * len(targets) > limit:
        detail = (
            f"{score_sets} score sets x {len(targets)} targets exceed the limit of {limit} pairs"
        )
        if limit == MAX_DRAWN_PAIRS:
            detail += f"; it is {MAX_PAIRS} without explain and min_probability"
        if limit != MAX_COMPACT_PAIRS:
            detail += f"; it is {MAX_COMPACT_PAIRS} with compact"
        raise InvalidRequest(detail, fields=[FieldError("#/targets", detail)])
    names = {name for target in targets for name in target}
    if options.metric in DISTRIBUTION_METRICS and len(targets) * len(names) > MAX_CURVES:
        detail = (
            f"{len(targets)} targets x {len(names)} attributes exceed the limit of {MAX_CURVES} "
            f"for the distance {options.metric}"
        )
        raise InvalidRequest(detail, fields=[FieldError("#/targets", detail)])
    if len(names) > MAX_ATTRIBUTES:
        detail = f"the targets name {len(names)} attributes; the limit is {MAX_ATTRIBUTES}"
        raise InvalidRequest(detail, fields=[FieldError("#/targets", detail)])
