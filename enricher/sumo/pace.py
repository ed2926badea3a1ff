"""How often this process may call Sumo Logic, whatever searches run, and waiting that a shutdown ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

RATE = 3.0
"""Requests a second. Sumo Logic allows four to one user over all that he does."""


class Patience:
    """Waiting, until somebody stops it. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._stop = threading.Event()

    def stop(self) -> None:
        """End every wait, now and from now on."""
        self._stop.set()

    @property
    def over(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait; False where it was ended early."""
        return not self._stop.wait(max(0.0, seconds))


class Pace:
    """Spaces requests evenly, so that no second ever sees more than one above the rate."""

    def __init__(self, patience: Patience, rate: float = RATE) -> None:
        self._patience, self._gap = patience, 1.0 / rate
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self) -> None:
        """Wait for this caller's turn. At a shutdown there is none to wait for: what is left is deleting."""
        now = self._patience.clock()
        with self._lock:
            turn = max(now, self._next)
            self._next = turn + self._gap
        self._patience.wait(turn - now)
