"""The outbox: one delivery for each (case, destination), kept for good, claimed under a lease.

When is a ticket in doubt? `claims` counts how often a delivery was taken, `settled_claims` how many of these, from the
first on, have a known outcome. A claim settles itself when it ends known and all before it are settled; a ticket or news
that got through settles all before it. What is claimed with an unsettled claim behind it is in doubt: the holder died, or
its call ended unknown. So a "connection refused" does not wipe out an earlier time-out that nobody has looked into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update
from sqlalchemy import case as sql_case

from enricher.core.document import CaseDocument
from enricher.ports import Delivery, Ticket
from enricher.store.access import Access
from enricher.store.audit import note
from enricher.store.cases import Cases, case_lock, news_item
from enricher.store.database import Transaction
from enricher.store.reading import news_of
from enricher.store.schema import OPEN_DELIVERIES, cases, deliveries

_NAMES = {"jira": "Jira", "servicenow": "ServiceNow", "slack": "Slack"}


class Outbox:
    """Implements `ports.Outbox`. What comes from a holder that has lost its claim changes nothing, but for a ticket's id."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta) -> None:
        self._access, self._cases, self._lease = access, cases, lease

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        self._access.claims(destination)
        if limit < 1 or not self._anything_due(destination):
            return []
        return self._access.write(lambda tx: self._take(tx, destination, limit))

    def ticket_created(self, delivery: Delivery, ticket: Ticket) -> None:
        self._write(delivery, lambda tx: self._keep_ticket(tx, delivery, ticket))

    def progressed(self, delivery: Delivery, sent_seq: int) -> None:
        values = {"sent_seq": _at_least(deliveries.c.sent_seq, sent_seq), **_earlier_settled(delivery)}
        self._write(delivery, lambda tx: _update(tx, delivery, **values))

    def delivered(self, delivery: Delivery, sent_seq: int) -> None:
        def finish(tx: Transaction) -> None:
            behind = deliveries.c.want_seq > sent_seq
            _end(
                tx,
                delivery,
                state=sql_case((behind, "pending"), else_="delivered"),
                attempts=sql_case((behind, 0), else_=deliveries.c.attempts),
                sent_seq=_at_least(deliveries.c.sent_seq, sent_seq),
                settled_claims=delivery.fence,
                doubt_since=None,
                due_at=tx.now,
                reason=None,
                detail=None,
            )
            tx.wakes.add(delivery.destination)

        self._write(delivery, finish)

    def retry(self, delivery: Delivery, reason: str, detail: str, delay_s: float, *, unknown: bool) -> None:
        def give_back(tx: Transaction) -> None:
            all_before = deliveries.c.settled_claims >= delivery.fence - 1
            known = {
                "state": sql_case((all_before, "pending"), else_="unknown"),
                "settled_claims": sql_case((all_before, delivery.fence), else_=deliveries.c.settled_claims),
            }
            due_at = tx.now + timedelta(seconds=delay_s)
            doubt = {"state": "unknown", "doubt_since": func.coalesce(deliveries.c.doubt_since, tx.now)}
            outcome = doubt if unknown else known
            if _end(tx, delivery, due_at=due_at, reason=reason, detail=detail, **outcome):
                tx.wakes.add(delivery.destination)

        self._write(delivery, give_back)

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """As the port says. It settles nothing: who opens it again looks the ticket up first."""
        self._write(delivery, lambda tx: _end(tx, delivery, state="dead", reason=reason, detail=detail))

    def _write(self, delivery: Delivery, do: Any) -> None:
        self._access.write(do, [case_lock(delivery.case["key"])])

    def _anything_due(self, destination: str) -> bool:
        """Look before writing: an idle claim must not commit, or every claim would wake all the others."""
        with self._access.read() as conn:
            due = select(deliveries.c.id).where(*_due(destination, self._access.now(conn))).limit(1)
            return conn.execute(due).first() is not None

    def _take(self, tx: Transaction, destination: str, limit: int) -> list[Delivery]:
        due = (
            select(deliveries.c.id)
            .where(*_due(destination, tx.now))
            .order_by(deliveries.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = tx.conn.execute(due).scalars().all()
        if not ids:
            return []
        in_doubt = deliveries.c.claims > deliveries.c.settled_claims
        first_doubt = sql_case(
            (deliveries.c.doubt_since.is_(None), deliveries.c.claimed_at), else_=deliveries.c.doubt_since
        )
        take = (
            update(deliveries)
            .where(deliveries.c.id.in_(ids))
            .values(
                state="sending",
                attempts=deliveries.c.attempts + 1,
                claims=deliveries.c.claims + 1,
                doubt_since=sql_case((in_doubt, first_doubt), else_=None),
                claimed_at=tx.now,
                holder=self._access.holder,
                due_at=tx.now + self._lease,
                updated_at=tx.now,
            )
            .returning(deliveries)
        )
        return _with_cases(tx, sorted(tx.conn.execute(take).all(), key=lambda row: str(row.id)))

    def _keep_ticket(self, tx: Transaction, delivery: Delivery, ticket: Ticket) -> None:
        """Store the ticket. A late holder's ticket is stored too if there is none, for it exists; a second one is noted."""
        stored = tx.conn.execute(
            select(deliveries.c.external_id, cases.c.key, cases.c.last_news_seq)
            .join(cases, cases.c.key == deliveries.c.case_key)
            .where(deliveries.c.id == delivery.delivery_id)
            .with_for_update(of=cases)
        ).one()
        known: str | None = stored.external_id
        values = {"external_id": ticket.external_id, "label": ticket.label, "url": ticket.url}
        ours = _update(tx, delivery, **values, **_earlier_settled(delivery))
        if known == ticket.external_id:
            return
        if known is not None:
            both = f"{known}, {ticket.external_id}"
            note(tx, by="enricher", action="second ticket", item_id=delivery.delivery_id, detail=both)
        elif not ours:
            tx.conn.execute(update(deliveries).where(deliveries.c.id == delivery.delivery_id).values(**values))
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
        self._cases.make_due(tx, key, self._cases.tell(tx, key, last, [item]), self._cases.show_tickets)


def _due(destination: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (OPEN_DELIVERIES, deliveries.c.destination == destination, deliveries.c.due_at <= now)  # type: ignore[return-value] # text() is a condition


def _at_least(column: ColumnElement[int], value: int) -> ColumnElement[int]:
    return sql_case((column < value, value), else_=column)


def _earlier_settled(delivery: Delivery) -> dict[str, Any]:
    """Everything before this claim is known now; the claim itself goes on."""
    return {"settled_claims": delivery.fence - 1, "doubt_since": None}


def _update(tx: Transaction, delivery: Delivery, **values: Any) -> bool:
    """Write to a delivery, if the claim is still ours."""
    ours = (
        deliveries.c.id == delivery.delivery_id,
        deliveries.c.state == "sending",
        deliveries.c.claims == delivery.fence,
    )
    return tx.conn.execute(update(deliveries).where(*ours).values(updated_at=tx.now, **values)).rowcount == 1


def _end(tx: Transaction, delivery: Delivery, **values: Any) -> bool:
    """Let go of a claim, if it is still ours."""
    return _update(tx, delivery, holder=None, **values)


def _with_cases(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """Add to claimed rows what a destination needs to know of their cases."""
    keys = {row.case_key for row in rows}
    documents: dict[str, CaseDocument] = {
        row.key: row.document for row in tx.conn.execute(select(cases.c.key, cases.c.document).where(cases.c.key.in_(keys)))
    }
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


def _tickets(conn: Connection, keys: set[str]) -> defaultdict[str, dict[str, Ticket]]:
    found: defaultdict[str, dict[str, Ticket]] = defaultdict(dict)
    for row in conn.execute(
        select(deliveries).where(deliveries.c.case_key.in_(keys), deliveries.c.external_id.is_not(None))
    ):
        found[row.case_key][row.destination] = Ticket(row.external_id, row.label, row.url)
    return found
