"""The outbox: one delivery for each (case, destination), kept for good, claimed under a lease.

When is a ticket in doubt? `claims` counts how often a delivery was taken, `settled_claims` how many of these, from the
first on, have a known outcome. A claim settles itself when it ends known and all before it are settled; a ticket or news
that got through settles all before it. What is claimed with an unsettled claim behind it is in doubt: the holder died, or
its call ended unknown. So a "connection refused" does not wipe out an earlier time-out that nobody has looked into.

A doubt begins anew with each attempt that may have made a ticket: where a search lags, what it does not show yet may be the
newest. It is counted from when that attempt ended at the latest, which for a dead holder is the end of its lease.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Integer, Row, Update, bindparam, func, select, update
from sqlalchemy import case as sql_case

from enricher.core.document import CaseDocument
from enricher.ports import Delivery, Ticket
from enricher.store.access import Access
from enricher.store.audit import note
from enricher.store.cases import Cases, case_lock, news_item
from enricher.store.database import Transaction
from enricher.store.reading import news_of
from enricher.store.schema import MOMENT, OPEN_DELIVERIES, cases, deliveries
from enricher.store.statements import change, fetch, fetch_of

TOGETHER_S = 1.0
"""How long a ticket elsewhere waits before it is shown: the next is often right behind it, and one edit shows both."""
_NAMES = {"jira": "Jira", "servicenow": "ServiceNow", "slack": "Slack"}


class Outbox:
    """Implements `ports.Outbox`. What comes from a holder that has lost its claim changes nothing, but for a ticket's id."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta) -> None:
        self._access, self._cases, self._lease = access, cases, lease

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        self._access.claims(destination)
        if limit < 1:
            return []
        return self._access.write(lambda tx: self._take(tx, destination, limit))

    def ticket_created(self, delivery: Delivery, ticket: Ticket) -> None:
        self._write(delivery, lambda tx: self._keep_ticket(tx, delivery, ticket, _OURS, **_earlier_settled(delivery)))

    def progressed(self, delivery: Delivery, sent_seq: int) -> None:
        values = {"seq": sent_seq, **_earlier_settled(delivery)}
        self._write(delivery, lambda tx: _update(tx, delivery, _PROGRESSED, **values))

    def delivered(self, delivery: Delivery, sent_seq: int, ticket: Ticket | None = None) -> None:
        def finish(tx: Transaction) -> None:
            known = {"settled_claims": delivery.fence, "doubt_since": None, "reason": None, "detail": None}
            ended = {"holder": None, "seq": sent_seq, "due_at": tx.now, **known}
            if ticket is None:
                _update(tx, delivery, _DELIVERED, **ended)
            else:
                self._keep_ticket(tx, delivery, ticket, _DELIVERED, **ended)
            tx.wakes.add(delivery.destination)

        self._write(delivery, finish)

    def retry(self, delivery: Delivery, reason: str, detail: str, delay_s: float, *, unknown: bool) -> None:
        def give_back(tx: Transaction) -> None:
            outcome = (_UNKNOWN, {"now": tx.now}) if unknown else (_KNOWN, {"before": delivery.fence - 1})
            due_at = tx.now + timedelta(seconds=delay_s)
            if _end(tx, delivery, outcome[0], due_at=due_at, reason=reason, detail=detail, **outcome[1]):
                tx.wakes.add(delivery.destination)

        self._write(delivery, give_back)

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """As the port says. It settles nothing: who opens it again looks the ticket up first."""
        self._write(delivery, lambda tx: _end(tx, delivery, _OURS, state="dead", reason=reason, detail=detail))

    def _write(self, delivery: Delivery, do: Any) -> None:
        self._access.write(do, [case_lock(delivery.case["key"])])

    def _take(self, tx: Transaction, destination: str, limit: int) -> list[Delivery]:
        due = {"to": destination, "now": tx.now, "limit": limit}
        values = {"holder": self._access.holder, "due_at": tx.now + self._lease, "updated_at": tx.now}
        taken = fetch(tx.conn, _TAKE, due | values)
        return _with_cases(tx, sorted(taken, key=lambda row: str(row.id)))

    def _keep_ticket(self, tx: Transaction, delivery: Delivery, ticket: Ticket, statement: Update, **values: Any) -> None:
        """Store the ticket with what else `statement` writes to a claim that is still ours.

        A late holder's ticket is stored too if there is none, for it exists; a second one is noted.
        """
        (stored,) = fetch(tx.conn, _LOCKED, {"delivery": delivery.delivery_id})
        known: str | None = stored.external_id
        named = {"external_id": ticket.external_id, "label": ticket.label, "url": ticket.url}
        ours = _update(tx, delivery, statement, **named, **values)
        if known == ticket.external_id:
            return
        if known is not None:
            both = f"{known}, {ticket.external_id}"
            note(tx, by="enricher", action="second ticket", item_id=delivery.delivery_id, detail=both)
        elif not ours:
            change(tx.conn, _ANYBODYS, {"delivery": delivery.delivery_id, **named})
        if ours or known is None:
            self._announce(tx, stored.key, stored.last_news_seq, delivery.destination, ticket)

    def _announce(self, tx: Transaction, key: str, last: int, destination: str, ticket: Ticket) -> None:
        """Make the ticket news, but only for destinations that show the others' tickets.

        The others' `want_seq` stays, so they are not woken to say nothing; the next news takes them past this one.
        """
        if destination in self._cases.show_tickets:
            return
        text = f"{_NAMES.get(destination, destination)} {ticket.label}"
        item = news_item(tx, "ticket", text, [ticket.url] if ticket.url else [])
        seq = self._cases.tell(tx, key, last, [item])
        self._cases.make_due(tx, key, seq, self._cases.show_tickets, after_s=TOGETHER_S)


# --- its statements, built once ---------------------------------------------------------------------------------------


def _at_least(column: ColumnElement[int], value: ColumnElement[int]) -> ColumnElement[int]:
    return sql_case((column < value, value), else_=column)


_NOW = bindparam("now", type_=MOMENT)
_DUE = (
    select(deliveries.c.id)
    .where(OPEN_DELIVERIES, deliveries.c.destination == bindparam("to"), deliveries.c.due_at <= _NOW)
    .order_by(deliveries.c.due_at)
)
_DUE_FREE = _DUE.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True).cte("due")
_IN_DOUBT = deliveries.c.claims > deliveries.c.settled_claims
_LEFT_BEHIND = deliveries.c.state == "sending"
"""Its holder died, at some time before its lease ended."""
_DOUBT_SINCE = func.coalesce(deliveries.c.doubt_since, deliveries.c.claimed_at)
_TAKE = (
    update(deliveries)
    .where(deliveries.c.id.in_(select(_DUE_FREE.c.id)))
    .values(
        state="sending",
        attempts=deliveries.c.attempts + 1,
        claims=deliveries.c.claims + 1,
        doubt_since=sql_case((~_IN_DOUBT, None), (_LEFT_BEHIND, deliveries.c.due_at), else_=_DOUBT_SINCE),
        claimed_at=_NOW,
    )
    .returning(deliveries)
)
_ANYBODYS = update(deliveries).where(deliveries.c.id == bindparam("delivery"))
_FENCE, _SEQ, _BEFORE = (bindparam(name, type_=Integer) for name in ("fence", "seq", "before"))
_OURS = _ANYBODYS.where(deliveries.c.state == "sending", deliveries.c.claims == _FENCE)
_SENT_SEQ = _at_least(deliveries.c.sent_seq, _SEQ)
_PROGRESSED = _OURS.values(sent_seq=_SENT_SEQ)
_BEHIND = deliveries.c.want_seq > _SEQ
_DELIVERED = _OURS.values(
    state=sql_case((_BEHIND, "pending"), else_="delivered"),
    attempts=sql_case((_BEHIND, 0), else_=deliveries.c.attempts),
    sent_seq=_SENT_SEQ,
)
_ALL_BEFORE = deliveries.c.settled_claims >= _BEFORE
_KNOWN = _OURS.values(
    state=sql_case((_ALL_BEFORE, "pending"), else_="unknown"),
    settled_claims=sql_case((_ALL_BEFORE, _FENCE), else_=deliveries.c.settled_claims),
)
_UNKNOWN = _OURS.values(state="unknown", doubt_since=_NOW)
_LOCKED = (
    select(deliveries.c.external_id, cases.c.key, cases.c.last_news_seq)
    .join(cases, cases.c.key == deliveries.c.case_key)
    .where(deliveries.c.id == bindparam("delivery"))
    .with_for_update(of=cases)
)
_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_DOCUMENTS = select(cases.c.key, cases.c.document).where(cases.c.key.in_(_KEYS))
_TICKETS = select(
    deliveries.c.case_key, deliveries.c.destination, deliveries.c.external_id, deliveries.c.label, deliveries.c.url
).where(deliveries.c.case_key.in_(_KEYS), deliveries.c.external_id.is_not(None))


def _earlier_settled(delivery: Delivery) -> dict[str, Any]:
    """Everything before this claim is known now; the claim itself goes on."""
    return {"settled_claims": delivery.fence - 1, "doubt_since": None}


def _update(tx: Transaction, delivery: Delivery, statement: Update, **values: Any) -> bool:
    """Write to a delivery, if the claim is still ours."""
    ours = {"delivery": delivery.delivery_id, "fence": delivery.fence}
    return change(tx.conn, statement, ours | {"updated_at": tx.now, **values}) == 1


def _end(tx: Transaction, delivery: Delivery, statement: Update, **values: Any) -> bool:
    """Let go of a claim, if it is still ours."""
    return _update(tx, delivery, statement, holder=None, **values)


def _with_cases(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """Add to claimed rows what a destination needs to know of their cases."""
    keys = sorted({row.case_key for row in rows})
    if not keys:
        return []
    documents: dict[str, CaseDocument] = {row.key: row.document for row in fetch_of(tx.conn, _DOCUMENTS, "keys", keys)}
    items = news_of(tx.conn, keys)
    tickets = _tickets(tx.conn, keys)
    return [
        Delivery(
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
            tickets={name: ticket for name, ticket in tickets[row.case_key].items() if name != row.destination},
        )
        for row in rows
    ]


def _tickets(conn: Connection, keys: Sequence[str]) -> defaultdict[str, dict[str, Ticket]]:
    found: defaultdict[str, dict[str, Ticket]] = defaultdict(dict)
    for row in fetch_of(conn, _TICKETS, "keys", keys):
        found[row.case_key][row.destination] = Ticket(row.external_id, row.label, row.url)
    return found
