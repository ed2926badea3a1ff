"""Our own limit on how often a source is asked, so that it never has to tell us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import monotonic

RATES: Mapping[str, float] = {"forward": 20.0, "ptr": 50.0, "asn": 50.0, "rdap": 2.0}
"""Questions a second by source, in each process. Registries serve RDAP for people; DNS servers are used to more."""


class Limit:
    """At most `rate` turns a second over time, a second's worth of them at once. `clock` counts seconds."""

    def __init__(self, rate: float, *, clock: Callable[[], float] = monotonic) -> None:
        self.rate, self._clock = rate, clock
        self._interval = 1 / rate
        self._burst_s = max(0.0, 1.0 - self._interval)
        self._lock = threading.Lock()
        self._used_until = 0.0
        """When what was taken would be used up at exactly the set rate."""

    def turn(self, until: float) -> float | None:
        """Take the next turn and say how many seconds away it is; None, and none is taken, if that is later than `until`."""
        with self._lock:
            now = self._clock()
            used_until = max(self._used_until, now)
            at = max(now, used_until - self._burst_s)
            if at > until:
                return None
            self._used_until = used_until + self._interval
            return at - now
