"""From a request to a plan: resolves the names of methods, attributes, banks and models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from app.domain.methods import AUTO_METHOD, MethodTraits, profile_name
from app.domain.plan import ScorePlan, plan_scores, refuse_repeats
from app.domain.scenario import Attribute, AttributeSet, Candidate, Choice
from app.domain.scorer import BankRef, Scorer, ScorerSettings
from app.domain.search import search_of
from app.domain.selection.targets import Wish
from app.errors import (
    AzimuthError,
    FieldError,
    InvalidRequest,
    ModelNotReady,
    UnknownAttributeSet,
    UnknownMethod,
)
from app.scoring.attributes import check_label_coverage, resolve_attributes
from app.scoring.choices import choice_of, traits_of
from app.scoring.default_method import READS, Decided, ReadyCalibrations, because, decide_method
from app.scoring.groups import GROUP_SET, for_group
from app.scoring.joint import asked_together, check_joint
from app.scoring.pools import choose_pool
from app.scoring.prompt_order import check_prompt_order, check_served
from app.scoring.requests import CandidateIn, ScoreRequest, ScorerRequest
from app.scoring.scorer_settings import scorer_settings, unused_options
from app.settings import ApiSettings
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankInfo, BankStore
from app.store.fleet import Fleet, Pool
from app.store.tenancy import tenant_tag

_LARGE = 100_000
"""Characters of a scenario that is planned in a thread: it takes long, and others wait."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request's method and attributes, resolved without a model."""

    traits: MethodTraits
    attribute_set: AttributeSet
    attributes: tuple[Attribute, ...]
    target: Mapping[str, Wish]
    method_reason: str | None = None
    """Why the service chose the method; None if it did not."""

    @property
    def names(self) -> list[str]:
        """Names of the attributes, in the order of the request."""
        return [attribute.name for attribute in self.attributes]


@dataclass(frozen=True, slots=True)
class PlannedScorer:
    """A scorer, with the attributes of the request and the workers to run it."""

    scorer: Scorer
    attributes: tuple[Attribute, ...]
    choice: Choice | None
    """For methods that choose instead of scoring."""
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A plan, and the workers that can carry it out."""

    plan: ScorePlan
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""
    warnings: tuple[str, ...]
    method_reason: str | None = None
    """Why the service chose the method; None if it did not."""


class Planner:
    """Plans requests. Reads the store, but queues nothing."""

    def __init__(
        self,
        attribute_sets: AttributeSetStore,
        banks: BankStore,
        fleet: Fleet,
        calibrations: ReadyCalibrations,
        settings: ApiSettings,
    ) -> None:
        self._attribute_sets = attribute_sets
        self._banks = banks
        self._fleet = fleet
        self._calibrations = calibrations
        self._settings = settings

    async def resolve(
        self,
        request: ScorerRequest,
        target: Mapping[str, Wish] | None = None,
        *,
        may_choose: bool = False,
    ) -> Resolved:
        """Resolve the method and attributes of a request. A request that names no method gets the
        service's default.

        Raises `UnknownMethod`, `UnknownAttributeSet`, `UnknownAttribute` and `InvalidRequest`, and
        `ModelNotReady` if the default depends on a worker that is loading.
        """
        in_group = request.scoring.group is not None
        named = "attribute_set" in request.model_fields_set or not in_group
        attribute_set = await self._attribute_set(request.attribute_set if named else GROUP_SET)
        attributes = resolve_attributes(request, attribute_set, list(target or ()))
        refuse_repeats("attribute", "#/attributes", [a.name for a in attributes])
        method_reason: str | None = None
        if "method" not in request.scoring.model_fields_set:
            decided = await self._default(request, attributes)
            request.scoring.method = decided.method
            method_reason = decided.why or None
        traits = traits_of(request.scoring.method, may_choose=may_choose)
        check_joint(request.scoring)
        check_prompt_order(request.scoring)
        return Resolved(traits, attribute_set, tuple(attributes), target or {}, method_reason)

    async def _default(self, request: ScorerRequest, attributes: Sequence[Attribute]) -> Decided:
        """The method of a request that names none."""
        settings = self._settings
        if settings.default_method != AUTO_METHOD:
            return Decided(settings.default_method, "")
        ready, model = await self._calibrations.infos(), settings.default_model
        with suppress(AzimuthError):
            recent = await self._fleet.recent()
            decided = decide_method(request, attributes, ready, recent, model)
            if decided.method == READS or not decided.by_fleet:
                return decided
        # A missing worker may have started since the last snapshot.
        fleet = await self._fleet.snapshot()
        return decide_method(request, attributes, ready, fleet, model)

    async def plan(self, request: ScoreRequest, resolved: Resolved | None = None) -> PlannedRequest:
        """Plan the scoring of a request. Raises the errors of `resolve` and `scorer`."""
        resolved = resolved or await self.resolve(request)
        _check_count(request, resolved.traits)
        try:
            planned = await self.scorer(request, resolved)
        except (ModelNotReady, UnknownMethod) as error:
            raise because(error, resolved.method_reason) from None
        candidates = candidates_of(request)
        planning = partial(
            plan_scores,
            request.question,
            candidates,
            planned.attributes,
            planned.scorer,
            planned.choice,
            owner=tenant_tag(),
        )
        size = len(request.question) + sum(len(candidate.text) for candidate in candidates)
        plan = await asyncio.to_thread(planning) if size > _LARGE else planning()
        return PlannedRequest(
            plan, planned.pool, planned.live, planned.warnings, resolved.method_reason
        )

    async def scorer(
        self, request: ScorerRequest, resolved: Resolved | None = None
    ) -> PlannedScorer:
        """Resolve the scorer of a request, and the workers that run it.

        Raises an `Unknown…` error for the first unknown name, `InvalidRequest`, or `ModelNotReady`
        if no worker has announced a model yet.
        """
        resolved = resolved or await self.resolve(request)
        scoring, traits, attributes = request.scoring, resolved.traits, resolved.attributes
        pool, live = await self.pool(scoring.model, scoring.method)
        _check_digits_readable(request, pool)
        choice = choice_of(scoring.method, traits, attributes, resolved.target)
        bank = None
        if traits.uses_examples:
            bank = await self._bank(request, resolved.attribute_set)
        settings = scorer_settings(scoring, traits, has_bank=bank is not None)
        warnings: list[str] = []
        if traits.uses_examples:
            settings, warnings = for_group(settings, scoring, bank)
        if scoring.joint:
            settings = asked_together(settings, attributes, pool.model)
        check_served(settings, pool.model)
        unused = unused_options(scoring, traits)
        if unused:
            warnings.append(f"method {scoring.method!r} does not use {', '.join(unused)}")
        warnings += check_label_coverage(request, choice.attributes if choice else attributes, bank)
        return PlannedScorer(
            scorer=Scorer(
                settings=settings,
                model=pool.model,
                bank=bank_ref(bank, settings) if bank else None,
            ),
            attributes=attributes,
            choice=choice,
            pool=pool,
            live=live,
            warnings=tuple(warnings),
        )

    async def _attribute_set(self, name: str) -> AttributeSet:
        attribute_set = await self._attribute_sets.get(name)
        if attribute_set is None:
            known = await self._attribute_sets.names()
            raise UnknownAttributeSet(
                f"no attribute set is called {name!r}",
                fields=[FieldError("#/attribute_set", f"known: {', '.join(known)}")],
                extensions={"known": known},
            )
        return attribute_set

    async def _bank(self, request: ScorerRequest, attribute_set: AttributeSet) -> BankInfo | None:
        scoring = request.scoring
        chosen = "bank" in scoring.model_fields_set
        name = scoring.bank if chosen else attribute_set.bank
        if name is None or scoring.examples == 0:
            return None
        info = await self._banks.info(name)
        if info is None:
            pointer = "#/scoring/bank" if chosen else "#/attribute_set"
            raise await self._banks.unknown(name, pointer)
        return info

    async def pool(self, requested: str | None, method: str) -> tuple[Pool, bool]:
        """The pool for a model and a method, and whether one of its workers is ready."""
        model = self._settings.default_model
        with suppress(AzimuthError):
            recent = await self._fleet.recent()
            pool, live = choose_pool(recent, requested, method, model)
            if live:
                return pool, live
        # A missing worker may have started since the last snapshot.
        return choose_pool(await self._fleet.snapshot(), requested, method, model)


def _check_count(request: ScoreRequest, traits: MethodTraits) -> None:
    if len(request.responses) > traits.most_candidates:
        detail = (
            f"method {request.scoring.method!r} takes at most {traits.most_candidates} candidates; "
            f"there are {len(request.responses)}"
        )
        raise InvalidRequest(detail, fields=[FieldError("#/responses", detail)])


def bank_ref(bank: BankInfo, settings: ScorerSettings) -> BankRef:
    """The version of a bank that a scorer names, and how its examples are searched."""
    searched = settings.retrieval != "fixed"
    return BankRef(bank.name, bank.digest, search_of(bank.scenarios) if searched else "")


def _check_digits_readable(request: ScorerRequest, pool: Pool) -> None:
    scoring = request.scoring
    if profile_name(scoring.method, reasoning=scoring.reasoning) in pool.model.profiles:
        return
    detail = (
        f"model {pool.model.name!r} cannot be scored without reasoning, because the "
        "probabilities of the digits 0 to 4 cannot be read from it: set reasoning to true"
    )
    raise InvalidRequest(detail, fields=[FieldError("#/scoring/reasoning", detail)])


def candidates_of(request: ScoreRequest) -> list[Candidate]:
    """The candidates of a request. A candidate without an id gets its index as id."""
    return [
        Candidate(response.id, response.text)
        if isinstance(response, CandidateIn)
        else Candidate(str(index), response)
        for index, response in enumerate(request.responses)
    ]
