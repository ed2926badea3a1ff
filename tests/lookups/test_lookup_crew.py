import threading

import pytest

from enricher.lookups.crew import Crew
from tests.lookups.loopback import Crashes

SOON_S = 5.0
"""No test waits this long unless it fails."""


def test_jobs_run_and_never_more_than_size_at_once() -> None:
    crew, lock, release, all_done = (
        Crew("test", size=2, backlog=100),
        threading.Lock(),
        threading.Event(),
        threading.Event(),
    )
    two_run = threading.Barrier(3)
    running, most, done = 0, 0, 0

    def job() -> None:
        nonlocal running, most, done
        with lock:
            running += 1
            most = max(most, running)
            first_two = done + running <= 2 and not release.is_set()
        if first_two:
            two_run.wait(SOON_S)
        release.wait(SOON_S)
        with lock:
            running -= 1
            done += 1
            if done == 10:
                all_done.set()

    assert all(crew.take(job) for _ in range(10))
    two_run.wait(SOON_S)
    release.set()
    assert all_done.wait(SOON_S)
    assert most == 2


def test_hanging_jobs_hold_no_more_than_their_threads() -> None:
    crew, release = Crew("hanging", size=2, backlog=3), threading.Event()
    started = threading.Semaphore(0)

    def hang() -> None:
        started.release()
        release.wait(SOON_S)

    try:
        assert crew.take(hang)
        assert crew.take(hang)
        assert started.acquire(timeout=SOON_S)
        assert started.acquire(timeout=SOON_S)
        assert [crew.take(hang) for _ in range(5)] == [True, True, True, False, False]
        assert sum(thread.name == "hanging" for thread in threading.enumerate()) == 2
    finally:
        release.set()


def test_threads_end_when_nothing_is_left() -> None:
    crew, seen = Crew("ending", size=1, backlog=1), []
    assert crew.take(lambda: seen.append(threading.current_thread()))
    thread = next((t for t in threading.enumerate() if t.name == "ending"), None)
    if thread is not None:
        thread.join(SOON_S)
    assert len(seen) == 1
    assert not seen[0].is_alive()


def test_a_bug_in_a_job_ends_its_thread_loudly_but_not_the_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    crashes = Crashes(monkeypatch)
    crew, done = Crew("buggy", size=1, backlog=10), threading.Event()
    hold = threading.Event()

    def bug() -> None:
        hold.wait(SOON_S)
        raise ZeroDivisionError

    assert crew.take(bug)
    assert crew.take(done.set)
    hold.set()
    assert done.wait(SOON_S)
    assert crashes.next() is ZeroDivisionError


def test_without_a_thread_to_be_had_a_job_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crew = Crew("refused", size=1, backlog=1)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not crew.take(lambda: None)
    monkeypatch.undo()
    done = threading.Event()
    assert crew.take(done.set)
    assert done.wait(SOON_S)
