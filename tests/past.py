"""A service's database with a past: real alerts, judged by the real flow in the real store, one after another by a clock of ours."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from enricher.core.merge import merge
from enricher.core.programs import Programs
from enricher.core.tune import NO_EXPERIENCE, Experience
from enricher.demo import messages
from enricher.errors import TriggerPending
from enricher.lookups import NoLookups
from enricher.model import Enrichment, Observable, Status
from enricher.ports import ClaimedAlert, History, Lookups, Searcher
from enricher.store import open_store
from enricher.wiring.flow import Flow, submission
from enricher.worker.followups import FollowUpJob
from tests.fakes import packaged_programs
from tests.store.fakes import Clock

BEGIN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
APART = timedelta(seconds=1)


class Weather:
    """Look-ups that answer of every address, but of some only when they are asked again."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        return [self._said(unasked) for unasked in NoLookups().about(sought)]

    def _said(self, unasked: Enrichment) -> Enrichment:
        if unasked.status is not Status.DISABLED or unasked.source != "asn":
            return unasked
        first, slow = unasked.about not in self._asked, unasked.about[-1] in "02468"
        self._asked.add(unasked.about)
        if first and slow:
            return replace(unasked, status=Status.TIMEOUT, reason="no answer within the deadline of 5 s")
        detail = {"asns": [13335], "prefix": "104.16.0.0/12", "country": "US", "holder": "CLOUDFLARENET, US"}
        return replace(unasked, status=Status.OK, detail=detail, reason=None)


class Past:
    """What one service has stored. `flow` is how it was set up, as a replay binds it again."""

    def __init__(
        self,
        url: str,
        programs: Programs | None = None,
        lookups: Lookups | None = None,
        search: Searcher | None = None,
        known: Callable[[], Experience] = lambda: NO_EXPERIENCE,
    ) -> None:
        self.clock, self.programs = Clock(BEGIN), programs or packaged_programs()
        self.url, self.owner, self.searches = url, lookups is not None, search is not None
        self.store = open_store(url, clock=self.clock, merge=merge, deliver_to=lambda _: ())
        self._flow = Flow(
            lambda: self.programs,
            lookups or NoLookups(),
            self.store.history,
            owner=self.owner,
            search=self.searches,
            experience=lambda _: known(),
        )
        self._job = FollowUpJob(self.store.follow_ups, self._flow.amendment, search, self.clock)

    def receive(self, bodies: Iterable[bytes], *, settled: random.Random | None = None) -> list[str]:
        """Accept all, a second apart; judge them in that order, or in another. Returns the ids of the alerts."""
        ids = []
        for body in bodies:
            self.clock.now += APART
            if (sent := submission(body, "sumo")) is not None:
                ids.append(self.store.inbox.accept(sent).alert_id)
        while claims := self._claims():
            if settled is not None:
                settled.shuffle(claims)
            for claim in claims:
                self.clock.now += APART
                self.follow_up()
                self._settle(claim)
        return ids

    def _settle(self, claim: ClaimedAlert) -> None:
        settlement = self._flow.settlement(claim.body, claim.received_at)
        try:
            self.store.inbox.settle(claim, settlement)
        except TriggerPending as early:
            self.store.inbox.retry(claim, early.detail, 0.0)

    def follow_up(self) -> int:
        """Do what is due now; how much that was."""
        claims = self._job.claim(100)
        for claim in claims:
            self._job.do(claim)
        return len(claims)

    def rest(self) -> None:
        """Let time pass until no case waits for anything."""
        for _ in range(100):
            self.clock.now += timedelta(minutes=30)
            if not self.follow_up():
                return
        raise AssertionError("follow-ups go on and on")

    def flow(self, programs: Programs, lookups: Lookups, history: History, clock: Callable[[], datetime]) -> Flow:
        del clock
        return Flow(lambda: programs, lookups, history, owner=self.owner, search=self.searches)

    def write(self, sql: str, *values: Any) -> None:
        """Change the tables behind the store's back."""
        self.store.access.write(lambda tx: tx.conn.exec_driver_sql(sql, values))

    def dump(self) -> list[list[tuple[Any, ...]]]:
        """Everything that is stored."""
        with self.store.access.read() as conn:
            names = [
                row[0] for row in conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
            ]
            return [[tuple(row) for row in conn.exec_driver_sql(f"SELECT * FROM {name}")] for name in names]  # noqa: S608 - its own names

    def _claims(self) -> list[ClaimedAlert]:
        claims: list[ClaimedAlert] = []
        while more := self.store.inbox.claim(100):
            claims += more
        return claims


@contextmanager
def opened(past: Past) -> Iterator[Past]:
    """The past, closed in the end."""
    try:
        yield past
    finally:
        past.store.close()


def bodies(*prefixes: str) -> list[bytes]:
    """What the demonstration sends, or as much of it as begins so: `corpus: benign/`, `payload: insight`."""
    return [body for name, body in messages() if not prefixes or name.startswith(prefixes)]
