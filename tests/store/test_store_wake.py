"""Waiting for work. The bound of a wait that must be cut short is far above what it takes and far below its own time-out."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from enricher.errors import StoreUnavailable
from enricher.ports import FollowUp
from enricher.store import Store, access, database, open_store, wake
from tests.store.fakes import Clock, Estate, counting_merge, deliver, document, settle, submission, take, to_all_if_open

LONG_S = 30.0
SOON_S = 10.0


@pytest.fixture(autouse=True)
def no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing wakes by itself, so that only what is tested can."""
    monkeypatch.setattr(access, "LONGEST_SLEEP_S", LONG_S)


class Loop:
    """A claim loop's thread: claims nothing, waits when it is told to, and says when it has woken."""

    def __init__(self, store: Store, destination: str | None) -> None:
        self.store, self.destination = store, destination
        self.returned = threading.Semaphore(0)
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if self.destination is None:
            self.store.inbox.claim(0)
        elif self.destination == database.FOLLOW_UPS:
            self.store.follow_ups.claim(0)
        else:
            self.store.outbox.claim(self.destination, 0)
        while self._go.acquire():
            self.store.wait_for_work(LONG_S)
            self.returned.release()

    def wait(self) -> None:
        self._go.release()

    def woke(self) -> bool:
        return self.returned.acquire(timeout=SOON_S)


def rested(store: Store, destination: str | None = None) -> Loop:
    """A loop that has come to rest: what was committed before it started has woken it once."""
    opened = Loop(store, destination)
    opened.wait()
    store.access._here().bell.ring()
    assert opened.woke()
    return opened


@pytest.fixture
def loop(store: Store) -> Loop:
    """A loop that claims alerts."""
    return rested(store)


def sleeping(loop: Loop) -> None:
    """Return when the loop's thread is inside the bell's wait."""
    bell = loop.store.access._here().bell
    loop.wait()
    deadline = monotonic() + SOON_S
    while monotonic() < deadline:
        with bell._rung:
            if bell._rung._waiters:  # type: ignore[attr-defined] # a Condition's own list
                return
        os.sched_yield()
    pytest.fail("the loop does not wait")


def by_accepting(store: Store) -> None:
    store.inbox.accept(submission("new"))


def by_opening_a_case(store: Store) -> None:
    settle(store, "more", document("case-new"))


def by_asking(store: Store) -> None:
    settle(store, "more", document("case-new"), follow_ups=(FollowUp(case_key="case-new", kind="again", after_s=900),))


@pytest.mark.parametrize(
    ("commit", "destination"), [(by_accepting, None), (by_opening_a_case, "slack"), (by_asking, database.FOLLOW_UPS)]
)
@pytest.mark.parametrize("committer", ["this process", "another process"])
def test_a_commit_wakes_the_loop(
    estate: Estate, store: Store, commit: Callable[[Store], None], destination: str | None, committer: str
) -> None:
    loop = rested(store, destination)
    sleeping(loop)

    commit(loop.store if committer == "this process" else estate.open())

    assert loop.woke()


def test_what_was_committed_between_two_waits_is_not_missed(store: Store, loop: Loop) -> None:
    store.inbox.accept(submission())
    loop.wait()

    assert loop.woke()


def test_an_idle_claim_wakes_nobody(store: Store, loop: Loop) -> None:
    rings = dict(store.access._here().bell._rings)

    store.inbox.claim(1)
    store.outbox.claim("jira", 1)
    store.follow_ups.claim(1)
    store.heartbeat(())
    store.reader.ready()

    assert store.access._here().bell._rings == rings


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_an_idle_claim_is_nothing_that_another_process_sees(url: str, store: Store) -> None:
    """On PostgreSQL another process sees only whom a transaction names."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as watching:
        before = watching.execute("PRAGMA data_version").fetchone()

        store.inbox.claim(1)
        store.outbox.claim("jira", 1)

        assert watching.execute("PRAGMA data_version").fetchone() == before


def test_what_falls_due_wakes_the_loop(store: Store, loop: Loop) -> None:
    store.inbox.retry(take(store), "later", 0.3)
    loop.wait()
    assert loop.woke()  # for the retry itself

    loop.wait()

    assert loop.woke()  # for its time: nobody else rang


def test_what_is_due_is_offered_once(tmp_path: Path, clock: Clock) -> None:
    """Else a loop that cannot take it (its destination is down) would spin."""
    estate = Estate(f"sqlite:///{tmp_path}/enricher.db", clock)
    store = estate.open()
    store.upgrade()
    store.inbox.retry(take(store), "later", 20)

    before = store.access._until_due(database.ALERTS)
    estate.advance(25)
    after = [store.access._until_due(database.ALERTS), store.access._until_due(database.ALERTS)]
    estate.close()

    assert (before, after) == (20, [0, LONG_S])


def test_the_next_due_time_is_an_alarm_clock(store: Store) -> None:
    settle(store, "z", document(), follow_ups=(FollowUp(case_key="case-1", kind="lookups", after_s=15),))
    store.outbox.retry(deliver(store, "jira"), "rate_limited", "", 7, unknown=False)
    store.inbox.retry(take(store), "later", 3)
    store.outbox.delivered(deliver(store, "slack"), 1)

    until = {topic: store.access._until_due(topic) for topic in (database.ALERTS, database.FOLLOW_UPS, "jira", "slack")}

    assert until == {
        database.ALERTS: pytest.approx(3, abs=1.5),
        database.FOLLOW_UPS: pytest.approx(15, abs=1.5),
        "jira": pytest.approx(7, abs=1.5),
        "slack": LONG_S,
    }


def test_a_bell_wakes_each_thread_once_a_ring_and_only_for_its_topic() -> None:
    bell = wake.Bell()
    assert not bell.wait("jira", 0)
    bell.ring({"slack"})
    assert not bell.wait("jira", 0)
    bell.ring({"jira", "slack"})
    bell.ring()

    assert bell.wait("jira", LONG_S)
    assert not bell.wait("jira", 0)


def _child(store: Store, results: Any) -> None:
    try:
        receipt = store.inbox.accept(submission("child"))
    except StoreUnavailable as error:
        results.put(error.detail)
    else:
        results.put((receipt.alert_id, len(store.inbox.claim(5))))
        store.close()


def _in_a_fork(store: Store) -> Any:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_child, args=(store, results))
    child.start()
    answer = results.get(timeout=20)
    child.join(10)
    assert child.exitcode == 0
    return answer


@pytest.mark.slow
def test_a_store_may_be_made_before_a_fork_and_used_after(estate: Estate) -> None:
    estate.stores[0].close()
    store = estate.open()
    child_id, claimed = _in_a_fork(store)

    mine = store.inbox.accept(submission("parent"))

    assert claimed == 1
    assert mine.alert_id != child_id
    assert [claim.alert_id for claim in store.inbox.claim(5)] == [mine.alert_id]


@pytest.mark.slow
def test_a_store_in_use_stays_its_parents(store: Store) -> None:
    store.inbox.accept(submission("before"))
    store.wait_for_work(0)

    assert "forked" in _in_a_fork(store)
    assert not store.inbox.accept(submission("after")).duplicate
    assert len(store.inbox.claim(5)) == 2


def _accept_one(url: str, go: Any) -> None:
    store = open_store(
        url, clock=lambda: datetime(2026, 11, 24, 8, tzinfo=UTC), merge=counting_merge, deliver_to=to_all_if_open
    )
    assert go.wait(20)
    store.inbox.accept(submission("from far"))
    store.close()


@pytest.mark.slow
def test_a_real_other_process_wakes_the_loop(estate: Estate, loop: Loop) -> None:
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    other = context.Process(target=_accept_one, args=(estate.url, go))
    other.start()
    sleeping(loop)
    go.set()

    assert loop.woke()
    other.join(10)
    assert other.exitcode == 0
