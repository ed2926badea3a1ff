"""Accounts of rows, and the walk over everything stored by which the balance is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, case, func, literal_column, select, union_all

from enricher.core.accounts import RowAccount
from enricher.core.balance import Audited, SourceBodies
from enricher.store.access import Access
from enricher.store.schema import alerts, case_alerts
from enricher.store.schema_accounts import intake_hours, repeats, row_accounts

CHUNK = 50
"""Alerts that are read at once, with their bodies: at most 250 MB if each is as large as any may be."""

HeldRows = Callable[[bytes], frozenset[int] | None]
"""The rows that a body holds; None for one that cannot be read."""


def accounts_of(conn: Connection, ids: Sequence[str]) -> dict[str, RowAccount]:
    """The accounts of some alerts, by id; none for what is not settled, or was before rows were counted."""
    query = select(row_accounts).where(row_accounts.c.alert_id.in_(ids), row_accounts.c.received.is_not(None))
    return {row.alert_id: _account(row) for row in conn.execute(query)}


def repeats_of(conn: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """How often some alerts were sent again (`times`) and when last (`last_at`), by id."""
    return {row.alert_id: row for row in conn.execute(select(repeats).where(repeats.c.alert_id.in_(ids)))}


def _account(row: Row[Any]) -> RowAccount:
    return RowAccount(
        received=row.received,
        total=row.total,
        cut=row.cut,
        in_cases=row.in_cases,
        repeats=row.repeats,
        dropped=row.dropped,
        set_aside=row.set_aside,
    )


class Auditor:
    """Reads what the balance is drawn from. Each statement sees one moment, so it may run beside a service at work."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def bodies(self) -> list[SourceBodies]:
        """Every source: its running counts, and the alerts that are there."""
        with self._access.read() as conn:
            return [
                SourceBodies(
                    source=row.source,
                    accepted=int(row.accepted),
                    forgotten=int(row.forgotten),
                    done=int(row.done),
                    open=int(row.open),
                    dead=int(row.dead),
                )
                for row in conn.execute(_BODIES)
            ]

    def alerts(self, held: HeldRows) -> Iterator[Audited]:
        """Every stored alert, oldest first; `held` reads its body."""
        after = ""
        while rows := self._chunk(after):
            for row in rows:
                yield _audited(row, held(row.body))
            after = rows[-1].id

    def _chunk(self, after: str) -> Sequence[Row[Any]]:
        with self._access.read() as conn:
            return conn.execute(_ALERTS.where(alerts.c.id > after).limit(CHUNK)).all()


def _audited(row: Row[Any], held: frozenset[int] | None) -> Audited:
    linked = (orjson.loads(numbers) for numbers in (row.linked or "").split(_BETWEEN) if numbers)
    return Audited(
        alert_id=row.id,
        state=row.state,
        kind=row.kind,
        reason=row.reason,
        held=held,
        in_cases=frozenset(number for numbers in linked for number in numbers),
        dropped=tuple(row.dropped_rows or ()),
        account=None if row.alert_id is None or row.received is None else _account(row),
        counted=row.alert_id is None or row.received is not None,
    )


_BETWEEN = ";"
"""Stands in no list of numbers."""
_LINKED = (
    select(func.aggregate_strings(case_alerts.c.rows, _BETWEEN))
    .where(case_alerts.c.alert_id == alerts.c.id)
    .scalar_subquery()
)
_ALERTS = (
    select(
        alerts.c.id,
        alerts.c.state,
        alerts.c.kind,
        alerts.c.reason,
        alerts.c.dropped.label("dropped_rows"),
        alerts.c.body,
        _LINKED.label("linked"),
        row_accounts,
    )
    .outerjoin(row_accounts, row_accounts.c.alert_id == alerts.c.id)
    .order_by(alerts.c.id)
)

_ZERO: ColumnElement[int] = literal_column("0")
_STATES: dict[str, ColumnElement[bool]] = {
    "done": alerts.c.state == "done",
    "open": alerts.c.state.in_(("stored", "working")),
    "dead": alerts.c.state == "dead",
}
_ENTRIES = union_all(
    select(
        intake_hours.c.source,
        intake_hours.c.accepted,
        intake_hours.c.forgotten,
        *(_ZERO.label(state) for state in _STATES),
    ),
    select(
        alerts.c.source,
        _ZERO.label("accepted"),
        _ZERO.label("forgotten"),
        *(case((is_so, 1), else_=0).label(state) for state, is_so in _STATES.items()),
    ),
).subquery()
_BODIES = (
    select(_ENTRIES.c.source, *(func.sum(_ENTRIES.c[name]).label(name) for name in ("accepted", "forgotten", *_STATES)))
    .group_by(_ENTRIES.c.source)
    .order_by(_ENTRIES.c.source)
)
