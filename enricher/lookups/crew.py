"""A few threads that work through jobs in order, for calls that may hang.

Each source has its own crew, so one that hangs holds its own threads and nobody else's. The standard library's executor
will not do: it joins its threads at exit, so that a hanging source would keep the process alive.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Crew:
    """At most `size` daemon threads, which end when no job is left, and at most `backlog` jobs waiting."""

    def __init__(self, name: str, *, size: int, backlog: int) -> None:
        self._name, self._size, self._backlog = name, size, backlog
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._threads = 0

    def take(self, job: Job) -> bool:
        """Take a job, or return False: too many wait already, or no thread could be had."""
        with self._lock:
            if len(self._jobs) >= self._backlog:
                return False
            self._jobs.append(job)
            if self._threads < self._size and not self._hire() and not self._threads:
                self._jobs.remove(job)
                return False
            return True

    def _hire(self) -> bool:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            return False
        self._threads += 1
        return True

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                job()
        finally:
            self._leave()  # after a bug in a job too: that ends this thread, loudly, but not the crew

    def _next(self) -> Job | None:
        with self._lock:
            return self._jobs.popleft() if self._jobs else None

    def _leave(self) -> None:
        with self._lock:
            self._threads -= 1
            if self._jobs:  # one came between the last look and now
                self._hire()
