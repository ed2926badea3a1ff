"""What is done by the clock, once for all processes: claimed under a lease, like work that came from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Integer, bindparam, delete, null, select, update

from enricher.ports import Chore, ClaimedChore
from enricher.store.access import Access
from enricher.store.database import CHORES, Transaction, add_new
from enricher.store.schema import MOMENT
from enricher.store.schema_upkeep import chores
from enricher.store.statements import change, fetch


class Chores:
    """Implements `ports.Chores`."""

    def __init__(self, access: Access, lease: timedelta) -> None:
        self._access, self._lease = access, lease

    def keep(self, recurring: Sequence[Chore]) -> None:
        self._access.write(lambda tx: _keep(tx, recurring))

    def plan(self, once: Sequence[Chore]) -> None:
        self._access.write(lambda tx: plan(tx, once))

    def claim(self, limit: int) -> list[ClaimedChore]:
        self._access.claims(CHORES)
        if limit < 1 or not self._any_due():
            return []
        return self._access.write(lambda tx: self._take(tx, limit))

    def done(self, claim: ClaimedChore, outcome: str) -> None:
        def end(tx: Transaction) -> None:
            if claim.every_s is None:
                ours = (chores.c.name == claim.name, chores.c.claims == claim.fence)
                tx.conn.execute(delete(chores).where(*ours))
            else:
                _let_go(tx, claim, outcome, claim.every_s)

        self._access.write(end)

    def later(self, claim: ClaimedChore, outcome: str, delay_s: float) -> None:
        self._access.write(lambda tx: _let_go(tx, claim, outcome, delay_s))

    def _any_due(self) -> bool:
        """A look costs less than a transaction, and there is seldom anything."""
        with self._access.read() as conn:
            return bool(fetch(conn, _ANY_DUE, {"now": self._access.now(conn)}))

    def _take(self, tx: Transaction, limit: int) -> list[ClaimedChore]:
        held = {"holder": self._access.holder, "due_at": tx.now + self._lease}
        taken = fetch(tx.conn, _TAKE, {"now": tx.now, "limit": limit} | held)
        return [
            ClaimedChore(
                name=row.name,
                kind=row.kind,
                subject=row.subject or {},
                every_s=row.every_s,
                tries=row.claims,
                fence=row.claims,
            )
            for row in sorted(taken, key=lambda row: str(row.name))
        ]


def plan(tx: Transaction, once: Iterable[Chore]) -> None:
    """Have these done, in the transaction that finds out that they are to be. By name, so that no two processes deadlock."""
    for chore in sorted(once, key=lambda chore: chore.name):
        due_at = tx.now + timedelta(seconds=chore.after_s)
        if chore.keeps and (_is_kept(tx, chore, due_at) or not chore.subject):
            continue
        wanted = {
            "kind": chore.kind,
            "subject": dict(chore.subject),
            "due_at": due_at,
        }
        if not change(tx.conn, _AGAIN, {"chore": chore.name, **wanted}):
            add_new(tx.conn, chores, [{"name": chore.name, "every_s": chore.every_s, "claims": 0, **wanted}])
        tx.wakes.add(CHORES)


def _is_kept(tx: Transaction, chore: Chore, due_at: datetime) -> bool:
    """Whether it is planned already. Then it is due by `due_at`; if somebody is at it, he is left to it."""
    if change(tx.conn, _SOONER, {"chore": chore.name, "due_at": due_at, "by": due_at}):
        tx.wakes.add(CHORES)
        return True
    return bool(fetch(tx.conn, _PLANNED, {"chore": chore.name}))


def _keep(tx: Transaction, recurring: Sequence[Chore]) -> None:
    stored = {row.name: row.every_s for row in tx.conn.execute(select(chores.c.name, chores.c.every_s).where(_RECURS))}
    wanted = {chore.name: chore for chore in recurring}
    gone = sorted(stored.keys() - wanted.keys())
    if gone:
        tx.conn.execute(delete(chores).where(_RECURS, chores.c.name.in_(gone)))
    plan(tx, [chore for name, chore in wanted.items() if name not in stored])
    for name, chore in wanted.items():
        if name in stored and stored[name] != chore.every_s and chore.every_s is not None:
            other = {"every_s": chore.every_s, "due_at": tx.now + timedelta(seconds=chore.every_s)}
            tx.conn.execute(update(chores).where(chores.c.name == name, chores.c.holder.is_(None)).values(**other))
            tx.wakes.add(CHORES)


def _let_go(tx: Transaction, claim: ClaimedChore, outcome: str, delay_s: float) -> None:
    due = {"due_at": tx.now + timedelta(seconds=delay_s), "ended_at": tx.now, "outcome": outcome, "holder": None}
    if change(tx.conn, _OURS, {"chore": claim.name, "fence": claim.fence, **due}):
        tx.wakes.add(CHORES)


# --- its statements, built once ---------------------------------------------------------------------------------------

_RECURS = chores.c.every_s.is_not(None)
_ONE = chores.c.name == bindparam("chore")
_IS_DUE = chores.c.due_at <= bindparam("now", type_=MOMENT)
_ANY_DUE = select(chores.c.name).where(_IS_DUE).limit(1)
_DUE = (
    select(chores.c.name)
    .where(_IS_DUE)
    .order_by(chores.c.due_at, chores.c.name)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE = update(chores).where(chores.c.name.in_(select(_DUE.c.name))).values(claims=chores.c.claims + 1).returning(chores)
_AGAIN = update(chores).where(_ONE, chores.c.every_s.is_(None)).values(claims=chores.c.claims + 1, holder=null())
_SOONER = update(chores).where(_ONE, chores.c.holder.is_(None), chores.c.due_at > bindparam("by", type_=MOMENT))
_PLANNED = select(chores.c.name).where(_ONE)
_OURS = update(chores).where(_ONE, chores.c.holder.is_not(None), chores.c.claims == bindparam("fence", type_=Integer))
