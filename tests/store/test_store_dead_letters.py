from __future__ import annotations

import pytest

from enricher.ports import Delivery, Reopened, Ticket
from enricher.store import Store, dead_letters
from tests.store.fakes import SEC_12, Estate, deliver, document, settle, submission


def buried(store: Store, reason: str, *, ticket: Ticket | None = None, key: str = "case-1") -> Delivery:
    """A case whose delivery to Jira was given up, after its ticket was made where one is given."""
    settle(store, key, document(key))
    delivery = deliver(store, "jira")
    if ticket is not None:
        store.outbox.ticket_created(delivery, ticket)
    store.outbox.bury(delivery, reason, f"said {reason}")
    return delivery


def test_a_ticket_that_is_gone_is_forgotten_and_looked_up_by_its_key_before_another_is_opened(
    estate: Estate, store: Store
) -> None:
    delivery = buried(store, "gone", ticket=SEC_12)
    assert store.operator.retry_dead(delivery.delivery_id, by="anna")

    again = deliver(store, "jira")
    assert (again.ticket, again.in_doubt, again.sent_seq, again.attempts) == (None, True, 0, 1)
    [(by, action, said)] = estate.rows('SELECT "by", action, detail FROM audit')
    assert (by, action, said) == ("anna", "retry", f"forgot jira SEC-12 10012 {SEC_12.url}")


def test_a_ticket_that_was_delivered_whole_and_then_went_is_in_doubt_too(store: Store) -> None:
    """Every claim before has a known end, so that only what we know of the ticket's going makes the doubt."""
    delivery = buried(store, "gone", ticket=SEC_12)
    settled = "UPDATE deliveries SET settled_claims = claims, doubt_since = NULL"
    store.access.write(lambda tx: tx.conn.exec_driver_sql(settled))
    assert store.operator.retry_dead(delivery.delivery_id)

    again = deliver(store, "jira")
    assert (again.ticket, again.in_doubt) == (None, True)


def test_what_is_held_is_created_once_a_person_says_that_there_is_no_ticket(store: Store) -> None:
    delivery = buried(store, "held")
    assert store.operator.retry_dead(delivery.delivery_id)

    again = deliver(store, "jira")
    assert (again.ticket, again.in_doubt, again.attempts) == (None, False, 1)
    store.outbox.retry(again, "timeout", "", 0.0, unknown=True)
    assert deliver(store, "jira").in_doubt


@pytest.mark.parametrize("reason", ["invalid", "forbidden", "not_found", "crashed"])
def test_any_other_keeps_its_ticket_and_its_doubt(store: Store, reason: str) -> None:
    delivery = buried(store, reason, ticket=SEC_12)
    assert store.operator.retry_dead(delivery.delivery_id)

    again = deliver(store, "jira")
    assert (again.ticket, again.in_doubt) == (SEC_12, True)


def test_all_of_a_reason_are_opened_at_once_and_no_other(estate: Estate, store: Store) -> None:
    wanted = [buried(store, "forbidden", key=f"case-{n}") for n in range(3)]
    other = buried(store, "invalid", key="case-9")
    [slack] = store.outbox.claim("slack", 1)
    store.outbox.bury(slack, "forbidden", "")

    assert store.operator.retry_all("forbidden", destination="jira", by="anna") == Reopened(count=3, left=0)

    assert {one.case["key"] for one in store.outbox.claim("jira", 9)} == {one.case["key"] for one in wanted}
    assert {one.delivery_id for one in store.reader.deliveries(limit=9, state="dead").items} == {
        other.delivery_id,
        slack.delivery_id,
    }
    assert estate.rows('SELECT count(*), min("by"), max(action) FROM audit') == [(3, "anna", "retry")]
    assert store.operator.retry_all("forbidden", by="anna") == Reopened(count=1, left=0)
    assert store.operator.retry_all("forbidden", by="anna") == Reopened(count=0, left=0)


def test_alerts_and_deliveries_of_one_word_are_told_apart(store: Store) -> None:
    dead = store.inbox.accept(submission("x", dead_reason="not_json: line 1"))
    store.inbox.accept(submission("y", dead_reason="not_json_at_all: no"))
    buried(store, "not_json")

    assert store.operator.retry_all("not_json", kind="delivery", by="anna") == Reopened(count=1, left=0)
    assert [one.alert_id for one in store.reader.dead_alerts(limit=5, reason="not_json").items] == [dead.alert_id]
    assert store.operator.retry_all("not_json", kind="alert", by="anna") == Reopened(count=1, left=0)
    assert [one.alert_id for one in store.inbox.claim(5)] == [dead.alert_id]


def test_no_more_are_opened_at_once_than_a_transaction_should_hold(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", 3)
    alerts = [store.inbox.accept(submission(name, dead_reason="bad_rows: 1")).alert_id for name in "ab"]
    sent = [buried(store, "bad_rows", key=f"case-{n}") for n in range(3)]

    assert store.operator.retry_all("bad_rows", by="anna") == Reopened(count=3, left=2)
    assert [one.alert_id for one in store.inbox.claim(5)] == alerts
    assert [one.case["key"] for one in store.outbox.claim("jira", 5)] == [sent[0].case["key"]]
    assert store.operator.retry_all("bad_rows", by="anna") == Reopened(count=2, left=0)


def test_they_are_counted_by_kind_reason_and_destination(store: Store) -> None:
    for name, reason in (("a", "not_json: line 1"), ("b", "not_json: line 9"), ("c", "bad_rows: row 3")):
        store.inbox.accept(submission(name, dead_reason=reason))
    for number in range(2):
        buried(store, "forbidden", key=f"case-{number}")

    counted = [(one.kind, one.reason, one.destination, one.count) for one in store.reader.dead_letters()]
    assert counted == [
        ("alert", "bad_rows", None, 1),
        ("alert", "not_json", None, 2),
        ("delivery", "forbidden", "jira", 2),
    ]


def test_one_is_shown_by_its_id_while_it_is_one(store: Store) -> None:
    alert = store.inbox.accept(submission("a", dead_reason="not_json: line 1"))
    delivery = buried(store, "invalid")

    assert store.reader.dead_letter(alert.alert_id) == store.inbox.get(alert.alert_id)
    [listed] = store.reader.deliveries(limit=5, reason="invalid", destination="jira").items
    assert store.reader.dead_letter(delivery.delivery_id) == listed
    assert listed.detail == "said invalid"
    assert store.reader.deliveries(limit=5, reason="invalid", destination="slack").items == ()
    assert store.operator.discard_dead(delivery.delivery_id, "bo", "twice by hand")
    assert store.reader.dead_letter(delivery.delivery_id) is None
    assert store.reader.dead_letter("nothing") is None


def test_why_something_was_discarded_stands_in_the_audit_table(estate: Estate, store: Store) -> None:
    delivery = buried(store, "invalid")
    assert store.operator.discard_dead(delivery.delivery_id, "bo", "opened by hand")
    assert estate.rows('SELECT "by", action, detail FROM audit') == [("bo", "discard", "opened by hand")]
