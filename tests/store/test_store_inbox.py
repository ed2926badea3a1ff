from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from enricher.ports import Receipt
from enricher.store import Store, ids, open_store, schema
from enricher.store.intake import Incoming, store_all
from tests.store.fakes import Estate, counting_merge, document, settle, settlement, submission, take, to_all_if_open

AT = datetime(2026, 11, 24, tzinfo=UTC)


def test_what_is_accepted_is_there_after_a_restart(estate: Estate, store: Store) -> None:
    receipt = store.inbox.accept(submission("a", body=b"\x00\xff raw", alert_ref="R1", trigger="Critical"))
    store.close()

    again = estate.open()

    assert not receipt.duplicate
    assert again.inbox.body(receipt.alert_id) == b"\x00\xff raw"
    record = again.inbox.get(receipt.alert_id)
    assert record is not None
    assert (record.state, record.kind, record.source, record.attempts, record.size) == ("stored", "monitor", "sumo", 0, 6)


@pytest.mark.parametrize(
    ("first", "then", "repeats"),
    [
        pytest.param([("r1",)], ("r1",), 0, id="the same again"),
        pytest.param([("r1", "r2")], ("r2",), 0, id="a part of it"),
        pytest.param([("r1",)], ("r1", "r2"), None, id="one row more is news"),
        pytest.param([("r1",), ("r2",)], ("r2",), 1, id="points to the one that has it"),
        pytest.param([("r1",), ("r2",)], ("r1", "r2"), 1, id="known together"),
        pytest.param([()], (), 0, id="no rows at all"),
        pytest.param([()], ("r1",), None, id="rows where there were none"),
    ],
)
def test_duplicate_rule(store: Store, first: list[tuple[str, ...]], then: tuple[str, ...], repeats: int | None) -> None:
    earlier = [store.inbox.accept(submission(rows=rows)) for rows in first]

    receipt = store.inbox.accept(submission(rows=then))

    assert [known.duplicate for known in earlier] == [False] * len(first)
    if repeats is None:
        assert not receipt.duplicate
        assert receipt.alert_id not in {known.alert_id for known in earlier}
    else:
        assert receipt == Receipt(alert_id=earlier[repeats].alert_id, duplicate=True)


@pytest.mark.parametrize(
    ("second", "statements"),
    [
        pytest.param("b", ["INSERT"], id="what is new is only inserted"),
        pytest.param("a", ["INSERT", "SELECT"], id="what is known is looked up"),
    ],
)
def test_accepting_costs_one_statement_unless_something_is_known(store: Store, second: str, statements: list[str]) -> None:
    store.inbox.accept(submission("a"))
    backend: Any = store.access._here().backend
    seen: list[str] = []

    def see(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "alerts" in statement:
            seen.append(statement.partition(" ")[0])

    event.listen(backend._writing, "before_cursor_execute", see)
    store.inbox.accept(submission(second))

    assert seen == statements


def test_duplicate_rule_within_one_batch(estate: Estate, store: Store) -> None:
    known = store.inbox.accept(submission("k", rows=("r1",)))
    sent = [
        submission("a", rows=("r1", "r2")),
        submission("b", rows=("r1",)),
        submission("a", rows=("r1",)),
        submission("a", rows=("r3",)),
        submission("a", rows=("r1", "r3")),
        submission("k", rows=("r1",)),
        submission("k", rows=("r2",)),
    ]

    receipts = store.access.write(lambda tx: store_all(tx, [Incoming.of(one) for one in sent]))

    assert [receipt.duplicate for receipt in receipts] == [False, False, True, False, True, True, False]
    first, _, part, more, both, repeated, _ = (receipt.alert_id for receipt in receipts)
    assert (part, both, repeated) == (first, more, known.alert_id)
    assert estate.count(schema.alerts) == 5


def test_the_same_rows_under_another_identity_are_another_alert(store: Store) -> None:
    assert not store.inbox.accept(submission("a")).duplicate
    assert not store.inbox.accept(submission("b")).duplicate


def test_two_processes_accept_one_alert_once(estate: Estate) -> None:
    stores = [estate.open(), estate.open()]
    start = threading.Barrier(8)
    receipts: list[Receipt] = []

    def send(store: Store) -> None:
        start.wait()
        receipts.extend(store.inbox.accept(submission(f"a{number}")) for number in range(10))

    threads = [threading.Thread(target=send, args=(stores[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    fresh = [receipt.alert_id for receipt in receipts if not receipt.duplicate]
    assert len(fresh) == 10
    assert {receipt.alert_id for receipt in receipts} == set(fresh)
    assert estate.count(schema.alerts) == 10


def test_a_body_that_cannot_be_read_is_a_dead_letter_at_once(store: Store) -> None:
    receipt = store.inbox.accept(submission(dead_reason="not_json: line 1"))

    record = store.inbox.get(receipt.alert_id)

    assert record is not None
    assert (record.state, record.reason) == ("dead", "not_json: line 1")
    assert store.inbox.claim(10) == []


def test_hostile_text_is_stored(store: Store) -> None:
    receipt = store.inbox.accept(
        submission(identity="x" * 9000, source="s\x00\ud800", alert_ref="r" * 9000, dead_reason="\udfff\x00 \u202e")
    )

    record = store.inbox.get(receipt.alert_id)

    assert record is not None
    assert (record.source, record.reason) == ("s\ufffd", "\ufffd \u202e")


def test_claims_go_oldest_first_up_to_the_limit(estate: Estate, store: Store) -> None:
    ids = []
    for name in "abc":
        ids.append(store.inbox.accept(submission(name)).alert_id)
        estate.advance(1)

    first, rest = store.inbox.claim(2), store.inbox.claim(5)

    assert [claim.alert_id for claim in first] == ids[:2]
    assert [claim.alert_id for claim in rest] == ids[2:]
    assert [(claim.attempts, claim.fence, claim.body) for claim in first][:1] == [(1, 1, b"body of a")]
    assert store.inbox.claim(5) == []
    assert store.inbox.claim(0) == []


def test_a_dead_holders_work_is_taken_over_after_its_lease_and_its_late_answer_stores_nothing(
    estate: Estate, store: Store
) -> None:
    lost = take(store)
    other = estate.open()
    estate.advance(59)
    assert other.inbox.claim(10) == []

    estate.advance(2)
    [taken] = other.inbox.claim(10)

    assert (taken.alert_id, taken.fence, taken.attempts) == (lost.alert_id, 2, 2)
    assert not store.inbox.settle(lost, settlement(document("late")))
    store.inbox.retry(lost, "late", 0)
    store.inbox.bury(lost, "late")
    assert store.reader.case("late") is None
    assert other.inbox.settle(taken, settlement(document("in time")))
    assert not other.inbox.settle(taken, settlement(document("twice")))
    record = store.inbox.get(lost.alert_id)
    assert record is not None
    assert (record.state, record.cases) == ("done", ("in time",))


def test_a_heartbeat_keeps_what_is_worked_on_and_no_more(estate: Estate, store: Store) -> None:
    other = estate.open()
    settle(store, "z", document("case-z"))
    kept, [delivery] = take(store, "a"), store.outbox.claim("jira", 1)
    lost, abandoned = take(other, "b"), take(store, "c")
    held = [kept.alert_id, delivery.delivery_id, lost.alert_id]

    for _ in range(4):
        estate.advance(20)
        store.heartbeat(held)

    third = estate.open()
    assert {claim.alert_id for claim in third.inbox.claim(10)} == {lost.alert_id, abandoned.alert_id}
    assert third.outbox.claim("jira", 10) == []
    assert store.inbox.settle(kept, settlement())
    store.outbox.delivered(delivery, 1)
    estate.advance(100)
    store.heartbeat(held)
    assert estate.rows("SELECT count(*) FROM alerts WHERE state = 'working' AND holder IS NOT NULL") == [(2,)]


def test_retry_is_due_after_its_delay_and_counts(estate: Estate, store: Store) -> None:
    claim = take(store)

    store.inbox.retry(claim, "later", 30)

    record = store.inbox.get(claim.alert_id)
    assert record is not None
    assert (record.state, record.reason) == ("stored", "later")
    estate.advance(29)
    assert store.inbox.claim(1) == []
    estate.advance(2)
    [again] = store.inbox.claim(1)
    assert (again.attempts, again.fence) == (2, 2)


def test_a_buried_alert_says_why(store: Store) -> None:
    claim = take(store)

    store.inbox.bury(claim, "five attempts")

    record = store.inbox.get(claim.alert_id)
    assert record is not None
    assert (record.state, record.reason) == ("dead", "five attempts")
    assert store.inbox.claim(1) == []


def test_a_settled_alert_keeps_its_kind_and_dropped_rows(store: Store) -> None:
    claim = take(store)

    store.inbox.settle(claim, settlement(kind="scheduled_search", dropped=({"row": 2, "reason": "no_match"},)))

    record = store.inbox.get(claim.alert_id)
    assert record is not None
    assert (record.kind, record.state, record.dropped) == (
        "scheduled_search",
        "done",
        ({"row": 2, "reason": "no_match"},),
    )


def test_nobody_knows_an_unknown_alert(store: Store) -> None:
    assert store.inbox.get("nothing") is None
    assert store.inbox.body("nothing") is None


def test_identifiers_sort_by_time(estate: Estate, store: Store) -> None:
    earlier = store.inbox.accept(submission("a")).alert_id
    estate.clock.now += timedelta(milliseconds=2)
    threading.Event().wait(0.002)  # PostgreSQL's clock moves by itself
    later = store.inbox.accept(submission("b")).alert_id

    assert earlier < later
    assert len(earlier) == len(later) == 26


def test_a_child_process_does_not_count_on_its_parents_identifiers() -> None:
    ids.new_id(AT)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, ids.new_id(AT).encode())
        os._exit(0)
    mine = ids.new_id(AT)
    os.waitpid(child, 0)

    assert os.read(reading, 26).decode() != mine
    os.close(reading)
    os.close(writing)


def test_an_identifier_that_is_taken_is_an_error_not_a_lost_alert(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enricher.store.intake.new_id", lambda _: "THE-SAME-ONE")
    store.inbox.accept(submission("a"))

    with pytest.raises(IntegrityError):
        store.inbox.accept(submission("b"))


def _accept_until_killed(url: str, accepted: Any) -> None:
    store = open_store(url, clock=lambda: AT, merge=counting_merge, deliver_to=to_all_if_open)

    telling = threading.Lock()

    def send(number: int) -> None:
        for count in itertools.count():
            receipt = store.inbox.accept(submission(f"a{number}-{count}"))
            with telling:
                accepted.send_bytes(receipt.alert_id.encode())

    for number in range(4):
        threading.Thread(target=send, args=(number,)).start()


@pytest.mark.slow
def test_whatever_was_accepted_before_a_kill_is_there_after_it(estate: Estate, store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_accept_until_killed, args=(estate.url, sending))
    process.start()
    sending.close()

    ids_told = [receiving.recv_bytes().decode() for _ in range(200)]
    process.kill()
    process.join(10)

    assert len(set(ids_told)) == 200
    assert [alert_id for alert_id in ids_told if store.inbox.get(alert_id) is None] == []
    assert not store.inbox.accept(submission("after")).duplicate
