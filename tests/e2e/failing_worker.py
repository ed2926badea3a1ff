"""A worker that kills itself at a named point: `python -m tests.e2e.failing_worker POINT`. With a number behind it, it waits until
as many of its threads are there, and falls asleep (SIGSTOP).

It is wired as `enricher work` is, but that somebody listens for the points. Nothing in the service can be set to do so.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from threading import Barrier, Semaphore

from enricher.telemetry import set_up_logs
from enricher.wiring import application
from enricher.worker import Worker


class Failpoint:
    """Kills this process, with all its threads, when `point` is reached."""

    def __init__(self, point: str) -> None:
        self._point = point

    def __call__(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()  # nothing more may happen until it has taken effect


class Sleep:
    """Stops this process when `threads` of its threads have reached `point`, once; they go on when it is woken."""

    def __init__(self, point: str, threads: int) -> None:
        self._point, self._together = point, Barrier(threads, action=_fall_asleep)
        self._left = Semaphore(threads)

    def __call__(self, point: str) -> None:
        if point == self._point and self._left.acquire(blocking=False):
            self._together.wait()


def _fall_asleep() -> None:
    """Return when woken, not before: another thread may be the one that the signal stops first."""
    os.kill(os.getpid(), signal.SIGSTOP)
    signal.sigwait({signal.SIGCONT})


def main(point: str, threads: str | None = None) -> None:
    set_up_logs()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})  # for all threads to come
    at = Sleep(point, int(threads)) if threads else Failpoint(point)
    worker = Worker(replace(application().work(), at=at))
    worker.start()
    worker.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
