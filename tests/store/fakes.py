"""Small alerts, cases and events, a merge that counts, and stores on one database that stand for several processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, LiteralString, cast

import psycopg
from sqlalchemy import Table, func, select

from enricher.core.document import CaseDocument, News
from enricher.core.evidence import event_id
from enricher.core.memory import Group, kept
from enricher.core.normalise import digest as event_digest
from enricher.model import Event, ProcessCreate
from enricher.ports import ClaimedAlert, Delivery, Merge, SeenEvent, Settlement, Sighting, Submission, Ticket
from enricher.store import Store, open_store

DESTINATIONS = ("jira", "servicenow", "slack")
SEC_12 = Ticket("10012", "SEC-12", "https://jira.example/browse/SEC-12")
GROUP = Group.of("ws-1", r"CORP\anna", r"C:\Temp\a.exe", "lab.workers.dev")
SHIFTS: tuple[LiteralString, ...] = (
    "UPDATE alerts SET due_at = due_at - %(earlier)s",
    "UPDATE deliveries SET due_at = due_at - %(earlier)s, claimed_at = claimed_at - %(earlier)s",
    "UPDATE follow_ups SET due_at = due_at - %(earlier)s, again_at = again_at - %(earlier)s",
    "UPDATE search_jobs SET opened_at = opened_at - %(earlier)s",
    "UPDATE deliveries SET doubt_since = doubt_since - %(earlier)s",
    "UPDATE destination_health SET paused_until = paused_until - %(earlier)s, tokens_at = tokens_at - %(earlier)s",
    "UPDATE chores SET due_at = due_at - %(earlier)s",
    "UPDATE cases SET told_at = told_at - %(earlier)s, updated_at = updated_at - %(earlier)s",
    "UPDATE canaries SET sent_at = sent_at - %(earlier)s",
    "UPDATE case_work SET muted_until = muted_until - %(earlier)s",
    "UPDATE interactions SET at = at - %(earlier)s",
    "UPDATE heartbeats SET last_at = last_at - %(earlier)s",
    "UPDATE heartbeat_faults SET at = at - %(earlier)s, said_at = said_at - %(earlier)s",
    "UPDATE intake_hours SET last_at = last_at - %(earlier)s",
    "UPDATE watch_looks SET looked_at = looked_at - %(earlier)s, up_since = up_since - %(earlier)s",
    "UPDATE silences SET since = since - %(earlier)s, begun_at = begun_at - %(earlier)s, ended_at = ended_at - %(earlier)s",
    "UPDATE silences SET tried_at = tried_at - %(earlier)s, due_at = due_at - %(earlier)s",
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Estate:
    """One database and the stores opened on it. `lease_s` is 60."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url, self.clock = url, clock
        self.stores: list[Store] = []
        self.routes: Callable[[CaseDocument], Sequence[str]] = to_all_if_open

    def open(self, merge: Merge | None = None, **more: Any) -> Store:
        store = open_store(
            self.url,
            clock=self.clock,
            merge=merge or counting_merge,
            deliver_to=self._route,
            lease_s=60,
            **more,
        )
        self.stores.append(store)
        return store

    def _route(self, document: CaseDocument) -> Sequence[str]:
        return self.routes(document)

    def advance(self, seconds: float) -> None:
        """Let time pass. PostgreSQL's clock cannot be moved, so there everything that is compared with it moves back."""
        self.clock.now += timedelta(seconds=seconds)
        if self.url.startswith("postgresql"):
            earlier = timedelta(seconds=seconds)
            with closing(psycopg.connect(self.url, autocommit=True)) as conn:
                for statement in SHIFTS:
                    conn.execute(statement, {"earlier": earlier})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the tables."""
        with self.stores[0].access.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]

    def count(self, table: Table) -> int:
        with self.stores[0].access.read() as conn:
            return conn.execute(select(func.count()).select_from(table)).scalar_one()

    def close(self) -> None:
        for store in self.stores:
            store.close()


def to_all_if_open(document: CaseDocument) -> Sequence[str]:
    return DESTINATIONS if document["disposition"] == "open" else ()


def counting_merge(
    stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime, *, whole: bool = False
) -> tuple[CaseDocument, list[News]]:
    """News when it opens, when the severity changes, and when asked for by a `news` link; counts events, unless it is `whole`."""
    count = new["count"] if stored and whole else (stored["count"] if stored else 0) + new_contacts
    merged = cast("CaseDocument", {**new, "count": count})
    if stored is None:
        return merged, [item("opened", now)]
    if stored["severity"] != new["severity"]:
        return merged, [item("severity", now)]
    return merged, [item("evidence", now)] * len(new["links"])


def item(kind: str, now: datetime) -> News:
    return News(seq=0, kind=kind, at=now.isoformat(), text=f"{kind}.", lines=[])


def document(
    key: str = "case-1", *, severity: str = "high", disposition: str = "open", news: int = 0, **more: Any
) -> CaseDocument:
    fields = {
        "key": key,
        "title": f"powershell.exe → {key}",
        "host": "ws-1.corp.example",
        "tenant": "lab.workers.dev",
        "severity": severity,
        "score": 70,
        "disposition": disposition,
        "count": 0,
        "rows": [0],
        "links": {f"n{number}": "" for number in range(news)},
        "exceptions": [],
        "drift": [],
    }
    return cast("CaseDocument", fields | more)


def digest(text: str, size: int = 16) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:size]


def submission(name: str = "a", rows: Sequence[str] = ("row",), **more: Any) -> Submission:
    fields: dict[str, Any] = {
        "body": f"body of {name}".encode(),
        "source": "sumo",
        "kind": "monitor",
        "identity": f"identity-{name}",
        "row_digests": frozenset(digest(row, 8) for row in rows),
    }
    return Submission(**(fields | more))


def event(name: str, case_key: str | None = "case-1", **more: Any) -> SeenEvent:
    fields: dict[str, Any] = {
        "digest": digest(name),
        "case_key": case_key,
        "computer": "ws-1",
        "guid": None,
        "event_id": 3,
        "at": None,
    }
    return SeenEvent(**(fields | more))


def seen(what: Event, case_key: str | None = None, **more: Any) -> SeenEvent:
    """An event of the model, as a settlement brings it."""
    fields: dict[str, Any] = {
        "digest": event_digest(what),
        "case_key": case_key,
        "computer": what.computer,
        "guid": what.guid,
        "event_id": event_id(what),
        "at": what.at,
        "parent_guid": what.parent_guid if isinstance(what, ProcessCreate) else None,
        "document": kept(what),
    }
    return SeenEvent(**(fields | more))


def sighting(name: str, at: datetime, group: Group = GROUP, kind: str = "connection") -> Sighting:
    return Sighting(event=digest(name), group=group, at=at, kind=kind)


def settlement(*cases: CaseDocument, events: Sequence[SeenEvent] = (), **more: Any) -> Settlement:
    return Settlement(kind=more.pop("kind", "monitor"), cases=cases, events=tuple(events), **more)


def take(store: Store, name: str = "a", **more: Any) -> ClaimedAlert:
    """Accept an alert and claim it."""
    store.inbox.accept(submission(name, rows=(name,), **more))
    claims = store.inbox.claim(10)
    assert len(claims) == 1
    return claims[0]


def settle(store: Store, name: str, *cases: CaseDocument, **more: Any) -> str:
    """Accept an alert, claim it and settle it into cases; its id. `alert` holds fields of the submission."""
    claim = take(store, name, **more.pop("alert", {}))
    assert store.inbox.settle(claim, settlement(*cases, **more))
    return claim.alert_id


def deliver(store: Store, destination: str) -> Delivery:
    """Claim the one delivery that is due there."""
    claimed = store.outbox.claim(destination, 10)
    assert len(claimed) == 1
    return claimed[0]
