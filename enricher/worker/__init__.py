"""The worker: claim alerts → investigate → settle; claim deliveries → deliver. One lane for alerts, one for each destination.

No lane waits for another. A claim that this process cannot finish comes back by its lease; what goes wrong is typed, and an
unforeseen error ends the attempt, not the worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from enricher.errors import StoreUnavailable
from enricher.ports import Destination, Inbox, Outbox, Settlement
from enricher.worker.alerts import AlertJob
from enricher.worker.deliveries import DeliveryJob
from enricher.worker.lanes import Lane

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker needs. `chance` gives numbers from 0 to 1; `wait(timeout_s)` returns when there may be work."""

    inbox: Inbox
    outbox: Outbox
    destinations: Mapping[str, Destination]
    investigate: Callable[[bytes, datetime], Settlement]
    wait: Callable[[float], None]
    heartbeat: Callable[[], None]
    chance: Callable[[], float]
    lease_s: float
    alert_threads: int = 2
    delivery_threads: int = 4


class Worker:
    """Runs all lanes until told to stop; then claims nothing more and finishes what it holds."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stop = threading.Event()
        alerts = AlertJob(work.inbox, work.investigate, work.chance)
        self._lanes: list[Lane] = [Lane(alerts, work.alert_threads, work.wait)]
        for destination in work.destinations.values():
            self._lanes.append(Lane(DeliveryJob(work.outbox, destination, work.chance), work.delivery_threads, work.wait))
        self._threads = [
            threading.Thread(target=lane.run, args=(self._stop,), name=f"lane-{lane.name}") for lane in self._lanes
        ]
        self._threads.append(threading.Thread(target=self._beat, name="heartbeat"))

    def start(self) -> None:
        """Start every lane and the heartbeat."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask for the end; `join` waits for it."""
        self._stop.set()
        for lane in self._lanes:
            lane.nudge()

    def join(self) -> None:
        """Wait until all claimed work is finished."""
        for thread in self._threads:
            thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._work.lease_s / 3):
            try:
                self._work.heartbeat()
            except StoreUnavailable as error:
                log.warning("heartbeat_failed", detail=error.detail)
