"""From a `/score` request to a plan: names resolved against what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.calibration.model import NONE
from app.domain.methods import METHODS, MethodTraits, profile_name, reads_digits
from app.domain.plan import ScorePlan, plan_scores, refuse_repeats
from app.domain.scenario import Attribute, AttributeSet, Candidate, Choice
from app.domain.scorer import BankRef, Scorer, ScorerSettings
from app.domain.selection.distance import Distance
from app.errors import (
    FieldError,
    InvalidRequest,
    ModelNotReady,
    UnknownAttribute,
    UnknownAttributeSet,
    UnknownMethod,
    UnknownModel,
    escaped,
)
from app.scoring.joint import asked_together, check_joint
from app.scoring.requests import AttributeIn, CandidateIn, ScoreRequest, ScorerIn
from app.selection.requests import BoundsIn, SelectRequest
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankInfo, BankStore
from app.store.fleet import Fleet, Pool

SAMPLING_TEMPERATURE = 0.7
"""Temperature of several samples unless the request says otherwise."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A plan, and who can carry it out."""

    plan: ScorePlan
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedScorer:
    """A scorer with everything that its request names."""

    scorer: Scorer
    attributes: tuple[Attribute, ...]
    choice: Choice | None
    """For methods that choose instead of scoring."""
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""
    warnings: tuple[str, ...]


class Planner:
    """Resolves the names of a request. Reads the store; decides nothing about work."""

    def __init__(
        self,
        attribute_sets: AttributeSetStore,
        banks: BankStore,
        fleet: Fleet,
        default_model: str | None,
    ) -> None:
        self._attribute_sets = attribute_sets
        self._banks = banks
        self._fleet = fleet
        self._default_model = default_model

    async def plan(self, request: ScoreRequest) -> PlannedRequest:
        """Plan a request's scoring. Raises as `scorer` does."""
        planned = await self.scorer(request)
        plan = plan_scores(
            request.question,
            candidates_of(request),
            planned.attributes,
            planned.scorer,
            planned.choice,
        )
        return PlannedRequest(plan, planned.pool, planned.live, planned.warnings)

    async def scorer(self, request: ScorerIn) -> PlannedScorer:
        """Who would score what a request asks for, and how.

        Raises the `Unknown…` error of the first name that nothing is stored under,
        `InvalidRequest`, or `ModelNotReady` when no worker has ever announced a model.
        """
        traits = traits_of(request)
        check_joint(request)
        attribute_set = await self._attribute_set(request.attribute_set)
        attributes = resolve_attributes(request.attributes, attribute_set)
        refuse_repeats("attribute", "#/attributes", [a.name for a in attributes])
        if isinstance(request, SelectRequest):
            check_target(request, traits, [a.name for a in attributes])
        pool, live = await self._pool(request.model, request.method)
        _check_labels_readable(request, pool)
        choice = choice_of(request, traits, attributes)
        asked = choice.attributes if choice else attributes
        bank = await self._bank(request, attribute_set) if traits.uses_examples else None
        settings = scorer_settings(request, traits, has_bank=bank is not None)
        if request.joint:
            settings = asked_together(settings, attributes, pool.model)
        scorer = Scorer(
            settings=settings,
            model=pool.model,
            bank=BankRef(bank.name, bank.digest) if bank else None,
        )
        warnings = (*without_effect(request, traits), *_check_labels(request, asked, bank))
        return PlannedScorer(scorer, tuple(attributes), choice, pool, live, warnings)

    async def _attribute_set(self, name: str) -> AttributeSet:
        attribute_set = await self._attribute_sets.get(name)
        if attribute_set is None:
            known = await self._attribute_sets.names()
            raise UnknownAttributeSet(
                f"no attribute set is called {name!r}",
                fields=[FieldError("#/attribute_set", f"known are {', '.join(known)}")],
                extensions={"known": known},
            )
        return attribute_set

    async def _bank(self, request: ScorerIn, attribute_set: AttributeSet) -> BankInfo | None:
        chosen = "bank" in request.model_fields_set
        name = request.bank if chosen else attribute_set.bank
        if name is None or request.examples == 0:
            return None
        info = await self._banks.info(name)
        if info is None:
            raise await self._banks.unknown(name, "#/bank" if chosen else "#/attribute_set")
        return info

    async def _pool(self, requested: str | None, method: str) -> tuple[Pool, bool]:
        """The pool for a model and a method, and whether it lives.

        Not every model serves every method: reward models and Kaleido serve their own alone. A
        request that names no model gets the default one if that serves the method, else one that
        does.
        """
        pools = await self._fleet.pools()
        workers = await self._fleet.workers()
        ready = {w.pool for w in workers if w.state == "ready"}
        named = [p for p in pools if requested is None or p.model.name == requested]
        if not named:
            if requested is not None and pools:
                known = sorted({p.model.name for p in pools})
                raise UnknownModel(
                    f"no model is called {requested!r}",
                    fields=[FieldError("#/model", f"known are {', '.join(known)}")],
                    extensions={"known": known},
                )
            raise await not_ready(self._fleet)
        default = [p for p in named if p.model.name == self._default_model]
        if requested is None and self._default_model and METHODS[method].generates:
            # Never another model than the one that was set, not even when that one is away.
            if not default:
                if self._default_model in {w.model for w in workers}:
                    raise await not_ready(self._fleet)
                live = [p for p in named if p.name in ready and method in p.model.profiles]
                raise _default_away(self._default_model, live)
            named = default
        serving = [p for p in named if method in p.model.profiles]
        if not serving:
            known = sorted({n for p in named for n in p.model.profiles if n in METHODS})
            names = ", ".join(sorted({repr(p.model.name) for p in named}))
            says = f"method {method!r} is not served by model {names}; known are {', '.join(known)}"
            raise UnknownMethod(
                says, fields=[FieldError("#/method", says)], extensions={"known": known}
            )
        preferred = [p for p in serving if p in default] or serving
        # During an upgrade one model has several pools: a live one first, then the latest.
        pool = next((p for p in preferred if p.name in ready), preferred[0])
        return pool, pool.name in ready


async def not_ready(fleet: Fleet) -> ModelNotReady:
    """The error that says what the workers are doing instead of serving."""
    workers = await fleet.workers()
    states = sorted({f"{w.model}: {w.detail}" for w in workers if w.state != "ready"})
    return ModelNotReady("; ".join(states) if states else "no worker is there")


def _default_away(default: str, live: Sequence[Pool]) -> ModelNotReady:
    """The error for a default model that no worker serves or loads, beside pools that are ready."""
    says = f"no worker serves {default!r}, which AZIMUTH_DEFAULT_MODEL names"
    if live:
        others = ", ".join(sorted({repr(pool.model.name) for pool in live}))
        says += f"; a request may name as its model {others}"
    return ModelNotReady(says)


def resolve_attributes(
    requested: Sequence[str | AttributeIn] | None, attribute_set: AttributeSet
) -> list[Attribute]:
    """The attributes of a request: all of the set's, or those named or defined in the request."""
    if requested is None:
        return list(attribute_set.attributes)
    known = [a.name for a in attribute_set.attributes]
    resolved: list[Attribute] = []
    unknown: list[FieldError] = []
    for index, item in enumerate(requested):
        if isinstance(item, AttributeIn):
            resolved.append(
                Attribute(item.name, item.definition, item.low, item.high, tuple(item.levels))
            )
        elif (attribute := attribute_set.find(item)) is not None:
            resolved.append(attribute)
        else:
            unknown.append(FieldError(f"#/attributes/{index}", f"known are {', '.join(known)}"))
    if unknown:
        name = requested[int(unknown[0].pointer.rpartition("/")[2])]
        raise UnknownAttribute(
            f"{name!r} is not in attribute set {attribute_set.name!r}",
            fields=unknown,
            extensions={"known": known},
        )
    return resolved


def _check_labels_readable(request: ScorerIn, pool: Pool) -> None:
    name = profile_name(request.method, reasoning=request.reasoning)
    if name not in pool.model.profiles:
        says = (
            f"labels cannot be read from model {pool.model.name!r}: digits are not single tokens "
            "for it; let it reason"
        )
        raise InvalidRequest(says, fields=[FieldError("#/reasoning", says)])


def traits_of(request: ScorerIn) -> MethodTraits:
    """What the request's method is like.

    Raises `UnknownMethod`, also for a method that chooses where scores are asked for.
    """
    may_choose = isinstance(request, SelectRequest)
    known = [name for name, traits in METHODS.items() if may_choose or traits.kind == "score"]
    if request.method not in known:
        says = f"no method is called {request.method!r}"
        if request.method in METHODS:
            says = f"{request.method!r} chooses without scoring: it is a method of /select only"
        raise UnknownMethod(
            says,
            fields=[FieldError("#/method", f"known are {', '.join(known)}")],
            extensions={"known": known},
        )
    return METHODS[request.method]


def choice_of(
    request: ScorerIn, traits: MethodTraits, attributes: Sequence[Attribute]
) -> Choice | None:
    """The choice that a request asks for; None for methods that score."""
    if traits.kind == "score":
        return None
    if not traits.reads_target or not isinstance(request, SelectRequest) or not request.target:
        return Choice()
    wanted: dict[str, float] = {}
    for attribute in attributes:
        wish = request.target.get(attribute.name)
        if isinstance(wish, BoundsIn):
            says = f"method {request.method!r} has words for values, not for bounds"
            pointer = f"#/target/{escaped(attribute.name)}"
            raise InvalidRequest(says, fields=[FieldError(pointer, says)])
        if wish is not None:
            wanted[attribute.name] = float(wish)
    # In one order and without what no prompt of a choice shows: neither is part of what is asked.
    asked = sorted((a for a in attributes if a.name in wanted), key=lambda a: a.name)
    return Choice(tuple(Attribute(a.name, a.definition) for a in asked), wanted)


def check_target(request: SelectRequest, traits: MethodTraits, attributes: Sequence[str]) -> None:
    """Refuse a target or weight that the request does not ask for, or the method cannot heed."""
    needed = traits.kind == "score" or traits.reads_target
    if request.target is None and needed:
        says = f"method {request.method!r} needs a target"
        raise InvalidRequest(says, fields=[FieldError("#/target", says)])
    if traits.kind == "choice":
        for name in _OF_DISTANCES:
            if getattr(request, name):
                says = f"method {request.method!r} knows no {name}: it measures no distance"
                raise InvalidRequest(says, fields=[FieldError(f"#/{name}", says)])
    target = request.target or {}
    check_metric(request.distance, [target])
    if request.weights and all(request.weights.get(name) == 0 for name in target):
        raise weightless()
    errors = [
        FieldError(f"#/{part}/{escaped(name)}", f"{name!r} is not among the attributes asked for")
        for part, names in (("target", target), ("weights", request.weights or {}))
        for name in names
        if name not in attributes
    ]
    if errors:
        raise InvalidRequest(
            f"{errors[0].detail}: {', '.join(attributes)}",
            fields=errors,
            extensions={"known": list(attributes)},
        )


_OF_DISTANCES = ("weights", "explain", "min_probability", "min_margin", "max_distance")


def check_metric(metric: Distance, targets: Iterable[Mapping[str, float | BoundsIn]]) -> None:
    """Refuse bounds where the distance takes values only."""
    if metric != "mahalanobis":
        return
    for target in targets:
        for name, wish in target.items():
            if isinstance(wish, BoundsIn):
                says = f"{name!r} has bounds, and a Mahalanobis distance takes values only"
                raise InvalidRequest(says, fields=[FieldError("#/distance", says)])


def weightless() -> InvalidRequest:
    """The error for a target whose attributes all weigh nothing."""
    says = "every attribute of the target weighs 0: all candidates would tie"
    return InvalidRequest(says, fields=[FieldError("#/weights", says)])


def scorer_settings(request: ScorerIn, traits: MethodTraits, *, has_bank: bool) -> ScorerSettings:
    """The scorer settings of a request, with what does not matter set to one value.

    So that two requests which mean the same share their scores: the seed counts only where
    something is drawn, the length of reasoning only where there is any, the number of orders only
    where a prompt shows several candidates.
    """
    if not traits.generates:
        return ScorerSettings(method=request.method, examples=0, reasoning=False, reasoning_chars=0)
    if reads_digits(request.method, reasoning=request.reasoning):
        # Nothing is written: one reading tells all that there is to tell.
        orders = request.orders if traits.compares else 1
        return ScorerSettings(
            method=request.method,
            examples=request.examples if has_bank else 0,
            orders=orders,
            reasoning=False,
            reasoning_chars=0,
            seed=request.seed if orders > 2 else 0,
        )
    temperature = request.temperature
    if temperature is None:
        temperature = SAMPLING_TEMPERATURE if request.samples > 1 else 0.0
    orders = request.orders if traits.compares else 1
    draws = temperature > 0 or orders > 2
    return ScorerSettings(
        method=request.method,
        examples=request.examples if has_bank else 0,
        samples=request.samples,
        orders=orders,
        reasoning=request.reasoning,
        reasoning_chars=request.reasoning_chars if request.reasoning else 0,
        temperature=temperature,
        seed=request.seed if draws else 0,
    )


_GENERATING = ("samples", "reasoning", "reasoning_chars", "temperature", "seed")


def without_effect(request: ScorerIn, traits: MethodTraits) -> tuple[str, ...]:
    """Settings that were given, but that change nothing: nothing is ignored silently."""
    idle: list[str] = []
    if not traits.uses_examples:
        idle += ["bank", "examples"]
    if not traits.compares:
        idle += ["orders"]
    if not traits.generates:
        idle += _GENERATING
    elif reads_digits(request.method, reasoning=request.reasoning):
        idle += ["samples", "temperature", "reasoning_chars"]
    if traits.kind == "choice":
        idle += ["distance", "covariance_bank"]
        if getattr(request, "calibration", NONE) != NONE:  # to want none is heeded
            idle += ["calibration"]
        if not traits.reads_target:
            idle += ["target", "attributes", "attribute_set"]
    given = [name for name in idle if _is_given(request, name)]
    told = [f"method {request.method!r} makes no use of {', '.join(given)}"] if given else []
    if traits.kind == "score" and isinstance(request, SelectRequest):
        stray = [name for name in request.weights or {} if name not in (request.target or {})]
        if stray:
            told.append(f"the target does not name {', '.join(stray)}: a weight has no effect")
        told += idle_covariance(request.covariance_bank, request.distance)
    return tuple(told)


def idle_covariance(bank: str | None, metric: Distance) -> tuple[str, ...]:
    """The warning for a covariance bank beside a distance that has no use for one."""
    if bank is None or metric == "mahalanobis":
        return ()
    return (f"covariance_bank has no effect on the {metric} distance",)


def _is_given(request: ScorerIn, name: str) -> bool:
    """Whether a setting was sent with another value than its default."""
    if name not in request.model_fields_set:
        return False
    return bool(getattr(request, name) != type(request).model_fields[name].default)


def candidates_of(request: ScoreRequest) -> list[Candidate]:
    """The candidates of a request; one without an id is called by its index."""
    return [
        Candidate(response.id, response.text)
        if isinstance(response, CandidateIn)
        else Candidate(str(index), response)
        for index, response in enumerate(request.responses)
    ]


def _check_labels(
    request: ScorerIn, attributes: Sequence[Attribute], bank: BankInfo | None
) -> tuple[str, ...]:
    if bank is None:
        return ()
    missing = [a.name for a in attributes if a.name not in bank.labels]
    if not missing:
        return ()
    says = f"bank {bank.name!r} has no labels for {', '.join(map(repr, missing))}"
    if "bank" in request.model_fields_set:
        raise InvalidRequest(
            f"{says}; give a bank that has, or null for none",
            fields=[FieldError("#/bank", says)],
            extensions={"missing": missing},
        )
    # Inline attributes with the set's own bank: the caller did not choose it for them.
    return (f"{says}: they are scored without examples",)
