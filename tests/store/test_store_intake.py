"""Quarantine, repeats, rows and sources: what is counted beside the alerts, on both databases."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from enricher.core.accounts import RowAccount, SourceRecord
from enricher.ports import AlertRecord
from enricher.store import Store, schema
from tests.store.fakes import Estate, document, event, settle, settlement, submission, take


def record_of(store: Store, alert_id: str) -> AlertRecord:
    record = store.inbox.get(alert_id)
    assert record is not None
    return record


def only_source(store: Store) -> SourceRecord:
    [source] = store.reader.sources()
    return source


# --- quarantine -----------------------------------------------------------------------------------------------------


def unreadable(name: str, reason: str = "not_json: line 1", source: str = "sumo") -> dict[str, object]:
    return {"name": name, "rows": (), "kind": "unreadable", "dead_reason": reason, "source": source}


def put(store: Store, **fields: object) -> str:
    name, rows = str(fields.pop("name")), fields.pop("rows")
    assert isinstance(rows, tuple)
    return store.inbox.accept(submission(name, rows=rows, **fields)).alert_id


@pytest.fixture
def four(store: Store) -> list[str]:
    """Four alerts in quarantine, oldest first."""
    return [
        put(store, **unreadable("a")),
        put(store, **unreadable("b", "bad_rows: row 3: not an object", "lab")),
        put(store, **unreadable("c", "crashed")),
        put(store, **unreadable("d", "not_json: line 7", "lab")),
    ]


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        pytest.param({}, [3, 2, 1, 0], id="all"),
        pytest.param({"reason": "not_json"}, [3, 0], id="by reason"),
        pytest.param({"reason": "crashed"}, [2], id="by a reason without detail"),
        pytest.param({"source": "lab"}, [3, 1], id="by source"),
        pytest.param({"reason": "not_json", "source": "lab"}, [3], id="by both"),
        pytest.param({"reason": "not"}, [], id="the whole word, not its beginning"),
        pytest.param({"reason": "%' OR 1=1 --"}, [], id="hostile"),
    ],
)
def test_quarantine_is_searched_by_reason_and_source(
    store: Store, four: list[str], sought: dict[str, str], found: list[int]
) -> None:
    page = store.reader.dead_alerts(limit=10, **sought)
    assert [record.alert_id for record in page.items] == [four[index] for index in found]


def test_pages_of_a_filtered_quarantine_join(store: Store, four: list[str]) -> None:
    first = store.reader.dead_alerts(limit=1, reason="not_json")
    second = store.reader.dead_alerts(limit=1, reason="not_json", after=first.next)
    assert [record.alert_id for record in (*first.items, *second.items)] == [four[3], four[0]]
    assert second.next is None


def test_quarantine_is_counted_by_reason(store: Store, four: list[str]) -> None:
    assert store.reader.quarantined() == {"bad_rows": 1, "crashed": 1, "not_json": 2}


def test_the_same_bytes_again_are_one_entry_with_a_count(estate: Estate, store: Store) -> None:
    first = put(store, **unreadable("a"))
    again = [put(store, **unreadable("a")) for _ in range(3)]

    assert again == [first] * 3
    record = record_of(store, first)
    assert (record.state, record.repeats) == ("dead", 3)
    assert record.repeated_at is not None
    assert record.repeated_at >= record.received_at
    assert estate.count(schema.alerts) == 1


def test_what_is_still_unreadable_comes_back_with_the_new_reason(store: Store) -> None:
    alert_id = put(store, **unreadable("a"))

    for reason in ("bad_rows: row 3", "no_rows: none"):
        assert store.operator.retry_dead(alert_id)
        assert store.reader.quarantined() == {}
        [claim] = store.inbox.claim(10)
        assert (claim.alert_id, claim.body) == (alert_id, b"body of a")
        store.inbox.bury(claim, reason)
        assert record_of(store, alert_id).reason == reason

    assert store.reader.quarantined() == {"no_rows": 1}
    assert store.inbox.body(alert_id) == b"body of a"


def test_what_was_unreadable_can_recover_once_it_is_read(store: Store) -> None:
    alert_id = put(store, **unreadable("a"))
    assert store.operator.retry_dead(alert_id)
    [claim] = store.inbox.claim(10)
    store.inbox.settle(claim, settlement(document(), alert_ref="R1"))

    settle(store, "b", kind="recovery", recovers="R1")

    case = store.reader.case("case-1")
    assert case is not None
    assert case.state == "recovered"
    assert record_of(store, alert_id).kind == "monitor"


# --- repeats and rows -----------------------------------------------------------------------------------------------


def test_repeats_of_one_batch_are_counted_with_their_alert(store: Store) -> None:
    start = threading.Barrier(12)

    def send() -> None:
        start.wait()
        store.inbox.accept(submission("a"))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [claim] = store.inbox.claim(10)
    assert record_of(store, claim.alert_id).repeats == 11
    assert (only_source(store).alerts, only_source(store).repeats) == (1, 11)


def settled_rows(
    store: Store, name: str, kept: Sequence[int], events: dict[str, Sequence[int]], dropped: Sequence[int]
) -> RowAccount:
    """Settle an alert whose case has the rows `kept`, read from `events` by name."""
    claim = take(store, name)
    rows = len({*kept, *dropped})
    assert store.inbox.settle(
        claim,
        settlement(
            document(rows=list(kept)),
            events=[event(digest, rows=frozenset(numbers)) for digest, numbers in events.items()],
            dropped=tuple({"row": row, "reason": "no_match: none"} for row in dropped),
            rows=rows,
            rows_total=250,
            cut=True,
        ),
    )
    account = record_of(store, claim.alert_id).rows
    assert account is not None
    return account


def test_rows_are_accounted_for_and_overlap_is_no_news(store: Store) -> None:
    first = settled_rows(store, "a", [0, 1], {"e0": [0], "e1": [1]}, [2])
    overlapping = settled_rows(store, "b", [0, 1, 2], {"e1": [0], "e2": [1, 2]}, [])
    same = settled_rows(store, "c", [0], {"e0": [0]}, [1])

    account = RowAccount(received=3, total=250, cut=True, in_cases=2, repeats=0, dropped=1, set_aside=0)
    assert first == account
    assert (overlapping.received, overlapping.in_cases, overlapping.repeats, overlapping.dropped) == (3, 2, 1, 0)
    assert (same.received, same.in_cases, same.repeats, same.dropped) == (2, 0, 1, 1)
    case = store.reader.case("case-1")
    assert case is not None
    assert case.document["count"] == 3
    assert [news["kind"] for news in case.news] == ["opened"]


def test_a_row_with_anything_new_in_it_is_no_repeat(store: Store) -> None:
    settled_rows(store, "a", [0], {"e0": [0]}, [])
    mixed = settled_rows(store, "b", [0], {"e0": [0], "e1": [0]}, [])
    assert (mixed.in_cases, mixed.repeats) == (1, 0)


def test_a_claim_that_was_lost_accounts_for_nothing(estate: Estate, store: Store) -> None:
    slow = take(store, "a")
    estate.advance(61)
    [claim] = store.inbox.claim(10)
    assert store.inbox.settle(claim, settlement(document(), rows=1))
    assert not store.inbox.settle(slow, settlement(document(), rows=7))

    assert estate.rows("SELECT received FROM row_accounts") == [(1,)]
    assert only_source(store).rows == 1


# --- a burst --------------------------------------------------------------------------------------------------------


def test_a_burst_of_a_thousand_groups_is_all_accepted_and_gives_as_many_cases_as_keys(estate: Estate, store: Store) -> None:
    estate.routes = lambda _: ()
    waiting = list(range(1000))
    answers: list[bool] = []

    def send() -> None:
        while waiting:
            try:
                number = waiting.pop()
            except IndexError:
                return
            answers.append(store.inbox.accept(submission(f"g{number}", rows=(f"row of {number}",))).duplicate)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while claims := store.inbox.claim(100):
        for claim in claims:
            host = int(claim.body.rpartition(b"g")[2]) % 250
            assert store.inbox.settle(claim, settlement(document(f"case-{host}"), rows=1))

    assert answers == [False] * 1000
    assert estate.count(schema.cases) == 250
    assert estate.count(schema.case_alerts) == 1000
    assert only_source(store).alerts == 1000


# --- sources --------------------------------------------------------------------------------------------------------


def test_a_source_is_shown_with_its_monitors(store: Store) -> None:
    settle(store, "a", document(), monitor="C2", rows=3)
    settle(store, "b", document(), monitor="C2", rows=2)
    settle(store, "c", monitor="Heartbeat", kind="heartbeat", rows=0)
    settle(store, "d", alert={"source": "lab"}, rows=1)
    store.inbox.accept(submission("a", rows=("a",)))
    put(store, **unreadable("x"))

    lab, sumo = store.reader.sources()

    assert (lab.source, lab.alerts, lab.rows, lab.kinds) == ("lab", 1, 1, {"monitor": 1})
    assert [monitor.monitor for monitor in lab.monitors] == [None]
    assert (sumo.alerts, sumo.dead, sumo.repeats, sumo.rows) == (4, 1, 1, 5)
    assert sumo.kinds == {"heartbeat": 1, "monitor": 2}
    assert sumo.per_hour == pytest.approx(4 / 24, abs=0.01)
    monitors = {monitor.monitor: monitor for monitor in sumo.monitors}
    assert (monitors["C2"].alerts, monitors["C2"].rows, monitors["C2"].kinds) == (2, 5, {"monitor": 2})
    assert monitors["Heartbeat"].last_at <= sumo.last_at
    assert monitors["C2"].newest is not None
    assert monitors["C2"].newest.received == 2
    cheap = store.reader.sources(monitors=False)
    assert [(source.source, source.alerts, source.last_at, source.monitors) for source in cheap] == [
        ("lab", 1, lab.last_at, ()),
        ("sumo", 4, sumo.last_at, ()),
    ]


def test_a_repeat_and_an_unreadable_body_are_signs_of_life(estate: Estate, store: Store) -> None:
    first = store.inbox.accept(submission("a"))
    estate.clock.now += timedelta(minutes=1)
    store.inbox.accept(submission("a"))

    assert only_source(store).last_at > record_of(store, first.alert_id).received_at


@pytest.mark.parametrize("monitor", ["\x00\ud800", "x" * 5000, "𝕏" * 300, "'; DROP TABLE alerts; --", "%s ? :name"])
def test_a_monitor_may_be_called_anything(store: Store, monitor: str) -> None:
    settle(store, "a", monitor=monitor, rows=1)
    settle(store, "b", monitor=monitor, rows=1)

    [shown] = only_source(store).monitors
    assert shown.alerts == 2
    assert len(shown.monitor or "") <= 200


def test_processes_count_beside_each_other(estate: Estate, store: Store) -> None:
    """Each in rows of its own; a forked child does not go on in its parent's."""
    store.inbox.accept(submission("a"))
    child = os.fork()
    if child == 0:
        other = estate.open()
        other.inbox.accept(submission("b"))
        other.inbox.accept(submission("c"))
        os._exit(0)
    os.waitpid(child, 0)

    assert only_source(store).alerts == 3
    assert sorted(estate.rows("SELECT accepted FROM intake_hours")) == [(1,), (2,)]


def test_old_hours_are_added_up_and_nothing_is_lost(estate: Estate, store: Store) -> None:
    for number in range(3):
        settle(store, f"a{number}", document(), monitor="C2", rows=2)
    put(store, **unreadable("x"))
    before = only_source(store)

    forgotten = store.purge(before.last_at + timedelta(days=1))
    store.purge(before.last_at + timedelta(days=1))

    after = only_source(store)
    assert forgotten["alerts"] == 3
    assert (after.alerts, after.rows, after.dead, after.last_at) == (4, 6, 1, before.last_at)
    assert [monitor.alerts for monitor in after.monitors] == [3]
    assert after.per_hour == 0
    assert len(estate.rows("SELECT source FROM intake_hours")) == 1
    [bodies] = store.auditor.bodies()
    assert (bodies.accepted, bodies.forgotten, bodies.dead, bodies.missing) == (4, 3, 1, 0)
