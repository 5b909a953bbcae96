"""Words about scores that were read: who writes them, and why some are absent."""

import pytest
from msgspec.structs import replace

from app.calibrations.applied import Raw
from app.domain.cells import CandidateScore, Cell, Pending, Unscored
from app.domain.fingerprint import attribute_field, scorer_fingerprint
from app.domain.plan import plan_scores
from app.domain.scenario import Attribute, Candidate
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.errors import DeadlinePassed, ModelNotReady, QueueFull
from app.scores.afterwards import NOTE, Afterwards, Chosen
from app.scoring.afterwards import writer_for
from app.scoring.service import Patience
from app.store.fleet import FleetSnapshot, Pool, WorkerInfo

A, B = Attribute("a", "What a means."), Attribute("b", "What b means.")
READS = ModelIdentity("small", "r", "states", 99, "none", {"probe": "1"})
WRITES = {"comparative": "1", "comparative+afterwards": "afterwards/1"}


def pool(model: str, announced_ms: int) -> Pool:
    identity = ModelIdentity(model, "r", "vllm", 99, "minilm", WRITES)
    return Pool(f"pool of {model}", identity, announced_ms)


def fleet(*ready: str) -> FleetSnapshot:
    pools = [pool("large", 3), pool("small", 2), Pool("reads", READS, 1)]
    workers = [WorkerInfo(name, "ready", "", f"pool of {name}", name) for name in ready]
    return FleetSnapshot(workers, pools)


class Stub:
    """A fleet with a writer, and a service that answers each attribute in its own way."""

    def __init__(self, known: FleetSnapshot, **answers) -> None:
        self.known = known
        self.answers = answers
        self.asked = []

    async def recent(self):
        return self.known

    async def score(self, planned, patience, request_id):
        self.asked.append(planned)
        (field,) = planned.plan.asked
        name = planned.plan.asked[field].name
        state = self.answers[name]
        if isinstance(state, Exception):
            raise state
        return replace(planned.plan.score_set, cells={field: state})


def chosen(*names: str) -> Chosen:
    candidates = [Candidate(str(n), text) for n, text in enumerate(("x", "y", "x", "z"))]
    settings = ScorerSettings(method="probe", examples=0, reasoning=False, reasoning_chars=0)
    plan = plan_scores("q", candidates, [A, B], Scorer(settings, READS))
    count = len(plan.scenario.candidates)
    cells = {
        attribute_field(one): Cell(
            one.name, tuple(CandidateScore(0.123 + place / 10) for place in range(count))
        )
        for one in (A, B)
    }
    selection = {"ranking": [{"index": 1}, {"index": 0}, {"index": 3}]}
    return Chosen(plan, replace(plan.score_set, cells=cells), Raw(), selection, names)


def cell(*texts: str) -> Cell:
    return Cell("a", tuple(CandidateScore(0.5, reasoning=text) for text in texts))


async def words(stub: Stub, *names: str):
    afterwards = Afterwards(stub, stub, None)
    return (await afterwards.about(chosen(*names), Patience(1, 1), "id")).rendered


async def test_only_the_nearest_two_are_asked_about_with_the_scores_that_were_read():
    stub = Stub(fleet("small"), a=cell("first", "second"))
    found = await words(stub, "a")
    assert found["note"] == NOTE
    assert (found["source"], found["model"], found["absent"]) == ("afterwards", "small", [])
    (planned,) = stub.asked
    assert len(planned.plan.scenario.candidates) == 2
    made = chosen("a")
    assert planned.plan.scenario.candidates == tuple(
        made.plan.scenario.candidates[position] for position in made.positions
    )
    explains = planned.plan.score_set.scorer.settings.explains
    assert explains == tuple(round(0.123 + position / 10, 2) for position in made.positions)
    places = {made.plan.presentation.positions[n]: n for n in (0, 1)}
    first, second = (places[position] for position in made.positions)
    assert {one["index"]: one["text"] for one in found["written"]} == {
        first: "first",
        second: "second",
    }


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Unscored("a", "truncated", "cut"), "truncated"),
        (Pending("a"), "pending"),
        (QueueFull("full", retry_after_s=1), "unavailable"),
        (ModelNotReady("loading"), "unavailable"),
        (DeadlinePassed("late"), "deadline"),
    ],
)
async def test_words_that_are_not_there_have_a_reason_and_do_not_take_the_others_away(
    state, reason
):
    found = await words(Stub(fleet("small"), a=state, b=cell("x", "y")), "a", "b")
    assert [(one["attribute"], one["reason"]) for one in found["absent"]] == [("a", reason)]
    assert {one["attribute"] for one in found["written"]} == {"b"}


async def test_without_a_worker_that_writes_all_words_are_unavailable():
    only_reads = FleetSnapshot(
        [WorkerInfo("w", "ready", "", "reads", "small", engine="states")], [fleet().pools[-1]]
    )
    found = await words(Stub(only_reads), "a", "b")
    assert [one["reason"] for one in found["absent"]] == ["unavailable"] * 2
    assert "serves method 'comparative'" in found["absent"][0]["detail"]
    assert "model" not in found


def test_the_writer_is_ready_and_of_these_the_model_that_was_read():
    assert writer_for(fleet("small", "large"), "small", None)[0].model.name == "small"
    assert writer_for(fleet("large"), "small", None) == (pool("large", 3), True)
    assert writer_for(fleet("small", "large"), "other", "small")[0].model.name == "small"
    assert writer_for(fleet(), "small", None)[1] is False


def test_words_change_no_fingerprint_of_scores_and_have_one_for_their_scores():
    model = pool("small", 1).model
    plain = ScorerSettings()
    both = {
        scorer_fingerprint(Scorer(replace(plain, explains=scores), model))
        for scores in ((), (0.1, 0.2), (0.2, 0.1))
    }
    assert len(both) == 3
