"""The worker as a whole: lanes beside one another, the heartbeat, the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest

from enricher.ports import ClaimedAlert, Delivery
from tests.worker.fakes import NO_STORE, PATIENCE_S, FakeDestination, FakeInbox, FakeOutbox, alert, delivery, running


def sent_to(destination: str, key: str) -> Delivery:
    return replace(delivery(key), destination=destination)


def test_no_lane_waits_for_another() -> None:
    """Jira hangs with all its threads: Slack is told, and alerts are settled, all the same."""
    go = threading.Event()
    jira, slack = FakeDestination("jira", go=go), FakeDestination("slack")
    inbox = FakeInbox(queued=[alert(f"A{n}") for n in range(5)])
    hanging = [sent_to("jira", f"j{n}") for n in range(8)]
    outbox = FakeOutbox(queued=[*hanging, *(sent_to("slack", f"s{n}") for n in range(5))])

    with running(inbox, outbox, jira, slack, delivery_threads=2):
        for _ in range(2):
            assert jira.entered.acquire(timeout=PATIENCE_S)
        outbox.until(lambda: {f"s{n}" for n in range(5)} <= {call[1] for call in outbox.calls if call[0] == "delivered"})
        inbox.until(lambda: inbox.names() == ["settle"] * 5)
        assert jira.calls == [("create",)] * 2
        assert not [call for call in outbox.calls if call[1].startswith("j")]
        go.set()

    assert {call[1] for call in outbox.calls if call[0] == "delivered"} >= {"j0", "j1"}


def test_stopped_it_finishes_what_was_begun_and_gives_back_the_rest() -> None:
    go = threading.Event()
    jira = FakeDestination(go=go)
    outbox = FakeOutbox(queued=[delivery(f"j{n}") for n in range(8)])

    with running(FakeInbox(), outbox, jira, delivery_threads=2) as run:
        for _ in range(2):
            assert jira.entered.acquire(timeout=PATIENCE_S)
        run.stop()
        go.set()

    assert run.broken == []
    ended = {name: sorted(call[1] for call in outbox.calls if call[0] == name) for name in ("delivered", "retry")}
    assert ended == {"delivered": ["j0", "j1"], "retry": ["j2", "j3"]}
    assert len(outbox.queued) == 4


class Beats:
    """A heartbeat that notes what it was asked to renew, and can be waited for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.renewed: list[Collection[str]] = []
        self.error = error
        self._beat = threading.Condition()

    def __call__(self, held: Collection[str]) -> None:
        with self._beat:
            self.renewed.append(held)
            self._beat.notify_all()
        if self.error:
            raise self.error

    def until(self, condition: Callable[[], bool]) -> None:
        with self._beat:
            assert self._beat.wait_for(condition, PATIENCE_S)


def test_the_heart_beats_for_what_is_worked_on() -> None:
    go, beats = threading.Event(), Beats()
    outbox = FakeOutbox(queued=[delivery("a"), delivery("b"), delivery("c")])

    with running(FakeInbox(), outbox, FakeDestination(go=go), heartbeat=beats, lease_s=0.01, delivery_threads=1):
        beats.until(lambda: beats.renewed[-1:] == [["D-a", "D-b"]])
        go.set()
        outbox.until(lambda: outbox.names().count("delivered") == 3)
        beats.until(lambda: beats.renewed[-1:] == [[]])


def test_the_heart_beats_until_the_last_claim_is_finished() -> None:
    """Told to stop with a call under way: without a lease another process would take it over."""
    go, beats = threading.Event(), Beats()
    jira = FakeDestination(go=go)

    with running(FakeInbox(), FakeOutbox(queued=[delivery("a")]), jira, heartbeat=beats, lease_s=0.01) as run:
        assert jira.entered.acquire(timeout=PATIENCE_S)
        run.stop()
        before = len(beats.renewed)
        beats.until(lambda: len(beats.renewed) > before + 2)
        assert beats.renewed[-1] == ["D-a"]
        go.set()


def test_a_heartbeat_that_the_store_refuses_is_tried_again() -> None:
    beats = Beats(NO_STORE)

    with running(FakeInbox(), FakeOutbox(), heartbeat=beats, lease_s=0.01):
        beats.until(lambda: len(beats.renewed) >= 3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the lane's, on purpose
def test_a_lane_that_breaks_ends_the_worker() -> None:
    """One that works by halves would look healthy; its supervisor starts a whole one."""
    go = threading.Event()
    jira, outbox = FakeDestination(go=go), FakeOutbox(queued=[delivery("a")])

    class Broken(FakeInbox):
        def claim(self, limit: int) -> list[ClaimedAlert]:
            assert jira.entered.acquire(timeout=PATIENCE_S)
            go.set()
            raise KeyError("a bug")

    with running(Broken(), outbox, jira) as run:
        run.worker.join()

    assert run.broken == ["alerts"]
    assert outbox.calls[-1] == ("delivered", "a", 1, "SEC-12")
