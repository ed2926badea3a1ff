from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from enricher.core.canary import Proof, Standing
from enricher.core.silence import Watching
from enricher.ports import DestinationHealth
from tests.web.fakes import NOW, World, alert_record, case_record, delivery, watching

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


def test_alive(client: FlaskClient) -> None:
    assert client.get("/healthz", environ_overrides=ELSEWHERE).json == {"status": "ok"}


def test_ready_with_bad_content_is_ready_and_says_so(client: FlaskClient, world: World) -> None:
    world.problems.append("config/tuning/dev.yml:12: expires is in the past")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert (answer.json or {}) | {"status": "ready", "problems": world.problems} == answer.json


def test_ready_names_what_a_person_should_look_at_and_stays_ready(client: FlaskClient, world: World) -> None:
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json: line 1")]
    world.reader.sent = [delivery("jira", "dead", reason="invalid", detail="secret")]
    world.reader.failing = [
        DestinationHealth(destination="jira", failures=7, reason="auth", since=NOW, paused_until=NOW, paused=True)
    ]
    world.standings = [Standing(destination="slack", state=Proof.MISSING, detail="secret", proved_at=NOW)]
    world.pressure.reached = "inbox"
    world.watchings = {"calm": Watching(every_s=60.0), "prod": watching()}

    answer = client.get("/readyz", environ_overrides=ELSEWHERE)

    at = "2026-11-24T02:04:00Z"
    jira = {"destination": "jira", "failures": 7, "reason": "auth", "since": at, "paused_until": at, "paused": True}
    assert (answer.status_code, answer.json) == (
        200,
        {
            "status": "ready",
            "problems": [],
            "busy": "inbox",
            "inbox": 7,
            "dead_letters": {"alert": 1, "delivery": 1},
            "destinations": [jira],
            "canary": [{"destination": "slack", "state": "missing", "proved_at": at}],
            "silent": [{"source": "prod", "since": "2026-11-24T01:04:00Z", "what": ["heartbeat"]}],
        },
    )


def test_not_ready_when_a_write_would_fail(client: FlaskClient, world: World) -> None:
    world.reader.refuses = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (
        503,
        {"status": "unavailable", "detail": "database gone", "problems": []},
    )
    assert client.get("/healthz").status_code == 200


def test_metrics(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.data == b"enricher_up 1\n"
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/cases/enricher-2412d6c5edbed00f"),
        ("GET", "/nothing"),
        ("GET", "/api/v1/cases"),
        ("GET", "/api/v1/cases?limit=0"),
        ("POST", "/webhooks/sumo"),
        ("GET", "/webhooks/sumo"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/static/console.css"),
    ],
)
def test_every_answer_carries_the_security_headers(client: FlaskClient, world: World, method: str, path: str) -> None:
    world.reader.stored = [case_record()]
    with client.open(path, method=method) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert len(headers.getlist("Content-Security-Policy")) == 1
