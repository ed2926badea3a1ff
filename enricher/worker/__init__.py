"""The worker: claim alerts → investigate → settle; claim deliveries → deliver; claim follow-ups → ask → amend.

One lane for alerts, one for each destination, one for follow-ups, one for chores.

No lane waits for another. A claim that this process cannot finish comes back by its lease; what goes wrong is typed, and an
unforeseen error ends the attempt, not the worker. Only a lane that itself breaks ends the worker: one that works by halves
would look healthy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from enricher.errors import StoreUnavailable
from enricher.ports import (
    Batches,
    ClaimedAlert,
    Delivery,
    Destination,
    FollowUps,
    Inbox,
    Outbox,
    Searcher,
    Settlement,
    Sweeps,
)
from enricher.worker.alerts import AlertJob, as_it_is
from enricher.worker.chores import ChoreJob, Round, watch_for_twins
from enricher.worker.deliveries import DeliveryJob
from enricher.worker.followups import Amend, FollowUpJob
from enricher.worker.keeping import Keeping
from enricher.worker.lanes import Lane

log = structlog.get_logger()

FOLLOW_UP_THREADS = 3
"""A search may take a minute; what needs none does not wait for it."""
CHORE_THREADS = 3
"""A destination that does not answer keeps no other's check waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker needs. `chance` gives numbers from 0 to 1; `wait(timeout_s)` returns when there may be work;
    `heartbeat(ids)` renews the leases of what is still worked on.
    """

    inbox: Inbox
    outbox: Outbox
    destinations: Mapping[str, Destination]
    follow_ups: FollowUps
    search: Searcher | None
    investigate: Callable[[bytes, datetime], Settlement]
    prepared: Callable[[ClaimedAlert, Settlement], Settlement] = as_it_is
    amend: Amend
    clock: Callable[[], datetime]
    wait: Callable[[float], None]
    heartbeat: Callable[[Collection[str]], None]
    chance: Callable[[], float]
    lease_s: float
    alert_threads: int = 2
    delivery_threads: int = 4
    chores: Round | None = None
    """What is done by the clock; None: nothing is."""
    holds: Callable[[Delivery], bool] = lambda _: True
    """Whether a claim is still this worker's own."""
    at: Callable[[str], None] = lambda _: None
    """Told which point of an alert or a delivery was reached. Nothing listens in the service."""


class Worker:
    """Runs all lanes until told to stop; then claims nothing more, finishes what it has begun and gives the rest back."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stop, self._finished = threading.Event(), threading.Event()
        alerts = AlertJob(work.inbox, work.investigate, work.chance, work.at, work.prepared)
        follow_ups = FollowUpJob(work.follow_ups, work.amend, work.search, work.clock)
        self._lanes: list[Lane] = [
            Lane(alerts, work.alert_threads, work.wait),
            Lane(follow_ups, FOLLOW_UP_THREADS, work.wait),
        ]
        if work.chores is not None:
            self._lanes.append(Lane(ChoreJob(work.chores), CHORE_THREADS, work.wait))
        for destination in work.destinations.values():
            keeping = Keeping(work.holds, work.lease_s / 3)
            job = DeliveryJob(
                work.outbox, destination, work.chance, watch=_watch(work, destination), keeping=keeping, at=work.at
            )
            self._lanes.append(Lane(job, 1 if isinstance(destination, Batches) else work.delivery_threads, work.wait))
        self._threads = [threading.Thread(target=self._run, args=(lane,), name=f"lane-{lane.name}") for lane in self._lanes]
        self._heart = threading.Thread(target=self._beat, name="heartbeat")
        self._broken: list[str] = []

    def start(self) -> None:
        """Start every lane and the heartbeat."""
        for thread in (*self._threads, self._heart):
            thread.start()

    def stop(self) -> None:
        """Ask for the end; `join` waits for it."""
        self._stop.set()
        if self._work.search is not None:
            self._work.search.stop()
        for lane in self._lanes:
            lane.nudge()

    def join(self) -> list[str]:
        """Wait until all that was begun is finished. Names the lanes that broke; none did where it ended as it should."""
        for thread in self._threads:
            thread.join()
        self._finished.set()
        self._heart.join()
        if self._work.chores is not None:
            self._work.chores.close()
        return self._broken

    def _run(self, lane: Lane) -> None:
        whole = False
        try:
            lane.run(self._stop)
            whole = True
        finally:
            if not whole:
                self._broken.append(lane.name)
                self.stop()

    def _beat(self) -> None:
        """Until the last claim is finished: what outlives its lease would be taken over while it is still at work."""
        while not self._finished.wait(self._work.lease_s / 3):
            try:
                self._work.heartbeat([key for lane in self._lanes for key in lane.held()])
            except StoreUnavailable as error:
                log.warning("heartbeat_failed", detail=error.detail)


def _watch(work: Work, destination: Destination) -> Callable[[Delivery], None] | None:
    """Who is told of a create that may make a second ticket, where a search may show that late."""
    if work.chores is None or not isinstance(destination, Sweeps):
        return None
    return watch_for_twins(work.chores.chores, destination.name)
