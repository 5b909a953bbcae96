"""Words about scores that were read: who writes them, and the plan for that. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.methods import profile_name
from app.domain.plan import plan_scores
from app.domain.scenario import Attribute, Candidate
from app.domain.scorer import Scorer, ScorerSettings
from app.scoring.planned import PlannedJudge, PlannedRequest
from app.scoring.pools import not_ready
from app.store.fleet import FleetSnapshot, Pool

_METHOD = "comparative"
_PROFILE = profile_name(_METHOD, reasoning=True, afterwards=True)


def writer_for(fleet: FleetSnapshot, model: str, default_model: str | None) -> tuple[Pool, bool]:
    """The pool that writes about scores of `model`, and whether one of its workers is ready.

    It is one that is ready, and of these the same model's, else the default model's, else the
    latest. Raises `ModelNotReady` if no worker can write.
    """
    ready = {worker.pool for worker in fleet.workers if worker.state == "ready"}
    able = [pool for pool in fleet.pools if _PROFILE in pool.model.profiles]
    if not able:
        raise not_ready(fleet.workers, _METHOD)

    def preference(pool: Pool) -> tuple[bool, bool, bool, int]:
        name = pool.model.name
        return pool.name in ready, name == model, name == default_model, pool.announced_ms

    chosen = max(able, key=preference)
    return chosen, chosen.name in ready


def plan_words(
    question: str,
    texts: Sequence[str],
    attribute: Attribute,
    scores: Sequence[float],
    writer: tuple[Pool, bool],
    owner: str,
) -> PlannedRequest:
    """The plan for words about the scores of some texts, in canonical order, on one attribute.

    What is written is cached for these texts and scores, whatever other candidates there were.
    """
    pool, live = writer
    settings = ScorerSettings(
        method=_METHOD, examples=0, explains=tuple(round(score, 2) for score in scores)
    )
    candidates = [Candidate(str(number), text) for number, text in enumerate(texts)]
    plan = plan_scores(question, candidates, [attribute], Scorer(settings, pool.model), owner=owner)
    return PlannedRequest(plan, (PlannedJudge(plan, pool, live),), ())
