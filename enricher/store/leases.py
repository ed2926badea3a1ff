"""The heartbeat: one transaction that renews the leases of the claims that a process is still at work on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Integer, bindparam, select, update

from enricher.ports import Delivery
from enricher.store.access import Access
from enricher.store.database import Transaction
from enricher.store.schema import alerts, deliveries, follow_ups
from enricher.store.schema_upkeep import chores

_HELD = select(deliveries.c.due_at).where(
    deliveries.c.id == bindparam("delivery"),
    deliveries.c.state == "sending",
    deliveries.c.claims == bindparam("fence", type_=Integer),
)
_CLAIMED = (
    (alerts, alerts.c.id, alerts.c.state == "working"),
    (deliveries, deliveries.c.id, deliveries.c.state == "sending"),
    (follow_ups, follow_ups.c.id, follow_ups.c.state == "working"),
    (chores, chores.c.name, chores.c.holder.is_not(None)),
)


def renew(access: Access, lease: timedelta, held: Collection[str]) -> None:
    """Let the claims on these alerts, deliveries, follow-ups and chores be this process's own for another lease.

    Only whoever works on a claim knows that it is worked on: a row with this process's name on it may be one whose claim was
    committed unheard, or whose outcome could not be stored. Those are left out, and come back when their lease ends.
    """
    if held:
        access.write(lambda tx: _renew(tx, access.holder, lease, held))


def holds(access: Access, delivery: Delivery) -> bool:
    """Whether this claim's lease runs and nobody else has taken it."""
    with access.read() as conn:
        row = conn.execute(_HELD, {"delivery": delivery.delivery_id, "fence": delivery.fence}).first()
        return row is not None and bool(row.due_at > access.now(conn))


def _renew(tx: Transaction, holder: str, lease: timedelta, held: Collection[str]) -> None:
    """Rows that somebody is writing to just now are skipped rather than waited for: there is another beat before the end."""
    for table, key, claimed in _CLAIMED:
        mine = select(key).where(claimed, table.c.holder == holder, key.in_(held))
        ids = tx.conn.execute(mine.with_for_update(skip_locked=True)).scalars().all()
        if ids:
            tx.conn.execute(update(table).where(key.in_(ids)).values(due_at=tx.now + lease))
