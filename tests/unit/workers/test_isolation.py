"""Prefixes of prompts are cached apart for each tenant."""

import asyncio

from app.domain.cells import CandidateScore, Cell
from app.domain.job import Job
from app.settings import WorkerSettings
from app.store.jobs import ClaimedJob
from app.store.tenancy import acting_for, tenant_tag
from tests.unit.workers.test_handling import SCORER, WIT, Queue, Scenario
from workers.engines.vllm import as_input
from workers.handling import JobHandler

DIGEST = "0123456789abcdef" * 2


class Jobs(Queue):
    """Jobs named after their tenants."""

    async def load(self, pool, entry_id, job_id):
        with acting_for(job_id.removeprefix("nobody")):
            score_set = tenant_tag() + DIGEST
        job = Job(job_id, score_set, Scenario("q", ("a",)), {"f": WIT}, SCORER, "r", 0)
        return ClaimedJob(entry_id, job, 1)


class Judge:
    """Asks about two cells at once, in tasks of their own."""

    def __init__(self) -> None:
        self.inputs: dict[str, list[dict]] = {}

    async def score(self, job):
        async def ask() -> None:
            await asyncio.sleep(0.01)
            self.inputs.setdefault(job.id, []).append(as_input((1, 2)))

        await asyncio.gather(ask(), ask())
        yield {"f": Cell("wit", (CandidateScore(0.5),))}


async def test_prompts_carry_the_salt_of_their_tenant_also_if_jobs_run_at_once():
    judge = Judge()
    handler = JobHandler(Jobs(a=0, b=0, nobody=0), judge, "pool", "w", WorkerSettings())
    await asyncio.gather(*(handler.handle(name, name) for name in ("a", "b", "nobody")))
    salts = {}
    for name in ("a", "b"):
        with acting_for(name):
            salts[name] = tenant_tag()
        assert judge.inputs[name] == [{"prompt_token_ids": [1, 2], "cache_salt": salts[name]}] * 2
    assert salts["a"] != salts["b"]
    assert judge.inputs["nobody"] == [{"prompt_token_ids": [1, 2]}] * 2
