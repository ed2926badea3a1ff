"""Drift by day and versions of queries: counted in the transaction of the alert that showed them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from enricher.core.document import CaseDocument, DriftDoc
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.ports import ClaimedAlert, Settlement
from enricher.store.database import Transaction, insert_or_replace
from enricher.store.judgement import drift_days, query_versions
from enricher.store.schema import MONITOR, NAME
from enricher.store.statements import fetch
from enricher.store.tallies import add_of_process
from enricher.store.uses import day_of

MOST = 1_000
"""Records of one answer: the texts come from outside, and may be of any number."""
LONGEST = 100
"""Characters of a text of Sumo Logic's that are kept."""
SEEN_AGAIN = timedelta(minutes=5)
"""How exact the end of a query's use is: each alert need not write it."""


def count_drift(
    tx: Transaction, new: CaseDocument, stored: CaseDocument | None, merged: CaseDocument, fresh: frozenset[int]
) -> None:
    """Count a case that shows a difference for the first time, and the rows, never seen before, that bring it."""
    first = _differences(merged).keys() - (_differences(stored).keys() if stored else set())
    for difference, drift in sorted(_differences(new).items()):
        counts = {"cases": int(difference in first), "rows": len(fresh & {*drift.get("rows", ())})}
        if any(counts.values()):
            field, sumo, ours = difference
            keys = {"field": field, "sumo": sumo, "ours": ours, "reason": drift.get("reason") or "unknown"}
            add_of_process(tx, drift_days, {"day": day_of(tx.now), **keys}, counts, tx.now)


def _differences(document: CaseDocument) -> dict[tuple[str, str, str], DriftDoc]:
    return {
        (
            drift["field"],
            (NAME.storable(drift["sumo"]) or "")[:LONGEST],
            (NAME.storable(drift["ours"]) or "")[:LONGEST],
        ): drift
        for drift in document["drift"]
    }


def note_query(tx: Transaction, claim: ClaimedAlert, settlement: Settlement) -> None:
    """Note the version of its monitor's query that an alert came from."""
    if settlement.query is None:
        return
    keys = {
        "source": NAME.storable(claim.source) or "",
        "monitor": MONITOR.storable(settlement.monitor) or "",
        "digest": settlement.query,
    }
    known = next(iter(fetch(tx.conn, _VERSION, keys)), None)
    if known is None or not known.first_at <= claim.received_at < known.last_at + SEEN_AGAIN:
        first = min(known.first_at, claim.received_at) if known else claim.received_at
        last = max(known.last_at, claim.received_at) if known else claim.received_at
        row = {**keys, "first_at": first, "last_at": last}
        tx.conn.execute(insert_or_replace(tx.conn.dialect.name, query_versions), row)


def drift_since(conn: Connection, since: datetime) -> list[DriftRecord]:
    """The newest day first, the most rows of a day ahead."""
    by = [drift_days.c[name] for name in ("day", "field", "sumo", "ours", "reason")]
    sums = [func.sum(drift_days.c[name]).label(name) for name in ("cases", "rows")]
    query = select(*by, *sums).where(drift_days.c.day >= day_of(since)).group_by(*by)
    newest = query.order_by(drift_days.c.day.desc(), func.sum(drift_days.c.rows).desc(), *by[1:]).limit(MOST)
    return [
        DriftRecord(
            day=row.day.date(),
            field=row.field,
            sumo=row.sumo,
            ours=row.ours,
            reason=row.reason,
            cases=int(row.cases),
            rows=int(row.rows),
        )
        for row in conn.execute(newest)
    ]


def queries_since(conn: Connection, since: datetime) -> list[QueryVersion]:
    """By source and monitor, the one last seen first."""
    columns = query_versions.c
    query = select(query_versions).where(columns.last_at >= since)
    ordered = query.order_by(columns.source, columns.monitor, columns.last_at.desc(), columns.digest).limit(MOST)
    return [
        QueryVersion(
            source=row.source,
            monitor=row.monitor or None,
            digest=row.digest,
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in conn.execute(ordered)
    ]


_VERSION = select(query_versions.c.first_at, query_versions.c.last_at).where(
    query_versions.c.source == bindparam("source"),
    query_versions.c.monitor == bindparam("monitor"),
    query_versions.c.digest == bindparam("digest"),
)
