"""Leave a source alone that is in trouble, and try it again with one question now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from enricher.lookups.source import Answer
from enricher.model import Status

FAILURES = 5
REST_S = 30.0
LONGEST_REST_S = 3600.0


class Breaker:
    """Opens after `failures` troubles in a row, or at once when the source asks for rest.

    While it is open there is a refusal; after `rest_s` one question is let through (half open), and then one per `rest_s`
    until one succeeds. A trial that never reports back therefore blocks nothing. `clock` counts seconds.
    """

    def __init__(self, *, failures: int = FAILURES, rest_s: float = REST_S, clock: Callable[[], float] = monotonic) -> None:
        self._limit, self._rest_s, self._clock = failures, rest_s, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0
        self._last: Answer | None = None

    def refusal(self) -> Answer | None:
        """None: ask. Otherwise the answer to give instead."""
        with self._lock:
            if self._failures < self._limit or self._last is None:
                return None
            left = self._closed_until - self._clock()
            if left <= 0:
                self._closed_until = self._clock() + self._rest_s
                return None
            status = Status.RATE_LIMITED if self._last.status is Status.RATE_LIMITED else Status.ERROR
            return Answer(status=status, reason=f"not asked: left alone for {left:.0f} s more after: {self._last.reason}")

    def note(self, answer: Answer) -> None:
        """Take in how a question ended. An answer of any kind but trouble closes the breaker."""
        with self._lock:
            if not _is_trouble(answer):
                self._failures = 0
                return
            self._last = answer
            asked_for_rest = answer.status is Status.RATE_LIMITED
            self._failures = self._limit if asked_for_rest else self._failures + 1
            rest_s = max(self._rest_s, min(answer.rest_s, LONGEST_REST_S))
            self._closed_until = self._clock() + rest_s


def _is_trouble(answer: Answer) -> bool:
    return answer.source_down or answer.status in {Status.TIMEOUT, Status.RATE_LIMITED}
