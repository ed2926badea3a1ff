"""Forgetting what is old. Cases, their news and their deliveries stay for good, and so does every dead letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Table, delete, exists, func, select, tuple_

from enricher.store.access import Access
from enricher.store.database import Transaction
from enricher.store.ids import first_id
from enricher.store.judgement import drift_days, query_versions
from enricher.store.schema import (
    alerts,
    case_alerts,
    case_aliases,
    cases,
    events,
    follow_ups,
    lookups,
    rotations,
    sightings,
    target_hosts,
)
from enricher.store.schema_accounts import repeats, row_accounts
from enricher.store.schema_watch import heartbeat_faults, heartbeats, silences
from enricher.store.tallies import fold, tally_forgotten
from enricher.store.uses import day_of

_LOCK = "purge"
CHUNK = 500
"""Rows a transaction: small enough that an alert being accepted hardly waits."""
LONG_GONE = timedelta(days=30)
"""A heartbeat may come once a week: one that only seems old is not forgotten, or nobody would miss it."""
_ENDED = follow_ups.c.state.in_(("done", "given_up"))
_LEADS_NOWHERE = ~exists().where(cases.c.key == case_aliases.c.case_key)


def purge(access: Access, before: datetime) -> dict[str, int]:
    """Delete finished alerts, events, contacts, rotations, follow-ups, silences and drift from before `before`, versions of queries
    last seen, and look-ups that expired before it; heartbeats that were not heard since, and not for 30 days.

    Running counts from before it are added up into one. Returns how many were deleted of each. A record that is sent again after its event was forgotten counts as new.
    """
    steps: dict[str, Callable[[Transaction], int]] = {
        "alerts": lambda tx: _alerts(tx, before),
        "events": lambda tx: _rows(tx, events, events.c.seen_at < before),
        "sightings": lambda tx: _rows(tx, sightings, sightings.c.at < before),
        "target_hosts": lambda tx: _rows(tx, target_hosts, target_hosts.c.last_at < before),
        "rotations": lambda tx: _rows(tx, rotations, rotations.c.since < before),
        "follow_ups": lambda tx: _rows(tx, follow_ups, _ENDED & (follow_ups.c.due_at < before)),
        "aliases": lambda tx: _rows(tx, case_aliases, _LEADS_NOWHERE),
        "drift": lambda tx: _oldest_day(tx, day_of(before)),
        "queries": lambda tx: _rows(tx, query_versions, query_versions.c.last_at < before),
        "silences": lambda tx: _rows(tx, silences, silences.c.ended_at < before),
        "heartbeats": lambda tx: _rows(tx, heartbeats, heartbeats.c.last_at < min(before, tx.now - LONG_GONE)),
        "heartbeat_faults": lambda tx: _rows(tx, heartbeat_faults, heartbeat_faults.c.at < before),
        "lookups": lambda tx: _rows(tx, lookups, lookups.c.expires_at < before),
    }
    forgotten = {name: _all_of_it(access, step) for name, step in steps.items()}
    access.write(lambda tx: fold(tx, before), [_LOCK])
    return forgotten


def _all_of_it(access: Access, step: Callable[[Transaction], int]) -> int:
    total = 0
    while deleted := access.write(step, [_LOCK]):
        total += deleted
    return total


def _alerts(tx: Transaction, before: datetime) -> int:
    finished = select(alerts.c.id).where(alerts.c.state == "done", alerts.c.id < first_id(before))
    ids = tx.conn.execute(finished.order_by(alerts.c.id).limit(CHUNK)).scalars().all()
    if not ids:
        return 0
    for table in (case_alerts, row_accounts, repeats):
        tx.conn.execute(delete(table).where(table.c.alert_id.in_(ids)))
    gone = tx.conn.execute(delete(alerts).where(alerts.c.id.in_(ids)).returning(alerts.c.source)).scalars()
    tally_forgotten(tx, Counter(gone))
    return len(ids)


def _oldest_day(tx: Transaction, before: datetime) -> int:
    """One day of drift: few rows, and no list of them to be compared with."""
    oldest = tx.conn.execute(select(func.min(drift_days.c.day)).where(drift_days.c.day < before)).scalar_one()
    if oldest is None:
        return 0
    return tx.conn.execute(delete(drift_days).where(drift_days.c.day == oldest)).rowcount


def _rows(tx: Transaction, table: Table, old: object) -> int:
    keys = list(table.primary_key.columns)
    found = [tuple(row) for row in tx.conn.execute(select(*keys).where(old).limit(CHUNK))]  # type: ignore[arg-type] # a condition
    if found:
        tx.conn.execute(delete(table).where(tuple_(*keys).in_(found)))
    return len(found)
