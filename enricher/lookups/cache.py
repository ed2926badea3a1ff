"""Answers worth keeping, on two levels: this process's memory, and a place that all processes share and restarts outlive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from cachetools import TLRUCache

from enricher.errors import StoreUnavailable
from enricher.lookups.source import Answer, Keep
from enricher.model import Enrichment, Status

log = structlog.get_logger(__name__)

MEMORY_ENTRIES = 20_000


class SharedCache(Protocol):
    """The second level. Both may raise StoreUnavailable, and nothing else on purpose; times are aware."""

    def get(self, source: str, about: str) -> tuple[Enrichment, datetime, datetime] | None:
        """The enrichment with when it was fetched and when it expires; one that has expired too, while it is there."""
        ...

    def put(self, source: str, about: str, enrichment: Enrichment, fetched_at: datetime, expires_at: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One answer, as of `fetched_at`. Between `expires_at` and `keep_until` it is only better than nothing."""

    enrichment: Enrichment
    fetched_at: datetime
    expires_at: datetime
    keep_until: datetime

    def fresh(self, now: datetime) -> Enrichment | None:
        """It with its age, while it is good."""
        return replace(self.enrichment, age_s=self._age_s(now)) if now < self.expires_at else None

    def stale(self, now: datetime, trouble: str) -> Enrichment:
        """It in place of an answer that did not come, and says so."""
        return replace(self.enrichment, status=Status.STALE, age_s=self._age_s(now), reason=trouble)

    def _age_s(self, now: datetime) -> int:
        return max(0, int((now - self.fetched_at).total_seconds()))  # clocks of two machines differ


class Cache:
    """Both levels. `clock` gives aware datetimes. Memory is quick enough for the caller's thread; the shared level is not."""

    def __init__(
        self, clock: Callable[[], datetime], shared: SharedCache | None = None, *, entries: int = MEMORY_ENTRIES
    ) -> None:
        self._clock, self._shared = clock, shared
        self._lock = threading.Lock()
        self._memory: TLRUCache[tuple[str, str], Kept, datetime] = TLRUCache(entries, _keep_until, clock)

    def remembered(self, source: str, about: str) -> Kept | None:
        """What memory holds, fresh or not."""
        with self._lock:
            return self._memory.get((source, about))

    def recall(self, source: str, about: str, keep: Keep) -> Kept | None:
        """What either level holds, fresh or not; what the shared level gives is remembered."""
        remembered = self.remembered(source, about)
        if self._shared is None or (remembered and remembered.fresh(self._clock())):
            return remembered
        try:
            found = self._shared.get(source, about)
        except StoreUnavailable as trouble:
            log.warning("lookup_cache_unavailable", step="get", detail=trouble.detail)
            return remembered
        return self._remember(keep, *found) if found else remembered

    def put(self, source: str, about: str, answer: Answer, keep: Keep) -> Kept:
        """Remember an answer that says something. `share` it too, once nobody waits for it any more."""
        enrichment = Enrichment(
            source=source, about=about, status=answer.status, detail=answer.detail, reason=answer.reason
        )
        fetched_at = self._clock()
        expires_at = fetched_at + (keep.ok if answer.status is Status.OK else keep.negative)
        return self._remember(keep, enrichment, fetched_at, expires_at)

    def share(self, kept: Kept) -> None:
        """Put it on the shared level; returns when it is there, or when the store refuses, which costs nothing but time."""
        if self._shared is None:
            return
        enrichment = kept.enrichment
        try:
            self._shared.put(enrichment.source, enrichment.about, enrichment, kept.fetched_at, kept.expires_at)
        except StoreUnavailable as trouble:
            log.warning("lookup_cache_unavailable", step="put", detail=trouble.detail)

    def _remember(self, keep: Keep, enrichment: Enrichment, fetched_at: datetime, expires_at: datetime) -> Kept:
        worth = keep.stale if enrichment.status is Status.OK else timedelta(0)  # an old "nothing there" helps nobody
        kept = Kept(enrichment=enrichment, fetched_at=fetched_at, expires_at=expires_at, keep_until=expires_at + worth)
        with self._lock:
            self._memory[enrichment.source, enrichment.about] = kept
        return kept


def _keep_until(_key: tuple[str, str], kept: Kept, _now: datetime) -> datetime:
    return kept.keep_until
