"""Calibrations by name on a real Redis: each fit has one owner, and every step is atomic."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AttributeReport
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from app.store import calibrations
from app.store.builtin_calibrations import BuiltinCalibration
from app.store.calibrations import CalibrationStore, FitProgress
from app.store.notice_hub import NoticeHub

SCORER = Scorer(ScorerSettings(), ModelIdentity("m", "r", "fake", 1, "e", {"comparative": "p"}))
MINE = FitProgress("scoring", "0 of 9 scenarios are scored", total=9, owner="me")
THEIRS = replace(MINE, owner="them")


def info(name: str, digest: str = "d") -> CalibrationInfo:
    return CalibrationInfo(name, digest, "f", SCORER, ("wit@1",), BankRef("b", "0"), 9, {}, (), 7)


@pytest.fixture
def builtin(monkeypatch) -> dict[str, BuiltinCalibration]:
    """The built-in calibrations, for a test to fill."""
    known: dict[str, BuiltinCalibration] = {}
    monkeypatch.setattr(calibrations, "builtin_calibrations", lambda: known)
    return known


@pytest.fixture
def store(redis: Redis, builtin) -> CalibrationStore:
    return CalibrationStore(redis)


async def dies(redis: Redis, name: str) -> None:
    """The owner has sent no update for too long."""
    assert await redis.delete(f"azimuth:calibration-alive:{name}") == 1


async def test_a_name_has_one_fit_at_a_time(store):
    assert await store.begin("x", MINE, ttl_s=9)
    assert not await store.begin("x", THEIRS, ttl_s=9)
    assert await store.begin("y", THEIRS, ttl_s=9)
    assert {name: state.fit for name, state in (await store.states()).items()} == {
        "x": MINE,
        "y": THEIRS,
    }


async def test_a_calibration_that_an_earlier_version_stored_is_read(store, redis):
    """Two members of its reports had other names."""
    report = AttributeReport("wit", "alone", 9, "alone", 1, 1, 1, 0.5, 0.5, None, None, None, "so")
    stored = msgspec.to_builtins(replace(info("x"), reports=(report,)))
    (old,) = stored["reports"]
    old |= {"error_judge": old.pop("error_combined"), "says": old.pop("summary")}
    await redis.hset("azimuth:calibrations", "x", msgspec.json.encode(stored))
    assert (await store.ready())["x"].reports == (report,)


async def test_a_silent_owner_s_fit_is_interrupted_and_another_may_begin(store, redis):
    await store.begin("x", replace(MINE, done=4), ttl_s=9)
    await dies(redis, "x")
    fit = (await store.states())["x"].fit
    assert (fit.state, fit.done) == ("interrupted", 4)
    assert await store.begin("x", THEIRS, ttl_s=9)
    assert not await store.update("x", MINE, ttl_s=9)
    assert not await store.end("x", replace(MINE, state="failed"))
    assert not await store.finish(info("x"), b"bytes", replace(MINE, state="done"))
    assert (await store.states())["x"].fit == THEIRS
    assert await store.ready() == {}


async def test_an_owner_that_was_silent_may_go_on_unless_another_has_begun(store, redis):
    await store.begin("x", MINE, ttl_s=9)
    await dies(redis, "x")
    assert await store.update("x", replace(MINE, done=5), ttl_s=9)
    assert (await store.states())["x"].fit.state == "scoring"
    assert not await store.begin("x", THEIRS, ttl_s=9)


async def test_an_owner_without_updates_counts_as_dead(store):
    await store.begin("x", MINE, ttl_s=1)
    await asyncio.sleep(1.1)
    assert (await store.states())["x"].fit.state == "interrupted"


async def test_updates_of_a_deleted_fit_are_refused(store):
    await store.begin("x", MINE, ttl_s=9)
    assert await store.delete("x")
    assert not await store.delete("x")
    assert not await store.update("x", MINE, ttl_s=9)
    assert not await store.finish(info("x"), b"bytes", MINE)
    assert await store.states() == {}
    assert await store.begin("x", THEIRS, ttl_s=9)


async def test_a_finished_fit_stores_its_calibration_and_ends(store):
    await store.begin("x", MINE, ttl_s=9)
    done = replace(MINE, state="done", detail="fitted")
    assert await store.finish(info("x"), b"\x00bytes\xff", done)
    state = (await store.states())["x"]
    assert state.info == info("x")
    assert (state.fit.state, state.fit.owner) == ("done", "")
    assert await store.artefact("d") == b"\x00bytes\xff"
    assert await store.artefact("e") is None
    # A late update changes nothing.
    assert not await store.update("x", MINE, ttl_s=9)
    assert await store.begin("x", MINE, ttl_s=9)


async def test_a_failure_leaves_the_version_in_use(store):
    await store.begin("x", MINE, ttl_s=9)
    await store.finish(info("x"), b"bytes", MINE)
    await store.begin("x", MINE, ttl_s=9)
    assert await store.end("x", replace(MINE, state="failed", detail="why"))
    state = (await store.states())["x"]
    assert (state.fit.state, state.fit.detail) == ("failed", "why")
    assert state.info == info("x")


async def test_a_version_without_a_name_is_kept_for_a_day(store, redis):
    async def fit(name: str, digest: str) -> None:
        await store.begin(name, MINE, ttl_s=9)
        await store.finish(info(name, digest), b"bytes", MINE)

    async def kept_for(digest: str) -> int:
        return await redis.ttl(f"azimuth:calibration-data:{digest}")

    await fit("x", "one")
    await fit("y", "one")
    await fit("x", "two")
    assert await kept_for("one") == -1  # y still points to it
    await store.delete("y")
    assert 0 < await kept_for("one") <= 86_400
    await fit("y", "one")
    assert await kept_for("one") == -1


async def test_every_process_is_notified_of_stored_and_deleted_calibrations(store, redis):
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1

    async def hears(count: int) -> None:
        async with asyncio.timeout(5):
            while heard < count:
                await asyncio.sleep(0.01)

    hub = NoticeHub(redis, on_calibration=hear)
    await hub.start()
    await hears(1)  # subscribed: earlier notices may have been missed
    await store.begin("x", MINE, ttl_s=9)
    await store.finish(info("x"), b"bytes", MINE)
    await hears(2)
    await store.delete("x")
    await hears(3)
    await hub.close()


async def test_a_built_in_calibration_is_there_until_one_of_its_name_is_fitted(store, builtin):
    ships = replace(info("x", "ships"), builtin=True)
    builtin["x"] = BuiltinCalibration(ships, b"bytes of the file")
    assert await store.ready() == {"x": ships}
    assert await store.artefact("ships") == b"bytes of the file"
    assert not await store.delete("x")
    await store.begin("x", MINE, ttl_s=9)
    assert (await store.states())["x"].info == ships
    await store.finish(info("x"), b"bytes", replace(MINE, state="done"))
    assert (await store.ready())["x"] == info("x")
    assert await store.delete("x")
    assert (await store.states())["x"].info == ships
