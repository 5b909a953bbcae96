"""The cache of score sets read recently."""

from msgspec.structs import replace

from app.domain.cells import CandidateScore, Cell
from app.domain.features import VERSION, SurfaceFeatures
from app.domain.score_set import ScoreSet
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.store.recent_score_sets import RecentScoreSets

SCORER = Scorer(ScorerSettings(), ModelIdentity("m", "r", "fake", 1, "e", {"comparative": "p"}))


class CountingCache:
    """Score sets by name; counts reads."""

    def __init__(self, **sets: list[str]):
        self.sets = sets
        self.surface: SurfaceFeatures | None = SurfaceFeatures(VERSION, ((1.0,),))
        self.reads: list[str] = []

    async def score_sets(self, wanted):
        self.reads += [name for name, _ in wanted]
        return [self._stored(name) for name, _ in wanted]

    def _stored(self, name: str) -> ScoreSet | None:
        if name not in self.sets:
            return None
        cells = {
            f"{a}@1": Cell(a, (CandidateScore(0.5, reasoning="long " * 99),))
            for a in self.sets[name]
        }
        return ScoreSet(name, SCORER, "f", self.surface, cells=cells)


async def test_a_score_set_is_read_once_and_cached_without_texts():
    cache = CountingCache(a=["wit"])
    recent = RecentScoreSets(cache)
    for _ in range(3):
        (score_set,) = await recent.get([("a", None)], ["wit"])
    assert cache.reads == ["a"]
    assert score_set.named("wit")["wit@1"].scores[0].reasoning is None


async def test_a_score_set_without_a_requested_attribute_is_read_again():
    cache = CountingCache(a=["wit"])
    recent = RecentScoreSets(cache)
    await recent.get([("a", None)], ["wit"])
    cache.sets["a"] = ["wit", "care"]
    (score_set,) = await recent.get([("a", None)], ["care"])
    assert score_set.named("care")


async def test_a_score_set_without_current_surface_features_is_read_again():
    """The next scoring request stores them, without a notice."""
    cache = CountingCache(a=["wit"])
    today, recent = cache.surface, RecentScoreSets(cache)
    for older in (None, replace(today, version="surface/0")):
        cache.surface = older
        await recent.get([("a", None)], ["wit"])
        cache.surface = today
        (score_set,) = await recent.get([("a", None)], ["wit"])
        assert score_set.surface == today
        recent.forget("a")


async def test_a_settled_cell_evicts_every_view_of_its_score_set():
    cache = CountingCache(a=["wit"], b=["wit"])
    recent = RecentScoreSets(cache)
    wanted = [("a", "v"), ("a", "w"), ("b", None)]
    await recent.get(wanted, ["wit"])
    recent.forget("a")
    recent.forget("never seen")
    cache.reads.clear()
    await recent.get(wanted, ["wit"])
    assert cache.reads == ["a", "a"]


async def test_the_cache_is_bounded_in_age_and_size():
    cache = CountingCache(a=["wit"], b=["wit"], c=["wit"])
    recent = RecentScoreSets(cache, size=2)
    await recent.get([("a", None), ("b", None), ("c", None)], ["wit"])
    cache.reads.clear()
    await recent.get([("c", None), ("a", None)], ["wit"])
    assert cache.reads == ["a"]
    old = RecentScoreSets(cache, max_age_s=-1)
    await old.get([("a", None)], ["wit"])
    await old.get([("a", None)], ["wit"])
    assert cache.reads == ["a"] * 3


async def test_missing_score_sets_are_not_cached():
    cache = CountingCache()
    recent = RecentScoreSets(cache)
    assert await recent.get([("a", None)], ["wit"]) == [None]
    cache.sets["a"] = ["wit"]
    assert (await recent.get([("a", None)], ["wit"]))[0]


async def test_a_cached_choice_is_still_a_choice():
    cell = Cell("(choice)", (CandidateScore(1.0), CandidateScore(0.0)), "choice")

    class Cache:
        async def score_sets(self, wanted):
            return [ScoreSet("a", SCORER, "f", cells={"(choice)@1": cell}) for _ in wanted]

    recent = RecentScoreSets(Cache())
    for _ in range(2):
        (score_set,) = await recent.get([("a", None)], ["(choice)"])
        assert score_set.named("(choice)") == {}


async def test_a_read_overtaken_by_a_notice_is_not_cached():
    """It may lack the cell that the notice announced."""

    class Overtaken(CountingCache):
        async def score_sets(self, wanted):
            read = await super().score_sets(wanted)
            recent.forget("a")
            return read

    cache = Overtaken(a=["wit"], b=["wit"])
    recent = RecentScoreSets(cache)
    for _ in range(2):
        a, b = await recent.get([("a", None), ("b", None)], ["wit"])
        assert a.named("wit")
        assert b.named("wit")
    assert cache.reads == ["a", "b", "a"]
