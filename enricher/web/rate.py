"""A rate limit for each source."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

_MINUTE = 60.0


class Rate:
    """At most `per_minute` requests a minute from each source, also all at once; None for no limit.

    A burst is legal: Sumo sends one request for each group of a monitor, up to 1,000 in one run.
    """

    def __init__(self, per_minute: float | None, monotonic: Callable[[], float]) -> None:
        self._interval = _MINUTE / per_minute if per_minute else 0.0
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}
        """When a source's minute would be used up if it went on at exactly the set rate."""
        self._lock = Lock()

    def wait(self, source: str) -> float:
        """0 and count it, or how many seconds to wait and count nothing."""
        if not self._interval:
            return 0.0
        now = self._monotonic()
        with self._lock:
            at = max(now, self._full_at.get(source, now)) + self._interval
            excess = at - now - max(_MINUTE, self._interval)
            # Adding intervals up loses a little: a nanosecond over the minute is not a request too many.
            if excess > 1e-6:  # noqa: PLR2004 - the comment above
                return excess
            self._full_at[source] = at
        return 0.0
