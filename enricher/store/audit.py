"""Who did what to stored work, and when."""

from __future__ import annotations

from enricher.store.database import Transaction
from enricher.store.ids import new_id
from enricher.store.schema import audit


def note(tx: Transaction, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
    """Add a line, in the transaction of what it tells of."""
    row = {"id": new_id(tx.now), "at": tx.now, "by": by, "action": action, "item_id": item_id, "detail": detail}
    tx.conn.execute(audit.insert(), row)
