from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Table

from enricher.store import Store
from enricher.store.schema_upkeep import destination_health
from tests.store.fakes import deliver, document, settle, submission


def insert(store: Store, table: Table, *rows: dict[str, Any]) -> None:
    store.access.write(lambda tx: tx.conn.execute(table.insert(), list(rows)))


def test_a_probe_is_told_what_waits_and_what_was_given_up(store: Store) -> None:
    settle(store, "a", document())
    store.outbox.bury(deliver(store, "jira"), "invalid", "")
    store.inbox.accept(submission("x", dead_reason="not_json: line 1"))
    for name in "bc":
        store.inbox.accept(submission(name))

    told = store.reader.condition()
    assert (told.alerts_waiting, told.dead_alerts, told.dead_deliveries) == (2, 1, 1)


def test_a_destination_that_fails_is_named_and_one_that_does_not_is_not(store: Store) -> None:
    settle(store, "a", document())
    with store.access.read() as conn:
        now = store.access.now(conn)
    row = {"tokens": 1.0, "tokens_at": now, "reason": "auth", "since": now}
    insert(
        store,
        destination_health,
        {"name": "jira", "failures": 7, "paused_until": now + timedelta(hours=1), **row},
        {"name": "servicenow", "failures": 1, "paused_until": now - timedelta(hours=1), **row},
        {"name": "slack", "failures": 0, "paused_until": None, **row},
        {"name": "taken-away", "failures": 3, "paused_until": now - timedelta(days=1), **row},
        {"name": "told-to-wait", "failures": 0, "paused_until": now + timedelta(hours=1), **row},
    )

    shown = store.reader.destinations()
    assert [(one.destination, one.failures, one.reason, one.paused) for one in shown] == [
        ("jira", 7, "auth", True),
        ("servicenow", 1, "auth", False),
        ("told-to-wait", 0, "auth", True),
    ]
    assert store.reader.condition().destinations == tuple(shown)


def test_what_waits_is_counted_no_further_than_asked_for(store: Store) -> None:
    for number in range(5):
        store.inbox.accept(submission(f"a{number}"))
    store.inbox.claim(1)

    assert [store.reader.waiting(most) for most in (0, 3, 5, 9)] == [0, 3, 5, 5]
