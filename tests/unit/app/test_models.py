"""The list of models, from pools and workers."""

from app.domain.scorer import ModelIdentity
from app.models.listing import list_models
from app.store.fleet import FleetSnapshot, Pool, WorkerInfo


def pool(model: str, *, name: str = "", announced_ms: int = 1, **profiles: str) -> Pool:
    identity = ModelIdentity(model, "r", "fake", 4096, "e:1", profiles or {"comparative": "1"})
    return Pool(name or f"pool of {model}", identity, announced_ms)


def worker(model: str, state: str, *, id: str = "w", pool: str | None = None) -> WorkerInfo:
    return WorkerInfo(id, state, "", pool, model, engine="fake")


def test_a_model_loading_for_the_first_time_is_listed_by_name_only():
    (model,) = list_models(FleetSnapshot([worker("m", "loading")], []), None)
    assert model.model_dump(exclude_none=True) == {
        "name": "m",
        "state": "loading",
        "default": False,
        "workers": 1,
        "methods": [],
        "engine": "fake",
    }


def test_a_model_that_two_engines_run_has_an_entry_for_each():
    reads = ModelIdentity("m", "r", "states", 4096, "none", {"probe": "1"})
    workers = [
        WorkerInfo("a", "ready", "", "reads", "m", engine="states"),
        WorkerInfo("b", "loading", "", None, "m", engine="vllm"),
    ]
    listed = list_models(FleetSnapshot(workers, [Pool("reads", reads, 1)]), None)
    assert [(m.engine, m.state, m.methods, m.default) for m in listed] == [
        ("states", "ready", ["probe"], True),
        ("vllm", "loading", [], True),
    ]


def test_a_model_without_workers_is_away():
    (model,) = list_models(FleetSnapshot([], [pool("m")]), None)
    assert (model.state, model.workers, model.default) == ("away", 0, True)


def test_the_state_of_a_model_is_that_of_its_most_advanced_worker():
    served = pool("m")
    workers = [
        worker("m", "failed", id="a"),
        worker("m", "ready", id="b", pool=served.name),
        worker("m", "loading", id="c"),
    ]
    (model,) = list_models(FleetSnapshot(workers, [served]), None)
    assert (model.state, model.workers) == ("ready", 3)


def test_prompt_profiles_are_not_listed_as_methods():
    served = pool("m", **{"comparative": "1", "comparative+digits": "1", "comparative+joint": "1"})
    (model,) = list_models(FleetSnapshot([], [served]), None)
    assert model.methods == ["comparative"]
    assert model.reads_digits
    (plain,) = list_models(FleetSnapshot([], [pool("m")]), None)
    assert not plain.reads_digits


def test_during_an_upgrade_the_live_pool_describes_the_model():
    new = pool("m", name="new", announced_ms=2, regression="1")
    old = pool("m", name="old", comparative="1")
    (model,) = list_models(FleetSnapshot([worker("m", "ready", pool="old")], [new, old]), None)
    assert model.methods == ["comparative"]


def test_the_default_model_is_the_configured_one_or_else_a_live_one():
    fleet = FleetSnapshot([worker("a", "ready", pool="pool of a")], [pool("b"), pool("a")])
    assert [m.name for m in list_models(fleet, None) if m.default] == ["a"]
    assert [m.name for m in list_models(fleet, "b") if m.default] == ["b"]
    assert [m.name for m in list_models(fleet, "unknown") if m.default] == []
