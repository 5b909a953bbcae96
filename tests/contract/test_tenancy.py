"""What one tenant stores, no other tenant reads, lists, overwrites or deletes."""

import asyncio

import pytest

from app.domain.bank import parse_bank
from app.domain.scenario import Attribute, AttributeSet
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankStore
from app.store.calibrations import CalibrationStore, FitProgress
from app.store.tenancy import acting_for, own_score_set, tenant_tag

LINE = (
    b'{"id":"s1","question":"%s","responses":["Sorry!","See the page."],'
    b'"labels":[{"warmth":1},{"warmth":0}]}\n'
)
ONE, OTHER = parse_bank(LINE % b"My parcel is late."), parse_bank(LINE % b"Where is it?")
TENANTS = ("a", "b", "")


def tone(definition: str) -> AttributeSet:
    return AttributeSet("tone", (Attribute("warmth", definition),))


async def test_attribute_sets_belong_to_a_tenant(redis):
    sets = AttributeSetStore(redis)
    for tenant in TENANTS:
        with acting_for(tenant):
            assert await sets.get("tone") is None
            assert await sets.put(tone(f"of {tenant}"))
    for tenant in TENANTS:
        with acting_for(tenant):
            assert await sets.get("tone") == tone(f"of {tenant}")
            assert (await sets.names()).count("tone") == 1
            assert tone(f"of {tenant}") in await sets.all()
            assert "helpsteer2" in await sets.names()
    with acting_for("a"):
        assert await sets.delete("tone")
        assert "tone" not in await sets.names()
    with acting_for("b"):
        assert await sets.get("tone") == tone("of b")


async def test_banks_belong_to_a_tenant_and_their_content_lives_as_long_as_one_has_it(redis):
    banks = BankStore(redis)
    with acting_for("a"):
        await banks.put("support", ONE)
        await banks.put("mine", OTHER)
    with acting_for("b"):
        assert await banks.info("support") is None
        assert "mine" not in await banks.names()
        assert not await banks.delete("mine")
        await banks.put("support", ONE)
        assert await banks.delete("support")
    with acting_for("a"):
        info = await banks.info("support")
        assert info is not None
        assert await banks.load(info.digest) is not None
        assert await redis.pttl(f"azimuth:bank-data:{info.digest}") == -1
    # A worker, which has no tenant, indexes all of them.
    assert {ONE.digest, OTHER.digest} <= set(await banks.digests())
    assert await banks.info("support") is None


async def test_calibrations_and_their_fits_belong_to_a_tenant(redis):
    store = CalibrationStore(redis)
    fit = FitProgress("scoring", "of a", owner="process")
    with acting_for("a"):
        assert await store.begin("judge", fit, ttl_s=10)
    with acting_for("b"):
        assert "judge" not in await store.states()
        assert "judge" not in await store.ready()
        assert not await store.delete("judge")
        assert not await store.update("judge", fit, ttl_s=10)
        assert await store.begin("judge", FitProgress("scoring", "of b", owner="x"), ttl_s=10)
    with acting_for("a"):
        assert (await store.states())["judge"].fit == fit


async def test_a_task_keeps_the_tenant_of_the_request_that_started_it():
    async def later() -> str:
        await asyncio.sleep(0.01)
        return tenant_tag()

    with acting_for("a"):
        tag = tenant_tag()
        task = asyncio.create_task(later())
    assert tag
    assert tenant_tag() == ""
    assert await task == tag


@pytest.mark.parametrize("tenant", TENANTS)
def test_the_id_of_another_tenants_score_set_is_unknown(tenant):
    digest, ids = "0123456789abcdef" * 2, {}
    for name in TENANTS:
        with acting_for(name):
            ids[name] = f"{tenant_tag()}{digest}"
    with acting_for(tenant):
        for name, score_set in ids.items():
            expected = (score_set, "view") if name == tenant else ("", None)
            assert own_score_set(f"{score_set}.view") == expected
        assert own_score_set("") == ("", None)
