"""Where an API process is put together. Only `app.main` imports this."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from redis.asyncio import Redis

from app.calibrations.applying import Calibrator
from app.calibrations.background.fitter import CalibrationFitter
from app.http.provided import LifespanState, lifespan_state
from app.people.fitted import FittedBanks
from app.scores.for_people import PeopleSelection
from app.scores.operation import Operation
from app.scores.relevance import Relevance
from app.scores.selecting import Selecting
from app.scoring.judging import JudgingService
from app.scoring.planner import Planner
from app.scoring.service import ScoringService
from app.selection.covariances import LabelCovariances
from app.selection.selector import Selector
from app.settings import Settings
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankStore
from app.store.calibrations import CalibrationStore
from app.store.fleet import Fleet
from app.store.key_usage import KeyUsage
from app.store.keys import KeyStore
from app.store.notice_hub import NoticeHub
from app.store.queue import JobQueue
from app.store.recent_score_sets import RecentScoreSets
from app.store.redis import connect, connect_for_listening
from app.store.score_sets import ScoreCache
from app.writing.planner import TextPlanner
from app.writing.service import TextService


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that endpoints use, and the connections behind it."""

    settings: Settings
    redis: Redis
    listening: Redis
    """Holds the subscription of `hub`."""
    hub: NoticeHub
    attribute_sets: AttributeSetStore
    banks: BankStore
    keys: KeyStore
    key_usage: KeyUsage
    fleet: Fleet
    cache: ScoreCache
    queue: JobQueue
    planner: Planner
    scoring: ScoringService
    recent: RecentScoreSets
    selector: Selector
    operation: Operation
    fitted: FittedBanks
    selecting: Selecting
    texts: TextService
    calibrations: CalibrationStore
    calibrator: Calibrator
    fitter: CalibrationFitter

    def state(self) -> LifespanState:
        """What endpoints can ask for by type (see `app.http.provided`)."""
        named = [f.name for f in fields(self) if f.name != "listening"]
        return lifespan_state(getattr(self, name) for name in named)

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Resources]:
        """The resources of a running process, closed at the end."""
        resources = cls.build(settings)
        await resources.hub.start()
        try:
            yield resources
        finally:
            await resources.fitter.close()
            await resources.hub.close()
            await resources.listening.aclose()
            await resources.redis.aclose()

    @classmethod
    def build(cls, settings: Settings) -> Resources:
        """Build everything; connections are made when first used."""
        store, api = settings.store, settings.api
        redis, listening = connect(store), connect_for_listening(store)
        cache = ScoreCache(redis)
        recent = RecentScoreSets(cache)
        calibrations = CalibrationStore(redis)
        calibrator = Calibrator(calibrations)
        attribute_sets, banks, keys = AttributeSetStore(redis), BankStore(redis), KeyStore(redis)
        hub = NoticeHub(
            listening,
            on_cell=recent.forget,
            on_calibration=calibrator.forget,
            on_names=[attribute_sets.forget, banks.forget, keys.forget],
        )
        fleet = Fleet(redis)
        queue = JobQueue(redis, queue_limit=store.queue_limit, cache_ttl_s=store.cache_ttl_s)
        planner = Planner(attribute_sets, banks, fleet, calibrator, api)
        scoring = ScoringService(cache, queue, hub, fleet)
        operation, fitted = Operation(settings, JudgingService(scoring), fleet), FittedBanks(banks)
        selector = Selector(LabelCovariances(banks), calibrator)
        people = PeopleSelection(fitted, planner, operation, calibrator)
        relevance = Relevance(planner, operation)
        longest, lease = api.max_deadline_s, api.fit_lease_s
        return cls(
            settings=settings,
            redis=redis,
            listening=listening,
            hub=hub,
            attribute_sets=attribute_sets,
            banks=banks,
            keys=keys,
            key_usage=KeyUsage(redis),
            fleet=fleet,
            cache=cache,
            queue=queue,
            planner=planner,
            scoring=scoring,
            recent=recent,
            selector=selector,
            operation=operation,
            fitted=fitted,
            selecting=Selecting(operation, planner, selector, calibrator, people, relevance),
            texts=TextService(api, operation, TextPlanner(planner, banks, fitted)),
            calibrations=calibrations,
            calibrator=calibrator,
            fitter=CalibrationFitter(
                calibrations, planner, scoring, banks, deadline_s=longest, lease_s=lease
            ),
        )
