"""What a settlement adds to memory, inside its transaction: events, contacts, and a mark for each computer they are of.

Whoever settles holds the lock of every computer concerned, so that between looking at a mark and moving it nobody else can.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import Insert, bindparam, select, text, update
from sqlalchemy import case as sql_case
from sqlalchemy.dialects import postgresql, sqlite

from enricher.ports import Rotation, SeenEvent, Settlement, Sighting
from enricher.store.database import Transaction, insert_new
from enricher.store.schema import (
    CASE_KEY,
    HAS_CASE,
    MOMENT,
    events,
    hosts,
    rotations,
    sightings,
    stored_name,
    target_hosts,
)
from enricher.store.statements import add, change, fetch, fetch_listed

LOCKS = 1_024
"""Computers share locks: a body may name more of them than a server can hold locks for."""

_OF_CONTACT = frozenset({3, 22})

Pair = tuple[str, str]
"""(target, host), as the table has them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events, how many contacts these stand for, and how many of them show contact at all, counted or not."""

    events: int
    contacts: int
    shown: int


@dataclass(frozen=True, slots=True)
class Added:
    """What was new: events and contacts by case, rows that brought an event never seen before, and hosts that a target never had."""

    events: Counter[str]
    counts: Counter[str]
    shown: Counter[str]
    fresh: frozenset[int]
    new_hosts: tuple[Pair, ...]

    def take(self, case_key: str, *, late: bool = False) -> Counted:
        """What is new of a case, once. What is `late` shows no contact that goes on."""
        shown = self.shown.pop(case_key, 0)
        return Counted(self.events.pop(case_key, 0), self.counts.pop(case_key, 0), 0 if late else shown)


def host_locks(settlement: Settlement) -> list[str]:
    """Name the locks that whoever stores a settlement asks the committer for, beside those of its cases."""
    concerned = {stored_name(computer) for computer in settlement.marks}
    concerned.update(stored_name(event.computer) for event in settlement.events)
    concerned.update(stored_name(sighting.group.host) for sighting in settlement.sightings)
    return sorted({f"host {_bucket(computer)}" for computer in concerned})


def outdated(tx: Transaction, marks: Mapping[str, int]) -> bool:
    """Whether something was stored of one of these computers since its mark was read."""
    current = {row.computer: row.mark for row in fetch_listed(tx.conn, MARKS, "computers", [*marks])}
    return any(current.get(stored_name(computer), 0) != mark for computer, mark in marks.items())


def remember(tx: Transaction, alert_id: str, settlement: Settlement, leads_to: Mapping[str, str]) -> Added:
    """Store what a settlement has seen. `alert_id` is empty where no alert brought it; `leads_to` resolves aliases of cases."""
    seen = {event.digest: event for event in sorted(settlement.events, key=lambda event: event.digest)}
    keys = {digest: _case_of(event, leads_to) for digest, event in seen.items()}
    new = {row.digest for row in add(tx.conn, _new_event(tx.conn.dialect.name), _rows(tx, alert_id, seen, keys))}
    known = [digest for digest, key in keys.items() if key is not None and digest not in new]
    attributed = {digest for digest in new if keys[digest] is not None} | _attribute(tx, known, seen, keys)
    counts: Counter[str] = Counter()
    for digest in attributed:
        counts[str(keys[digest])] += seen[digest].count
    _move_marks(tx, {stored_name(seen[digest].computer) for digest in new | attributed})
    _add_rotations(tx, settlement.rotations)
    return Added(
        events=Counter(str(keys[digest]) for digest in attributed),
        counts=counts,
        shown=Counter(str(keys[digest]) for digest in attributed if _shows_contact(seen[digest])),
        fresh=frozenset(row for digest in new for row in seen[digest].rows),
        new_hosts=_add_sightings(tx, settlement.sightings),
    )


def _shows_contact(event: SeenEvent) -> bool:
    """A query shows one also where connections are what is counted."""
    return event.count > 0 or event.event_id in _OF_CONTACT


def move_events(tx: Transaction, case_key: str, into: str, added: Added) -> None:
    """Let the events of one case be another's, where they count as new."""
    moved = fetch(tx.conn, _MOVED, {"before": case_key, "case_key": into})
    added.events[into] += len(moved)
    added.counts[into] += sum(row.count for row in moved)
    added.shown[into] += sum(row.count > 0 for row in moved)
    _move_marks(tx, {row.computer for row in moved})


def _bucket(computer: str) -> int:
    return int.from_bytes(blake2b(computer.encode(), digest_size=2).digest()) % LOCKS


# --- events -----------------------------------------------------------------------------------------------------------


def _attribute(
    tx: Transaction, digests: Sequence[bytes], by_digest: Mapping[bytes, SeenEvent], keys: Mapping[bytes, str | None]
) -> set[bytes]:
    """Give events that were in no case theirs; those it was done to. What counts in a case already stays there."""
    free = {row.digest for row in fetch_listed(tx.conn, _UNATTRIBUTED, "digests", digests)}
    return {
        digest
        for digest in sorted(free)
        if change(tx.conn, _ATTRIBUTED, {"event": digest, "case_key": keys[digest], "count": by_digest[digest].count})
    }


def _case_of(event: SeenEvent, leads_to: Mapping[str, str]) -> str | None:
    key = CASE_KEY.storable(event.case_key)
    return None if key is None else leads_to.get(key, key)


def _rows(
    tx: Transaction, alert_id: str, seen: Mapping[bytes, SeenEvent], keys: Mapping[bytes, str | None]
) -> list[dict[str, Any]]:
    return [
        {
            "digest": digest,
            "alert_id": "" if event.searched else alert_id,
            "case_key": keys[digest],
            "computer": event.computer,
            "guid": event.guid,
            "event_id": event.event_id,
            "at": event.at,
            "count": event.count,
            "document": event.document,
            "seen_at": tx.now,
            "parent_guid": event.parent_guid,
            "searched": event.searched,
        }
        for digest, event in seen.items()
    ]


def _move_marks(tx: Transaction, computers: Iterable[str]) -> None:
    add(tx.conn, _moved(tx.conn.dialect.name), [{"computer": computer, "mark": 1} for computer in sorted(computers)])


# --- contacts ---------------------------------------------------------------------------------------------------------


def _add_sightings(tx: Transaction, seen: Sequence[Sighting]) -> tuple[Pair, ...]:
    """Remember contacts; the hosts that their targets never had."""
    rows = [
        {
            "event": sighting.event,
            "target": sighting.group.target,
            "host": sighting.group.host,
            "account": sighting.group.user,
            "image": sighting.group.image,
            "at": sighting.at,
            "kind": sighting.kind,
        }
        for sighting in sorted(seen, key=lambda sighting: (sighting.event, sighting.group.target))
    ]
    add(tx.conn, insert_new(tx.conn.dialect.name, sightings), rows)
    times: defaultdict[Pair, list[datetime]] = defaultdict(list)
    for sighting in seen:
        times[stored_name(sighting.group.target), stored_name(sighting.group.host)].append(sighting.at)
    spans = [
        {"target": target, "host": host, "first_at": min(at), "last_at": max(at)}
        for (target, host), at in sorted(times.items())
    ]
    new = {(row.target, row.host) for row in add(tx.conn, _new_host(tx.conn.dialect.name), spans)}
    for span in spans:
        if (span["target"], span["host"]) not in new:
            change(tx.conn, _WIDENED, {f"its_{name}": value for name, value in span.items()})
    return tuple(sorted(new))


def _add_rotations(tx: Transaction, seen: Sequence[Rotation]) -> None:
    earliest: dict[Pair, datetime] = {}
    for one in seen:
        pair = stored_name(one.host), stored_name(one.family)
        earliest[pair] = min(one.since, earliest.get(pair, one.since))
    rows = [{"host": host, "family": family, "since": since} for (host, family), since in sorted(earliest.items())]
    add(tx.conn, _earlier(tx.conn.dialect.name), rows)


# --- its statements, built once ---------------------------------------------------------------------------------------

MARKS = select(hosts.c.computer, hosts.c.mark).where(hosts.c.computer.in_(bindparam("computers", expanding=True)))
_UNATTRIBUTED = select(events.c.digest).where(
    events.c.digest.in_(bindparam("digests", expanding=True)), events.c.case_key.is_(None)
)
_ATTRIBUTED = update(events).where(events.c.digest == bindparam("event"), events.c.case_key.is_(None))
_MOVED = (
    update(events).where(HAS_CASE, events.c.case_key == bindparam("before")).returning(events.c.count, events.c.computer)
)
_FIRST, _LAST = (bindparam(f"its_{name}", type_=MOMENT) for name in ("first_at", "last_at"))
_WIDENED = (
    update(target_hosts)
    .where(
        target_hosts.c.target == bindparam("its_target"),
        target_hosts.c.host == bindparam("its_host"),
        (target_hosts.c.first_at > _FIRST) | (target_hosts.c.last_at < _LAST),
    )
    .values(
        first_at=sql_case((target_hosts.c.first_at > _FIRST, _FIRST), else_=target_hosts.c.first_at),
        last_at=sql_case((target_hosts.c.last_at < _LAST, _LAST), else_=target_hosts.c.last_at),
    )
)


def _insert(dialect: str, table: Any) -> Any:
    return (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)


@cache
def _new_event(dialect: str) -> Insert:
    statement: Insert = insert_new(dialect, events).returning(events.c.digest)
    return statement


@cache
def _new_host(dialect: str) -> Insert:
    statement: Insert = insert_new(dialect, target_hosts).returning(target_hosts.c.target, target_hosts.c.host)
    return statement


@cache
def _moved(dialect: str) -> Insert:
    statement: Insert = _insert(dialect, hosts).on_conflict_do_update(
        index_elements=[hosts.c.computer], set_={"mark": hosts.c.mark + text("1")}
    )
    return statement


@cache
def _earlier(dialect: str) -> Insert:
    insert = _insert(dialect, rotations)
    statement: Insert = insert.on_conflict_do_update(
        index_elements=[rotations.c.host, rotations.c.family],
        set_={"since": insert.excluded.since},
        where=insert.excluded.since < rotations.c.since,
    )
    return statement
