from __future__ import annotations

import threading
from datetime import datetime

import pytest

from enricher.core.document import CaseDocument, News
from enricher.errors import TriggerPending
from enricher.ports import CaseRecord
from enricher.store import Store, schema
from tests.store.fakes import (
    Clock,
    Estate,
    counting_merge,
    deliver,
    document,
    event,
    settle,
    settlement,
    sighting,
    take,
)

RECOVERY = {"kind": "recovery", "alert_ref": "R1", "trigger": "ResolvedCritical"}


def case(store: Store, key: str = "case-1") -> CaseRecord:
    record = store.reader.case(key)
    assert record is not None
    return record


def kinds(record: CaseRecord) -> list[tuple[int, str]]:
    return [(news["seq"], news["kind"]) for news in record.news]


def states(record: CaseRecord) -> dict[str, str]:
    return {delivery.destination: delivery.state for delivery in record.deliveries}


def test_a_settlement_opens_a_case_with_its_news_and_deliveries(store: Store) -> None:
    alert_id = settle(store, "a", document(), events=[event("e1"), event("e2", count=3)])

    record = case(store)

    assert (record.state, record.alerts, record.document["count"]) == ("open", (alert_id,), 4)
    assert kinds(record) == [(1, "opened")]
    assert states(record) == {"jira": "pending", "servicenow": "pending", "slack": "pending"}


def test_an_event_is_counted_once_ever(store: Store) -> None:
    settle(store, "a", document(), events=[event("e1"), event("e1")])
    settle(
        store, "b", document(), events=[event("e1"), event("e2"), event("other", case_key="case-2"), event("parent", None)]
    )

    assert case(store).document["count"] == 2


def test_a_repeat_is_no_news_and_makes_nothing_due(store: Store) -> None:
    settle(store, "a", document(), events=[event("e1")])
    for destination in ("jira", "servicenow", "slack"):
        store.outbox.delivered(deliver(store, destination), 1)

    second = settle(store, "b", document(), events=[event("e2")])

    record = case(store)
    assert kinds(record) == [(1, "opened")]
    assert set(states(record).values()) == {"delivered"}
    assert record.alerts[-1] == second


def test_news_makes_delivered_ones_due_again(store: Store) -> None:
    settle(store, "a", document())
    store.outbox.delivered(deliver(store, "jira"), 1)

    settle(store, "b", document(severity="critical"))

    delivery = deliver(store, "jira")
    assert [news["kind"] for news in delivery.news] == ["opened", "severity"]
    assert (delivery.sent_seq, delivery.attempts, delivery.in_doubt) == (1, 1, False)


def test_a_merge_that_fails_stores_nothing_at_all(estate: Estate, store: Store) -> None:
    def failing(
        stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime, *, whole: bool
    ) -> tuple[CaseDocument, list[News]]:
        if new["key"] == "case-2":
            raise ZeroDivisionError
        return counting_merge(stored, new, new_contacts, now, whole=whole)

    broken = estate.open(failing)
    claim = take(broken)

    with pytest.raises(ZeroDivisionError):
        broken.inbox.settle(
            claim,
            settlement(
                document("case-1"), document("case-2"), events=[event("e1")], sightings=(sighting("e1", claim.received_at),)
            ),
        )

    assert store.reader.case("case-1") is None
    for table in (schema.events, schema.sightings, schema.news, schema.deliveries, schema.case_alerts):
        assert estate.count(table) == 0
    assert store.inbox.settle(claim, settlement(document(), events=[event("e1")]))
    assert case(store).document["count"] == 1


def test_a_suppressed_case_has_no_deliveries_until_it_is_open(store: Store) -> None:
    settle(store, "a", document(disposition="suppressed"))
    suppressed = case(store)

    settle(store, "b", document(disposition="open", severity="critical"))

    assert (suppressed.state, states(suppressed)) == ("suppressed", {})
    assert (case(store).state, set(states(case(store)))) == ("open", {"jira", "servicenow", "slack"})
    assert len(deliver(store, "jira").news) == 2


def test_routing_is_asked_for_each_case(estate: Estate, store: Store) -> None:
    estate.routes = lambda document: ("slack",) if document["severity"] == "low" else ("jira", "slack")

    settle(store, "a", document(severity="low"))
    assert states(case(store)) == {"slack": "pending"}

    settle(store, "b", document(severity="high"))
    assert states(case(store)) == {"jira": "pending", "slack": "pending"}


def test_concurrent_settlements_of_one_case_number_news_without_gaps(estate: Estate) -> None:
    stores = [estate.open(), estate.open()]
    claims = [(stores[number % 2], take(stores[number % 2], f"a{number}")) for number in range(12)]
    start = threading.Barrier(len(claims))
    done: list[bool] = []

    def work(number: int) -> None:
        store, claim = claims[number]
        what = settlement(document(news=2), document("case-0", news=1), events=[event(f"e{number}")])
        start.wait()
        done.append(store.inbox.settle(claim, what))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(claims))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    record = case(stores[0])
    assert done == [True] * 12
    assert [news["seq"] for news in record.news] == list(range(1, 1 + 1 + 11 * 2))
    assert (record.document["count"], len(record.alerts)) == (12, 12)
    assert len(record.deliveries) == 3
    assert len(case(stores[0], "case-0").news) == 12


def test_recovery_marks_the_alerts_cases_and_tells_the_tickets(store: Store) -> None:
    settle(store, "a", document(), document("case-2"), alert={"alert_ref": "R1"})
    settle(store, "b", document("case-3"), alert={"alert_ref": "R2"})
    for delivery in store.outbox.claim("jira", 2):
        store.outbox.delivered(delivery, 1)

    recovery_id = settle(store, "r", alert=RECOVERY, kind="recovery", recovers="R1")

    assert [case(store, key).state for key in ("case-1", "case-2", "case-3")] == ["recovered", "recovered", "open"]
    assert kinds(case(store)) == [(1, "opened"), (2, "recovery")]
    assert case(store).news[-1]["text"].startswith("Recovered in Sumo Logic at 20")
    assert recovery_id in case(store).alerts
    due = {delivery.case["key"]: delivery for delivery in store.outbox.claim("jira", 10)}
    assert set(due) == {"case-1", "case-2", "case-3"}
    assert [news["kind"] for news in due["case-1"].news] == ["opened", "recovery"]


def test_a_new_event_opens_a_recovered_case_again(store: Store) -> None:
    settle(store, "a", document(), events=[event("e1")], alert={"alert_ref": "R1"})
    settle(store, "r", alert=RECOVERY, kind="recovery", recovers="R1")

    settle(store, "b", document(), events=[event("e1")])
    repeated = case(store).state
    settle(store, "c", document(), events=[event("e2")])

    assert repeated == "recovered"
    assert case(store).state == "open"
    assert kinds(case(store))[-1] == (3, "reopened")


def test_a_recovery_waits_for_its_alert(store: Store) -> None:
    trigger = take(store, "a", alert_ref="R1")
    recovery = take(store, "r", **RECOVERY)
    what = settlement(kind="recovery", recovers="R1")

    with pytest.raises(TriggerPending) as caught:
        store.inbox.settle(recovery, what)
    store.inbox.settle(trigger, settlement(document()))

    assert caught.value.retry_after > 0
    record = store.inbox.get(recovery.alert_id)
    assert record is not None
    assert record.attempts == 0  # however long it waits, it is not given up
    assert store.inbox.settle(recovery, what)
    assert case(store).state == "recovered"


def test_a_recovery_does_not_wait_for_a_dead_alert(store: Store) -> None:
    store.inbox.bury(take(store, "a", alert_ref="R1"), "unreadable")

    settle(store, "r", alert=RECOVERY, kind="recovery", recovers="R1")

    assert store.reader.cases(limit=5).items == ()


def test_a_recovery_that_overtook_its_alert_ends_it_once(store: Store) -> None:
    settle(store, "r", alert=RECOVERY, kind="recovery", recovers="R1")

    settle(store, "a", document(), alert={"alert_ref": "R1"}, events=[event("e1")])
    overtaken = case(store)
    settle(store, "b", document(), alert={"alert_ref": "R1"}, events=[event("e2")])

    assert (overtaken.state, kinds(overtaken)) == ("recovered", [(1, "opened"), (2, "recovery")])
    assert case(store).state == "open"


def test_hostile_text_in_a_case_is_stored(store: Store, clock: Clock) -> None:
    hostile = "a\x00b \ud800 \u202e <b>"
    key = f"case {hostile}"
    settle(
        store,
        "a",
        document(key, host=hostile, tenant="x" * 70_000, lineage=[{"pid": 2**70, hostile: hostile}]),
        events=[event("e1", case_key=key, computer="c" * 70_000, guid=hostile, document={"image": hostile})],
        sightings=(sighting("e1", clock.now),),
    )

    [record] = store.reader.cases(limit=5).items

    assert record.document["count"] == 1
    assert list(map(dict, record.document["lineage"])) == [
        {"pid": str(2**70), "ab \ufffd \u202e <b>": "ab \ufffd \u202e <b>"}
    ]
    assert store.reader.case(key) is not None
    assert deliver(store, "jira").case["host"] == "ab \ufffd \u202e <b>"


def test_an_event_and_its_sightings_are_kept_once(estate: Estate, store: Store, clock: Clock) -> None:
    for name in ("a", "b"):
        settle(store, name, document(), events=[event("e1")], sightings=(sighting("e1", clock.now),))

    assert estate.count(schema.sightings) == 1
    assert estate.count(schema.events) == 1
