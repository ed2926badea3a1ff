"""Waiting for work without asking all the time: a bell that commits ring, and the next due time as an alarm clock."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, func, select

from enricher.errors import StoreUnavailable
from enricher.store.database import ALERTS, CHORES, FOLLOW_UPS
from enricher.store.health import Healths
from enricher.store.schema import OPEN_ALERTS, OPEN_DELIVERIES, OPEN_FOLLOW_UPS, alerts, deliveries, follow_ups
from enricher.store.schema_upkeep import chores

RECONNECT_S = 1.0


class Bell:
    """Wakes the threads that wait for a topic. A ring between two waits is not lost: the next wait returns at once."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._for_all = 0
        self._rings: Counter[str] = Counter()
        self._heard = threading.local()

    def ring(self, topics: Collection[str] | None = None) -> None:
        """Ring for some topics, or for all."""
        with self._rung:
            if topics is None:
                self._for_all += 1
            else:
                self._rings.update(topics)
            self._rung.notify_all()

    def wait(self, topic: str, timeout_s: float) -> bool:
        """Wait for a ring that this thread has not heard yet; whether there was one."""
        heard: int = getattr(self._heard, "rings", 0)
        with self._rung:
            woken = self._rung.wait_for(lambda: self._for_all + self._rings[topic] > heard, timeout_s)
            self._heard.rings = self._for_all + self._rings[topic]
        return woken


Watch = Callable[[threading.Event, Callable[[Collection[str] | None], None]], None]


class Watcher:
    """A thread that rings the bell when another process commits."""

    def __init__(self, watch: Watch, bell: Bell) -> None:
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


def next_due(conn: Connection, topic: str, after: datetime, healths: Healths) -> datetime | None:
    """When work on a topic falls due next, or its lease ends. What was due at `after` was offered already and is left out.

    Where a destination is left alone, or its rate is used up, what is due waits for that.
    """
    if topic == ALERTS:
        query = select(func.min(alerts.c.due_at)).where(OPEN_ALERTS, alerts.c.due_at > after)
    elif topic == FOLLOW_UPS:
        query = select(func.min(follow_ups.c.due_at)).where(OPEN_FOLLOW_UPS, follow_ups.c.due_at > after)
    elif topic == CHORES:
        query = select(func.min(chores.c.due_at)).where(chores.c.due_at > after)
    else:
        is_open = (OPEN_DELIVERIES, deliveries.c.destination == topic)
        query = select(func.min(deliveries.c.due_at)).where(*is_open)
        opens = healths.open_at(conn, topic)
        if opens is not None and opens > after:
            first: datetime | None = conn.execute(query).scalar_one()
            return max(first, opens) if first else None
        query = query.where(deliveries.c.due_at > after)
    due: datetime | None = conn.execute(query).scalar_one()
    return due
