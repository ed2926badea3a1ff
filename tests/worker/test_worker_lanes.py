"""A lane: how much it claims, what it does when the store refuses or an attempt crashes, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from enricher.worker.lanes import Lane
from tests.worker.fakes import NO_STORE, PATIENCE_S, Bell, Desk, soon


@dataclass
class Job(Desk):
    """Work that is called by its name: `do` runs what is planned for it, else nothing."""

    name: str = "job"
    tasks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def keys(self, claim: str) -> list[str]:
        return claim.split("+")

    def claim(self, limit: int) -> list[str]:
        return self.hand_out(limit)

    def do(self, claim: str) -> None:
        self.note("do", claim)
        self.tasks.get(claim, lambda: None)()
        self.note("done", claim)

    def crashed(self, claim: str, error: BaseException) -> None:
        self.note("crashed", claim, type(error).__name__)

    def release(self, claim: str) -> None:
        self.note("release", claim)

    def did(self, *names: str) -> list[str]:
        return sorted(call[1] for call in self.calls if call[0] in names)


@dataclass
class Running:
    """A lane in a thread of its own."""

    lane: Lane
    bell: Bell
    stop: threading.Event
    thread: threading.Thread

    def end(self) -> None:
        self.stop.set()
        self.bell.ring()
        self.lane.nudge()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@contextmanager
def running(job: Any, threads: int = 2) -> Iterator[Running]:
    bell, stop = Bell(), threading.Event()
    lane = Lane(job, threads, bell.wait)
    thread = threading.Thread(target=lane.run, args=(stop,))
    thread.start()
    run = Running(lane, bell, stop, thread)
    try:
        yield run
    finally:
        run.end()


def test_everything_is_done() -> None:
    job = Job(queued=[f"j{n}" for n in range(20)])

    with running(job):
        job.until(lambda: len(job.did("done")) == 20)

    assert job.did("crashed", "release") == []


def test_it_holds_no_more_than_twice_what_it_can_do() -> None:
    class Counting(Job):
        most = 0

        def claim(self, limit: int) -> list[str]:
            with self.changed:
                claimed = 20 - len(self.queued)
                self.most = max(self.most, claimed - len(self.did("done")) + limit)
            return super().claim(limit)

    go = threading.Event()
    names = [f"j{n}" for n in range(20)]
    job = Counting(queued=list(names), tasks=dict.fromkeys(names[:3], lambda: soon(go)))

    with running(job) as run:
        job.until(lambda: job.did("do") == ["j0", "j1"])
        assert len(job.queued) == 16
        go.set()
        job.until(lambda: len(job.did("done")) == 20)

    assert job.most == 4
    assert min(job.limits) >= 1
    assert run.lane.held() == []


def test_it_waits_when_there_is_nothing_and_wakes_for_more() -> None:
    job = Job()

    with running(job) as run:
        run.bell.until_idle(1)
        job.queued.append("late")
        run.bell.ring()
        job.until(lambda: job.did("done") == ["late"])


def test_a_store_that_refuses_a_claim_is_asked_again() -> None:
    job = Job(queued=["j"], errors={"claim": NO_STORE})

    with running(job) as run:
        run.bell.until_idle(1)
        del job.errors["claim"]
        run.bell.ring()
        job.until(lambda: job.did("done") == ["j"])


def test_a_wait_that_the_store_refuses_ends_at_once_when_it_is_to_stop() -> None:
    stop = threading.Event()

    def wait(_timeout_s: float) -> None:
        stop.set()
        raise NO_STORE

    thread = threading.Thread(target=Lane(Job(), 1, wait).run, args=(stop,))
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def raising(error: Exception) -> Callable[[], None]:
    def task() -> None:
        raise error

    return task


def test_a_crash_ends_the_attempt_and_not_the_lane() -> None:
    job = Job(queued=["bad", "good"], tasks={"bad": raising(KeyError("a bug"))})

    with running(job, threads=1):
        job.until(lambda: job.did("done") == ["good"])

    assert ("crashed", "bad", "KeyError") in job.calls


def test_what_the_store_refuses_is_no_crash() -> None:
    """It is left to its lease: let go here, and not renewed by the heartbeat."""
    job = Job(queued=["bad", "good"], tasks={"bad": raising(NO_STORE)})

    with running(job, threads=1) as run:
        job.until(lambda: job.did("done") == ["good"])

    assert job.did("crashed") == []
    assert run.lane.held() == []


@pytest.mark.parametrize("error", [NO_STORE, KeyError("a bug in what handles bugs")])
def test_a_crash_that_cannot_be_noted_does_not_block_the_lane(error: Exception) -> None:
    names = [f"bad{n}" for n in range(6)]
    job = Job(queued=[*names, "good"], tasks=dict.fromkeys(names, raising(KeyError("a bug"))), errors={"crashed": error})

    with running(job, threads=1) as run:
        job.until(lambda: job.did("done") == ["good"])

    assert run.lane.held() == []


def test_told_to_stop_it_finishes_what_was_begun_and_gives_back_the_rest() -> None:
    go, begun = threading.Event(), threading.Barrier(2)

    def hang() -> None:
        begun.wait(PATIENCE_S)
        soon(go)

    job = Job(queued=["begun", "held", "never claimed"], tasks={"begun": hang})

    with running(job, threads=1) as run:
        begun.wait(PATIENCE_S)
        run.stop.set()
        run.lane.nudge()
        go.set()

    assert job.did("done") == ["begun"]
    assert job.did("release") == ["held"]
    assert job.queued == ["never claimed"]


def test_a_claim_of_several_rows_is_held_by_each_of_them() -> None:
    """The heartbeat renews them all."""
    go, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        soon(go)

    job = Job(queued=["a+b+c"], tasks={"a+b+c": hang})

    with running(job) as run:
        soon(begun)
        assert run.lane.held() == ["a", "b", "c"]
        go.set()
        job.until(lambda: job.did("done") == ["a+b+c"])

    assert run.lane.held() == []
