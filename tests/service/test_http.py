"""HTTP as clients, probes, browsers and proxies speak it."""

import gzip
import http.client
import json
import time
import zlib

import httpx
import pytest

from tests.service.test_problems import problem_of
from tests.support import SCENARIO, Service

BODY = SCENARIO | {"attributes": ["coherence"]}
PACKED = gzip.compress(json.dumps(BODY).encode())
LINE = (
    b'{"id":"s1","question":"My parcel is late.","responses":["Sorry!","See the page."],'
    b'"labels":[{"warmth":1},{"warmth":0}]}\n'
)


def sent(azimuth: Service, path: str, content: object, **headers: str) -> httpx.Response:
    method = "PUT" if path.startswith("/v1/banks/") else "POST"
    headers = {"content-type": "application/json"} | headers
    with azimuth.client() as client:
        return client.request(method, path, content=content, headers=headers)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP", "identity, gzip"])
def test_a_gzip_body_is_unpacked(azimuth, name):
    answer = sent(azimuth, "/v1/score", PACKED, **{"content-encoding": name})
    assert answer.status_code == 200
    assert answer.json()["id"] == azimuth.post("/v1/score", BODY).json()["id"]


def test_a_gzip_body_may_come_in_chunks_and_in_several_members(azimuth):
    text = json.dumps(BODY).encode()
    packed = gzip.compress(text[:40]) + gzip.compress(text[40:])
    chunks = iter([packed[i : i + 7] for i in range(0, len(packed), 7)])
    assert sent(azimuth, "/v1/score", chunks, **{"content-encoding": "gzip"}).status_code == 200


def test_a_bank_may_be_sent_as_gzip(azimuth):
    packed = {"content-encoding": "gzip"}
    answer = sent(azimuth, "/v1/banks/packed", gzip.compress(LINE), **packed)
    assert answer.json()["scenarios"] == 1


def test_a_gzip_body_counts_by_its_unpacked_size(azimuth):
    bomb = gzip.compress(b" " * 100_000_000)
    assert len(bomb) < 100_000
    answer = sent(azimuth, "/v1/score", bomb, **{"content-encoding": "gzip"})
    assert problem_of(answer, 413, "body-too-large")["limit_bytes"] == 8_000_000


def test_empty_gzip_members_neither_pass_the_limit_nor_take_long(azimuth):
    empty = gzip.compress(b"")
    many = iter([empty * 2_000] * 200)
    answer = sent(azimuth, "/v1/score", many, **{"content-encoding": "gzip"})
    assert "members" in problem_of(answer, 400, "malformed-body")["detail"]


def test_a_compressed_body_counts_by_its_own_size_as_well(azimuth):
    stored = gzip.compress(bytes(9_000_000), compresslevel=0)
    chunks = iter([stored[i : i + 65_536] for i in range(0, len(stored), 65_536)])
    answer = sent(azimuth, "/v1/score", chunks, **{"content-encoding": "gzip"})
    problem_of(answer, 413, "body-too-large")


def test_the_encoding_of_no_body_does_not_matter(azimuth):
    with azimuth.client() as client:
        assert client.get("/v1/banks", headers={"content-encoding": "br"}).status_code == 200


@pytest.mark.parametrize("content", [PACKED[:-9], b"not gzip", zlib.compress(b"{}")])
def test_a_body_that_is_not_gzip_as_claimed_is_malformed(azimuth, content):
    answer = sent(azimuth, "/v1/score", content, **{"content-encoding": "gzip"})
    assert "gzip" in problem_of(answer, 400, "malformed-body")["detail"]


@pytest.mark.parametrize("name", ["br", "zstd", "deflate", "gzip, gzip"])
def test_any_other_encoding_is_refused_with_the_one_that_is_taken(azimuth, name):
    answer = sent(azimuth, "/v1/score", PACKED, **{"content-encoding": name})
    assert name in problem_of(answer, 415, "unsupported-format")["detail"]
    assert answer.headers["accept-encoding"] == "gzip"


def test_a_bank_in_another_encoding_is_refused_as_any_body(azimuth):
    answer = sent(azimuth, "/v1/banks/packed", LINE, **{"content-encoding": "br"})
    problem_of(answer, 415, "unsupported-format")
    answer = sent(azimuth, "/v1/banks/packed", LINE, **{"content-encoding": "gzip"})
    problem_of(answer, 400, "malformed-body")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/banks", "/v1/models"])
def test_what_can_be_read_answers_head_without_a_body(azimuth, path):
    with azimuth.client() as client:
        head, full = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == full.headers["content-type"]


def test_head_is_no_way_to_score(azimuth):
    with azimuth.client() as client:
        assert client.head("/v1/score").status_code == 405
        assert client.head("/v1/banks/none").status_code == 404


def test_a_slash_at_the_end_of_a_path_is_passed_over(azimuth):
    with azimuth.client() as client:
        behind_tls = {"x-forwarded-proto": "https", "host": "localhost"}
        assert client.post("/v1/score/", json=BODY, headers=behind_tls).status_code == 200
        assert client.put("/v1/banks/slashed/", content=LINE).json()["name"] == "slashed"
        assert client.get("/v1/banks/").json()["banks"]
        assert client.get("/v1/nothing/").status_code == 404


def test_an_encoded_slash_at_the_end_belongs_to_the_name(azimuth):
    with azimuth.client() as client:
        assert client.put("/v1/banks/a%2F", content=LINE).json()["name"] == "a/"
        assert client.get("/v1/banks/a").status_code == 404


def test_an_idle_connection_outlives_that_of_a_load_balancer(azimuth):
    connection = http.client.HTTPConnection("127.0.0.1", azimuth.api_port)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    time.sleep(5.5)  # servers commonly close after 5 s
    connection.auto_open = 0
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


PREFLIGHT = {
    "Origin": "https://app.example.org",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,prefer",
}


def test_web_pages_may_call_the_api_only_where_the_operator_allows_their_origin(service):
    service.start_api(
        AZIMUTH_CORS_ORIGINS="https://app.example.org, http://localhost:5173",
        AZIMUTH_MAX_BODY_BYTES="1000",
    )
    with service.client() as client:
        preflight = client.options("/v1/retarget", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "prefer" in preflight.headers["access-control-allow-headers"]
        origin = {"Origin": "http://localhost:5173"}
        for answer in (
            client.get("/healthz", headers=origin),
            client.post("/v1/retarget", content=b"x" * 2000, headers=origin),
        ):
            assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
            assert "Location" in answer.headers["access-control-expose-headers"]
        other = client.options("/v1/retarget", headers=PREFLIGHT | {"Origin": "https://evil.org"})
        assert "access-control-allow-origin" not in other.headers


def test_without_the_setting_no_web_page_may_call_the_api(azimuth):
    with azimuth.client() as client:
        answers = (
            client.options("/v1/retarget", headers=PREFLIGHT),
            client.get("/healthz", headers={"Origin": "https://app.example.org"}),
        )
    for answer in answers:
        assert "access-control-allow-origin" not in answer.headers


SELECT = (
    '{"question":"q","responses":["a","b"],"scoring":{"bank":null},"attributes":["coherence"],'
    '"target":{"coherence":1}'
)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/select", SELECT + ',"target":{"coherence":0}}', "#/target"),
        ("/v1/select", SELECT.replace(":1}", ':0,"coherence" :1}') + "}", "#/target/coherence"),
        ("/v1/score", SELECT[:-1] + ',"c\\u006fherence":0}}', "#/target/coherence"),
        ("/v1/score", '{"responses":[{"id":"a","id":"b"}]}', "#/responses/0/id"),
        (
            "/v1/retarget",
            '{"score_set_ids":"x","targets":[{"a":1},{"b":1,"b":0}]}',
            "#/targets/1/b",
        ),
        ("/select", '{"question":"\\":\\":","question":"\\":"}', "#/question"),
    ],
)
def test_a_member_that_occurs_twice_is_refused_and_pointed_to(azimuth, path, body, pointer):
    problem = problem_of(sent(azimuth, path, body), 422, "invalid-request")
    assert [e["pointer"] for e in problem["errors"]] == [pointer]
    assert "twice" in problem["detail"]


def test_texts_that_look_like_members_are_no_members(azimuth):
    body = BODY | {"question": ': {"a": 1, "a": 2}', "responses": [":", '":":"', "c"]}
    assert azimuth.post("/v1/score", body).status_code == 200


def test_a_number_of_too_many_digits_is_refused_at_its_field(azimuth):
    body = SELECT + ',"deadline_s":' + "9" * 5000 + "}"
    problem = problem_of(sent(azimuth, "/v1/select", body), 422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "#/deadline_s"
    assert "finite" in problem["errors"][0]["detail"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_json_body_may_have_a_byte_order_mark_or_another_unicode_encoding(azimuth, encoding):
    body = json.dumps(BODY | {"question": "O\u00f9 est la gare\u202f?"}, ensure_ascii=False)
    assert sent(azimuth, "/v1/score", body.encode(encoding)).status_code == 200


def test_json_sent_as_a_form_is_refused_with_the_type_to_send(azimuth):
    """As `curl -d` does. Taken, it would let any web page send requests without a preflight."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = sent(azimuth, "/v1/score", json.dumps(BODY), **form)
    detail = problem_of(answer, 400, "malformed-body")["detail"]
    assert "application/json" in detail
    assert form["content-type"] in detail
