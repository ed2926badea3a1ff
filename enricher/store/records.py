"""Rows of the database as the records that the API and the console show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from enricher.core.document import News
from enricher.core.work import NOBODY
from enricher.ports import CaseRecord, DeliveryRecord, Ticket
from enricher.store.feedback import feedback_of
from enricher.store.mutes import work_of
from enricher.store.parts import Question
from enricher.store.schema import case_alerts, deliveries, news
from enricher.store.statements import fetch_of

MAX_LINKED_ALERTS = 100
"""The newest alerts of a case that a record names; a noisy search can add one every minute for months."""
_WAITING = frozenset({"pending", "unknown"})


def case_records(conn: Connection, rows: Sequence[Row[Any]]) -> list[CaseRecord]:
    """Cases with all that belongs to them, from their rows; a fixed number of statements for each eight of them."""
    keys = [row.key for row in rows]
    items, said, work = news_of(conn, keys), feedback_of(conn, keys), work_of(conn, keys)
    sent: defaultdict[str, list[DeliveryRecord]] = defaultdict(list)
    by_name = select(deliveries).where(deliveries.c.case_key.in_(keys)).order_by(deliveries.c.destination)
    for row in conn.execute(by_name):
        sent[row.case_key].append(delivery_record(row))
    linked = _alerts_of(conn, keys)
    return [
        CaseRecord(
            key=row.key,
            state=row.state,
            document=row.document,
            news=tuple(items[row.key]),
            alerts=tuple(linked[row.key]),
            deliveries=tuple(sent[row.key]),
            opened_at=row.opened_at,
            updated_at=row.updated_at,
            feedback=said[row.key],
            work=work.get(row.key, NOBODY),
        )
        for row in rows
    ]


def _newest_alerts(number: int) -> Any:
    of_case = case_alerts.c.case_key == bindparam(f"case_{number}")
    linked = select(case_alerts.c.case_key, case_alerts.c.alert_id).where(of_case)
    return linked.order_by(case_alerts.c.alert_id.desc()).limit(MAX_LINKED_ALERTS)


_LINKED = Question(_newest_alerts)


def _alerts_of(conn: Connection, keys: Sequence[str]) -> defaultdict[str, list[str]]:
    """The newest alerts of each case, oldest of them first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in _LINKED.ask(conn, [{"case": key} for key in keys]):
        found[row.case_key].append(row.alert_id)
    return defaultdict(list, {key: sorted(ids) for key, ids in found.items()})


_NEWS = select(news).where(news.c.case_key.in_(bindparam("keys", expanding=True))).order_by(news.c.case_key, news.c.seq)


def news_of(conn: Connection, keys: Collection[str]) -> defaultdict[str, list[News]]:
    """All news of some cases, each case's by number."""
    found: defaultdict[str, list[News]] = defaultdict(list)
    for row in fetch_of(conn, _NEWS, "keys", list(keys)):
        found[row.case_key].append(News(seq=row.seq, kind=row.kind, at=row.at, text=row.text, lines=row.lines))
    return found


def delivery_record(row: Row[Any]) -> DeliveryRecord:
    """One delivery, from its row."""
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
