"""What was seen before: events around those of an alert or a case, contacts of one group, and how far back it all goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from enricher.core.document import CaseDocument
from enricher.core.memory import Group, Memory, Past
from enricher.model import Event
from enricher.store.access import Access
from enricher.store.contacts import contacts_of
from enricher.store.remember import MARKS
from enricher.store.schema import (
    CASE_KEY,
    HAS_CASE,
    IS_LINEAGE,
    SUBJECT,
    cases,
    events,
    follow_ups,
    rotations,
    stored_name,
)
from enricher.store.statements import fetch, fetch_listed
from enricher.store.surroundings import MAX_EVENTS, Pool, events_of_case, starts_missing, surround

NEVER = -1
"""The mark of a computer whose own was not read before its events: what rests on it is outdated."""
SINCE_FOR = timedelta(minutes=1)
WAITING = "waiting"


class History:
    """Implements `ports.History`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._since: tuple[datetime, datetime | None] | None = None

    def around(self, events: Sequence[Event]) -> Memory:
        with self._access.read() as conn:
            marks = _marks(conn, dict.fromkeys(stored_name(event.computer) for event in events))
            return _memory(conn, Pool(events), marks)

    def of_case(self, key: str) -> tuple[CaseDocument, Memory] | None:
        with self._access.read() as conn:
            stored = next(iter(fetch(conn, _DOCUMENT, {"case": key})), None)
            if stored is None:
                return None
            marks = _marks(conn, [row.computer for row in fetch(conn, _COMPUTERS, {"case": key, "limit": MAX_EVENTS})])
            case = Pool(())
            own = case.add(events_of_case(conn, key))
            unread = {stored_name(event.computer): NEVER for event in own}
            memory = _memory(conn, Pool(own, known=case.found, cut=case.cut), unread | marks, of={key})
        return stored.document, replace(memory, events=(*case.found.values(), *memory.events))

    def contacts(self, until: Mapping[Group, datetime]) -> Mapping[Group, Past]:
        with self._access.read() as conn:
            return contacts_of(conn, until)

    def since(self) -> datetime | None:
        """As the port says, by our own clock; up to a minute old."""
        with self._access.read() as conn:
            now = self._access.now(conn)
            if self._since is None or self._since[1] is None or not now - SINCE_FOR < self._since[0] <= now:
                self._since = now, fetch(conn, _OLDEST, {})[0].oldest
            return self._since[1]


def _memory(conn: Connection, pool: Pool, marks: Mapping[str, int], of: Collection[str] = ()) -> Memory:
    """What is remembered around the pool's events, which may be all `of` a case. The marks were read before, so that what comes
    meanwhile is noticed.
    """
    known = frozenset(computer for computer, mark in marks.items() if mark)
    if not known:
        return Memory(marks=marks, cut=pool.cut)
    surround(conn, pool, known)
    keys = sorted({*of, *(one.case_key for one in pool.found.values() if one.case_key is not None)})
    stored = fetch_listed(conn, _CASES, "keys", keys)
    return Memory(
        events=tuple(pool.found.values()),
        marks=marks,
        cut=pool.cut,
        asked=_asked(conn, [process for process in starts_missing(pool.events()) if process[0] in known]),
        ledgers={row.key: row.ledger for row in stored if row.ledger},
        counts={row.key: row.contacts for row in stored if row.contacts is not None},
        sizes={row.key: row.events for row in stored},
        rotations={(row.host, row.family): row.since for row in fetch_listed(conn, _ROTATIONS, "hosts", known)},
    )


def _marks(conn: Connection, computers: Collection[str]) -> dict[str, int]:
    """The mark of each computer, 0 for one never seen."""
    found = fetch_listed(conn, MARKS, "computers", computers)
    return dict.fromkeys(computers, 0) | {row.computer: row.mark for row in found}


def _asked(conn: Connection, processes: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """How the questions after these processes' starts stand: what still waits before what was given up."""
    subjects = {SUBJECT.storable(f"{computer}|{guid}"): (computer, guid) for computer, guid in processes}
    asked: dict[tuple[str, str], str] = {}
    for row in fetch_listed(conn, _ASKED, "subjects", list(subjects)):
        process, is_open = subjects[row.subject], row.state in {"waiting", "working"}
        if is_open or (row.reason and process not in asked):
            asked[process] = row.reason or WAITING
    return asked


# --- its statements, built once ---------------------------------------------------------------------------------------

_ROTATIONS = select(rotations).where(rotations.c.host.in_(bindparam("hosts", expanding=True)))
_ASKED = (
    select(follow_ups.c.subject, follow_ups.c.state, follow_ups.c.reason)
    .where(IS_LINEAGE, follow_ups.c.subject.in_(bindparam("subjects", expanding=True)))
    .order_by(follow_ups.c.opened_at)
)
_CASES = select(cases.c.key, cases.c.ledger, cases.c.contacts, cases.c.events).where(
    cases.c.key.in_(bindparam("keys", expanding=True))
)
_DOCUMENT = select(cases.c.document).where(cases.c.key == bindparam("case"))
_NEWEST = (
    select(events.c.computer)
    .where(HAS_CASE, events.c.case_key == bindparam("case", type_=CASE_KEY))
    .order_by(events.c.seen_at.desc())
    .limit(bindparam("limit"))
    .subquery()
)
_COMPUTERS = select(_NEWEST.c.computer).distinct()
_OLDEST = select(func.min(events.c.seen_at).label("oldest"))
