"""What a lane, a job and a worker are given in tests: ports that note what they are told, and a destination that fails on cue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from enricher.core.breaker import Trouble
from enricher.core.document import CaseDocument, News
from enricher.errors import DeliveryError, Outdated, Reason, StoreUnavailable
from enricher.ports import AlertRecord, ClaimedAlert, ClaimedFollowUp, Delivery, Receipt, Settlement, Submission, Ticket
from enricher.worker import Work, Worker

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SEC_12 = Ticket("10012", "SEC-12", "https://jira.example/browse/SEC-12")
NO_STORE = StoreUnavailable("the disk is full")
PATIENCE_S = 10.0
"""How long a test waits for another thread before it fails."""

Call = tuple[Any, ...]


def soon(event: threading.Event) -> None:
    """Wait for what another thread is about to do."""
    assert event.wait(PATIENCE_S), "it did not happen"


def news(*kinds: str) -> tuple[News, ...]:
    return tuple(
        News(seq=n, kind=kind, at="2026-11-24T08:00:00Z", text=f"{kind}.", lines=[]) for n, kind in enumerate(kinds, 1)
    )


def delivery(key: str = "case-1", *, kinds: Sequence[str] = ("opened",), **more: Any) -> Delivery:
    fields: dict[str, Any] = {
        "delivery_id": f"D-{key}",
        "destination": "jira",
        "case": cast("CaseDocument", {"key": key}),
        "news": news(*kinds),
        "ticket": None,
        "sent_seq": 0,
        "attempts": 1,
        "in_doubt": False,
        "doubt_age_s": 0.0,
        "fence": 1,
    }
    return Delivery(**(fields | more))


def alert(name: str = "A1", **more: Any) -> ClaimedAlert:
    fields: dict[str, Any] = {
        "alert_id": name,
        "body": name.encode(),
        "source": "sumo",
        "alert_ref": None,
        "received_at": NOW,
        "attempts": 1,
        "fence": 1,
    }
    return ClaimedAlert(**(fields | more))


def settlement(*keys: str, dropped: int = 0) -> Settlement:
    cases = [{"key": key, "rows": [0], "severity": "high", "drift": [], "exceptions": []} for key in keys]
    return Settlement(
        kind="monitor",
        cases=tuple(cast("CaseDocument", case) for case in cases),
        dropped=tuple({"row": row, "reason": "no_match: nothing"} for row in range(dropped)),
    )


@dataclass
class Desk:
    """Hands out what was queued, notes every call, and raises what was planned for a method."""

    queued: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, name: str, *what: Any) -> None:
        with self.changed:
            if name in self.errors:
                raise self.errors[name]
            self.calls.append((name, *what))
            self.changed.notify_all()

    def hand_out(self, limit: int) -> list[Any]:
        with self.changed:
            self.limits.append(limit)
            if "claim" in self.errors:
                raise self.errors["claim"]
            taken, self.queued[:] = self.queued[:limit], self.queued[limit:]
            return taken

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the calls are such that `condition` holds."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), f"it did not happen: {self.calls}"


@dataclass
class FakeInbox(Desk):
    """An inbox; `ours` is what settling says, `outdated` how often it finds that more has come meanwhile."""

    ours: bool = True
    outdated: int = 0

    def claim(self, limit: int) -> list[ClaimedAlert]:
        return self.hand_out(limit)

    def settle(self, claim: ClaimedAlert, settlement: Settlement) -> bool:
        if self.outdated:
            self.outdated -= 1
            raise Outdated
        self.note("settle", claim.alert_id, settlement)
        return self.ours

    def retry(self, claim: ClaimedAlert, reason: str, delay_s: float) -> None:
        self.note("retry", claim.alert_id, reason, delay_s)

    def bury(self, claim: ClaimedAlert, reason: str) -> None:
        self.note("bury", claim.alert_id, reason)

    def accept(self, submission: Submission) -> Receipt:
        raise NotImplementedError

    def get(self, alert_id: str) -> AlertRecord | None:
        raise NotImplementedError

    def body(self, alert_id: str) -> bytes | None:
        raise NotImplementedError


@dataclass
class FakeOutbox(Desk):
    """An outbox for one destination or several; queued deliveries go to the destination that they name.

    `units` are handed out as they are where units are claimed; `troubles` are those of destinations that it was told of, and
    `paused` is whether a destination is left alone when one comes.
    """

    units: list[list[Delivery]] = field(default_factory=list)
    bursts: list[int] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    paused: bool = False

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        with self.changed:
            mine = [one for one in self.queued if one.destination == destination]
            others = [one for one in self.queued if one.destination != destination]
            self.queued[:] = mine
            taken = self.hand_out(limit)
            self.queued += others
            return taken

    def claim_units(self, destination: str, limit: int, burst: int) -> list[list[Delivery]]:
        self.bursts.append(burst)
        with self.changed:
            units, self.units[:] = list(self.units), []
        return [*units, *([one] for one in self.claim(destination, limit))]

    def ticket_created(self, delivery: Delivery, ticket: Ticket) -> None:
        self.note("ticket_created", delivery.case["key"], ticket.label)

    def progressed(self, delivery: Delivery, sent_seq: int) -> None:
        self.note("progressed", delivery.case["key"], sent_seq)

    def delivered(self, delivery: Delivery, sent_seq: int, ticket: Ticket | None = None) -> None:
        made = (ticket.label,) if ticket else ()
        self.note("delivered", delivery.case["key"], sent_seq, *made)

    def opened_together(self, opened: Sequence[tuple[Delivery, int]], ticket: Ticket) -> None:
        for delivery, sent_seq in opened:
            self.note("delivered", delivery.case["key"], sent_seq, ticket.label)

    def retry(
        self,
        delivery: Delivery,
        reason: str,
        detail: str,
        delay_s: float,
        *,
        unknown: bool,
        trouble: Trouble | None = None,
        last: bool = False,
    ) -> bool:
        dead = last and not self.paused
        if trouble:
            self.troubles.append(trouble)
        if dead:
            self.note("bury", delivery.case["key"], reason)
        else:
            self.note("retry", delivery.case["key"], reason, delay_s, unknown)
        return dead

    def begin_anew(self, delivery: Delivery) -> None:
        self.note("begin_anew", delivery.case["key"])

    def twins(self, case_key: str, destination: str, tickets: Sequence[Ticket]) -> int:
        raise NotImplementedError

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        self.note("bury", delivery.case["key"], reason)


@dataclass
class FakeDestination:
    """Fails with what is planned for a method, finds `found`, and can be made to hang until `go` is set."""

    name: str = "jira"
    found: Ticket | None = None
    errors: dict[str, Exception] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    go: threading.Event | None = None
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def find(self, delivery: Delivery) -> Ticket | None:
        self._note("find")
        return self.found

    def create(self, delivery: Delivery) -> Ticket:
        self._note("create")
        return SEC_12

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        self._note("update", ticket.label, news["seq"])

    def check(self) -> Sequence[str]:
        self._note("check")
        return ()

    def close(self) -> None:
        self._note("close")

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        self.entered.release()
        if self.go:
            soon(self.go)
        if call[0] in self.errors:
            raise self.errors[call[0]]


@dataclass
class FakeDigests(FakeDestination):
    """One that can open a ticket for many; `many` are the cases it was asked to."""

    digest_at: int = 3
    many: list[list[str]] = field(default_factory=list)

    def create_together(self, deliveries: Sequence[Delivery]) -> Ticket:
        self.many.append([one.case["key"] for one in deliveries])
        self._note("create_together")
        return Ticket("C1:1.1#digest", "digest")


def failure(reason: Reason, *, retry_after: float = 0.0, of_one: bool = False) -> DeliveryError:
    return DeliveryError("jira", reason, retry_after=retry_after, detail="HTTP 4xx", of_one=of_one)


@dataclass
class Bell:
    """`wait` for a worker: returns when rung. `waits` counts who asked."""

    rung: threading.Condition = field(default_factory=threading.Condition)
    rings: int = 0
    waits: int = 0

    def ring(self) -> None:
        with self.rung:
            self.rings += 1
            self.rung.notify_all()

    def wait(self, timeout_s: float) -> None:
        with self.rung:
            self.waits += 1
            self.rung.notify_all()
            heard = self.rings
            self.rung.wait_for(lambda: self.rings > heard, timeout_s)

    def until_idle(self, waits: int) -> None:
        """Wait until somebody has had nothing to do so often."""
        with self.rung:
            assert self.rung.wait_for(lambda: self.waits >= waits, PATIENCE_S)


@dataclass
class FakeFollowUps(Desk):
    """Notes what became of follow-ups. `ours` is what settling says; `outdated` how often it says so first."""

    ours: bool = True
    outdated: int = 0
    has_start: bool = False

    def claim(self, limit: int) -> list[ClaimedFollowUp]:
        return self.hand_out(limit)

    def overtaken(self, claim: ClaimedFollowUp) -> bool:
        del claim
        return self.has_start

    def settle(
        self, claim: ClaimedFollowUp, settlement: Settlement, *, given_up: str | None = None, again_s: float | None = None
    ) -> bool:
        if self.outdated:
            self.outdated -= 1
            raise Outdated
        self.note("settle", claim.follow_up_id, settlement, given_up, *(() if again_s is None else (again_s,)))
        return self.ours

    def retry(self, claim: ClaimedFollowUp, reason: str, delay_s: float) -> None:
        self.note("retry", claim.follow_up_id, reason, delay_s)

    def drop(self, claim: ClaimedFollowUp) -> None:
        self.note("drop", claim.follow_up_id)


def follow_up(kind: str = "lookups", subject: str = "", *, attempts: int = 1) -> ClaimedFollowUp:
    return ClaimedFollowUp(
        follow_up_id="F1", case_key="case-1", kind=kind, subject=subject, opened_at=NOW, attempts=attempts, fence=1
    )


@dataclass
class Running:
    """A worker at work. `broken` are the lanes that broke, once it has ended."""

    worker: Worker
    bell: Bell
    broken: list[str] = field(default_factory=list)

    def stop(self) -> None:
        self.worker.stop()
        self.bell.ring()

    def end(self) -> None:
        self.stop()
        self.broken = self.worker.join()


@contextmanager
def running(inbox: FakeInbox, outbox: FakeOutbox, *destinations: FakeDestination, **more: Any) -> Iterator[Running]:
    """A worker over these, ended when the block is left."""
    bell = Bell()
    fields: dict[str, Any] = {
        "inbox": inbox,
        "outbox": outbox,
        "destinations": {one.name: one for one in destinations},
        "follow_ups": FakeFollowUps(),
        "search": None,
        "amend": lambda case, _now, **_more: settlement(case),
        "clock": lambda: NOW,
        "investigate": lambda body, _at: settlement(body.decode()),
        "wait": bell.wait,
        "heartbeat": lambda _held: None,
        "chance": lambda: 0.5,
        "lease_s": 60.0,
    }
    run = Running(Worker(Work(**(fields | more))), bell)
    run.worker.start()
    try:
        yield run
    finally:
        run.end()
