"""Look-up answers that all processes share and that outlive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from enricher.model import Enrichment, Status
from enricher.store.access import Access
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.schema import lookups


class LookupCache:
    """Answers by (source, about). Expired ones are returned too until they are purged: stale may be better than nothing."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get(self, source: str, about: str) -> tuple[Enrichment, datetime, datetime] | None:
        """The answer, when it was fetched, and when it expires."""
        query = select(lookups).where(lookups.c.source == source, lookups.c.about == about)
        with self._access.read() as conn:
            row = conn.execute(query).first()
        if row is None:
            return None
        return _enrichment(source, about, row.document), row.fetched_at, row.expires_at

    def put(self, source: str, about: str, enrichment: Enrichment, fetched_at: datetime, expires_at: datetime) -> None:
        """Keep an answer in place of the one before."""
        document = {"status": enrichment.status, "detail": enrichment.detail, "reason": enrichment.reason}
        row = {
            "source": source,
            "about": about,
            "document": document,
            "fetched_at": fetched_at,
            "expires_at": expires_at,
        }
        self._access.write_together(_put_all, row)


def _put_all(tx: Transaction, rows: list[dict[str, Any]]) -> list[None]:
    """The last of each key wins; in one order, so that two processes cannot block each other."""
    latest = {(row["source"], row["about"]): row for row in rows}
    tx.conn.execute(insert_or_replace(tx.conn.dialect.name, lookups), [latest[key] for key in sorted(latest)])
    return [None] * len(rows)


def _enrichment(source: str, about: str, document: Mapping[str, Any]) -> Enrichment:
    return Enrichment(
        source=source,
        about=about,
        status=Status(document["status"]),
        detail=document["detail"],
        reason=document["reason"],
    )
