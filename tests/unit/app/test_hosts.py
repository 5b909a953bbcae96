"""The names by which a service may be called."""

import pytest

from app.access.hosts import HostMiddleware, names_of
from app.errors import WrongHost
from app.settings import ApiSettings, InvalidSetting, Settings


async def passes(api: ApiSettings, *hosts: str) -> bool:
    passed = []

    async def app(scope, receive, send) -> None:
        passed.append(scope)

    names = names_of(api)
    if names is None:
        return True
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    try:
        await HostMiddleware(app, names=names)({"type": "http", "headers": headers}, None, None)
    except WrongHost:
        return False
    return bool(passed)


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
)
async def test_a_service_on_loopback_is_called_by_a_loopback_name(host):
    assert await passes(ApiSettings(), host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8000",
        "evil.example:127.0.0.1",
        "localhost:x",
        "localhost@evil.example",
        "0.0.0.0:8000",
        "::1",
        "",
        ":8000",
    ],
)
async def test_and_by_no_other(host):
    assert not await passes(ApiSettings(), host)
    assert not await passes(ApiSettings(), "localhost", host)


async def test_a_request_without_a_host_is_not_a_browsers():
    assert await passes(ApiSettings())


async def test_other_names_are_a_setting():
    api = ApiSettings(allowed_hosts="azimuth.example.org, [fd00::1]")
    assert await passes(api, "azimuth.example.org:443")
    assert await passes(api, "[fd00::1]")
    assert await passes(api, "localhost")
    assert not await passes(api, "evil.example")
    assert await passes(ApiSettings(allowed_hosts="*"), "evil.example")


async def test_a_service_on_another_address_has_any_name_unless_set():
    assert await passes(ApiSettings(host="0.0.0.0"), "azimuth.example.org")
    api = ApiSettings(host="0.0.0.0", allowed_hosts="localhost")
    assert not await passes(api, "azimuth.example.org")
    assert await passes(ApiSettings(host="127.0.0.2"), "127.0.0.2:8000")


@pytest.mark.parametrize(
    "value", ["https://a.example", "a.example:8000", "a.example/", "a b", "A.b"]
)
def test_what_is_not_a_name_is_refused(value):
    with pytest.raises(InvalidSetting, match="AZIMUTH_ALLOWED_HOSTS"):
        Settings.from_environment({"AZIMUTH_ALLOWED_HOSTS": value})
