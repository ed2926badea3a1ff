"""The inbox: alerts accepted durably, claimed under a lease, settled once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, select, update

from enricher.errors import Outdated, TriggerPending
from enricher.model import Kind
from enricher.ports import AlertRecord, ClaimedAlert, Receipt, Settlement, Submission
from enricher.store.access import Access
from enricher.store.accounting import accounts_of, repeats_of
from enricher.store.canaries import canary_settled
from enricher.store.cases import Cases, case_locks
from enricher.store.chores import plan
from enricher.store.database import ALERTS, Transaction
from enricher.store.drift import note_query
from enricher.store.intake import Incoming, store_all
from enricher.store.remember import host_locks, outdated
from enricher.store.schema import MOMENT, OPEN_ALERTS, alerts, case_alerts
from enricher.store.silence import note_vital
from enricher.store.statements import change, fetch
from enricher.store.tallies import account

RECORD = [column for column in alerts.columns if column.name not in {"body", "row_digests", "identity", "content"}]


class Inbox:
    """Implements `ports.Inbox`."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta) -> None:
        self._access, self._cases, self._lease = access, cases, lease

    def accept(self, submission: Submission) -> Receipt:
        return self._access.write_together(store_all, Incoming.of(submission))

    def claim(self, limit: int) -> list[ClaimedAlert]:
        self._access.claims(ALERTS)
        if limit < 1:
            return []
        return self._access.write(lambda tx: self._take(tx, limit))

    def settle(self, claim: ClaimedAlert, settlement: Settlement) -> bool:
        """As the port says. Raises TriggerPending for a recovery whose trigger has not been settled yet."""
        locks = [*case_locks(settlement), *host_locks(settlement)]
        if ref := claim.alert_ref or settlement.alert_ref:
            locks.append(f"ref {ref}")
        stored = self._access.write(lambda tx: self._settle(tx, claim, ref, settlement), locks)
        if stored is None:
            if settlement.recovers:
                raise TriggerPending(f"the alert that {claim.alert_id} ends is still waiting")
            raise Outdated(f"alert {claim.alert_id}: more is known of its computers by now")
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

    def _take(self, tx: Transaction, limit: int) -> list[ClaimedAlert]:
        due = {"now": tx.now, "limit": limit}
        taken = fetch(tx.conn, _TAKE, due | {"holder": self._access.holder, "due_at": tx.now + self._lease})
        return [
            ClaimedAlert(
                alert_id=row.id,
                body=row.body,
                source=row.source,
                alert_ref=row.alert_ref,
                received_at=row.received_at,
                attempts=row.attempts,
                fence=row.claims,
            )
            for row in sorted(taken, key=lambda row: row.id)
        ]

    def _settle(self, tx: Transaction, claim: ClaimedAlert, ref: str | None, settlement: Settlement) -> bool | None:
        """True: stored. False: not ours any more. None: too early for a recovery, too late for anything else."""
        if settlement.recovers and self._cases.trigger_pending(tx, settlement.recovers, claim.alert_id):
            self._hold(tx, claim, attempts=claim.attempts - 1)  # to have waited is no failed attempt
            return None
        if not settlement.recovers and outdated(tx, settlement.marks):
            return None
        done = {"kind": settlement.kind, "alert_ref": ref, "dropped": list(settlement.dropped)}
        ours = self._end(tx, claim, state="done", settled_at=tx.now, reason=None, **done)
        if ours:
            account(tx, claim, settlement, self._cases.store(tx, claim.alert_id, ref, settlement))
            note_query(tx, claim, settlement)
            plan(tx, settlement.chores)
            note_vital(tx, claim.source, settlement.vital)
            if settlement.kind == Kind.CANARY:
                canary_settled(tx, settlement.canary, claim.alert_id, claim.received_at)
        return ours

    def _end(self, tx: Transaction, claim: ClaimedAlert, **values: Any) -> bool:
        """Let go of a claim, if it is still ours."""
        return self._hold(tx, claim, holder=None, **values)

    def _hold(self, tx: Transaction, claim: ClaimedAlert, **values: Any) -> bool:
        """Write to a claimed alert, if the claim is still ours."""
        ours = {"alert": claim.alert_id, "fence": claim.fence}
        return change(tx.conn, _OURS, ours | values) == 1


_DUE = (
    select(alerts.c.id)
    .where(OPEN_ALERTS, alerts.c.due_at <= bindparam("now", type_=MOMENT))
    .order_by(alerts.c.due_at, alerts.c.id)
)
_DUE_FREE = _DUE.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True).cte("due")
_TAKE = (
    update(alerts)
    .where(alerts.c.id.in_(select(_DUE_FREE.c.id)))
    .values(state="working", attempts=alerts.c.attempts + 1, claims=alerts.c.claims + 1)
    .returning(*(alerts.c[name] for name in ("id", "body", "source", "alert_ref", "received_at", "attempts", "claims")))
)
_OURS = update(alerts).where(
    alerts.c.id == bindparam("alert"), alerts.c.state == "working", alerts.c.claims == bindparam("fence")
)


def keys_of(conn: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The keys of some alerts' cases, by the alert's id."""
    keys: dict[str, list[str]] = {}
    links = select(case_alerts).where(case_alerts.c.alert_id.in_(ids)).order_by(case_alerts.c.case_key)
    for link in conn.execute(links):
        keys.setdefault(link.alert_id, []).append(link.case_key)
    return keys


def records(conn: Connection, rows: Sequence[Row[Any]]) -> list[AlertRecord]:
    """Alerts as the API shows them, with the keys of their cases."""
    ids = [row.id for row in rows]
    keys = keys_of(conn, ids)
    accounts, again = accounts_of(conn, ids), repeats_of(conn, ids)
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
            rows=accounts.get(row.id),
            repeats=again[row.id].times if row.id in again else 0,
            repeated_at=again[row.id].last_at if row.id in again else None,
        )
        for row in rows
    ]
