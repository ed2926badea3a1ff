"""A burst: many alerts at once, services that take little a second. Each case gets its ticket, Slack a few digests, and all of it drains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, Standins, serving, until
from tests.e2e.judge import held, problems
from tests.e2e.storm import OPEN

pytestmark = pytest.mark.slow

ALERTS, CASES = 300, 100
RATE = 25
"""A second, for each destination."""
DIGEST_AT, IN_A_DIGEST = 10, 40
SETTINGS = {
    "ENRICHER_JIRA_RATE": str(RATE),
    "ENRICHER_SERVICENOW_RATE": str(RATE),
    "ENRICHER_SLACK_RATE": "5",
    "ENRICHER_SLACK_DIGEST_AT": str(DIGEST_AT),
    "ENRICHER_JIRA_QUIET_SECONDS": "1",
}
DRAIN_S = 120.0


def alert(number: int) -> bytes:
    """Of one of so many hosts, each with a tenant of its own; with each round a later contact of the same process."""
    name, round_ = f"b{number % CASES}", number // CASES
    rows = [alerts.query(name, second=60 * round_), alerts.connection(name, second=60 * round_ + 1)]
    return alerts.body(f"burst-{number}", numQueryResults="2", results=json.dumps([{"Message": row} for row in rows]))


def test_a_burst_becomes_as_many_cases_as_there_are_keys(database: str, tmp_path: Path) -> None:
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        settings = standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": database}
        with serving(settings, tmp_path / "service.log") as service:
            taken = [service.accept(alert(number)) for number in range(ALERTS)]
            ended = [service.settled(alert_id, DRAIN_S) for alert_id in taken]
            until(
                lambda: not any(service.get("deliveries", state=state, limit="1")["deliveries"] for state in OPEN),
                "the end of all deliveries",
                DRAIN_S,
            )
            cases = service.listed("cases", "cases")
            dead = service.listed("dead-letters", "dead_letters")
        found = held(standins)
        parents = standins.store("slack")["messages"]

    assert [one["state"] for one in ended] == ["done"] * ALERTS
    assert len(cases) == CASES
    assert dead == []
    assert list(problems(cases, found)) == []
    assert {name: len(one.tickets) for name, one in found.items()} == dict.fromkeys(DESTINATIONS, CASES)
    digests = [one for one in parents if "delivery_keys" in one["metadata"]["event_payload"]]
    assert digests
    assert all(len(one["metadata"]["event_payload"]["delivery_keys"]) <= IN_A_DIGEST for one in digests)
    # How many go alone before the rate holds them up is a matter of how fast they came: each digest stands for more than that.
    assert len(parents) <= CASES - len(digests) * DIGEST_AT
