"""Canaries: what was sent, what came through the worker, and what that has proved at each destination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select, update

from enricher.core.canary import DETAIL, Canary, Proof, Proved
from enricher.ports import Chore
from enricher.store.access import Access
from enricher.store.chores import plan
from enricher.store.database import Transaction, add_new, insert_or_replace
from enricher.store.ids import new_id
from enricher.store.schema_upkeep import canaries, canary_proofs, destination_health

KEPT = 100
CHECKS = Chore(name="canary checks", kind="checks")
"""Planned by what settles a canary; who does it knows the destinations."""


class Canaries:
    """Implements `ports.Canaries`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def sent(self) -> str:
        def add(tx: Transaction) -> str:
            canary = new_id(tx.now)
            add_new(tx.conn, canaries, [{"id": canary, "sent_at": tx.now}])
            _forget(tx)
            return canary

        return self._access.write(add)

    def noted(self, canary: str, destination: str, state: Proof, detail: str) -> None:
        def keep(tx: Transaction) -> None:
            row = {"state": state.value, "detail": detail[:DETAIL], "at": tx.now}
            tx.conn.execute(
                insert_or_replace(tx.conn.dialect.name, canary_proofs),
                [row | {"canary": canary, "destination": destination}],
            )

        self._access.write(keep)

    def unproved(self, destination: str) -> list[str]:
        there = exists().where(canary_proofs.c.canary == canaries.c.id, canary_proofs.c.destination == destination)
        with self._access.read() as conn:
            return list(conn.execute(_NEWEST.where(canaries.c.settled_at.is_not(None), ~there)).scalars())

    def recent(self) -> list[Canary]:
        with self._access.read() as conn:
            return _records(conn, conn.execute(select(canaries).order_by(*_NEWEST_FIRST).limit(KEPT)).all())

    def get(self, canary: str) -> Canary | None:
        with self._access.read() as conn:
            found = _records(conn, conn.execute(select(canaries).where(canaries.c.id == canary)).all())
        return found[0] if found else None

    def paused(self, destination: str) -> str | None:
        of_it = select(destination_health).where(destination_health.c.name == destination)
        with self._access.read() as conn:
            now, row = self._access.now(conn), conn.execute(of_it).one_or_none()
        if row is None or row.paused_until is None or row.paused_until <= now:
            return None
        return f"paused until {row.paused_until:%H:%M:%S} UTC: {row.reason or 'it fails'}"


def canary_settled(tx: Transaction, own: str | None, alert_id: str, received_at: datetime) -> None:
    """Note that one has come through, and have every destination checked. One that we did not send is known by its alert."""
    ours = own is not None and tx.conn.execute(select(canaries.c.id).where(canaries.c.id == own)).first() is not None
    canary = own if own is not None and ours else alert_id
    add_new(tx.conn, canaries, [{"id": canary, "sent_at": received_at}])
    first = (canaries.c.id == canary, canaries.c.settled_at.is_(None))
    if tx.conn.execute(update(canaries).where(*first).values(settled_at=tx.now)).rowcount:
        _forget(tx)
        plan(tx, [CHECKS])


_NEWEST_FIRST = (canaries.c.sent_at.desc(), canaries.c.id.desc())
_NEWEST = select(canaries.c.id).order_by(*_NEWEST_FIRST).limit(KEPT)


def _forget(tx: Transaction) -> None:
    """Keep the last hundred. By when they were sent: an id may come from outside."""
    for table, column in ((canary_proofs, canary_proofs.c.canary), (canaries, canaries.c.id)):
        tx.conn.execute(delete(table).where(column.not_in(select(_NEWEST.subquery().c.id))))


def _records(conn: Connection, rows: Sequence[Row[Any]]) -> list[Canary]:
    proofs: defaultdict[str, dict[str, Proved]] = defaultdict(dict)
    ids = [row.id for row in rows]
    for proof in conn.execute(select(canary_proofs).where(canary_proofs.c.canary.in_(ids))):
        proofs[proof.canary][proof.destination] = Proved(Proof(proof.state), proof.detail, proof.at)
    return [Canary(canary=row.id, sent_at=row.sent_at, settled_at=row.settled_at, proofs=proofs[row.id]) for row in rows]
