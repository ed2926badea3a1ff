"""A clock that never jumps: the host's wall clock where the process began, and what the kernel has counted since.

SQLite has no clock of its own. By the wall clock, a step beyond a lease would end the leases of holders that are at work,
and a second worker would open the ticket that the first is just opening.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

SLEW = 0.05
"""Seconds a second by which a wall clock that was set is followed: a lease is renewed often enough not to notice."""
LONGEST_S = 60.0
"""Time between two readings beyond this follows nothing: after a day of rest a step would come through whole."""


def since_boot() -> float:
    """Seconds since the host started, those in which it was suspended too; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Steady:
    """`wall` gives aware times and may jump; `elapsed` gives seconds that only grow. A step is followed slowly, never at once."""

    def __init__(self, wall: Callable[[], datetime], elapsed: Callable[[], float] = since_boot) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._now, self._read_at = wall(), elapsed()
        self._reading = Lock()

    def __call__(self) -> datetime:
        """Now, aware; never before what was read last."""
        with self._reading:
            read_at = self._elapsed()
            passed = read_at - self._read_at
            most = SLEW * min(passed, LONGEST_S)
            off = (self._wall() - self._now).total_seconds() - passed
            self._now += timedelta(seconds=passed + max(-most, min(most, off)))
            self._read_at = read_at
            return self._now
