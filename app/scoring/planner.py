"""From a request to a plan: resolves the names of methods, attributes, banks and models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from app.domain.committee import together
from app.domain.fingerprint import scorer_fingerprint
from app.domain.methods import AUTO_METHOD, METHODS, profile_name
from app.domain.plan import ScorePlan, plan_scores, refuse_repeats
from app.domain.scenario import Attribute, AttributeSet, Candidate
from app.domain.score_set import LeftOut
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
from app.scoring.committees import check_members, pointing_to, refuse_same_judges, unused_by_all
from app.scoring.default_method import (
    READS,
    WRITES,
    Decided,
    ReadyCalibrations,
    because,
    decide_method,
)
from app.scoring.groups import GROUP_SET, for_group
from app.scoring.joint import asked_together, check_joint
from app.scoring.planned import Judge, PlannedJudge, PlannedRequest, PlannedScorer, Resolved
from app.scoring.pools import choose_pool
from app.scoring.prompt_order import check_prompt_order, check_served
from app.scoring.requests import CandidateIn, ScoreRequest, ScorerRequest, Scoring
from app.scoring.scorer_settings import scorer_settings
from app.settings import ApiSettings
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankInfo, BankStore
from app.store.fleet import Fleet, Pool
from app.store.tenancy import tenant_tag

_LARGE = 100_000
"""Characters of a scenario that is planned in a thread: it takes long, and others wait."""


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
        persona: str = "",
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
        if len(judges := request.scoring.judges) == 1:
            request.scoring = judges[0]
        if any("method" not in judge.model_fields_set for judge in judges):
            decided = await self._default(request, attributes)
            request.scoring.method = decided.method
            method_reason = decided.why or None
        for place, scoring in enumerate(request.scoring.judges):
            with pointing_to(request.scoring, place):
                traits_of(scoring.method, may_choose=may_choose)
                check_joint(scoring)
                check_prompt_order(scoring)
        check_members(request.scoring)
        traits = METHODS[request.scoring.judges[0].method]
        return Resolved(
            traits, attribute_set, tuple(attributes), target or {}, method_reason, persona
        )

    async def _default(self, request: ScorerRequest, attributes: Sequence[Attribute]) -> Decided:
        """The method of a request that names none."""
        settings = self._settings
        if settings.default_method != AUTO_METHOD:
            return Decided(settings.default_method, "")
        if len(request.scoring.judges) > 1:
            return Decided(WRITES, "judges of a committee write, unless the request names a method")
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
        may_leave_out = request.missing_judges == "leave_out"
        for scoring in request.scoring.judges:
            _check_count(request, scoring.method)
        try:
            planned = await self.scorer(request, resolved, may_leave_out=may_leave_out)
        except (ModelNotReady, UnknownMethod) as error:
            raise because(error, resolved.method_reason) from None
        candidates = candidates_of(request)

        def plans() -> list[ScorePlan]:
            return [
                plan_scores(
                    request.question,
                    candidates,
                    planned.attributes,
                    judge.scorer,
                    planned.choice,
                    owner=owner,
                )
                for judge in planned.judges
            ]

        owner = tenant_tag()
        size = len(request.question) + sum(len(candidate.text) for candidate in candidates)
        made = await asyncio.to_thread(plans) if size > _LARGE else plans()
        whole = together([plan.score_set for plan in made])
        return PlannedRequest(
            replace(made[0], score_set=replace(whole, left_out=planned.left_out)),
            tuple(
                PlannedJudge(plan, judge.pool, judge.live)
                for plan, judge in zip(made, planned.judges, strict=True)
            ),
            planned.warnings,
            resolved.method_reason,
            may_leave_out,
        )

    async def scorer(
        self,
        request: ScorerRequest,
        resolved: Resolved | None = None,
        *,
        may_leave_out: bool = False,
    ) -> PlannedScorer:
        """Resolve the judges of a request, and the workers that run them.

        Raises an `Unknown…` error for the first unknown name, `InvalidRequest`, or `ModelNotReady`
        if no worker has announced a model yet; with `may_leave_out`, only if that is so for all.
        """
        resolved = resolved or await self.resolve(request)
        judges: list[Judge] = []
        warnings: dict[str, None] = {}
        missing: list[tuple[Scoring, ModelNotReady]] = []
        for place, scoring in enumerate(request.scoring.judges):
            try:
                with pointing_to(request.scoring, place):
                    own = request.model_copy(update={"scoring": scoring})
                    judge, about = await self._judge(own, resolved)
            except ModelNotReady as error:
                if not may_leave_out:
                    raise
                missing.append((scoring, error))
                continue
            judges.append(judge)
            warnings |= dict.fromkeys(about)
        if not judges:
            raise missing[0][1]
        refuse_same_judges([judge.scorer for judge in judges])
        scoring, traits = request.scoring.judges[0], resolved.traits
        return PlannedScorer(
            judges=tuple(sorted(judges, key=lambda judge: scorer_fingerprint(judge.scorer))),
            attributes=resolved.attributes,
            choice=choice_of(
                scoring.method, traits, resolved.attributes, resolved.target, resolved.persona
            ),
            warnings=(*unused_by_all(request.scoring), *warnings),
            left_out=tuple(
                LeftOut(str(one.model or "(default)"), one.method, error.detail)
                for one, error in missing
            ),
        )

    async def _judge(
        self, request: ScorerRequest, resolved: Resolved
    ) -> tuple[Judge, tuple[str, ...]]:
        """One judge, and warnings about it. `request` is for this judge alone."""
        scoring, traits = request.scoring, METHODS[request.scoring.method]
        attributes = resolved.attributes
        assert not isinstance(scoring.model, list)
        pool, live = await self.pool(scoring.model, scoring.method)
        _check_digits_readable(request, pool)
        choice = choice_of(scoring.method, traits, attributes, resolved.target, resolved.persona)
        bank = None
        # Examples show what comes nearest to a target; a persona alone has none.
        if traits.uses_examples and (choice is None or choice.attributes):
            bank = await self._bank(request, resolved.attribute_set)
        settings = scorer_settings(scoring, traits, has_bank=bank is not None)
        warnings: list[str] = []
        if traits.uses_examples:
            settings, warnings = for_group(settings, scoring, bank)
        if scoring.joint:
            settings = asked_together(settings, attributes, pool.model)
        check_served(settings, pool.model)
        warnings += check_label_coverage(request, choice.attributes if choice else attributes, bank)
        ref = bank_ref(bank, settings) if bank else None
        return Judge(Scorer(settings, pool.model, ref), pool, live), tuple(warnings)

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


def _check_count(request: ScoreRequest, method: str) -> None:
    most = METHODS[method].most_candidates
    if len(request.responses) > most:
        detail = (
            f"method {method!r} takes at most {most} candidates; there are {len(request.responses)}"
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
