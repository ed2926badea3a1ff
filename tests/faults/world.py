"""One database, one destination and one case that lives through all its news while calls fail.

The clock moves only when nothing is due, and then to when something is. Nothing sleeps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

from sqlalchemy import func, select

from enricher.core.document import CaseDocument, News
from enricher.ports import Destination
from enricher.store import Store
from enricher.store.schema import OPEN_DELIVERIES, deliveries
from enricher.store.schema_upkeep import destination_health
from enricher.worker.deliveries import DeliveryJob
from tests.destinations.cases import CRITICAL
from tests.faults.target import STEPS, Target
from tests.store.fakes import Clock, Estate, item, settle

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
MOMENT_S = 0.001
MOST_ROUNDS = 3_000
"""Of "claim; if nothing is due, move the clock". Far more than any column needs: who gets there waits for what never comes."""
RETRIES = 6
"""How often a person opens a dead letter again: once for each of five failures, and once more."""
KINDS = {"opened": ("opened",), "raised": ("severity", "evidence"), "recovered": ("recovery",), "reopened": ("reopened",)}


@dataclass
class World:
    """A store on a clock, a destination and the job that serves it, in this thread."""

    estate: Estate
    target: Target
    destination: Destination
    chance: Random
    planned: list[News] = field(default_factory=list)
    before_attempt: Callable[[], None] = lambda: None
    store: Store = field(init=False)
    job: DeliveryJob = field(init=False)

    def __post_init__(self) -> None:
        self.estate.routes = lambda _document: (self.destination.name,)
        self.store = self.estate.open(self._merge, show_tickets=("slack", "sumo", "insight"))
        self.job = DeliveryJob(self.store.outbox, self.destination, self.chance.random)

    @property
    def now(self) -> float:
        """Seconds since the epoch, as the stand-in's clock shows them."""
        return self.estate.clock.now.timestamp()

    def _merge(
        self, stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime, *, whole: bool = False
    ) -> tuple[CaseDocument, list[News]]:
        planned, self.planned = self.planned, []
        return new, planned

    def live(self, key: str, in_step: str = "", trouble: Callable[[], None] | None = None) -> None:
        """Let a case have all its news, one step after the other, and in one of them its trouble."""
        for name in STEPS:
            self.step(key, name)
            if trouble and name == in_step:
                trouble()
            else:
                self.drain()

    def step(self, key: str, name: str, severity: str = "") -> None:
        """Let the case have the news of a step. It begins as high and becomes critical, unless said otherwise."""
        self.planned = [item(kind, self.estate.clock.now) for kind in KINDS[name]]
        made = document(key, severity or ("high" if name == "opened" else "critical"))
        settle(self.store, f"{key} {name}", cast("CaseDocument", {**made, **self.target.more(key)}))

    def drain(self) -> None:
        """Work until nothing is open any more: delivered, or dead."""
        for _ in range(MOST_ROUNDS):
            if not self._wait():
                return
            claims = self.job.claim(4)
            for claim in claims:
                self.before_attempt()
                self.job.do(claim)
            if not claims:
                self.estate.advance(1.0)
        raise AssertionError(f"nothing comes of it: {self._open()}")

    def finish(self, over: float) -> int:
        """Work, and let a person open again what died once the trouble is over, until all is told; how often he had to."""
        self.drain()
        for times in range(RETRIES):
            dead = self.dead()
            if not dead:
                return times
            self.estate.advance(max(0.0, over - self.now))
            for one in dead:
                assert self.store.operator.retry_dead(one)
            self.drain()
        assert not self.dead(), self.reasons()
        return RETRIES

    def to_tell(self, key: str) -> list[int]:
        """The numbers of the news that a ticket is told after its opening."""
        case = self.store.reader.case(key)
        assert case is not None
        return [news["seq"] for news in case.news if news["kind"] in self.target.tells]

    def dead(self) -> list[str]:
        return [row.id for row in self._rows(deliveries.c.state == "dead")]

    def reasons(self) -> list[tuple[str, str]]:
        return [(row.reason, row.detail) for row in self._rows(deliveries.c.state != "delivered")]

    def _wait(self) -> bool:
        """Move the clock to when the next delivery is due and its destination takes one. False: none is open."""
        waiting = self._open()
        if not waiting:
            return False
        with self.store.access.read() as conn:
            paused = conn.execute(select(destination_health.c.paused_until)).scalars().all()
            now = self.estate.clock.now if conn.dialect.name == "sqlite" else conn.execute(select(func.now())).scalar_one()
        due = max([min(row.due_at for row in waiting), *(until for until in paused if until)])
        if due > now:
            self.estate.advance((due - now).total_seconds() + MOMENT_S)
        return True

    def _open(self) -> Sequence[Any]:
        return self._rows(OPEN_DELIVERIES)

    def _rows(self, which: Any) -> Sequence[Any]:
        with self.store.access.read() as conn:
            return conn.execute(select(deliveries).where(which)).all()


def document(key: str, severity: str) -> CaseDocument:
    made = copy.copy(dict(CRITICAL)) | {"key": key, "severity": severity}
    return cast("CaseDocument", made)


@contextmanager
def world(url: str, target: Target, destination: Destination, clock: Clock, seed: str) -> Iterator[World]:
    estate = Estate(url, clock)
    try:
        yield World(estate, target, destination, Random(seed))  # noqa: S311 - repeatable
    finally:
        estate.close()
