"""Waiting for work without asking all the time: a bell that commits ring, and the next due time as an alarm clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, select

from enricher.errors import StoreUnavailable
from enricher.store.schema import OPEN_ALERTS, OPEN_DELIVERIES, alerts, deliveries

RECONNECT_S = 1.0


class Bell:
    """Wakes every waiting thread. A ring between two waits of a thread is not lost: its next wait returns at once."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._rings = 0
        self._heard = threading.local()

    def ring(self) -> None:
        with self._rung:
            self._rings += 1
            self._rung.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring that this thread has not heard yet; whether there was one."""
        heard: int = getattr(self._heard, "rings", 0)
        with self._rung:
            woken = self._rung.wait_for(lambda: self._rings > heard, timeout_s)
            self._heard.rings = self._rings
        return woken


class Watcher:
    """A thread that rings the bell when another process commits."""

    def __init__(self, watch: Callable[[threading.Event, Callable[[], None]], None], bell: Bell) -> None:
        self._watch, self._bell = watch, bell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch(self._stop, self._bell.ring)
            except StoreUnavailable:
                self._stop.wait(RECONNECT_S)
            self._bell.ring()  # whatever was committed while nobody watched


def next_due(conn: Connection, after: datetime) -> datetime | None:
    """When something falls due next, or its lease ends. What was due at `after` has been offered already and is left out."""
    times = [
        conn.execute(select(func.min(table.c.due_at)).where(is_open, table.c.due_at > after)).scalar_one()
        for table, is_open in ((alerts, OPEN_ALERTS), (deliveries, OPEN_DELIVERIES))
    ]
    return min((time for time in times if time is not None), default=None)
