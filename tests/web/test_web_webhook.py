from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from enricher.core.document import Json
from enricher.errors import PayloadError
from enricher.ports import Submission
from enricher.web import create_app
from tests.web.conftest import Connect
from tests.web.fakes import World

MIB = 1024 * 1024
TOKENS = (("prod", "first-secret"), ("prod", "next-secret"), ("lab", "pässwörd:with:colons"))


def post(client: FlaskClient, body: bytes = b"{}", headers: dict[str, str] | None = None) -> TestResponse:
    return client.post("/webhooks/sumo", data=body, headers=headers)


def padded(size: int) -> bytes:
    return b'{"x":"' + b"a" * (size - 8) + b'"}'


@pytest.mark.parametrize(
    ("body", "headers", "status", "document"),
    [
        pytest.param(b'{"a":1}', {}, 202, {"status": "accepted", "alert_id": "A0"}, id="accepted"),
        pytest.param(b'{"test":true}', {}, 200, {"status": "test"}, id="connection test"),
        pytest.param(
            b'{"a":1}', {"Content-Type": "text/plain"}, 202, {"status": "accepted", "alert_id": "A0"}, id="any type"
        ),
        pytest.param(
            b'{"a":1}', {"Content-Encoding": "identity"}, 202, {"status": "accepted", "alert_id": "A0"}, id="identity"
        ),
        pytest.param(
            gzip.compress(b'{"a":1}'),
            {"Content-Encoding": "GZip"},
            202,
            {"status": "accepted", "alert_id": "A0"},
            id="gzip",
        ),
    ],
)
def test_taken(
    client: FlaskClient, world: World, body: bytes, headers: dict[str, str], status: int, document: Json
) -> None:
    answer = post(client, body, headers=headers)
    assert (answer.status_code, answer.json) == (status, document)
    assert world.counted == [("webhook", document["status"])]


def test_the_bytes_are_stored_as_sent_and_inflated(client: FlaskClient, world: World) -> None:
    body = b'{ "spaced" :  "\xc3\xa9" }\n'
    post(client, body)
    post(client, gzip.compress(body + b" "), headers={"Content-Encoding": "gzip"})
    assert [submission.body for submission in world.inbox.accepted] == [body, body + b" "]
    assert {submission.source for submission in world.inbox.accepted} == {"loopback"}


def test_a_duplicate_names_the_earlier_alert(client: FlaskClient, world: World) -> None:
    first, second = post(client, b'{"a":1}'), post(client, b'{"a":1}')
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json == {"status": "duplicate", "alert_id": "A0"}
    assert len(world.inbox.accepted) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", "not_json", id="empty"),
        pytest.param(b"{", "not_json", id="half"),
        pytest.param(b"[" * 100_000, "not_json", id="100,000 brackets"),
        pytest.param(b'{"a":"\xff\xfe"}', "not_json", id="not UTF-8"),
        pytest.param(b"\x00\x00\x00", "not_json", id="NUL"),
        pytest.param(b"[1]", "not_an_object", id="another shape"),
    ],
)
def test_what_cannot_be_read_is_kept_and_answered_400(client: FlaskClient, world: World, body: bytes, error: str) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"] == error
    assert answer.json["detail"]
    (kept,) = world.inbox.accepted
    assert (kept.body, kept.kind) == (body, "unreadable")
    assert kept.dead_reason is not None
    assert kept.dead_reason.startswith(f"{error}: ")
    assert world.counted == [("webhook", error)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not gzip at all", id="not gzip"),
        pytest.param(gzip.compress(b'{"a":1}')[:-4], id="cut"),
        pytest.param(gzip.compress(b'{"a":1}') + b"more", id="followed by more"),
        pytest.param(gzip.compress(b'{"a":1}')[:-8] + b"\0" * 8, id="wrong checksum"),
    ],
)
def test_a_body_that_is_not_the_gzip_it_claims_is_kept_as_it_came(client: FlaskClient, world: World, body: bytes) -> None:
    answer = post(client, body, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, (answer.json or {})["error"]) == (400, "bad_gzip")
    assert [kept.body for kept in world.inbox.accepted] == [body]


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x-gzip"])
def test_other_encodings_are_415(client: FlaskClient, world: World, encoding: str) -> None:
    answer = post(client, headers={"Content-Encoding": encoding})
    assert (answer.status_code, (answer.json or {})["error"]) == (415, "unsupported_encoding")
    assert world.inbox.accepted == []


def test_five_mebibytes_are_taken_and_one_byte_more_is_not(client: FlaskClient, world: World) -> None:
    assert post(client, padded(5 * MIB)).status_code == 202
    for body in (padded(5 * MIB + 1), padded(6 * MIB)):
        answer = post(client, body)
        assert (answer.status_code, (answer.json or {})["error"]) == (413, "too_large")
    packed = gzip.compress(padded(5 * MIB + 1))
    assert post(client, packed, headers={"Content-Encoding": "gzip"}).status_code == 413
    assert len(world.inbox.accepted) == 1


def test_a_store_that_refuses_is_503_with_a_time(client: FlaskClient, world: World) -> None:
    world.inbox.refuses = True
    for body in (b'{"a":1}', b"unreadable"):
        answer = post(client, body)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "7"
        assert (answer.json or {})["error"] == "unavailable"
    assert world.counted == [("webhook", "unavailable")] * 2
    world.inbox.refuses = False
    assert post(client, b'{"a":1}').status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_405_in_json(client: FlaskClient, method: str) -> None:
    answer = client.open("/webhooks/sumo", method=method)
    assert (answer.status_code, (answer.json or {})["error"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


def test_the_rate_holds_for_each_source_and_is_off_without_one(connect: Callable[..., FlaskClient], world: World) -> None:
    client = connect(webhook_tokens=TOKENS, rate_per_minute=2)
    prod, lab = (
        {"X-Enricher-Token": "first-secret"},
        {"Authorization": "Bearer pässwörd:with:colons".encode().decode("latin-1")},
    )
    assert [post(client, headers=prod).status_code for _ in range(3)] == [202, 200, 429]
    answer = post(client, headers=prod)
    assert answer.headers["Retry-After"] == "30"
    assert (answer.json or {})["error"] == "too_many_requests"
    assert post(client, headers=lab).status_code == 200
    world.now = 30.0
    assert [post(client, headers=prod).status_code for _ in range(2)] == [200, 429]


def test_a_bug_is_500_in_json_and_tells_nothing(world: World) -> None:
    def broken(body: bytes, source: str) -> Submission | None:
        raise ZeroDivisionError("secret detail")

    app = create_app(world.services(submission=broken))
    answer = app.test_client().post("/webhooks/sumo", data=b"{}")
    assert (answer.status_code, (answer.json or {})["error"]) == (500, "internal")
    assert b"secret" not in answer.data
    assert world.counted == [("webhook", "internal")]


def test_the_source_of_the_token_is_stored(connect: Callable[..., FlaskClient], world: World) -> None:
    client = connect(webhook_tokens=TOKENS)
    post(client, b'{"a":1}', headers={"X-Enricher-Token": "next-secret"})
    post(client, b'{"a":2}', headers={"Authorization": "Bearer pässwörd:with:colons".encode().decode("latin-1")})
    assert [submission.source for submission in world.inbox.accepted] == ["prod", "lab"]


def test_an_error_is_valid_json_whatever_its_detail(world: World) -> None:
    def unreadable(body: bytes, source: str) -> Submission | None:
        raise PayloadError("not_json", 'at "\u202e\x00</script>')

    client = create_app(world.services(submission=unreadable)).test_client()
    answer = client.post("/webhooks/sumo", data=b"{}")
    assert json.loads(answer.data) == {"error": "not_json", "detail": 'at "\u202e\x00</script>'}
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("mark", ["inbox", "disk"])
def test_under_pressure_senders_come_again_and_then_are_let_in(client: FlaskClient, world: World, mark: str) -> None:
    world.pressure.reached = mark
    refused = client.post("/webhooks/sumo", data=b'{"a":1}')
    assert (refused.status_code, (refused.json or {})["error"]) == (503, "busy")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert world.inbox.accepted == []

    world.pressure.reached = None
    assert client.post("/webhooks/sumo", data=b'{"a":1}').status_code == 202
    assert client.post("/webhooks/sumo", data=b'{"a":1}').status_code == 200
    assert world.pressure.added == 1
    assert world.counted == [("webhook", "busy"), ("webhook", "accepted"), ("webhook", "duplicate")]


def test_a_stranger_is_not_told_of_pressure(connect: Connect, world: World) -> None:
    world.pressure.reached = "disk"
    assert connect(webhook_tokens=(("prod", "secret"),)).post("/webhooks/sumo", data=b"{}").status_code == 401
