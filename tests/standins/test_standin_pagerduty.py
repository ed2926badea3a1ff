"""The PagerDuty stand-in: what it refuses, and what becomes of an event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from enricher.standins import PagerDuty, running
from enricher.standins.pagerduty.service import ROUTING_KEY
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

PAYLOAD = {"summary": "s", "source": "h", "severity": "critical"}


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    with running(PagerDuty()) as standin:
        yield standin


@pytest.fixture
def client(pagerduty: PagerDuty) -> Iterator[httpx2.Client]:
    with connect(pagerduty.url) as made:
        yield made


def send(client: httpx2.Client, action: str = "trigger", **event: Any) -> httpx2.Response:
    body = {"routing_key": ROUTING_KEY, "event_action": action, "dedup_key": "k", "payload": PAYLOAD, **event}
    return client.post("/v2/enqueue", json=body)


def test_one_alert_of_a_key_is_open_and_after_a_resolve_another_begins(client: httpx2.Client, pagerduty: PagerDuty) -> None:
    for action in ("trigger", "trigger", "acknowledge", "resolve", "trigger"):
        assert send(client, action).status_code == 202
    assert [alert["status"] for alert in pagerduty.store()["alerts"]] == ["resolved", "triggered"]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_what_has_no_open_alert_is_dropped(action: str, client: httpx2.Client, pagerduty: PagerDuty) -> None:
    assert send(client, action).status_code == 202
    assert (pagerduty.store()["alerts"], pagerduty.store()["dropped"]) == ([], 1)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"routing_key": "w" * 32}, id="another key"),
        pytest.param({"event_action": "page"}, id="no such action"),
        pytest.param({"payload": None}, id="no payload"),
        pytest.param({"payload": {**PAYLOAD, "severity": "high"}}, id="a severity that is ours"),
        pytest.param({"payload": {**PAYLOAD, "source": ""}}, id="no source"),
        pytest.param({"payload": {**PAYLOAD, "summary": "x" * 1025}}, id="a long summary"),
        pytest.param({"dedup_key": "x" * 256}, id="a long key"),
        pytest.param({"event_action": "resolve", "dedup_key": ""}, id="a resolve of nothing"),
    ],
)
def test_what_is_no_event_is_refused(event: dict[str, Any], client: httpx2.Client, pagerduty: PagerDuty) -> None:
    answer = send(client, **event)
    assert (answer.status_code, answer.json()["status"]) == (400, "invalid event")
    assert pagerduty.store()["alerts"] == []


def test_a_large_event_is_refused(client: httpx2.Client) -> None:
    assert send(client, payload={**PAYLOAD, "custom_details": "x" * 600_000}).status_code == 413
