"""Identifiers that sort by time: 26 characters, 48 bits of milliseconds and 80 of chance (the ULID form).

Those that a process makes within one millisecond count up, so that they sort as they were made.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80


class _Maker:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self, at: datetime) -> str:
        """Make an identifier for something that came at `at`."""
        milliseconds = _milliseconds(at)
        with self._lock:
            if self._last >> _RANDOM_BITS == milliseconds:
                self._last += 1
            else:
                self._last = milliseconds << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
            return _encode(self._last)

    def start_anew(self) -> None:
        """In a child process: it must not count on from where its parent does."""
        self._lock = threading.Lock()
        self._last = 0


new_id = _Maker()
os.register_at_fork(after_in_child=new_id.start_anew)


def first_id(at: datetime) -> str:
    """The lowest identifier of that millisecond: everything made earlier sorts before it."""
    return _encode(_milliseconds(at) << _RANDOM_BITS)


def _milliseconds(at: datetime) -> int:
    return max(0, int(at.timestamp() * 1000))


def _encode(number: int) -> str:
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)])
