"""Claiming deliveries: those that are due, as far as the destination's health and rate allow; in a burst, many as one.

Where the rate is what holds them up, cases that nobody has been told of come first, the worst before the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, Update, and_, bindparam, func, or_, select, update
from sqlalchemy import case as sql_case

from enricher.core.document import CaseDocument
from enricher.core.work import NOBODY
from enricher.errors import OUTCOME_OF, Outcome
from enricher.model import Severity
from enricher.ports import Delivery, Ticket
from enricher.store.database import Transaction
from enricher.store.health import Healths
from enricher.store.mutes import work_of
from enricher.store.records import news_of
from enricher.store.schema import MOMENT, OPEN_DELIVERIES, cases, deliveries
from enricher.store.statements import fetch, fetch_of

MANY = 40
"""Cases that one ticket is opened for at most."""

Unit = list[Any]
"""Rows of deliveries that are worked on as one."""


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes deliveries for a lease. What it takes is in doubt where an earlier claim has no known end."""

    healths: Healths
    lease: timedelta

    def take(self, tx: Transaction, holder: str, destination: str, limit: int, burst: int) -> list[list[Delivery]]:
        """Up to `limit` units of work. A unit is one delivery, but for new ones where more than `burst` of them are due: up to
        40 of these whose case is below high are one unit, to be told of in one ticket. 0: never.
        """
        turn = self.healths.turn(tx, destination, limit)
        if turn.room < 1:
            return []
        claim = _Claim(tx, {"to": destination, "now": tx.now, "holder": holder, "due_at": tx.now + self.lease})
        if burst and not turn.probing and claim.count_new(burst + 1) > burst:
            units = claim.take_burst(turn.room)
        else:
            units = claim.take(_TAKE_WORST if turn.paced else _TAKE, turn.room)
        self.healths.spend(tx, destination, turn, len(units))
        return sorted(_with_cases(tx, units), key=_untold_and_worst_first)


@dataclass(frozen=True, slots=True)
class _Claim:
    """One claim, with the values that all its statements share."""

    tx: Transaction
    values: dict[str, Any]

    def take(self, statement: Update, limit: int) -> list[Unit]:
        return [[row] for row in self._take(statement, limit)] if limit else []

    def take_burst(self, room: int) -> list[Unit]:
        """High and critical ones go alone and first, the others together, and what has a ticket already comes last."""
        units = self.take(_TAKE_URGENT, room)
        while len(units) < room and (many := self._take(_TAKE_MANY, MANY)):
            units.append(many)
        return units + self.take(_TAKE_BEGUN, room - len(units))

    def count_new(self, limit: int) -> int:
        due = {name: self.values[name] for name in ("to", "now")}
        return len(fetch(self.tx.conn, _NEW, {**due, "limit": limit}))

    def _take(self, statement: Update, limit: int) -> Unit:
        taken = fetch(self.tx.conn, statement, {**self.values, "updated_at": self.tx.now, "limit": limit})
        return sorted(taken, key=lambda row: str(row.id))


# --- its statements, built once ---------------------------------------------------------------------------------------

_NOW = bindparam("now", type_=MOMENT)
_DUE = select(deliveries.c.id).where(
    OPEN_DELIVERIES, deliveries.c.destination == bindparam("to"), deliveries.c.due_at <= _NOW
)
_LIMIT = bindparam("limit", type_=Integer)
_REFUSED = [reason.value for reason, outcome in OUTCOME_OF.items() if outcome is Outcome.REJECTED]
_IS_NEW = and_(
    deliveries.c.external_id.is_(None),
    deliveries.c.claims == deliveries.c.settled_claims,
    or_(deliveries.c.reason.is_(None), and_(*(deliveries.c.reason != reason for reason in _REFUSED))),
)
"""It has no ticket for certain, and may be one of many: what was refused together goes alone."""
_SEVERITY = select(cases.c.severity).where(cases.c.key == deliveries.c.case_key).scalar_subquery()
_IS_URGENT = or_(_SEVERITY == "critical", _SEVERITY == "high")
_WORST_FIRST = sql_case({"critical": 0, "high": 1, "medium": 2}, value=_SEVERITY, else_=3)
_UNTOLD_FIRST = sql_case((deliveries.c.external_id.is_(None), _WORST_FIRST), else_=4)
_NEW = _DUE.where(_IS_NEW).limit(_LIMIT)
_IN_DOUBT = deliveries.c.claims > deliveries.c.settled_claims
_LEFT_BEHIND = deliveries.c.state == "sending"
"""Its holder died, at some time before its lease ended."""
_DOUBT_SINCE = func.coalesce(deliveries.c.doubt_since, deliveries.c.claimed_at)


def _taking(due: Select[Any]) -> Update:
    """Claim the first of these, and say what they are."""
    free = due.limit(_LIMIT).with_for_update(skip_locked=True, of=deliveries).cte("due")
    return (
        update(deliveries)
        .where(deliveries.c.id.in_(select(free.c.id)))
        .values(
            state="sending",
            attempts=deliveries.c.attempts + 1,
            claims=deliveries.c.claims + 1,
            doubt_since=sql_case((~_IN_DOUBT, None), (_LEFT_BEHIND, deliveries.c.due_at), else_=_DOUBT_SINCE),
            tried_at=sql_case((deliveries.c.claims == 0, _NOW), else_=deliveries.c.tried_at),
            claimed_at=_NOW,
        )
        .returning(deliveries)
    )


_TAKE = _taking(_DUE.order_by(deliveries.c.due_at))
_TAKE_WORST = _taking(_DUE.order_by(_UNTOLD_FIRST, deliveries.c.due_at))
_TAKE_URGENT = _taking(_DUE.where(_IS_NEW, _IS_URGENT).order_by(_WORST_FIRST, deliveries.c.due_at))
_TAKE_MANY = _taking(_DUE.where(_IS_NEW, ~_IS_URGENT).order_by(_WORST_FIRST, deliveries.c.due_at))
_TAKE_BEGUN = _taking(_DUE.where(~_IS_NEW).order_by(deliveries.c.due_at))

_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_DOCUMENTS = select(cases.c.key, cases.c.document).where(cases.c.key.in_(_KEYS))
_TICKETS = select(
    deliveries.c.case_key, deliveries.c.destination, deliveries.c.external_id, deliveries.c.label, deliveries.c.url
).where(deliveries.c.case_key.in_(_KEYS), deliveries.c.external_id.is_not(None))


def _with_cases(tx: Transaction, units: Sequence[Unit]) -> list[list[Delivery]]:
    """Add to claimed rows what a destination needs to know of their cases."""
    keys = sorted({row.case_key for row in chain.from_iterable(units)})
    if not keys:
        return []
    documents: dict[str, CaseDocument] = {row.key: row.document for row in fetch_of(tx.conn, _DOCUMENTS, "keys", keys)}
    items, work = news_of(tx.conn, keys), work_of(tx.conn, keys, tx.now)
    tickets = _tickets(tx.conn, keys)

    def whole(row: Any) -> Delivery:
        return Delivery(
            delivery_id=row.id,
            destination=row.destination,
            case=documents[row.case_key],
            news=tuple(items[row.case_key]),
            ticket=tickets[row.case_key].get(row.destination),
            sent_seq=row.sent_seq,
            attempts=row.attempts,
            in_doubt=row.doubt_since is not None,
            doubt_age_s=(tx.now - row.doubt_since).total_seconds() if row.doubt_since else 0.0,
            fence=row.claims,
            work=work.get(row.case_key, NOBODY),
            tried_at=row.tried_at,
            doubt_since=row.doubt_since,
            tickets={name: ticket for name, ticket in tickets[row.case_key].items() if name != row.destination},
            generation=row.generation,
            previous=Ticket(**row.previous) if row.previous else None,
        )

    return [[whole(row) for row in unit] for unit in units]


_RANKS = {severity.value: severity.rank for severity in Severity}


def _untold_and_worst_first(unit: Sequence[Delivery]) -> int:
    first = unit[0]
    return 1 if first.ticket else -_RANKS.get(first.case["severity"], 0)


def _tickets(conn: Connection, keys: Sequence[str]) -> defaultdict[str, dict[str, Ticket]]:
    found: defaultdict[str, dict[str, Ticket]] = defaultdict(dict)
    for row in fetch_of(conn, _TICKETS, "keys", keys):
        found[row.case_key][row.destination] = Ticket(row.external_id, row.label, row.url)
    return found
