"""Redis with Sentinels and replicas, encrypted, with passwords; Redis Cluster is refused."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from tests.faults.proxy import Proxy
from tests.faults.record import Record
from tests.faults.servers import RedisServer, Sentinel, service_on
from tests.support import SCENARIO, Service, wait_until

FAST = {"AZIMUTH_WORKER_LEASE_S": "2", "AZIMUTH_WORKER_STORE_RETRY_S": "0.2"}
ONE = SCENARIO | {"attributes": ["helpfulness"]}
SECRET = "p@ss/word"
IN_URL = "p%40ss%2Fword"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[RedisServer]]:
    """Servers of a test, all ended after it."""
    started: list[RedisServer] = []
    yield started
    for one in started:
        one.kill()


@pytest.fixture
def services() -> Iterator[list[Service]]:
    started: list[Service] = []
    yield started
    for one in started:
        one.close()


def in_step(replica: redis.Redis) -> bool:
    return replica.info("replication").get("master_link_status") == "up"


def test_a_replica_is_promoted_by_sentinel_in_the_middle_of_jobs(
    tmp_path: Path, servers: list[RedisServer], services: list[Service], record: Record
) -> None:
    options = ("--requirepass", SECRET, "--masterauth", SECRET)
    primary = RedisServer(tmp_path, *options)
    replica = RedisServer(tmp_path, *options, "--replicaof", "127.0.0.1", str(primary.port))
    sentinel = Sentinel(tmp_path, primary, f'sentinel auth-pass main "{SECRET}"', "requirepass s")
    servers += [primary, replica, sentinel]
    address = f"127.0.0.1:{sentinel.port},127.0.0.1:1/main/0?sentinel_password=s"
    service = service_on(tmp_path, f"redis+sentinel://:{IN_URL}@{address}", replica.port)
    services.append(service)
    service.start_api()
    worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="2", **FAST, **record.settings)
    assert service.post("/v1/score", ONE).status_code == 200
    at_replica = replica.client(password=SECRET)
    wait_until(lambda: in_step(at_replica), what="the replica")
    with ThreadPoolExecutor(4) as pool:
        bodies = [ONE | {"question": f"Question {number}"} for number in range(4)]
        answers = [pool.submit(service.post, "/v1/score", body) for body in bodies]
        wait_until(lambda: len(record.begun) == 5, what="the jobs at the worker")
        primary.client(password=SECRET).execute_command("WAIT", "1", "2000")
        primary.kill()
        statuses = [answer.result(50).status_code for answer in answers]
    assert statuses == [200] * 4
    assert at_replica.info("replication")["role"] == "master"
    assert worker.alive()
    again = service.post("/v1/score", ONE).json()
    assert [cell["cached"] for cell in again["cells"]] == [True]
    assert record.overlaps == []
    wait_until(service.ready, what="readiness")
    assert service.post("/v1/score", ONE | {"question": "later"}).status_code == 200


def test_a_name_leads_to_another_primary_and_the_old_one_is_a_replica(
    tmp_path: Path, servers: list[RedisServer], services: list[Service]
) -> None:
    """As with managed services: open connections still lead to the demoted server."""
    old, new = RedisServer(tmp_path), RedisServer(tmp_path)
    servers += [old, new]
    proxy = Proxy(old.port)
    service = service_on(tmp_path, proxy.url, new.port)
    services.append(service)
    service.start_api()
    worker = service.start_worker(**FAST)
    assert service.post("/v1/score", ONE).status_code == 200
    proxy.target = new.port
    old.client().execute_command("REPLICAOF", "127.0.0.1", str(new.port))
    wait_until(lambda: service.ready(worker), what="readiness")
    wait_until(lambda: service.redis.keys("azimuth:workers"), what="a heartbeat at the new one")
    assert service.post("/v1/score", ONE | {"question": "later"}).status_code == 200
    assert service.redis.keys("azimuth:ss:*")
    proxy.close()


def test_a_redis_cluster_is_refused_in_clear_words(
    tmp_path: Path, servers: list[RedisServer], services: list[Service]
) -> None:
    servers.append(RedisServer(tmp_path, "--cluster-enabled", "yes"))
    service = service_on(tmp_path, servers[0].url, servers[0].port)
    services.append(service)
    api, worker = service.start_api(), service.start_worker(ready=False)
    assert api.process.wait(20) == 1
    assert worker.process.wait(20) == 70
    for name in ("api", "worker"):
        assert "Redis Cluster cannot be used" in service.log(name)
        assert "Traceback" not in service.log(name)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis+sentinel://127.0.0.1"])
def test_a_url_that_is_none_is_refused_without_showing_it(
    url: str, tmp_path: Path, services: list[Service]
) -> None:
    service = service_on(tmp_path, url, 1)
    services.append(service)
    assert service.start_api().process.wait(20) == 1
    assert "AZIMUTH_REDIS_URL" in service.log("api")
    assert url not in service.log("api")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    pem, key = folder / "cert.pem", folder / "key.pem"
    made = [openssl, "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    made += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(made, check=True, capture_output=True)
    return pem, key


def test_an_encrypted_redis_with_a_user_of_its_own(
    tmp_path: Path, servers: list[RedisServer], services: list[Service]
) -> None:
    """Encryption ends in front of Redis, as with stunnel: not every build of Redis has it."""
    server = RedisServer(tmp_path)
    servers.append(server)
    rules = (
        "on",
        f">{SECRET}",
        "~azimuth:*",
        "resetchannels",
        "&azimuth:*",
        "+@all",
        "-@dangerous",
    )
    server.client().execute_command("ACL", "SETUSER", "azimuth", *rules)
    pem, private = certificate(tmp_path)
    encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encryption.load_cert_chain(pem, private)
    proxy = Proxy(server.port, encryption)
    base = f"rediss://azimuth:{IN_URL}@127.0.0.1:{proxy.port}/0"
    service = service_on(tmp_path, f"{base}?ssl_ca_certs={pem}", server.port)
    strange = service_on(tmp_path / "strange", base, server.port)
    services += [service, strange]
    service.start_api()
    service.start_worker(**FAST)
    assert service.post("/v1/score", ONE).status_code == 200
    # A certificate that nobody vouches for is refused, and the log has the reason.
    strange.folder.mkdir()
    strange.start_api()
    wait_until(lambda: "certificate verify failed" in strange.log("api"), what="the refusal")
    proxy.close()


def test_a_wrong_password_is_named(
    tmp_path: Path, servers: list[RedisServer], services: list[Service]
) -> None:
    servers.append(RedisServer(tmp_path, "--requirepass", SECRET))
    wrong = servers[0].url.replace("//", "//:wrong@")
    service = service_on(tmp_path, wrong, servers[0].port)
    services.append(service)
    service.start_api()
    with service.client() as client:
        ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "password" in ready.json()["redis"]["detail"]
