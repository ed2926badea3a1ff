from __future__ import annotations

from datetime import timedelta

from enricher.store import Store
from enricher.store.overview import open_now
from tests.store.fakes import SEC_12, Estate, deliver, document, settle, submission, take

A_DAY = timedelta(hours=24)


def test_an_empty_store(estate: Estate, store: Store) -> None:
    seen = store.reader.overview(estate.clock.now - A_DAY)

    assert (seen.alerts, seen.repeats) == ({"done": 0}, 0)
    assert (seen.opened, seen.became, seen.open_now, seen.deliveries) == ({}, {}, {}, {})


def test_cases_since_then_and_all_that_are_open(estate: Estate, store: Store) -> None:
    settle(store, "a1", document("high-1"))
    settle(store, "a2", document("low-1", severity="low", disposition="suppressed"))
    settle(store, "a3", document("high-2"), document("critical-1", severity="critical"))

    lately = store.reader.overview(estate.clock.now - A_DAY)
    later = store.reader.overview(estate.clock.now + timedelta(days=3000))

    assert lately.opened == {"high": 2, "critical": 1, "low": 1}
    assert lately.became == {"open": 3, "suppressed": 1}
    assert lately.open_now == later.open_now == {"high": 2, "critical": 1}
    assert (later.opened, later.became) == ({}, {})


def test_what_became_of_alerts(estate: Estate, store: Store) -> None:
    settle(store, "done", document())
    store.inbox.bury(take(store, "dead"), "not_json: line 1")
    take(store, "working")
    for _ in range(3):
        store.inbox.accept(submission("stored"))

    seen = store.reader.overview(estate.clock.now - A_DAY)

    assert seen.alerts == {"done": 1, "dead": 1, "working": 1, "stored": 1}
    assert seen.repeats == 2


def test_deliveries_by_destination(estate: Estate, store: Store) -> None:
    settle(store, "a", document())
    delivery = deliver(store, "jira")
    store.outbox.delivered(delivery, 1, SEC_12)
    store.outbox.bury(deliver(store, "slack"), "rejected", "no such channel")

    lately = store.reader.overview(estate.clock.now - A_DAY)
    later = store.reader.overview(estate.clock.now + timedelta(days=3000))

    assert lately.deliveries == {("jira", "delivered"): 1, ("slack", "dead"): 1, ("servicenow", "pending"): 1}
    assert later.deliveries == {("slack", "dead"): 1, ("servicenow", "pending"): 1}


def test_open_cases_are_counted_only_so_far(store: Store) -> None:
    for number in range(3):
        settle(store, f"a{number}", document(f"case-{number}"))

    with store.access.read() as conn:
        assert open_now(conn, 2) == {"high": 2}
