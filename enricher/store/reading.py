"""Reads for the API and the console. Pages go by identifier, which sorts by time: what comes meanwhile shifts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, and_, func, not_, select

from enricher.core.accounts import SourceRecord
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.core.uses import RuleDay, RuleUse
from enricher.model import Backlog
from enricher.ports import (
    AlertRecord,
    AuditRecord,
    CaseRecord,
    Condition,
    DeadLetters,
    DeliveryRecord,
    DestinationHealth,
    Overview,
    Page,
    ReceivedAlert,
    Related,
)
from enricher.store import conditions, dead_letters, quarantine
from enricher.store.access import Access
from enricher.store.audit import newest_lines
from enricher.store.cases import JOINED
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.drift import drift_since, queries_since
from enricher.store.feedback import case_of_ticket, protected_tenants
from enricher.store.health import oldest_untold, pauses
from enricher.store.ids import first_id
from enricher.store.inbox import RECORD, keys_of, records
from enricher.store.overview import overview
from enricher.store.records import case_records, delivery_record
from enricher.store.related import related
from enricher.store.schema import (
    DEAD,
    OPEN_ALERTS,
    OPEN_DELIVERIES,
    OPEN_FOLLOW_UPS,
    alerts,
    case_aliases,
    cases,
    deliveries,
    follow_ups,
    pulse,
)
from enricher.store.searching import newest_cases, newest_deliveries
from enricher.store.sources import sources_of
from enricher.store.uses import days_of, uses_of

T = TypeVar("T")

JUDGED = and_(alerts.c.state == "done", alerts.c.reason.is_(None), alerts.c.settled_at.is_not(None))
"""One that a person has discarded is done too, and says so."""


class Reader:
    """Implements `ports.Reader`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def case(self, key: str) -> CaseRecord | None:
        """As the port says; the key of a case that is part of another one by now leads to that."""
        with self._access.read() as conn:
            found = case_records(conn, conn.execute(select(cases).where(cases.c.key == key)).all())
            if not found or found[0].state == JOINED:
                leads_to = select(case_aliases.c.case_key).where(case_aliases.c.alias == key).scalar_subquery()
                found = case_records(conn, conn.execute(select(cases).where(cases.c.key == leads_to)).all())
        return found[0] if found else None

    def cases(
        self,
        *,
        limit: int,
        after: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        text: str | None = None,
    ) -> Page[CaseRecord]:
        with self._access.read() as conn:
            rows = newest_cases(conn, limit + 1, after=after, severity=severity, state=state, text=text)
            return _cut(rows, limit, lambda shown: case_records(conn, shown))

    def overview(self, since: datetime) -> Overview:
        with self._access.read() as conn:
            return overview(conn, since)

    def related(self, record: CaseRecord, limit: int) -> Related:
        with self._access.read() as conn:
            return related(conn, record, limit)

    def audit(
        self, *, limit: int, after: str | None = None, item_id: str | None = None, by: str | None = None
    ) -> Page[AuditRecord]:
        with self._access.read() as conn:
            lines = newest_lines(conn, limit + 1, after=after, item_id=item_id, by=by)
        return Page(items=tuple(lines[:limit]), next=lines[limit - 1].audit_id if len(lines) > limit else None)

    def deliveries(
        self,
        *,
        limit: int,
        after: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        destination: str | None = None,
    ) -> Page[DeliveryRecord]:
        with self._access.read() as conn:
            rows = newest_deliveries(conn, limit + 1, after=after, state=state, reason=reason, destination=destination)
        return _cut(rows, limit, lambda shown: [delivery_record(row) for row in shown])

    def dead_alerts(
        self, *, limit: int, after: str | None = None, reason: str | None = None, source: str | None = None
    ) -> Page[AlertRecord]:
        with self._access.read() as conn:
            query = quarantine.only(select(*RECORD).where(DEAD), conn.dialect.name, reason=reason, source=source)
            if after is not None:
                query = query.where(alerts.c.id < after)
            rows = conn.execute(query.order_by(alerts.c.id.desc()).limit(limit + 1)).all()
            return _cut(rows, limit, lambda shown: records(conn, shown))

    def dead_letter(self, item_id: str) -> AlertRecord | DeliveryRecord | None:
        with self._access.read() as conn:
            found = records(conn, conn.execute(select(*RECORD).where(alerts.c.id == item_id, DEAD)).all())
            row = conn.execute(select(deliveries).where(deliveries.c.id == item_id, DEAD)).one_or_none()
        return found[0] if found else delivery_record(row) if row else None

    def dead_letters(self) -> list[DeadLetters]:
        with self._access.read() as conn:
            return dead_letters.counted(conn)

    def destinations(self) -> list[DestinationHealth]:
        with self._access.read() as conn:
            return conditions.destinations(conn, self._access.now(conn))

    def condition(self) -> Condition:
        with self._access.read() as conn:
            return conditions.condition(conn, self._access.now(conn))

    def waiting(self, at_most: int) -> int:
        """How many alerts are not settled, counted no further than asked for."""
        with self._access.read() as conn:
            return conditions.waiting(conn, at_most)

    def judged(self) -> list[str]:
        with self._access.read() as conn:
            found = conn.execute(select(alerts.c.id).where(JUDGED).order_by(alerts.c.settled_at, alerts.c.id))
            return list(found.scalars())

    def unjudged(self, since: datetime) -> int:
        with self._access.read() as conn:
            never = select(func.count()).where(not_(JUDGED), alerts.c.id >= first_id(since))
            return conn.execute(never).scalar_one()

    def received(self, ids: Sequence[str]) -> list[ReceivedAlert]:
        with self._access.read() as conn:
            rows = {row.id: row for row in conn.execute(select(alerts).where(alerts.c.id.in_(ids), JUDGED))}
            keys = keys_of(conn, list(rows))
        return [_received(rows[one], keys.get(one, ())) for one in ids if one in rows]

    def quarantined(self) -> dict[str, int]:
        with self._access.read() as conn:
            return quarantine.counts(conn)

    def sources(self, *, monitors: bool = True) -> list[SourceRecord]:
        with self._access.read() as conn:
            return sources_of(conn, self._access.now(conn), monitors=monitors)

    def rule_uses(self) -> dict[str, RuleUse]:
        with self._access.read() as conn:
            return uses_of(conn)

    def rule_days(self, since: datetime) -> list[RuleDay]:
        with self._access.read() as conn:
            return days_of(conn, since)

    def protected_tenants(self) -> frozenset[str]:
        with self._access.read() as conn:
            return protected_tenants(conn)

    def drift(self, since: datetime) -> list[DriftRecord]:
        with self._access.read() as conn:
            return drift_since(conn, since)

    def queries(self, since: datetime) -> list[QueryVersion]:
        with self._access.read() as conn:
            return queries_since(conn, since)

    def case_of_ticket(self, destination: str, tickets: Sequence[str], keys: Sequence[str]) -> str | None:
        with self._access.read() as conn:
            return case_of_ticket(conn, destination, tickets, keys)

    def backlog(self) -> Backlog:
        waiting = select(func.count(), func.min(alerts.c.received_at)).where(OPEN_ALERTS)
        by_destination = (
            select(deliveries.c.destination, func.count().label("waiting"))
            .where(OPEN_DELIVERIES)
            .group_by(deliveries.c.destination)
        )
        with self._access.read() as conn:
            count, oldest_at = conn.execute(waiting).one()
            now = self._access.now(conn)
            oldest_s = (now - oldest_at).total_seconds() if oldest_at else 0.0
            return Backlog(
                alerts_waiting=count,
                oldest_alert_s=max(0.0, oldest_s),
                deliveries_waiting={row.destination: row.waiting for row in conn.execute(by_destination)},
                deliveries_oldest_s=oldest_untold(conn, now),
                pauses=pauses(conn, now),
                follow_ups_waiting=_count(conn, select(func.count()).select_from(follow_ups).where(OPEN_FOLLOW_UPS)),
                dead_alerts=_count(conn, select(func.count()).select_from(alerts).where(DEAD)),
                dead_deliveries=_count(conn, select(func.count()).select_from(deliveries).where(DEAD)),
            )

    def ready(self) -> None:
        self._access.write(_beat)


def _received(row: Row[Any], keys: Sequence[str]) -> ReceivedAlert:
    return ReceivedAlert(
        alert_id=row.id,
        body=row.body,
        source=row.source,
        kind=row.kind,
        received_at=row.received_at,
        settled_at=row.settled_at,
        cases=tuple(keys),
        dropped=tuple(row.dropped or ()),
    )


def _beat(tx: Transaction) -> None:
    tx.conn.execute(insert_or_replace(tx.conn.dialect.name, pulse), {"id": 1, "at": tx.now})


def _count(conn: Connection, query: Select[int]) -> int:
    return conn.execute(query).scalar_one()


def _cut(rows: Sequence[Row[Any]], limit: int, make: Callable[[Sequence[Row[Any]]], list[T]]) -> Page[T]:
    """A page of rows of which one more was asked for than it shows."""
    shown = rows[:limit]
    return Page(items=tuple(make(shown)), next=shown[-1].id if len(rows) > limit and shown else None)
