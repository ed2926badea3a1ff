"""Heartbeats and silences: noted with the alert that tells of them, compared by the clock, told once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from enricher.core.silence import (
    LONGEST_S,
    OWN,
    Fault,
    Faulty,
    Silence,
    Vital,
    Watched,
    Watching,
    What,
    by_source,
    has_ended,
    is_silent,
    up_since,
    watchings,
)
from enricher.ports.watch import MOST_REFUSALS, Untold
from enricher.store.access import Access
from enricher.store.database import Transaction, add_new, insert_or_replace
from enricher.store.ids import new_id
from enricher.store.schema_accounts import intake_hours
from enricher.store.schema_watch import heartbeat_faults, heartbeats, silences, watch_looks

MOST_HEARTBEATS = 50
"""Of one source: whoever may send could make any number."""
TAKEN = timedelta(minutes=4)
"""Whoever tells is left alone for so long."""
STALE = timedelta(days=1)
"""What was over for so long before anybody could be told is told no more."""
SAID_FOR = timedelta(hours=1)
_LOOK = "silence"
_IS_OPEN = silences.c.ended_at.is_(None)


class Watch:
    """Implements `ports.watch.Watch`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def look(self, every_s: Mapping[str, float]) -> tuple[list[Silence], list[Silence]]:
        return self._access.write(lambda tx: _look(tx, every_s), ["silence"])

    def untold(self) -> list[Untold]:
        with self._access.read() as conn:
            now = self._access.now(conn)
            fresh = and_(silences.c.told == 0, or_(_IS_OPEN, silences.c.ended_at > now - STALE))
            wanted = or_(fresh, and_(silences.c.told == 1, silences.c.ended_at.is_not(None)))
            due = (silences.c.due_at <= now, silences.c.refusals < MOST_REFUSALS)
            rows = conn.execute(select(silences).where(wanted, *due).order_by(silences.c.id)).all()
        return [_untold(row) for row in rows]

    def take(self, key: str) -> bool:
        def hold(tx: Transaction) -> bool:
            its = _one(key).where(silences.c.due_at <= tx.now)
            return bool(tx.conn.execute(its.values(due_at=tx.now + TAKEN)).rowcount)

        return self._access.write(hold)

    def trying(self, key: str) -> None:
        def begin(tx: Transaction) -> None:
            tx.conn.execute(_one(key).values(tried_at=func.coalesce(silences.c.tried_at, tx.now)))

        self._access.write(begin)

    def told(self, key: str, ticket: str | None, *, ended: bool) -> None:
        values = {"told": 2 if ended else 1, "ticket": ticket, "tried_at": None, "tries": 0, "refusals": 0}
        self._access.write(lambda tx: tx.conn.execute(_one(key).values(**values)))

    def again(self, key: str, delay_s: float, *, in_doubt: bool, refused: bool = False) -> None:
        def put_off(tx: Transaction) -> None:
            values: dict[str, Any] = {"due_at": tx.now + timedelta(seconds=delay_s), "tries": silences.c.tries + 1}
            values["refusals"] = silences.c.refusals + int(refused)
            tx.conn.execute(_one(key).values(**values | ({} if in_doubt else {"tried_at": None})))

        self._access.write(put_off)

    def open(self) -> list[Silence]:
        with self._access.read() as conn:
            return _open(conn)

    def faulty(self) -> list[Faulty]:
        return self._access.write(_unsaid)

    def standing(self, every_s: Mapping[str, float]) -> Mapping[str, Watching]:
        with self._access.read() as conn:
            lately = heartbeat_faults.c.at > self._access.now(conn) - timedelta(seconds=LONGEST_S)
            found = conn.execute(select(heartbeat_faults).where(lately).order_by(*heartbeat_faults.primary_key))
            return watchings(_watched(conn, every_s), _open(conn), [_faulty(row) for row in found])


def note_vital(tx: Transaction, source: str, vital: Vital | None) -> None:
    """Keep what a settled alert says of its source's life, in the transaction that settles it."""
    if vital is None or source in OWN:
        return
    if vital.what == "logs":
        _note_logs(tx, source, vital)
    elif vital.every_s is None:
        its = (heartbeats.c.source == source, heartbeats.c.name == vital.name)
        tx.conn.execute(update(heartbeats).where(*its).values(last_at=tx.now))  # it lives, by what it said before
        _note_fault(tx, source, vital.name, "interval")
    elif not _has_room(tx.conn, source, vital.name):
        _note_fault(tx, source, vital.name, "room")
    else:
        row = {"source": source, "name": vital.name, "every_s": vital.every_s, "last_at": tx.now}
        tx.conn.execute(insert_or_replace(tx.conn.dialect.name, heartbeats), [row])
        mended = (heartbeat_faults.c.source == source, heartbeat_faults.c.name == vital.name)
        tx.conn.execute(delete(heartbeat_faults).where(*mended))


def _note_fault(tx: Transaction, source: str, name: str, fault: Fault) -> None:
    """When it was last said stays as it is."""
    insert = (sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert)(heartbeat_faults)
    new = {"name": name, "at": tx.now}
    statement = insert.values(source=source, fault=fault, **new)
    tx.conn.execute(statement.on_conflict_do_update(index_elements=["source", "fault"], set_=new))


def _has_room(conn: Connection, source: str, name: str) -> bool:
    names = set(conn.execute(select(heartbeats.c.name).where(heartbeats.c.source == source)).scalars())
    return name in names or len(names) < MOST_HEARTBEATS


def _note_logs(tx: Transaction, source: str, vital: Vital) -> None:
    if vital.ended:
        this = (silences.c.what == "logs", silences.c.source == source, silences.c.name == vital.name)
        tx.conn.execute(update(silences).where(_IS_OPEN, *this).values(**_over(tx, tx.now)))
    else:
        key = new_id(tx.now)
        found = Silence(key=key, what="logs", source=source, name=vital.name, since=tx.now, begun_at=tx.now)
        _begin(tx, found)


def _look(tx: Transaction, every_s: Mapping[str, float]) -> tuple[list[Silence], list[Silence]]:
    up = _looked(tx)
    watched = _watched(tx.conn, every_s)
    for one in _open(tx.conn):
        if (at := has_ended(one, watched)) is not None:
            tx.conn.execute(_one(one.key).where(_IS_OPEN).values(**_over(tx, at)))
    known = {(one.what, one.source, one.name) for one in _open(tx.conn)}
    for w in watched:
        if (w.what, w.source, w.name) not in known and is_silent(w, up, tx.now):
            key = new_id(tx.now)
            _begin(tx, Silence(key=key, what=w.what, source=w.source, name=w.name, since=w.heard_at, begun_at=tx.now))
    return _unlogged(tx)


def _unlogged(tx: Transaction) -> tuple[list[Silence], list[Silence]]:
    """What has begun and what has ended that nobody has said, from now on said."""
    over = silences.c.ended_at.is_not(None)
    unsaid = or_(silences.c.logged == 0, and_(silences.c.logged == 1, over))
    rows = tx.conn.execute(select(silences).where(unsaid).order_by(silences.c.id)).all()
    for row in rows:
        tx.conn.execute(_one(row.id).values(logged=1 if row.ended_at is None else 2))
    begun = [_silence(row) for row in rows if row.logged == 0]
    return begun, [_silence(row) for row in rows if row.ended_at is not None]


def _unsaid(tx: Transaction) -> list[Faulty]:
    """Those that came since they were last said, where that is an hour ago."""
    faults = heartbeat_faults.c
    again = and_(faults.at > faults.said_at, faults.said_at <= tx.now - SAID_FOR)
    rows = tx.conn.execute(select(heartbeat_faults).where(or_(faults.said_at.is_(None), again))).all()
    for row in rows:
        its = (faults.source == row.source, faults.fault == row.fault)
        tx.conn.execute(update(heartbeat_faults).where(*its).values(said_at=tx.now))
    return [_faulty(row) for row in rows]


def _looked(tx: Transaction) -> datetime:
    """Note that somebody looks; since when somebody has without a gap."""
    row = tx.conn.execute(select(watch_looks).where(watch_looks.c.name == _LOOK)).one_or_none()
    up = up_since(row.looked_at if row else None, row.up_since if row else None, tx.now)
    look = {"name": _LOOK, "looked_at": tx.now, "up_since": up}
    tx.conn.execute(insert_or_replace(tx.conn.dialect.name, watch_looks), [look])
    return up


def _watched(conn: Connection, every_s: Mapping[str, float]) -> list[Watched]:
    beats = [
        Watched(what="heartbeat", source=row.source, name=row.name, every_s=row.every_s, heard_at=row.last_at)
        for row in conn.execute(select(heartbeats).order_by(heartbeats.c.source, heartbeats.c.name))
    ]
    heard = select(intake_hours.c.source, func.max(intake_hours.c.last_at).label("last_at")).group_by(intake_hours.c.source)
    last = {row.source: row.last_at for row in conn.execute(heard.order_by(intake_hours.c.source))}
    return [*beats, *by_source(every_s, last)]


def _begin(tx: Transaction, one: Silence) -> None:
    row = {"id": one.key, "what": one.what, "source": one.source, "name": one.name, "since": one.since}
    there = select(silences.c.id).where(
        _IS_OPEN, silences.c.what == one.what, silences.c.source == one.source, silences.c.name == one.name
    )
    if tx.conn.execute(there).first() is None:
        more = {"begun_at": one.begun_at, "told": 0, "tries": 0, "due_at": one.begun_at, "refusals": 0, "logged": 0}
        add_new(tx.conn, silences, [row | more])


def _over(tx: Transaction, at: datetime) -> dict[str, Any]:
    """What changes when a silence ends: whatever kept its telling, it is tried anew."""
    return {"ended_at": at, "due_at": tx.now, "tries": 0, "refusals": 0}


def _one(key: str) -> Any:
    return update(silences).where(silences.c.id == key)


def _open(conn: Connection) -> list[Silence]:
    return [_silence(row) for row in conn.execute(select(silences).where(_IS_OPEN).order_by(silences.c.id))]


def _untold(row: Row[Any]) -> Untold:
    return Untold(silence=_silence(row), ticket=row.ticket, tried_at=row.tried_at, tries=row.tries, refusals=row.refusals)


def _faulty(row: Row[Any]) -> Faulty:
    return Faulty(source=row.source, name=row.name, fault=cast("Fault", row.fault), at=row.at)


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        key=row.id,
        what=cast("What", row.what),
        source=row.source,
        name=row.name,
        since=row.since,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
    )
