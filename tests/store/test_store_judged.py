"""Alerts as they came, for judging them again."""

from __future__ import annotations

from datetime import timedelta

from enricher.store import Store
from tests.store.fakes import Estate, document, settle, settlement, submission, take


def test_alerts_in_the_order_in_which_they_were_judged(store: Store, estate: Estate) -> None:
    first = take(store, "first")
    estate.advance(1)
    second = settle(store, "second", document("case-2"), document("case-1"))
    estate.advance(1)
    assert store.inbox.settle(first, settlement(dropped=({"row": 0, "reason": "no_match: none"},)))

    assert store.reader.judged() == [second, first.alert_id]
    one, other = store.reader.received([first.alert_id, "gone", second])
    assert (one.alert_id, one.body, one.source, one.kind, one.cases) == (
        first.alert_id,
        b"body of first",
        "sumo",
        "monitor",
        (),
    )
    assert [gone["reason"] for gone in one.dropped] == ["no_match: none"]
    assert (other.alert_id, other.cases) == (second, ("case-1", "case-2"))
    assert one.received_at < other.received_at <= other.settled_at < one.settled_at


def test_what_was_never_judged_is_only_counted(store: Store) -> None:
    settle(store, "judged")
    store.inbox.bury(take(store, "dead"), "not_json: none")
    discarded = take(store, "discarded")
    store.inbox.bury(discarded, "not_json: none")
    assert store.operator.discard_dead(discarded.alert_id, "anna")
    store.inbox.accept(submission("waiting"))

    assert len(store.reader.judged()) == 1
    assert store.reader.received([discarded.alert_id]) == []
    with store.access.read() as conn:
        now = store.access.now(conn)
    assert store.reader.unjudged(now - timedelta(hours=1)) == 3
    assert store.reader.unjudged(now + timedelta(hours=1)) == 0
