"""What has happened lately, in counts: each a range of an index, as long as what happened lately and not as what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, union_all

from enricher.model import Severity
from enricher.ports import Overview
from enricher.store.ids import first_id
from enricher.store.schema import DEAD, OPEN_ALERTS, OPEN_DELIVERIES, alerts, cases, deliveries
from enricher.store.schema_accounts import repeats
from enricher.store.searching import STATES

MOST_COUNTED = 1_000
"""Open cases of one severity are counted no further: nobody works through more, and counting them would take ever longer."""


def overview(conn: Connection, since: datetime) -> Overview:
    """As `ports.Overview` says."""
    first = first_id(since)
    opened = _opened(conn, first)
    return Overview(
        since=since,
        alerts=_alerts(conn, first),
        repeats=int(conn.execute(select(func.sum(repeats.c.times)).where(repeats.c.alert_id >= first)).scalar_one() or 0),
        opened=_added((severity, count) for (severity, _), count in opened.items()),
        became=_added((state, count) for (_, state), count in opened.items()),
        open_now=open_now(conn, MOST_COUNTED),
        most_counted=MOST_COUNTED,
        deliveries=_deliveries(conn, since),
    )


def _alerts(conn: Connection, first: str) -> dict[str, int]:
    """What is not open and not dead is done: so the many that are need only be counted, not looked at."""
    lately = alerts.c.id >= first
    total = _count(conn, select(func.count()).select_from(alerts).where(lately))
    by_state = select(alerts.c.state, func.count()).where(lately).group_by(alerts.c.state)
    found = {state: count for where in (OPEN_ALERTS, DEAD) for state, count in conn.execute(by_state.where(where))}
    return {"done": max(0, total - sum(found.values())), **found}


def _opened(conn: Connection, first: str) -> dict[tuple[str, str], int]:
    """Cases since then, by severity and state; all that were none of are left out."""
    parts = [_opened_as(severity.value, state, first) for severity in Severity for state in STATES]
    together = union_all(*parts).subquery()
    some = conn.execute(select(together).where(together.c.cases > 0))
    return {(severity, state): count for severity, state, count in some}


def _opened_as(severity: str, state: str, first: str) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [
        literal(severity).label("severity"),
        literal(state).label("state"),
        func.count().label("cases"),
    ]
    return select(*columns).where(cases.c.severity == severity, cases.c.state == state, cases.c.id >= first)


def open_now(conn: Connection, most: int) -> dict[str, int]:
    """Open cases by severity, each counted up to `most`."""
    found: dict[str, int] = {}
    for severity in Severity:
        is_open = (cases.c.severity == severity.value, cases.c.state == "open")
        some = select(literal(1)).select_from(cases).where(*is_open).limit(most).subquery()
        if count := _count(conn, select(func.count()).select_from(some)):
            found[severity.value] = count
    return found


def _deliveries(conn: Connection, since: datetime) -> dict[tuple[str, str], int]:
    by = (deliveries.c.destination, deliveries.c.state)
    told = (deliveries.c.state == "delivered", deliveries.c.updated_at >= since)
    wanted = (OPEN_DELIVERIES,), (DEAD,), told
    queries = [select(*by, func.count()).where(*where).group_by(*by) for where in wanted]
    return {(place, state): count for query in queries for place, state, count in conn.execute(query)}


def _added(counts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    added: Counter[str] = Counter()
    for name, count in counts:
        added[name] += count
    return dict(added)


def _count(conn: Connection, query: Select[Any]) -> int:
    return int(conn.execute(query).scalar_one())
