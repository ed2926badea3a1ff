"""Signed requests that were let in, so that none of them acts twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from enricher.store.access import Access
from enricher.store.database import Transaction, add_new
from enricher.store.schema_people import interactions

KEPT = timedelta(minutes=15)
"""Longer than a signature is good for, whichever clock is slow."""


class Replays:
    """Implements `ports.Replays`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def fresh(self, digest: str) -> bool:
        def keep(tx: Transaction) -> bool:
            tx.conn.execute(delete(interactions).where(interactions.c.at < tx.now - KEPT))
            return bool(add_new(tx.conn, interactions, [{"digest": digest, "at": tx.now}], "digest"))

        return self._access.write(keep)
