"""Running counts, added to in the transaction of what they count.

They are a second record, kept apart from the rows they count: the balance holds one to the other. Each process adds to rows
of its own, so no transaction waits for another's count, and none can lock another out. The statements are spelled out once
and handed to the driver as they are: one of them runs with every batch accepted and every alert settled.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Table, delete, func, select

from enricher.core.accounts import RowAccount
from enricher.ports import ClaimedAlert, Receipt, Settlement
from enricher.store.database import Transaction
from enricher.store.judgement import rule_days
from enricher.store.schema import MOMENT, MONITOR, NAME
from enricher.store.schema_accounts import intake_hours, monitor_hours, repeats, row_accounts

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The hour of what was added up: what `purge` folds together, and what was there before there were counts."""
FOLDED = ""
"""The process of it."""
_FOLDED_TABLES = (
    (intake_hours, "hour", ("accepted", "repeated", "forgotten")),
    (monitor_hours, "hour", ("alerts", "rows")),
    (rule_days, "day", ("matches",)),
)


class _Process:
    """A name for this process in the rows it adds to. A child has its own."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.name = secrets.token_hex(4)


_process = _Process()
os.register_at_fork(after_in_child=_process.renew)


def tally_intake(tx: Transaction, sources: Sequence[str], receipts: Sequence[Receipt]) -> None:
    """Count a batch as it was answered: what was accepted, and what was a repeat of which alert."""
    counted: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    again: Counter[str] = Counter()
    for source, receipt in zip(sources, receipts, strict=True):
        counted[source][receipt.duplicate] += 1
        if receipt.duplicate:
            again[receipt.alert_id] += 1
    for source, answers in counted.items():
        keys = {"source": source, "hour": _hour(tx.now), "process": _process.name}
        add(tx, intake_hours, keys, {"accepted": answers[False], "repeated": answers[True], "forgotten": 0}, tx.now)
    for alert_id, times in sorted(again.items()):  # by id, so that two processes cannot block each other
        add(tx, repeats, {"alert_id": alert_id}, {"times": times}, tx.now)


def account(tx: Transaction, claim: ClaimedAlert, settlement: Settlement, fresh: frozenset[int]) -> None:
    """Account for the rows of an alert that is settled in this transaction; `fresh` brought something never seen before."""
    kept = rows_in_cases(settlement)
    rows = _account_of(settlement, kept, fresh)
    monitor = MONITOR.storable(settlement.monitor) or ""
    row = {"alert_id": claim.alert_id, "monitor": monitor, **asdict(rows)}
    tx.conn.exec_driver_sql(_insert(tx.conn.dialect.name, row_accounts), _values(tx, row_accounts, row))
    keys = {
        "source": NAME.storable(claim.source),
        "monitor": monitor,
        "kind": NAME.storable(settlement.kind),
        "hour": _hour(tx.now),
        "process": _process.name,
    }
    add(tx, monitor_hours, keys, {"alerts": 1, "rows": rows.received}, claim.received_at)


def rows_in_cases(settlement: Settlement) -> frozenset[int]:
    """The rows that are in at least one of the cases."""
    return frozenset().union(*(document["rows"] for document in settlement.cases))


def _account_of(settlement: Settlement, kept: frozenset[int], fresh: frozenset[int]) -> RowAccount:
    return RowAccount(
        received=settlement.rows,
        total=settlement.rows_total,
        cut=settlement.cut,
        in_cases=len(kept & fresh),
        repeats=len(kept - fresh),
        dropped=len(settlement.dropped),
        set_aside=settlement.rows if settlement.set_aside else 0,
    )


def tally_forgotten(tx: Transaction, sources: Mapping[str, int]) -> None:
    """Count what was deleted of each source."""
    for source, count in sorted(sources.items()):
        keys = {"source": source, "hour": LONG_AGO, "process": FOLDED}
        add(tx, intake_hours, keys, {"accepted": 0, "repeated": 0, "forgotten": count}, LONG_AGO)


def fold(tx: Transaction, before: datetime) -> None:
    """Add up what was counted before `before`, by all processes, into one row of each source, of each monitor and kind, and
    of each tuning rule and mode.
    """
    for table, time, counts in _FOLDED_TABLES:
        names = [column.name for column in table.primary_key.columns if column.name not in {time, "process"}]
        old = (table.c[time] < before, table.c[time] > LONG_AGO)
        sums = [func.sum(table.c[name]).label(name) for name in counts]
        by = [table.c[name] for name in names]
        query = select(*by, *sums, func.max(table.c.last_at).label("last_at")).where(*old).group_by(*by)
        for row in tx.conn.execute(query).mappings().all():
            keys = {name: row[name] for name in names} | {time: LONG_AGO, "process": FOLDED}
            add(tx, table, keys, {name: int(row[name]) for name in counts}, row["last_at"])
        tx.conn.execute(delete(table).where(*old))


def add(tx: Transaction, table: Table, keys: Mapping[str, Any], counts: Mapping[str, int], at: datetime) -> None:
    """Add `counts` to the row of `keys`, made where it is missing; `last_at` becomes the later of the two."""
    statement = _add(tx.conn.dialect.name, table, tuple(counts))
    tx.conn.exec_driver_sql(statement, _values(tx, table, {**keys, **counts, "last_at": at}))


def add_of_process(tx: Transaction, table: Table, keys: Mapping[str, Any], counts: Mapping[str, int], at: datetime) -> None:
    """Like `add`, to the row of this process."""
    add(tx, table, {**keys, "process": _process.name}, counts, at)


def _values(tx: Transaction, table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The row as the driver takes it, in the order of the table's columns."""
    given = (row[column.name] for column in table.columns)
    return tuple(MOMENT.storable(value, tx.conn.dialect) if isinstance(value, datetime) else value for value in given)


@cache
def _add(dialect: str, table: Table, counts: tuple[str, ...]) -> str:
    keys = ", ".join(column.name for column in table.primary_key.columns)
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in counts)
    later = f"CASE WHEN excluded.last_at > {table.name}.last_at THEN excluded.last_at ELSE {table.name}.last_at END"
    return f"{_insert(dialect, table)} ON CONFLICT ({keys}) DO UPDATE SET {sums}, last_at = {later}"


@cache
def _insert(dialect: str, table: Table) -> str:
    names = [column.name for column in table.columns]
    places = ["?" if dialect == "sqlite" else "%s"] * len(names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(places)})"  # noqa: S608 - names of columns, and places


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
