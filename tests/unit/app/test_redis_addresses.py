"""URLs of Redis."""

import pytest
from redis.asyncio.connection import SSLConnection

from app.store.addresses import redis_address


def test_a_plain_url_is_read_by_redis_py():
    address = redis_address("redis://user:p%40ss@host:1234/5")
    assert address.options == {
        "username": "user", "password": "p@ss", "host": "host", "port": 1234, "db": 5
    }  # fmt: skip
    assert address.sentinels == ()


def test_a_url_with_sentinels_names_them_the_service_and_the_database():
    address = redis_address("redis+sentinel://:secret@one:26380,two,[::1]:26381/main/3")
    assert address.sentinels == (("one", 26380), ("two", 26379), ("::1", 26381))
    assert address.service == "main"
    assert address.options["db"] == 3
    assert address.options["password"] == "secret"
    assert address.sentinel_options == {}


def test_sentinels_have_credentials_of_their_own():
    address = redis_address("redis+sentinel://one/main?sentinel_username=u&sentinel_password=p%2B")
    assert address.sentinel_options == {"username": "u", "password": "p+"}
    assert "sentinel_password" not in address.options
    assert address.options["db"] == 0


def test_encryption_holds_for_redis_and_sentinels():
    address = redis_address("rediss+sentinel://one/main?ssl_ca_certs=/ca.pem")
    assert address.options["connection_class"] is SSLConnection
    assert address.options["ssl_ca_certs"] == "/ca.pem"
    assert address.sentinel_options == {"ssl": True, "ssl_ca_certs": "/ca.pem"}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one",
        "redis+sentinel:///main",
        "redis+sentinel://one/main/zero",
        "http://one",
        "one:6379",
    ],
)
def test_what_is_no_url_of_redis_is_refused_with_the_form(url):
    with pytest.raises(ValueError, match=r"redis\+sentinel://"):
        redis_address(url)
