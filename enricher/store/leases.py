"""The heartbeat: one transaction that renews the leases of the claims that a process is still at work on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select, update

from enricher.store.access import Access
from enricher.store.database import Transaction
from enricher.store.schema import alerts, deliveries, follow_ups

_CLAIMED = ((alerts, "working"), (deliveries, "sending"), (follow_ups, "working"))


def renew(access: Access, lease: timedelta, held: Collection[str]) -> None:
    """Let the claims on these alerts, deliveries and follow-ups be this process's own for another lease.

    Only whoever works on a claim knows that it is worked on: a row with this process's name on it may be one whose claim was
    committed unheard, or whose outcome could not be stored. Those are left out, and come back when their lease ends.
    """
    if held:
        access.write(lambda tx: _renew(tx, access.holder, lease, held))


def _renew(tx: Transaction, holder: str, lease: timedelta, held: Collection[str]) -> None:
    """Rows that somebody is writing to just now are skipped rather than waited for: there is another beat before the end."""
    for table, state in _CLAIMED:
        mine = select(table.c.id).where(table.c.state == state, table.c.holder == holder, table.c.id.in_(held))
        ids = tx.conn.execute(mine.with_for_update(skip_locked=True)).scalars().all()
        if ids:
            tx.conn.execute(update(table).where(table.c.id.in_(ids)).values(due_at=tx.now + lease))
