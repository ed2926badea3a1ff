"""A lane: claims work of one sort and hands it to a few threads, never more than twice what they can do at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import structlog

from enricher.errors import StoreUnavailable

log = structlog.get_logger()

IDLE_S = 2.0
"""The longest a lane waits without looking; commits and due times wake it sooner."""


class Job(Protocol):
    """One sort of work. `do` handles what it foresees; `crashed` is told what it did not; `release` gives back untouched.
    A claim may be of several rows, which `keys` names.
    """

    name: str

    def keys(self, claim: Any) -> Sequence[str]: ...

    def claim(self, limit: int) -> Sequence[Any]: ...

    def do(self, claim: Any) -> None: ...

    def crashed(self, claim: Any, error: BaseException) -> None: ...

    def release(self, claim: Any) -> None: ...


class Lane:
    """Runs one job on `threads` threads until told to stop; then finishes what was begun and gives the rest back."""

    def __init__(self, job: Job, threads: int, wait: Callable[[float], None]) -> None:
        self.name = job.name
        self._job, self._threads, self._wait = job, threads, wait
        self._room = threading.Condition()
        self._held: list[Sequence[str]] = []

    def run(self, stop: threading.Event) -> None:
        """Claim and hand over until `stop` is set; returns when nothing is held any more."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix=self.name) as pool:
            while not stop.is_set():
                if self._full():
                    self._await_room(stop)
                elif not self._claim(pool, stop):
                    self._rest(stop)

    def nudge(self) -> None:
        """Make a lane that waits for room look at its stop signal."""
        with self._room:
            self._room.notify_all()

    def held(self) -> list[str]:
        """The keys of the claims that are worked on, or wait for a thread."""
        with self._room:
            return [key for keys in self._held for key in keys]

    def _full(self) -> bool:
        return len(self._held) > self._threads

    def _claim(self, pool: ThreadPoolExecutor, stop: threading.Event) -> bool:
        try:
            claims = self._job.claim(2 * self._threads - len(self._held))
        except StoreUnavailable as error:
            log.warning("claim_failed", lane=self.name, detail=error.detail)
            return False
        for claim in claims:
            with self._room:
                self._held.append(self._job.keys(claim))
            self._submit(pool, claim, stop)
        return bool(claims)

    def _submit(self, pool: ThreadPoolExecutor, claim: Any, stop: threading.Event) -> None:
        def work() -> None:
            (self._job.release if stop.is_set() else self._job.do)(claim)

        def done(future: Future[None]) -> None:
            try:
                self._ended(claim, future.exception())
            finally:
                with self._room:
                    self._held.remove(self._job.keys(claim))
                    self._room.notify_all()

        pool.submit(work).add_done_callback(done)

    def _ended(self, claim: Any, error: BaseException | None) -> None:
        """A claim that nobody could write to comes back by its lease; an error nobody foresaw is the job's to judge."""
        try:
            if error is not None and not isinstance(error, StoreUnavailable):
                log.error("attempt_crashed", lane=self.name, exc_info=error)
                self._job.crashed(claim, error)
                return
        except StoreUnavailable as unavailable:
            error = unavailable
        if error is not None:
            log.warning("claim_left_to_its_lease", lane=self.name, detail=str(error))

    def _await_room(self, stop: threading.Event) -> None:
        with self._room:
            self._room.wait_for(lambda: stop.is_set() or not self._full())

    def _rest(self, stop: threading.Event) -> None:
        try:
            self._wait(IDLE_S)
        except StoreUnavailable:
            stop.wait(1.0)
