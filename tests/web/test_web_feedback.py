"""What a closed ticket says of its case: who may say it, and what comes of it."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from flask.testing import FlaskClient

from enricher.core.feedback import Said, Words
from enricher.web.services import TicketSource
from tests.web.conftest import Connect
from tests.web.fakes import World, case_record

KEY = "enricher-2412d6c5edbed00f"
WORDS = Words.of(["False Positive"], ["True Positive"])
JIRA = TicketSource(name="jira", secret="jira-secret", words=WORDS)
SERVICENOW = TicketSource(name="servicenow", secret="sn-secret", words=WORDS)
BEARER = {"Authorization": "Bearer jira-secret"}
ISSUE = {
    "timestamp": 1_795_507_200_000,
    "user": {"displayName": "Ana"},
    "issue": {"key": "SEC-12", "fields": {"resolution": {"name": "False Positive"}, "labels": []}},
}
RECORD = {"sys_id": "a" * 32, "close_code": "True positive", "closed": "true", "by": "ana"}


@pytest.fixture
def ticketed(world: World, connect: Connect) -> FlaskClient:
    world.reader.stored = [case_record()]
    world.reader.tickets = {"jira SEC-12": KEY, f"servicenow {'a' * 32}": KEY}
    return connect(ticket_sources=(JIRA, SERVICENOW))


def post(client: FlaskClient, document: Any, headers: dict[str, str], name: str = "jira") -> tuple[int, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = client.post(f"/webhooks/{name}", data=body, headers=headers)
    return answer.status_code, answer.json


def signed(body: bytes, secret: str = "jira-secret") -> dict[str, str]:  # noqa: S107 - made up
    return {"X-Hub-Signature": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


def said(world: World) -> list[tuple[str, Said, str]]:
    return [(key, word.said, word.source) for key, word in world.operator.words]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(BEARER, id="bearer"),
        pytest.param({"X-Enricher-Token": "jira-secret"}, id="a header of our own, as an automation rule can send it"),
        pytest.param(signed(json.dumps(ISSUE).encode()), id="Jira's signature"),
    ],
)
def test_a_resolved_issue_marks_its_case(world: World, ticketed: FlaskClient, headers: dict[str, str]) -> None:
    assert post(ticketed, ISSUE, headers) == (202, {"status": "marked", "case": KEY})
    assert said(world) == [(KEY, Said.FALSE_POSITIVE, "jira")]
    assert world.counted == [("jira", "marked")]


def test_a_closed_record_marks_its_case(world: World, ticketed: FlaskClient) -> None:
    headers = {"Authorization": "Bearer sn-secret"}
    assert post(ticketed, RECORD, headers, "servicenow") == (202, {"status": "marked", "case": KEY})
    assert said(world) == [(KEY, Said.TRUE_POSITIVE, "servicenow")]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Authorization": "Bearer sn-secret"}, id="the other service's secret"),
        pytest.param(signed(json.dumps(ISSUE).encode(), "guessed"), id="signed with another secret"),
        pytest.param(signed(b"{}"), id="the signature of another body"),
        pytest.param({"X-Hub-Signature": "sha1=" + "0" * 40}, id="another method"),
        pytest.param({"X-Hub-Signature": "sha256=ä"}, id="no signature at all"),
        pytest.param({**BEARER, "Sec-Fetch-Site": "cross-site"}, id="a browser for another site"),
        pytest.param({**signed(json.dumps(ISSUE).encode()), "Origin": "https://evil.example"}, id="the same, signed"),
    ],
)
def test_a_stranger_says_nothing(world: World, ticketed: FlaskClient, headers: dict[str, str]) -> None:
    status, answer = post(ticketed, ISSUE, headers)
    assert (status, answer["error"]) == (401, "unauthorized")
    assert world.operator.words == []
    assert world.counted == [("jira", "unauthorized")]


def test_a_peer_on_this_machine_needs_the_secret_too(ticketed: FlaskClient) -> None:
    answer = ticketed.post("/webhooks/jira", json=ISSUE, environ_overrides={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["jira", "servicenow"])
def test_without_a_secret_there_is_no_such_webhook(world: World, client: FlaskClient, name: str) -> None:
    status, answer = post(client, ISSUE, BEARER, name)
    assert (status, answer["error"]) == (404, "not_found")
    assert world.operator.words == []


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        pytest.param(
            {"issue": {"key": "SEC-99", "fields": {"resolution": None}}}, {"reason": "unknown_case"}, id="not ours"
        ),
        pytest.param({"comment": {}, "issue": {"key": "SEC-12"}}, {"reason": "nothing_said"}, id="a comment"),
        pytest.param({}, {"reason": "nothing_said"}, id="an empty object"),
    ],
)
def test_what_is_not_about_a_case_is_ignored(world: World, ticketed: FlaskClient, document: Any, answer: Any) -> None:
    assert post(ticketed, document, BEARER) == (202, {"status": "ignored", **answer})
    assert world.operator.words == []
    assert world.counted == [("jira", answer["reason"])]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"{", "not_json", id="no JSON"),
        pytest.param(b"[]", "not_an_object", id="no object"),
        pytest.param(b"\xff", "not_utf8", id="no text"),
        pytest.param(b'{"a":' * 400 + b"1" + b"}" * 400, "too_deep", id="too deep"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_not_kept(
    world: World, ticketed: FlaskClient, body: bytes, error: str
) -> None:
    status, answer = post(ticketed, body, BEARER)
    assert (status, answer["error"]) == (400, error)
    assert (world.inbox.accepted, world.operator.words) == ([], [])


def test_a_label_of_ours_leads_to_the_case_of_an_issue_that_is_not_known(world: World, ticketed: FlaskClient) -> None:
    issue = {"issue": {"key": "MOVED-1", "fields": {"resolution": {"name": "False Positive"}, "labels": [KEY]}}}
    assert post(ticketed, issue, BEARER) == (202, {"status": "marked", "case": KEY})


def test_the_same_again_is_answered_and_changes_nothing(ticketed: FlaskClient) -> None:
    post(ticketed, ISSUE, BEARER)
    assert post(ticketed, ISSUE, BEARER) == (202, {"status": "unchanged", "case": KEY})


def test_too_many_are_asked_to_wait_and_strangers_use_up_nothing(world: World, connect: Connect) -> None:
    client = connect(ticket_sources=(JIRA,), rate_per_minute=1)
    for _ in range(3):
        assert post(client, ISSUE, {})[0] == 401
    assert post(client, ISSUE, BEARER)[0] == 202
    answer = client.post("/webhooks/jira", json=ISSUE, headers=BEARER)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


@pytest.mark.parametrize("headers", [BEARER, {"X-Hub-Signature": "sha256=" + "0" * 64}], ids=["known", "claims to be"])
def test_a_body_has_a_limit(world: World, connect: Connect, headers: dict[str, str]) -> None:
    client = connect(ticket_sources=(JIRA,), max_body=100)
    assert post(client, b"[" + b" " * 200 + b"]", headers)[0] == 413


def test_a_store_that_refuses_is_503(world: World, ticketed: FlaskClient) -> None:
    world.reader.refuses = True
    answer = ticketed.post("/webhooks/jira", json=ISSUE, headers=BEARER)
    assert (answer.status_code, (answer.json or {})["error"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers
    assert world.counted == [("jira", "unavailable")]
