"""Backpressure: whether senders are to come again later, because too much waits here or the disk is nearly full."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import structlog
from sqlalchemy import make_url

from enricher.errors import StoreUnavailable
from enricher.settings import Settings

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
_MIB = 1024 * 1024


class Pressure:
    """Implements `ports.Pressure` for one process.

    `waiting` counts alerts not settled, no further than asked for; `free` says how many bytes are left beside the database.
    Both are asked at most once a second, by whichever request comes first; what this process accepts meanwhile is added.
    """

    def __init__(
        self,
        waiting: Callable[[int], int],
        free: Callable[[], int | None],
        *,
        inbox_limit: int,
        disk_free_mib: int,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self._waiting, self._free, self._elapsed = waiting, free, elapsed
        self._limit, self._least = inbox_limit, disk_free_mib * _MIB
        self._looking = threading.Lock()
        self._looked_at: float | None = None
        self._room = self._limit
        self._disk_full = False
        self._said: str | None = None

    def mark(self) -> str | None:
        """The mark that is reached now: `disk`, `inbox`; None where all is well."""
        if self._is_due() and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        reached = "disk" if self._disk_full else "inbox" if self._limit and self._room <= 0 else None
        self._say(reached)
        return reached

    def accepted(self) -> None:
        """One more waits. Two threads may count as one: the next look puts that right."""
        self._room -= 1

    def _is_due(self) -> bool:
        return self._looked_at is None or self._elapsed() - self._looked_at >= LOOK_EVERY_S

    def _look(self) -> None:
        """Where the store cannot be read, nothing is known of it: whoever stores then is told so."""
        self._looked_at = self._elapsed()
        free = self._free() if self._least else None
        self._disk_full = free is not None and free < self._least
        try:
            self._room = self._limit - self._waiting(self._limit) if self._limit else 0
        except StoreUnavailable:
            self._room = self._limit

    def _say(self, reached: str | None) -> None:
        if reached != self._said:
            self._said = reached
            if reached:
                log.warning("backpressure_began", mark=reached)
            else:
                log.info("backpressure_ended")


def pressure_of(settings: Settings, waiting: Callable[[int], int]) -> Pressure:
    """By the settings; there is no disk to look at beside a PostgreSQL."""
    url = make_url(settings.database_url.get_secret_value())
    path = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    return Pressure(
        waiting, lambda: free_beside(path), inbox_limit=settings.inbox_limit, disk_free_mib=settings.disk_free_mib
    )


def free_beside(path: Path | None) -> int | None:
    """Bytes that are left to us where the file lies; None where there is none, or nobody can say."""
    try:
        return shutil.disk_usage(path.absolute().parent).free if path else None
    except OSError:
        return None
