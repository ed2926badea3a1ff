"""Files of the operator's that answer questions: when they were written, and whether they have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

LOOK_EVERY_S = 2.0

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int, int], ...]
"""Of each file its name, its inode, its size and when it was written."""


def stamp_of(*paths: Path) -> Stamp:
    """What changes when one of the files does; a file that is not there has none."""
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def written_at(path: Path) -> datetime:
    """When a file was written. Raises OSError."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


class Followed(Generic[T]):
    """What `read` makes of some files, made anew when `stamp` changes; it is looked at every two seconds at most.

    Whoever comes while another thread reads gets what was there before; only the first reading is waited for. `clock` counts
    seconds. `read` raises nothing on purpose.
    """

    def __init__(self, stamp: Callable[[], Stamp], read: Callable[[], T], clock: Callable[[], float] = monotonic) -> None:
        self._stamp_of, self._read, self._clock = stamp, read, clock
        self._lock = threading.Lock()
        self._made: tuple[Stamp, T] | None = None
        self._looked_at = 0.0

    def now(self) -> T:
        """What the files say now."""
        made = self._made
        if made is None:
            with self._lock:
                return self._look()
        if self._clock() - self._looked_at > LOOK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                return self._look()
            finally:
                self._lock.release()
        return made[1]

    def _look(self) -> T:
        self._looked_at = self._clock()
        stamp = self._stamp_of()
        if self._made is None or self._made[0] != stamp:
            self._made = stamp, self._read()
        return self._made[1]
