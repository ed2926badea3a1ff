"""Whether a destination is left alone for a while: failures that are its own and not a case's, counted in a row.

Sources: Nygard, "Release It!", the circuit breaker; AWS Architecture Blog, "Exponential Backoff and Jitter".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enricher.errors import Reason

OPENS_AT = 5
"""Failures in a row."""
SHORTEST_S, LONGEST_S = 1.0, 300.0
PARKED_S = 30.0
LONGEST_RETRY_AFTER_S = 86_400.0

WIDE = frozenset(
    {
        Reason.CONNECT,
        Reason.TIMEOUT,
        Reason.DROPPED,
        Reason.SERVER_ERROR,
        Reason.NOT_JSON,
        Reason.RATE_LIMITED,
        Reason.AUTH,
    }
)
"""Reasons that are about the destination, whatever the case."""
UNCOUNTED = frozenset({Reason.RATE_LIMITED, Reason.AUTH})
"""Reasons that use up no attempt: the case's turn had not come."""
ANSWERS = frozenset(reason.value for reason in Reason if reason is not Reason.CONFIGURATION)
"""Words for how a delivery ended that prove, where they are about a case alone, that the destination lives."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure of the destination itself. `retry_after` is in seconds, 0 if it named none; `chance` is from 0 to 1."""

    reason: Reason
    retry_after: float = 0.0
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a destination fares: failures in a row, since when, the last one's reason, and until when it is left alone.

    Once that time has come it is tried by one delivery at a time (`half_open`), until one gets through.
    """

    failures: int = 0
    reason: str | None = None
    since: datetime | None = None
    paused_until: datetime | None = None

    def paused(self, now: datetime) -> bool:
        """It is left alone."""
        return self.paused_until is not None and now < self.paused_until

    def half_open(self, now: datetime) -> bool:
        """It was left alone, and is tried."""
        return self.paused_until is not None and now >= self.paused_until


WELL = Health()


def after_failure(health: Health, trouble: Trouble, now: datetime) -> Health:
    """Health after one more failure.

    Five in a row pause it: full jitter, from 1 s doubling to 5 minutes. `Retry-After` pauses at once, for that long and at most a
    day; refused credentials at once, for 30 s doubling to 5 minutes. What fails during a pause was begun before it: it counts
    for nothing, and can only make the pause longer.
    """
    asked = timedelta(seconds=min(trouble.retry_after, LONGEST_RETRY_AFTER_S))
    if health.paused_until is not None and now < health.paused_until:
        later = now + asked > health.paused_until
        return replace(health, paused_until=now + asked, reason=trouble.reason.value) if later else health
    anew = trouble.reason is Reason.AUTH and health.reason != Reason.AUTH.value
    failures = 1 if anew else health.failures + 1
    own = _own_pause_s(failures, trouble, tried=health.paused_until is not None)
    pauses = own is not None or asked
    return Health(
        failures=failures,
        reason=trouble.reason.value,
        since=health.since or now,
        paused_until=now + max(asked, timedelta(seconds=own or 0.0)) if pauses else None,
    )


def after_answer(health: Health, now: datetime) -> Health:
    """Health after an answer that proves that it works. What is answered during a pause was begun before it, and proves nothing."""
    return health if health.paused(now) else WELL


def _own_pause_s(failures: int, trouble: Trouble, *, tried: bool) -> float | None:
    """How long we leave it alone unasked; None: not yet. `tried`: it was left alone before, and is no better."""
    if trouble.reason is Reason.AUTH:
        return _doubled(PARKED_S, failures - 1)
    if failures >= OPENS_AT:
        return _doubled(SHORTEST_S, failures - OPENS_AT) * trouble.chance
    return SHORTEST_S if tried else None


def _doubled(first_s: float, times: int) -> float:
    return min(LONGEST_S, first_s * 2.0 ** min(times, 20))
