"""Who did what to stored work, and when."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from enricher.ports import AuditRecord
from enricher.store.database import Transaction
from enricher.store.ids import new_id
from enricher.store.schema import audit


def note(tx: Transaction, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
    """Add a line, in the transaction of what it tells of."""
    row = {"id": new_id(tx.now), "at": tx.now, "by": by, "action": action, "item_id": item_id, "detail": detail}
    tx.conn.execute(audit.insert(), row)


def newest_lines(
    conn: Connection, most: int, *, after: str | None, item_id: str | None, by: str | None
) -> Sequence[AuditRecord]:
    """Up to `most` lines from below `after`, newest first; `item_id`: what was done to one item; `by`: what one person did."""
    query = select(audit).order_by(audit.c.id.desc()).limit(most)
    if after is not None:
        query = query.where(audit.c.id < after)
    if item_id is not None:
        query = query.where(audit.c.item_id == item_id)
    if by is not None:
        query = query.where(audit.c.by == by)
    return [
        AuditRecord(audit_id=row.id, at=row.at, by=row.by, action=row.action, item_id=row.item_id, detail=row.detail)
        for row in conn.execute(query)
    ]
