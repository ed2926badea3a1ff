"""The heartbeat: one transaction that renews the leases of everything a process holds."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, union_all, update

from enricher.store.access import Access
from enricher.store.database import Transaction
from enricher.store.schema import SENDING, WORKING, alerts, deliveries

_HELD = ((alerts, WORKING), (deliveries, SENDING))


def renew(access: Access, lease: timedelta) -> None:
    """Let everything that this process holds stay its own for another lease. Commits nothing when it holds nothing."""
    if _holds_anything(access):
        access.write(lambda tx: _renew(tx, access.holder, lease))


def _holds_anything(access: Access) -> bool:
    held = (select(table.c.id).where(state, table.c.holder == access.holder) for table, state in _HELD)
    with access.read() as conn:
        return conn.execute(union_all(*held).limit(1)).first() is not None


def _renew(tx: Transaction, holder: str, lease: timedelta) -> None:
    """Rows that somebody is writing to just now are skipped rather than waited for: there is another beat before the end."""
    for table, state in _HELD:
        mine = select(table.c.id).where(state, table.c.holder == holder).with_for_update(skip_locked=True)
        ids = tx.conn.execute(mine).scalars().all()
        if ids:
            tx.conn.execute(update(table).where(table.c.id.in_(ids)).values(due_at=tx.now + lease))
