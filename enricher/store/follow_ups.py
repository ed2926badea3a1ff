"""What cases wait for: claimed under a lease, settled with the case it amends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, delete, null, select, update
from sqlalchemy import case as sql_case

from enricher.errors import Outdated
from enricher.ports import ClaimedFollowUp, FollowUp, Settlement
from enricher.store.access import Access
from enricher.store.asking import follow_up_id
from enricher.store.cases import Cases, case_locks
from enricher.store.database import FOLLOW_UPS, Transaction
from enricher.store.remember import host_locks, outdated
from enricher.store.schema import CASE_KEY, IS_TELLING, MOMENT, OPEN_FOLLOW_UPS, SUBJECT, TEXT, events, follow_ups
from enricher.store.statements import change, fetch


class FollowUps:
    """Implements `ports.FollowUps`."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta) -> None:
        self._access, self._cases, self._lease = access, cases, lease

    def claim(self, limit: int) -> list[ClaimedFollowUp]:
        self._access.claims(FOLLOW_UPS)
        if limit < 1:
            return []
        return self._access.write(lambda tx: self._take(tx, limit))

    def overtaken(self, claim: ClaimedFollowUp) -> bool:
        computer, _, guid = claim.subject.rpartition("|")
        with self._access.read() as conn:
            return bool(fetch(conn, _START, {"computer": computer, "process": guid}))

    def settle(
        self, claim: ClaimedFollowUp, settlement: Settlement, *, given_up: str | None = None, again_s: float | None = None
    ) -> bool:
        """As the port says. What the settlement wants of this very follow-up is not opened again: who waits on, says so."""
        locks = [*case_locks(settlement), *host_locks(settlement)]
        stored = self._access.write(lambda tx: self._settle(tx, claim, settlement, given_up, again_s), locks)
        if stored is None:
            raise Outdated(f"follow-up {claim.follow_up_id}: more is known of its computers by now")
        return stored

    def retry(self, claim: ClaimedFollowUp, reason: str, delay_s: float) -> None:
        self._access.write(lambda tx: self._wait(tx, claim, reason, delay_s))

    def drop(self, claim: ClaimedFollowUp) -> None:
        ours = (follow_ups.c.id == claim.follow_up_id, follow_ups.c.claims == claim.fence)
        self._access.write(lambda tx: tx.conn.execute(delete(follow_ups).where(*ours)))

    def _take(self, tx: Transaction, limit: int) -> list[ClaimedFollowUp]:
        due = {"now": tx.now, "limit": limit}
        taken = fetch(tx.conn, _TAKE, due | {"holder": self._access.holder, "due_at": tx.now + self._lease})
        return [
            ClaimedFollowUp(
                follow_up_id=row.id,
                case_key=row.case_key,
                kind=row.kind,
                subject=row.subject,
                opened_at=row.opened_at,
                attempts=row.attempts,
                fence=row.claims,
            )
            for row in sorted(taken, key=lambda row: (row.opened_at, row.id))
        ]

    def _settle(
        self, tx: Transaction, claim: ClaimedFollowUp, settlement: Settlement, given_up: str | None, again_s: float | None
    ) -> bool | None:
        """True: stored. False: not ours any more. None: outdated."""
        if outdated(tx, settlement.marks):
            return None
        if not (self._end(tx, claim, given_up) if again_s is None else self._wait(tx, claim, "waiting", again_s)):
            return False
        others = tuple(one for one in settlement.follow_ups if _id_of(one) != claim.follow_up_id)
        self._cases.store(tx, None, None, replace(settlement, follow_ups=others))
        return True

    def _end(self, tx: Transaction, claim: ClaimedFollowUp, given_up: str | None) -> bool:
        """End it, if it is still ours; what was wanted once more meanwhile waits again."""
        ended = {"ended": "given_up" if given_up else "done", "why": given_up, "now": tx.now}
        found = fetch(tx.conn, _END, _of(claim) | ended)
        if found and found[0].state == "waiting":
            tx.wakes.add(FOLLOW_UPS)
        return bool(found)

    def _wait(self, tx: Transaction, claim: ClaimedFollowUp, reason: str, delay_s: float) -> bool:
        """Let go of it until later, if it is still ours."""
        due = {"due_at": tx.now + timedelta(seconds=delay_s), "again_at": None}
        ours = change(tx.conn, _OURS, _of(claim) | {"holder": None, "state": "waiting", "reason": reason, **due}) == 1
        if ours:
            tx.wakes.add(FOLLOW_UPS)
        return ours


def _of(claim: ClaimedFollowUp) -> dict[str, Any]:
    return {"follow_up": claim.follow_up_id, "fence": claim.fence}


def _id_of(one: FollowUp) -> str:
    return follow_up_id(CASE_KEY.storable(one.case_key) or "", one.kind, SUBJECT.storable(one.subject) or "")


# --- its statements, built once ---------------------------------------------------------------------------------------

_NOW = bindparam("now", type_=MOMENT)
_DUE = (
    select(follow_ups.c.id)
    .where(OPEN_FOLLOW_UPS, follow_ups.c.due_at <= _NOW)
    .order_by(follow_ups.c.due_at, follow_ups.c.id)
)
_DUE_FREE = _DUE.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True).cte("due")
_START = (
    select(events.c.digest)
    .where(
        IS_TELLING,
        events.c.guid == bindparam("process"),
        events.c.computer == bindparam("computer"),
        events.c.event_id == 1,
    )
    .limit(1)
)
_TAKE = (
    update(follow_ups)
    .where(follow_ups.c.id.in_(select(_DUE_FREE.c.id)))
    .values(state="working", attempts=follow_ups.c.attempts + 1, claims=follow_ups.c.claims + 1, again_at=null())
    .returning(follow_ups)
)
_OURS = update(follow_ups).where(
    follow_ups.c.id == bindparam("follow_up"),
    follow_ups.c.state == "working",
    follow_ups.c.claims == bindparam("fence", type_=Integer),
)
_AGAIN = follow_ups.c.again_at.is_not(None)
_END = _OURS.values(
    state=sql_case((_AGAIN, "waiting"), else_=bindparam("ended")),
    reason=sql_case((_AGAIN, null()), else_=bindparam("why", type_=TEXT)),
    opened_at=sql_case((_AGAIN, _NOW), else_=follow_ups.c.opened_at),
    due_at=sql_case((_AGAIN, follow_ups.c.again_at), else_=follow_ups.c.due_at),
    attempts=sql_case((_AGAIN, 0), else_=follow_ups.c.attempts),
    again_at=null(),
    holder=null(),
).returning(follow_ups.c.state)
