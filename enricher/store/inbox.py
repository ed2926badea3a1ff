"""The inbox: alerts accepted durably, claimed under a lease, settled once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_, update

from enricher.errors import TriggerPending
from enricher.ports import AlertRecord, ClaimedAlert, Receipt, Settlement, Submission
from enricher.store.access import Access
from enricher.store.cases import Cases, case_lock
from enricher.store.database import ALERTS, Transaction, add_new
from enricher.store.ids import new_id
from enricher.store.schema import OPEN_ALERTS, alerts, case_alerts

_DIGEST_BYTES = 8
RECORD = [column for column in alerts.columns if column.name not in {"body", "row_digests", "identity", "content"}]


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A submission, with what its caller's own thread could work out for the committer."""

    submission: Submission
    identity: bytes
    content: bytes
    row_digests: bytes

    @classmethod
    def of(cls, submission: Submission) -> _Incoming:
        row_digests = b"".join(sorted(submission.row_digests))
        identity = hashlib.sha256(submission.identity.encode("utf-8", "replace")).digest()
        return cls(submission, identity, hashlib.sha256(row_digests).digest(), row_digests)

    def row(self, alert_id: str, tx: Transaction) -> dict[str, Any]:
        sent = self.submission
        return {
            "id": alert_id,
            "identity": self.identity,
            "content": self.content,
            "row_digests": self.row_digests,
            "source": sent.source,
            "kind": sent.kind,
            "alert_ref": sent.alert_ref,
            "trigger_type": sent.trigger,
            "state": "stored" if sent.dead_reason is None else "dead",
            "attempts": 0,
            "claims": 0,
            "due_at": tx.now,
            "reason": sent.dead_reason,
            "received_at": tx.now,
            "size": len(sent.body),
            "body": sent.body,
        }


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


class Inbox:
    """Implements `ports.Inbox`."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta) -> None:
        self._access, self._cases, self._lease = access, cases, lease

    def accept(self, submission: Submission) -> Receipt:
        return self._access.write_together(_store_all, _Incoming.of(submission))

    def claim(self, limit: int) -> list[ClaimedAlert]:
        self._access.claims(ALERTS)
        if limit < 1 or not self._anything_due():
            return []
        return self._access.write(lambda tx: self._take(tx, limit))

    def settle(self, claim: ClaimedAlert, settlement: Settlement) -> bool:
        """As the port says. Raises TriggerPending for a recovery whose trigger has not been settled yet."""
        locks = [case_lock(case["key"]) for case in settlement.cases]
        with self._access.read() as conn:
            ref = conn.execute(select(alerts.c.alert_ref).where(alerts.c.id == claim.alert_id)).scalar_one_or_none()
        if ref:
            locks.append(f"ref {ref}")
        stored = self._access.write(lambda tx: self._settle(tx, claim, ref, settlement), locks)
        if stored is None:
            raise TriggerPending(f"the alert that {claim.alert_id} ends is still waiting")
        return stored

    def retry(self, claim: ClaimedAlert, reason: str, delay_s: float) -> None:
        def give_back(tx: Transaction) -> None:
            due_at = tx.now + timedelta(seconds=delay_s)
            if self._end(tx, claim, state="stored", due_at=due_at, reason=reason):
                tx.wakes.add(ALERTS)

        self._access.write(give_back)

    def bury(self, claim: ClaimedAlert, reason: str) -> None:
        self._access.write(lambda tx: self._end(tx, claim, state="dead", reason=reason))

    def get(self, alert_id: str) -> AlertRecord | None:
        with self._access.read() as conn:
            found = records(conn, conn.execute(select(*RECORD).where(alerts.c.id == alert_id)).all())
        return found[0] if found else None

    def body(self, alert_id: str) -> bytes | None:
        with self._access.read() as conn:
            return conn.execute(select(alerts.c.body).where(alerts.c.id == alert_id)).scalar_one_or_none()

    def _anything_due(self) -> bool:
        """Look before writing: an idle claim must not commit, or every claim would wake all the others."""
        with self._access.read() as conn:
            due = select(alerts.c.id).where(OPEN_ALERTS, alerts.c.due_at <= self._access.now(conn)).limit(1)
            return conn.execute(due).first() is not None

    def _take(self, tx: Transaction, limit: int) -> list[ClaimedAlert]:
        due = (
            select(alerts.c.id)
            .where(OPEN_ALERTS, alerts.c.due_at <= tx.now)
            .order_by(alerts.c.due_at, alerts.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = tx.conn.execute(due).scalars().all()
        take = (
            update(alerts)
            .where(alerts.c.id.in_(ids))
            .values(
                state="working",
                attempts=alerts.c.attempts + 1,
                claims=alerts.c.claims + 1,
                holder=self._access.holder,
                due_at=tx.now + self._lease,
            )
            .returning(
                alerts.c.id, alerts.c.body, alerts.c.source, alerts.c.received_at, alerts.c.attempts, alerts.c.claims
            )
        )
        taken = tx.conn.execute(take).all() if ids else []
        return [
            ClaimedAlert(
                alert_id=row.id,
                body=row.body,
                source=row.source,
                received_at=row.received_at,
                attempts=row.attempts,
                fence=row.claims,
            )
            for row in sorted(taken, key=lambda row: row.id)
        ]

    def _settle(self, tx: Transaction, claim: ClaimedAlert, ref: str | None, settlement: Settlement) -> bool | None:
        """True: stored. False: not ours any more. None: too early."""
        if settlement.recovers and self._cases.trigger_pending(tx, settlement.recovers, claim.alert_id):
            self._hold(tx, claim, attempts=claim.attempts - 1)  # to have waited is no failed attempt
            return None
        dropped = list(settlement.dropped)
        ours = self._end(tx, claim, state="done", kind=settlement.kind, dropped=dropped, settled_at=tx.now, reason=None)
        if ours:
            self._cases.store(tx, claim.alert_id, ref, settlement)
        return ours

    def _end(self, tx: Transaction, claim: ClaimedAlert, **values: Any) -> bool:
        """Let go of a claim, if it is still ours."""
        return self._hold(tx, claim, holder=None, **values)

    def _hold(self, tx: Transaction, claim: ClaimedAlert, **values: Any) -> bool:
        """Write to a claimed alert, if the claim is still ours."""
        ours = (alerts.c.id == claim.alert_id, alerts.c.state == "working", alerts.c.claims == claim.fence)
        return tx.conn.execute(update(alerts).where(*ours).values(**values)).rowcount == 1


def _store_all(tx: Transaction, incoming: list[_Incoming]) -> list[Receipt]:
    """Store those of a batch that bring something new, and answer each."""
    stored = _stored(tx.conn, {item.identity for item in incoming})
    receipts: list[Receipt] = []
    fresh: dict[str, _Incoming] = {}
    for item in incoming:
        known = stored.setdefault(item.identity, _Stored())
        earlier = known.earlier(item.submission.row_digests)
        alert_id = earlier or new_id(tx.now)
        receipts.append(Receipt(alert_id=alert_id, duplicate=earlier is not None))
        if earlier is None:
            known.alerts.append((alert_id, item.submission.row_digests))
            fresh[alert_id] = item
    in_one_order = sorted(fresh.items(), key=lambda pair: (pair[1].identity, pair[1].content))
    rows = [item.row(alert_id, tx) for alert_id, item in in_one_order]
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


def _corrected(conn: Connection, receipts: list[Receipt], lost: dict[str, _Incoming]) -> list[Receipt]:
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


def records(conn: Connection, rows: Sequence[Row[Any]]) -> list[AlertRecord]:
    """Alerts as the API shows them, with the keys of their cases."""
    keys: dict[str, list[str]] = {}
    links = select(case_alerts).where(case_alerts.c.alert_id.in_([row.id for row in rows])).order_by(case_alerts.c.case_key)
    for link in conn.execute(links):
        keys.setdefault(link.alert_id, []).append(link.case_key)
    return [
        AlertRecord(
            alert_id=row.id,
            state=row.state,
            kind=row.kind,
            source=row.source,
            received_at=row.received_at,
            attempts=row.attempts,
            reason=row.reason,
            cases=tuple(keys.get(row.id, ())),
            dropped=tuple(row.dropped or ()),
            size=row.size,
        )
        for row in rows
    ]
