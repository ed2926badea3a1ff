"""Rate limits as the services keep them: a bucket that refills, and a count over a sliding window."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable


class Buckets:
    """A token bucket per key: `rate` a second, `burst` at once. A rate of 0 limits nothing."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self.rate, self.burst, self._clock = rate, burst, clock
        self._tokens: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> float:
        """Take one token: 0.0 where there was one, else the seconds until there is one."""
        if not self.rate:
            return 0.0
        now = self._clock()
        tokens, at = self._tokens.get(key, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        if tokens < 1:
            self._tokens[key] = (tokens, now)
            return (1 - tokens) / self.rate
        self._tokens[key] = (tokens - 1, now)
        return 0.0

    def left(self, key: Hashable) -> int:
        """How many tokens there are."""
        tokens, at = self._tokens.get(key, (self.burst, self._clock()))
        return int(min(self.burst, tokens + (self._clock() - at) * self.rate))


class Window:
    """At most `limit` a key within any `seconds`. A limit of 0 limits nothing."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float]) -> None:
        self.limit, self.seconds, self._clock = limit, seconds, clock
        self._taken: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def take(self, key: Hashable) -> float:
        """Count one: 0.0 where it fits, else the seconds until one does."""
        if not self.limit:
            return 0.0
        now, taken = self._clock(), self._taken[key]
        while taken and taken[0] <= now - self.seconds:
            taken.popleft()
        if len(taken) >= self.limit:
            return taken[0] + self.seconds - now
        taken.append(now)
        return 0.0
