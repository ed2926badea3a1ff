"""Heartbeats and silences: noted with the alert that tells of them, compared by the clock, told once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from enricher.core.silence import Silence, Vital, Watched, What, has_ended, is_silent, up_since
from enricher.ports.watch import Untold
from enricher.store.access import Access
from enricher.store.database import Transaction, add_new, insert_or_replace
from enricher.store.ids import new_id
from enricher.store.schema_accounts import intake_hours
from enricher.store.schema_watch import heartbeats, silences, watch_looks

MOST_HEARTBEATS = 50
"""Of one source: whoever may send could make any number."""
_NEVER = frozenset({"canary", "sumo-search"})
"""What the service sends itself."""
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
            wanted = or_(silences.c.told == 0, and_(silences.c.told == 1, silences.c.ended_at.is_not(None)))
            rows = conn.execute(select(silences).where(wanted, silences.c.due_at <= now).order_by(silences.c.id)).all()
        return [Untold(silence=_silence(r), ticket=r.ticket, tried_at=r.tried_at, tries=r.tries) for r in rows]

    def trying(self, key: str) -> None:
        def begin(tx: Transaction) -> None:
            tx.conn.execute(_one(key).values(tried_at=func.coalesce(silences.c.tried_at, tx.now)))

        self._access.write(begin)

    def told(self, key: str, ticket: str | None, *, ended: bool) -> None:
        values = {"told": 2 if ended else 1, "ticket": ticket, "tried_at": None, "tries": 0}
        self._access.write(lambda tx: tx.conn.execute(_one(key).values(**values)))

    def again(self, key: str, delay_s: float, *, in_doubt: bool) -> None:
        def put_off(tx: Transaction) -> None:
            values: dict[str, Any] = {"due_at": tx.now + timedelta(seconds=delay_s), "tries": silences.c.tries + 1}
            tx.conn.execute(_one(key).values(**values | ({} if in_doubt else {"tried_at": None})))

        self._access.write(put_off)

    def open(self) -> list[Silence]:
        with self._access.read() as conn:
            return _open(conn)


def note_vital(tx: Transaction, source: str, vital: Vital | None) -> None:
    """Keep what a settled alert says of its source's life, in the transaction that settles it."""
    if vital is None or source in _NEVER:
        return
    if vital.what == "logs":
        _note_logs(tx, source, vital)
    elif vital.every_s is not None and _has_room(tx.conn, source, vital.name):
        row = {"source": source, "name": vital.name, "every_s": vital.every_s, "last_at": tx.now}
        tx.conn.execute(insert_or_replace(tx.conn.dialect.name, heartbeats), [row])


def _has_room(conn: Connection, source: str, name: str) -> bool:
    names = set(conn.execute(select(heartbeats.c.name).where(heartbeats.c.source == source)).scalars())
    return name in names or len(names) < MOST_HEARTBEATS


def _note_logs(tx: Transaction, source: str, vital: Vital) -> None:
    if vital.ended:
        this = (silences.c.what == "logs", silences.c.source == source, silences.c.name == vital.name)
        tx.conn.execute(update(silences).where(_IS_OPEN, *this).values(ended_at=tx.now, due_at=tx.now))
    else:
        key = new_id(tx.now)
        found = Silence(key=key, what="logs", source=source, name=vital.name, since=tx.now, begun_at=tx.now)
        _begin(tx, found)


def _look(tx: Transaction, every_s: Mapping[str, float]) -> tuple[list[Silence], list[Silence]]:
    up = _looked(tx)
    watched = _watched(tx.conn, every_s)
    running = _open(tx.conn)
    ended = []
    for one in running:
        if (at := has_ended(one, watched)) is not None:
            tx.conn.execute(_one(one.key).where(_IS_OPEN).values(ended_at=at, due_at=tx.now))
            ended.append(_silence(tx.conn.execute(select(silences).where(silences.c.id == one.key)).one()))
    over = {one.key for one in ended}
    known = {(one.what, one.source, one.name) for one in running if one.key not in over}
    new = [w for w in watched if (w.what, w.source, w.name) not in known and is_silent(w, up, tx.now)]
    begun = [
        Silence(key=new_id(tx.now), what=w.what, source=w.source, name=w.name, since=w.heard_at, begun_at=tx.now)
        for w in new
    ]
    for one in begun:
        _begin(tx, one)
    return begun, ended


def _looked(tx: Transaction) -> Any:
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
    return [
        *beats,
        *(
            Watched(what="webhook", source=row.source, name="", every_s=every_s[row.source], heard_at=row.last_at)
            for row in conn.execute(heard.order_by(intake_hours.c.source))
            if row.source in every_s and row.source not in _NEVER
        ),
    ]


def _begin(tx: Transaction, one: Silence) -> None:
    row = {"id": one.key, "what": one.what, "source": one.source, "name": one.name, "since": one.since}
    there = select(silences.c.id).where(
        _IS_OPEN, silences.c.what == one.what, silences.c.source == one.source, silences.c.name == one.name
    )
    if tx.conn.execute(there).first() is None:
        more = {"begun_at": one.begun_at, "told": 0, "tries": 0, "due_at": one.begun_at}
        add_new(tx.conn, silences, [row | more])


def _one(key: str) -> Any:
    return update(silences).where(silences.c.id == key)


def _open(conn: Connection) -> list[Silence]:
    return [_silence(row) for row in conn.execute(select(silences).where(_IS_OPEN).order_by(silences.c.id))]


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
