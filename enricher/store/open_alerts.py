"""Alerts that are open in Sumo Logic: which are asked about, on which computers they are, and what their cases say of missing rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, func, select, update

from enricher.core.requery import SOURCE, OpenAlert
from enricher.model import Kind
from enricher.store.access import Access
from enricher.store.cases import LOCKED_CASE, case_lock
from enricher.store.database import Transaction
from enricher.store.inbox import keys_of
from enricher.store.schema import NAME, alerts, case_alerts, cases
from enricher.store.schema_upkeep import chores
from enricher.store.statements import change, fetch

KIND = "requery"
"""The kind of the chore that asks again; one for each open alert."""
AT_ONCE = 500
_ROWS = "rows:"


class OpenAlerts:
    """Implements `ports.OpenAlerts`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def asked_about(self) -> list[OpenAlert]:
        with self._access.read() as conn:
            asked = {str(one["ref"]): one for one in conn.execute(_ASKED).scalars() if one and "since" in one}
            hosts: defaultdict[str, set[str]] = defaultdict(set)
            ended: dict[str, datetime] = {}
            for refs in _some(asked):
                for row in conn.execute(_HOSTS.where(alerts.c.alert_ref.in_(refs))):
                    hosts[row.alert_ref].add(row.host)
                ended |= {row.alert_ref: row.at for row in conn.execute(_ENDED.where(alerts.c.alert_ref.in_(refs)))}
        return [
            OpenAlert(
                ref=ref,
                alert_id=one["alert"],
                query=one.get("query"),
                grouped="group" in one,
                hosts=frozenset(hosts[ref]),
                ended_at=ended.get(ref),
            )
            for ref, one in sorted(asked.items())
        ]

    def ended_at(self, ref: str) -> datetime | None:
        with self._access.read() as conn:
            newest = conn.execute(_NEWEST, {"ref": NAME.storable(ref)}).one_or_none()
        at: datetime | None = newest.received_at if newest is not None and newest.kind == Kind.RECOVERY else None
        return at

    def say(self, alert_id: str, line: str) -> None:
        with self._access.read() as conn:
            keys = keys_of(conn, [alert_id]).get(alert_id, [])
        self._access.write(lambda tx: _say(tx, keys, line), [case_lock(key) for key in keys])


def _say(tx: Transaction, keys: Sequence[str], line: str) -> None:
    for key in sorted(keys):
        for stored in fetch(tx.conn, LOCKED_CASE, {"case": key}):
            missing = stored.document["missing"]
            if any(one.startswith(_ROWS) for one in missing):
                said = [line, *(one for one in missing if not one.startswith(_ROWS))]
                change(tx.conn, _DOCUMENT, {"case": key, "document": {**stored.document, "missing": said}})


def _some(refs: Iterable[str]) -> Iterator[list[str]]:
    left = iter(refs)
    while some := list(islice(left, AT_ONCE)):
        yield some


_ASKED = select(chores.c.subject).where(chores.c.kind == KIND)
_HOSTS: Any = (
    select(alerts.c.alert_ref, cases.c.host)
    .join(case_alerts, case_alerts.c.alert_id == alerts.c.id)
    .join(cases, cases.c.key == case_alerts.c.case_key)
    .distinct()
)
_ENDED = (
    select(alerts.c.alert_ref, func.max(alerts.c.received_at).label("at"))
    .where(alerts.c.kind == Kind.RECOVERY, alerts.c.source != SOURCE, alerts.c.state == "done")
    .group_by(alerts.c.alert_ref)
)
_NEWEST = (
    select(alerts.c.kind, alerts.c.received_at)
    .where(alerts.c.alert_ref == bindparam("ref"), alerts.c.source != SOURCE, alerts.c.state == "done")
    .order_by(alerts.c.received_at.desc(), alerts.c.id.desc())
    .limit(1)
)
_DOCUMENT = update(cases).where(cases.c.key == bindparam("case"))
