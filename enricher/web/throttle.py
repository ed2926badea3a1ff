"""Slows down whoever tries passwords: a few are free, then each failure costs twice the wait of the one before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

FIRST_WAIT_S: Final = 15.0
LONGEST_WAIT_S: Final = 900.0
_FORGOTTEN_AFTER_S = 3_600.0
_MOST_KEYS = 10_000
_MOST_DOUBLINGS = 10


@dataclass(slots=True)
class _Record:
    failures: int
    open_at: float
    last_at: float


class Throttle:
    """Counts tries by key, in this process. Each is a failure until it is taken back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._records: OrderedDict[str, _Record] = OrderedDict()
        """The one tried least lately comes first, and goes first where there are too many."""
        self._lock = Lock()

    def attempt(self, free: Mapping[str, int]) -> float:
        """0 and count a failure for each key, or the seconds to wait and count nothing. `free`: failures without a wait."""
        now = self._monotonic()
        with self._lock:
            kept = {key: self._records.get(key) for key in free}
            records = {key: one for key, one in kept.items() if one and now - one.last_at < _FORGOTTEN_AFTER_S}
            if (wait := max((one.open_at - now for one in records.values()), default=0.0)) > 0:
                return wait
            for key, most in free.items():
                failures = records[key].failures + 1 if key in records else 1
                self._records[key] = _Record(failures, now + _wait(failures - most), now)
                self._records.move_to_end(key)
            while len(self._records) > _MOST_KEYS:
                self._records.popitem(last=False)
        return 0.0

    def take_back(self, key: str) -> None:
        """The last try was none: it neither failed nor succeeded, or somebody shares the key who still may."""
        with self._lock:
            if (record := self._records.get(key)) is not None:
                record.failures -= 1
                record.open_at = record.last_at

    def forget(self, key: str) -> None:
        """It succeeded: nothing is held against the key."""
        with self._lock:
            self._records.pop(key, None)


def _wait(excess: int) -> float:
    """The wait after so many failures more than are free, less one: none, 15 s, 30 s … 15 minutes."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(excess, _MOST_DOUBLINGS)) if excess >= 0 else 0.0
