"""Reads for the API and the console. Pages go by identifier, which sorts by time: what comes meanwhile shifts nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, not_, or_, select

from enricher.core.accounts import SourceRecord
from enricher.core.document import News
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.core.uses import RuleUse
from enricher.model import Backlog
from enricher.ports import (
    AlertRecord,
    CaseRecord,
    Condition,
    DeadLetters,
    DeliveryRecord,
    DestinationHealth,
    Page,
    ReceivedAlert,
    Ticket,
)
from enricher.store import conditions, dead_letters, quarantine
from enricher.store.access import Access
from enricher.store.cases import JOINED
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.drift import drift_since, queries_since
from enricher.store.feedback import case_of_ticket, feedback_of, protected_tenants
from enricher.store.health import oldest_untold, pauses
from enricher.store.ids import first_id
from enricher.store.inbox import RECORD, keys_of, records
from enricher.store.schema import (
    DEAD,
    OPEN_ALERTS,
    OPEN_DELIVERIES,
    OPEN_FOLLOW_UPS,
    alerts,
    case_alerts,
    case_aliases,
    cases,
    deliveries,
    follow_ups,
    news,
    pulse,
)
from enricher.store.sources import sources_of
from enricher.store.statements import fetch_of
from enricher.store.types import clean
from enricher.store.uses import uses_of

T = TypeVar("T")

MAX_LINKED_ALERTS = 100
"""The newest alerts of a case that a record names; a noisy search can add one every minute for months."""
_WAITING = frozenset({"pending", "unknown"})
JUDGED = and_(alerts.c.state == "done", alerts.c.reason.is_(None), alerts.c.settled_at.is_not(None))
"""One that a person has discarded is done too, and says so."""


class Reader:
    """Implements `ports.Reader`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def case(self, key: str) -> CaseRecord | None:
        """As the port says; the key of a case that is part of another one by now leads to that."""
        with self._access.read() as conn:
            found = _case_records(conn, conn.execute(select(cases).where(cases.c.key == key)).all())
            if not found or found[0].state == JOINED:
                leads_to = select(case_aliases.c.case_key).where(case_aliases.c.alias == key).scalar_subquery()
                found = _case_records(conn, conn.execute(select(cases).where(cases.c.key == leads_to)).all())
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
        query = select(cases).where(cases.c.state != JOINED)
        if severity is not None:
            query = query.where(cases.c.severity == severity)
        if state is not None:
            query = query.where(cases.c.state == state)
        if text:
            fields = (cases.c.host, cases.c.tenant, cases.c.title, cases.c.key)
            query = query.where(
                or_(*(func.lower(field).contains(clean(text).lower(), autoescape=True) for field in fields))
            )
        with self._access.read() as conn:
            return _page(conn, query, cases.c.id, limit, after, _case_records)

    def deliveries(
        self,
        *,
        limit: int,
        after: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        destination: str | None = None,
    ) -> Page[DeliveryRecord]:
        wanted = {"state": state, "reason": reason, "destination": destination}
        query = select(deliveries).filter_by(**{name: value for name, value in wanted.items() if value is not None})
        with self._access.read() as conn:
            return _page(conn, query, deliveries.c.id, limit, after, lambda _, rows: [_delivery(row) for row in rows])

    def dead_alerts(
        self, *, limit: int, after: str | None = None, reason: str | None = None, source: str | None = None
    ) -> Page[AlertRecord]:
        with self._access.read() as conn:
            query = quarantine.only(select(*RECORD).where(DEAD), conn.dialect.name, reason=reason, source=source)
            return _page(conn, query, alerts.c.id, limit, after, records)

    def dead_letter(self, item_id: str) -> AlertRecord | DeliveryRecord | None:
        with self._access.read() as conn:
            found = records(conn, conn.execute(select(*RECORD).where(alerts.c.id == item_id, DEAD)).all())
            row = conn.execute(select(deliveries).where(deliveries.c.id == item_id, DEAD)).one_or_none()
        return found[0] if found else _delivery(row) if row else None

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


def _page(
    conn: Connection,
    query: Select[Any],
    column: Any,
    limit: int,
    after: str | None,
    make: Callable[[Connection, Sequence[Row[Any]]], list[T]],
) -> Page[T]:
    """Newest first, from below `after`."""
    if after is not None:
        query = query.where(column < after)
    rows = conn.execute(query.order_by(column.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    return Page(items=tuple(make(conn, shown)), next=shown[-1].id if len(rows) > limit and shown else None)


def _case_records(conn: Connection, rows: Sequence[Row[Any]]) -> list[CaseRecord]:
    keys = [row.key for row in rows]
    items, said = news_of(conn, keys), feedback_of(conn, keys)
    sent: defaultdict[str, list[DeliveryRecord]] = defaultdict(list)
    by_name = select(deliveries).where(deliveries.c.case_key.in_(keys)).order_by(deliveries.c.destination)
    for row in conn.execute(by_name):
        sent[row.case_key].append(_delivery(row))
    return [
        CaseRecord(
            key=row.key,
            state=row.state,
            document=row.document,
            news=tuple(items[row.key]),
            alerts=_alerts_of(conn, row.key),
            deliveries=tuple(sent[row.key]),
            opened_at=row.opened_at,
            updated_at=row.updated_at,
            feedback=said[row.key],
        )
        for row in rows
    ]


def _alerts_of(conn: Connection, key: str) -> tuple[str, ...]:
    """The newest alerts of a case, oldest of them first."""
    linked = select(case_alerts.c.alert_id).where(case_alerts.c.case_key == key)
    newest = conn.execute(linked.order_by(case_alerts.c.alert_id.desc()).limit(MAX_LINKED_ALERTS)).scalars().all()
    return tuple(reversed(newest))


_NEWS = select(news).where(news.c.case_key.in_(bindparam("keys", expanding=True))).order_by(news.c.case_key, news.c.seq)


def news_of(conn: Connection, keys: Collection[str]) -> defaultdict[str, list[News]]:
    """All news of some cases, each case's by number."""
    found: defaultdict[str, list[News]] = defaultdict(list)
    for row in fetch_of(conn, _NEWS, "keys", list(keys)):
        found[row.case_key].append(News(seq=row.seq, kind=row.kind, at=row.at, text=row.text, lines=row.lines))
    return found


def _delivery(row: Row[Any]) -> DeliveryRecord:
    due_at: datetime | None = row.due_at if row.state in _WAITING else None
    return DeliveryRecord(
        delivery_id=row.id,
        case_key=row.case_key,
        destination=row.destination,
        state=row.state,
        external_id=row.external_id,
        label=row.label,
        url=row.url,
        attempts=row.attempts,
        due_at=due_at,
        reason=row.reason,
        detail=row.detail,
        updated_at=row.updated_at,
        generation=row.generation,
        previous=Ticket(**row.previous) if row.previous else None,
    )
