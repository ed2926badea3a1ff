from __future__ import annotations

from datetime import timedelta

from enricher.model import Enrichment, Status
from enricher.ports import Rotation
from enricher.store import Store
from tests.store.fakes import SEC_12, Clock, Estate, deliver, document, event, settle, sighting, submission, take


def test_a_dead_alert_is_opened_again_with_fresh_attempts(estate: Estate, store: Store) -> None:
    claim = take(store)
    store.inbox.bury(claim, "broken")

    assert store.operator.retry_dead(claim.alert_id, by="anna")

    [again] = store.inbox.claim(1)
    assert (again.alert_id, again.attempts) == (claim.alert_id, 1)
    assert not store.operator.retry_dead(claim.alert_id)
    assert estate.rows('SELECT "by", action, item_id FROM audit') == [("anna", "retry", claim.alert_id)]


def test_a_dead_delivery_is_opened_again_with_what_it_has(store: Store) -> None:
    settle(store, "a", document())
    delivery = deliver(store, "jira")
    store.outbox.ticket_created(delivery, SEC_12)
    store.outbox.bury(delivery, "auth", "401")

    assert store.operator.retry_dead(delivery.delivery_id)

    again = deliver(store, "jira")
    assert (again.ticket, again.attempts, again.in_doubt) == (SEC_12, 1, True)


def test_a_dead_delivery_keeps_learning_but_waits_for_a_person(store: Store) -> None:
    settle(store, "a", document())
    delivery = deliver(store, "jira")
    store.outbox.bury(delivery, "auth", "401")
    settle(store, "b", document(severity="critical"))

    assert store.outbox.claim("jira", 1) == []
    assert store.operator.retry_dead(delivery.delivery_id)
    assert len(deliver(store, "jira").news) == 2


def test_what_is_discarded_is_no_dead_letter_any_more_and_says_by_whom(estate: Estate, store: Store) -> None:
    dead = store.inbox.accept(submission("x", dead_reason="not_json"))
    settle(store, "a", document())
    delivery = deliver(store, "jira")
    store.outbox.bury(delivery, "invalid", "")

    assert store.operator.discard_dead(dead.alert_id, "anna")
    assert store.operator.discard_dead(delivery.delivery_id, "bo")

    record = store.inbox.get(dead.alert_id)
    assert record is not None
    assert (record.state, record.reason) == ("done", "discarded by anna")
    [discarded] = store.reader.deliveries(limit=5, state="discarded").items
    assert discarded.reason == "discarded by bo"
    assert store.reader.dead_alerts(limit=5).items == ()
    assert not store.operator.discard_dead(dead.alert_id, "anna")
    settle(store, "b", document(severity="critical"))
    assert store.outbox.claim("jira", 1) == []
    assert sorted(estate.rows('SELECT "by", action FROM audit')) == [("anna", "discard"), ("bo", "discard")]


def test_nothing_is_done_to_what_is_not_there_or_not_dead(store: Store) -> None:
    alert_id = settle(store, "a", document())

    for item_id in ("nothing", alert_id, deliver(store, "jira").delivery_id):
        assert not store.operator.retry_dead(item_id)
        assert not store.operator.discard_dead(item_id, "anna")
    assert not store.operator.reopen_case("nothing")
    assert not store.operator.reopen_case("case-1")


def test_a_suppressed_case_that_is_reopened_gets_its_tickets(store: Store) -> None:
    settle(store, "a", document(disposition="suppressed"))

    assert store.operator.reopen_case("case-1", by="anna")

    record = store.reader.case("case-1")
    assert record is not None
    assert (record.state, record.document["disposition"]) == ("open", "open")
    assert record.news[-1]["text"] == "Reopened by anna; it was suppressed"
    assert len(deliver(store, "jira").news) == 2


def test_a_recovered_case_that_is_reopened_tells_its_tickets(store: Store) -> None:
    settle(store, "a", document(), alert={"alert_ref": "R1"})
    store.outbox.delivered(deliver(store, "jira"), 1)
    settle(store, "r", alert={"kind": "recovery", "alert_ref": "R1"}, kind="recovery", recovers="R1")
    store.outbox.delivered(deliver(store, "jira"), 2)

    assert store.operator.reopen_case("case-1")

    assert [news["kind"] for news in deliver(store, "jira").news] == ["opened", "recovery", "reopened"]


def test_the_cache_is_shared_and_keeps_the_last_answer(estate: Estate, store: Store, clock: Clock) -> None:
    old = Enrichment(source="ptr", about="192.0.2.1", status=Status.NEGATIVE, reason="NXDOMAIN")
    new = Enrichment(source="ptr", about="192.0.2.1", status=Status.OK, detail={"names": ["a.example"]})
    later = clock.now + timedelta(hours=1)

    store.cache.put("ptr", "192.0.2.1", old, clock.now, clock.now)
    store.cache.put("ptr", "192.0.2.1", new, clock.now, later)

    assert estate.open().cache.get("ptr", "192.0.2.1") == (new, clock.now, later)
    assert store.cache.get("asn", "192.0.2.1") is None


def test_purge_forgets_what_is_finished_and_keeps_cases_and_dead_letters(
    estate: Estate, store: Store, clock: Clock
) -> None:
    answer = Enrichment(source="ptr", about="192.0.2.1", status=Status.OK)
    for name in "ab":
        settle(store, name, document(), events=[event(name)], sightings=(sighting(name, clock.now),))
    rotation = Rotation(host="ws-1", family="cf", since=clock.now)
    settle(store, "c", rotations=(rotation,), aliases={"of nothing": "nothing"})
    dead = store.inbox.accept(submission("dead", dead_reason="not_json"))
    waiting = store.inbox.accept(submission("waiting"))
    store.cache.put("ptr", "192.0.2.1", answer, clock.now, clock.now)

    nothing = store.purge(clock.now - timedelta(days=9000))
    purged = store.purge(clock.now + timedelta(days=9000))

    assert {kind: count for kind, count in nothing.items() if count} == {"aliases": 1}
    assert {kind: count for kind, count in purged.items() if count} == {
        "alerts": 3,
        "events": 2,
        "sightings": 2,
        "target_hosts": 1,
        "rotations": 1,
        "lookups": 1,
    }
    record = store.reader.case("case-1")
    assert record is not None
    assert (record.alerts, len(record.deliveries), record.document["count"]) == ((), 3, 2)
    assert store.inbox.get(dead.alert_id) is not None
    assert [claim.alert_id for claim in store.inbox.claim(5)] == [waiting.alert_id]


def test_purge_works_in_chunks(store: Store, clock: Clock) -> None:
    settle(store, "a", events=[event(f"e{number}") for number in range(1203)])

    assert store.purge(clock.now + timedelta(days=9000))["events"] == 1203
