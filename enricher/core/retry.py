"""When to try again, or to give up. The waiting itself happens in the outbox: a `Retry-After` may be an hour."""

from __future__ import annotations

BASE_S = 1.0
LONGEST_S = 900.0
MAX_ATTEMPTS = 40
"""With waits of up to a quarter of an hour: most of a night."""


def next_try(attempt: int, chance: float, *, retry_after: float = 0.0) -> float | None:
    """Seconds until the next try after the `attempt`-th (from 1), or None to give up."""
    return None if attempt >= MAX_ATTEMPTS else wait_s(attempt, chance, retry_after=retry_after)


def wait_s(attempt: int, chance: float, *, retry_after: float = 0.0) -> float:
    """Seconds to wait after the `attempt`-th try.

    Exponential with full jitter: anything from 0 to the ceiling by `chance` (0 to 1), but never sooner than `retry_after`.
    Source: AWS Architecture Blog, "Exponential Backoff and Jitter".
    """
    ceiling = min(LONGEST_S, BASE_S * 2.0 ** min(attempt, 20))
    return max(retry_after, ceiling * chance)
