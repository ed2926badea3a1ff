"""Acceptance: a batch of bodies into the inbox, each once, whatever was sent twice.

Nearly everything that comes is under an identity never seen before. So a batch is first inserted as if all of it were,
by one statement that leaves out what is not; only what it left out is looked at more closely. That statement is spelled out
once for each size of batch and handed to the driver as it is: the committer's time is what limits how much is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.dialects.postgresql import psycopg

from enricher.ports import Receipt, Submission
from enricher.store.database import ALERTS, Transaction, add_new
from enricher.store.ids import new_id
from enricher.store.schema import MOMENT, NAME, TEXT, alerts
from enricher.store.tallies import tally_intake

_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Incoming:
    """A submission and its row, as far as its caller's own thread could make it for the committer; texts ready to be stored."""

    submission: Submission
    identity: bytes
    content: bytes
    row: dict[str, Any]

    @classmethod
    def of(cls, sent: Submission) -> Incoming:
        row_digests = b"".join(sorted(sent.row_digests))
        identity = sha256(sent.identity.encode("utf-8", "replace")).digest()
        content = sha256(row_digests).digest()
        row = {
            "identity": identity,
            "content": content,
            "row_digests": row_digests,
            "source": NAME.storable(sent.source),
            "kind": NAME.storable(sent.kind),
            "alert_ref": NAME.storable(sent.alert_ref),
            "trigger_type": NAME.storable(sent.trigger),
            "state": "stored" if sent.dead_reason is None else "dead",
            "attempts": 0,
            "claims": 0,
            "reason": TEXT.storable(sent.dead_reason),
            "size": len(sent.body),
            "body": sent.body,
        }
        return cls(sent, identity, content, row)


_COLUMNS = [column for column in alerts.columns if column.name not in {"holder", "dropped", "settled_at"}]
_values = itemgetter(*(column.name for column in _COLUMNS))
_POSTGRESQL = psycopg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own gap


@lru_cache(maxsize=128)
def _insert_unknown(dialect: str, rows: int) -> str:
    """Insert so many rows, but for those whose identity is there already."""
    if dialect == "sqlite":
        places = ["?"] * len(_COLUMNS)
    else:
        places = [f"%s::{column.type.compile(_POSTGRESQL)}" for column in _COLUMNS]
    row = f"({', '.join(places)})"
    names = ", ".join(column.name for column in _COLUMNS)
    # INSERT comes first, before WITH, or Python's sqlite3 would not count the rows.
    return (
        f"INSERT INTO alerts ({names}) "  # noqa: S608 - names of columns, and places for values
        f"WITH sent ({names}) AS (VALUES {', '.join([row] * rows)}) SELECT * FROM sent "
        "WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE alerts.identity = sent.identity) "
        "ON CONFLICT (identity, content) DO NOTHING"
    )


@dataclass(slots=True)
class _Stored:
    """What is stored under one identity, oldest first."""

    alerts: list[tuple[str, frozenset[bytes]]] = field(default_factory=list)

    def earlier(self, row_digests: frozenset[bytes]) -> str | None:
        """The alert that these rows repeat: one that has them all, else the last if together they do; None if any is new."""
        for alert_id, stored in self.alerts:
            if row_digests <= stored:
                return alert_id
        together = frozenset().union(*(stored for _, stored in self.alerts))
        return self.alerts[-1][0] if self.alerts and row_digests <= together else None

    def holds(self, alert_id: str) -> bool:
        return any(stored_id == alert_id for stored_id, _ in self.alerts)


def store_all(tx: Transaction, incoming: list[Incoming]) -> list[Receipt]:
    """Store those of a batch that bring something new, answer each, and count the answers."""
    receipts = _stored_or_known(tx, incoming)
    tally_intake(tx, [item.row["source"] for item in incoming], receipts)
    return receipts


def _stored_or_known(tx: Transaction, incoming: list[Incoming]) -> list[Receipt]:
    items = [(new_id(tx.now), item) for item in incoming]
    first: dict[bytes, tuple[str, Incoming]] = {}
    for alert_id, item in items:
        first.setdefault(item.identity, (alert_id, item))
    added = _add_unknown(tx, [first[identity] for identity in sorted(first)])
    if added:
        tx.wakes.add(ALERTS)
    if added == len(items):
        return [Receipt(alert_id=alert_id, duplicate=False) for alert_id, _ in items]
    return _store_the_rest(tx, items)


def _add_unknown(tx: Transaction, items: Sequence[tuple[str, Incoming]]) -> int:
    """Insert these, each of another identity and in the order of that, so that two processes cannot block each other."""
    dialect = tx.conn.dialect
    now = MOMENT.storable(tx.now, dialect)
    values: list[Any] = []
    for alert_id, item in items:
        values += _values(item.row | {"id": alert_id, "due_at": now, "received_at": now})
    return tx.conn.exec_driver_sql(_insert_unknown(dialect.name, len(items)), tuple(values)).rowcount


def _store_the_rest(tx: Transaction, items: Sequence[tuple[str, Incoming]]) -> list[Receipt]:
    """Some are under an identity that was there already, or that came twice in the batch: see whether they bring new rows."""
    stored = _stored(tx.conn, {item.identity for _, item in items})
    receipts: list[Receipt] = []
    fresh: dict[str, Incoming] = {}
    for alert_id, item in items:
        known = stored.setdefault(item.identity, _Stored())
        earlier = None if known.holds(alert_id) else known.earlier(item.submission.row_digests)
        receipts.append(Receipt(alert_id=earlier or alert_id, duplicate=earlier is not None))
        if earlier is None and not known.holds(alert_id):
            known.alerts.append((alert_id, item.submission.row_digests))
            fresh[alert_id] = item
    rows = [item.row | {"id": alert_id, "due_at": tx.now, "received_at": tx.now} for alert_id, item in fresh.items()]
    rows.sort(key=itemgetter("identity", "content"))
    added = add_new(tx.conn, alerts, rows, "identity", "content")
    if added:
        tx.wakes.add(ALERTS)
    lost = {alert_id: item for alert_id, item in fresh.items() if alert_id not in added}
    return _corrected(tx.conn, receipts, lost) if lost else receipts


def _stored(conn: Connection, identities: Iterable[bytes]) -> dict[bytes, _Stored]:
    known: dict[bytes, _Stored] = {}
    wanted = select(alerts.c.identity, alerts.c.id, alerts.c.row_digests).where(alerts.c.identity.in_(list(identities)))
    for row in conn.execute(wanted.order_by(alerts.c.id)):
        known.setdefault(row.identity, _Stored()).alerts.append((row.id, _split(row.row_digests)))
    return known


def _split(row_digests: bytes) -> frozenset[bytes]:
    return frozenset(row_digests[at : at + _DIGEST_BYTES] for at in range(0, len(row_digests), _DIGEST_BYTES))


def _corrected(conn: Connection, receipts: list[Receipt], lost: dict[str, Incoming]) -> list[Receipt]:
    """Another process stored the same alert first: point to that one."""
    keys = {(item.identity, item.content): alert_id for alert_id, item in lost.items()}
    wanted = select(alerts.c.id, alerts.c.identity, alerts.c.content).where(
        tuple_(alerts.c.identity, alerts.c.content).in_(list(keys))
    )
    winners = {keys[row.identity, row.content]: row.id for row in conn.execute(wanted)}
    return [
        Receipt(alert_id=winners[receipt.alert_id], duplicate=True) if receipt.alert_id in lost else receipt
        for receipt in receipts
    ]
