"""What each webhook source and each of its monitors has sent, from the running counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, case, func, select

from enricher.core.accounts import MonitorRecord, RowAccount, SourceRecord
from enricher.store.accounting import accounts_of
from enricher.store.schema import DEAD, alerts
from enricher.store.schema_accounts import intake_hours, monitor_hours, row_accounts

HOURS = 24
MOST_MONITORS = 100
"""Of one source: those heard last. A template that puts a changing text in the name's place can make any number."""
NEWEST = 500
"""Settled alerts that are looked through for the newest of each monitor."""

Newest = dict[tuple[str, str], RowAccount]
"""By source and monitor."""


def sources_of(conn: Connection, now: datetime, *, monitors: bool) -> list[SourceRecord]:
    """Every source that has ever sent, by name; without `monitors`, only what is known of it as a whole."""
    since = now - timedelta(hours=HOURS)
    heard = _sums(intake_hours, ("source",), ("accepted", "repeated"), "accepted", since)
    name = func.coalesce(alerts.c.source, "").label(
        "source"
    )  # by the bare column SQLite would read the index of all alerts
    dead = select(name, func.count().label("alerts")).where(DEAD).group_by(name)
    dead_by_source = {row.source: row.alerts for row in conn.execute(dead)}
    settled = _settled(conn, since) if monitors else {}
    newest = _newest(conn) if monitors else {}
    return [
        _source(row, dead_by_source.get(row.source, 0), settled.get(row.source, []), newest)
        for row in conn.execute(heard.order_by(intake_hours.c.source))
    ]


def _settled(conn: Connection, since: datetime) -> dict[str, list[Row[Any]]]:
    """What was settled of each source, by monitor and kind."""
    query = _sums(monitor_hours, ("source", "monitor", "kind"), ("alerts", "rows"), "alerts", since)
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in conn.execute(query):
        found[row.source].append(row)
    return found


def _newest(conn: Connection) -> Newest:
    """The rows of each monitor's newest alert, as far as it is among the newest of all."""
    query = (
        select(row_accounts.c.alert_id, row_accounts.c.monitor, alerts.c.source)
        .join(alerts, alerts.c.id == row_accounts.c.alert_id)
        .order_by(row_accounts.c.alert_id.desc())
        .limit(NEWEST)
    )
    ids: dict[tuple[str, str], str] = {}
    for row in conn.execute(query):
        ids.setdefault((row.source, row.monitor), row.alert_id)
    accounts = accounts_of(conn, list(ids.values()))
    return {key: accounts[alert_id] for key, alert_id in ids.items() if alert_id in accounts}


def _sums(table: Table, keys: tuple[str, ...], counts: tuple[str, ...], rated: str, since: datetime) -> Select[Any]:
    """Add up the hours by `keys`; `recent` is what of `rated` came in hours that began after `since`."""
    by = [table.c[name] for name in keys]
    sums = [func.sum(table.c[name]).label(name) for name in counts]
    recent = func.sum(case((table.c.hour > since, table.c[rated]), else_=0)).label("recent")
    return select(*by, *sums, recent, func.max(table.c.last_at).label("last_at")).group_by(*by)


def _source(heard: Row[Any], dead: int, settled: list[Row[Any]], newest: Newest) -> SourceRecord:
    by_monitor: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in settled:
        by_monitor[row.monitor].append(row)
    every = (_monitor(name, rows, newest.get((heard.source, name))) for name, rows in by_monitor.items())
    monitors = sorted(every, key=lambda monitor: monitor.last_at, reverse=True)
    return SourceRecord(
        source=heard.source,
        last_at=heard.last_at,
        alerts=int(heard.accepted),
        dead=dead,
        repeats=int(heard.repeated),
        rows=sum(int(row.rows) for row in settled),
        per_hour=_rate(int(heard.recent)),
        kinds=_kinds(settled),
        monitors=tuple(monitors[:MOST_MONITORS]),
    )


def _monitor(name: str, rows: list[Row[Any]], newest: RowAccount | None) -> MonitorRecord:
    return MonitorRecord(
        monitor=name or None,
        last_at=max(row.last_at for row in rows),
        alerts=sum(int(row.alerts) for row in rows),
        rows=sum(int(row.rows) for row in rows),
        per_hour=_rate(sum(int(row.recent) for row in rows)),
        kinds=_kinds(rows),
        newest=newest,
    )


def _kinds(rows: Iterable[Row[Any]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row.kind] += int(row.alerts)
    return dict(sorted(counted.items()))


def _rate(alerts_of_a_day: int) -> float:
    return round(alerts_of_a_day / HOURS, 2)
