"""The outbox: one delivery for each (case, destination), kept for good, claimed under a lease.

When is a ticket in doubt? `claims` counts how often a delivery was taken, `settled_claims` how many of these, from the
first on, have a known outcome. A claim settles itself when it ends known and all before it are settled; a ticket or news
that got through settles all before it. What is claimed with an unsettled claim behind it is in doubt: the holder died, or
its call ended unknown. So a "connection refused" does not wipe out an earlier time-out that nobody has looked into.

A doubt begins anew with each attempt that may have made a ticket: where a search lags, what it does not show yet may be the
newest. It is counted from when that attempt ended at the latest, which for a dead holder is the end of its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Update, bindparam, select, update
from sqlalchemy import case as sql_case

from enricher.core.breaker import ANSWERS, UNCOUNTED, Trouble
from enricher.ports import Delivery, Ticket
from enricher.store.access import Access
from enricher.store.audit import note
from enricher.store.cases import LOCKED_CASE, Cases, case_lock, news_item
from enricher.store.claims import Taker
from enricher.store.database import Transaction
from enricher.store.health import Healths
from enricher.store.records import news_of
from enricher.store.schema import MOMENT, cases, deliveries
from enricher.store.statements import change, fetch
from enricher.store.twins import go_on_with_the_kept

Result = TypeVar("Result")

TOGETHER_S = 1.0
"""How long a ticket elsewhere waits before it is shown: the next is often right behind it, and one edit shows both."""
_NAMES = {"jira": "Jira", "servicenow": "ServiceNow", "slack": "Slack"}


def name_of(destination: str) -> str:
    """A destination as people call it."""
    return _NAMES.get(destination, destination)


class Outbox:
    """Implements `ports.Outbox`. What comes from a holder that has lost its claim changes nothing, but for a ticket's id."""

    def __init__(self, access: Access, cases: Cases, lease: timedelta, healths: Healths) -> None:
        self._access, self._cases, self._healths = access, cases, healths
        self._taker = Taker(healths, lease)

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        return [delivery for unit in self.claim_units(destination, limit, 0) for delivery in unit]

    def claim_units(self, destination: str, limit: int, burst: int) -> list[list[Delivery]]:
        self._access.claims(destination)
        if limit < 1:
            return []
        holder, locks = self._access.holder, self._healths.locks(destination)
        return self._access.write(lambda tx: self._taker.take(tx, holder, destination, limit, burst), locks)

    def ticket_created(self, delivery: Delivery, ticket: Ticket) -> None:
        self._write(delivery, lambda tx: self._keep_ticket(tx, delivery, ticket, _OURS, **_earlier_settled(delivery)))

    def progressed(self, delivery: Delivery, sent_seq: int) -> None:
        values = {"seq": sent_seq, **_earlier_settled(delivery)}
        self._write(delivery, lambda tx: _update(tx, delivery, _PROGRESSED, **values))

    def delivered(self, delivery: Delivery, sent_seq: int, ticket: Ticket | None = None) -> None:
        def finish(tx: Transaction) -> None:
            self._finish(tx, delivery, sent_seq, ticket)
            if ticket is not None or sent_seq > delivery.sent_seq:
                self._healths.answered(tx, delivery.destination)

        self._write(delivery, finish)

    def opened_together(self, opened: Sequence[tuple[Delivery, int]], ticket: Ticket) -> None:
        def finish(tx: Transaction) -> None:
            for delivery, sent_seq in opened:
                self._finish(tx, delivery, sent_seq, ticket)
                self._healths.answered(tx, delivery.destination)

        self._access.write(finish, [case_lock(delivery.case["key"]) for delivery, _ in opened])

    def retry(
        self,
        delivery: Delivery,
        reason: str,
        detail: str,
        delay_s: float,
        *,
        unknown: bool,
        trouble: Trouble | None = None,
        last: bool = False,
    ) -> bool:
        def give_back(tx: Transaction) -> bool:
            spared = self._heard(tx, delivery, reason, trouble)
            told = {"reason": reason, "detail": detail}
            if last and not spared:
                tx.wakes.add(delivery.destination)
                return _end(tx, delivery, _OURS, state="dead", **told)
            statement, values = (_UNKNOWN, {"now": tx.now}) if unknown else (_KNOWN, {"before": delivery.fence - 1})
            again = {"due_at": tx.now + timedelta(seconds=delay_s), "attempts": delivery.attempts - spared}
            if _end(tx, delivery, statement, **again, **told, **values):
                tx.wakes.add(delivery.destination)
            return False

        return bool(self._write(delivery, give_back, self._healths.locks(delivery.destination) if trouble else ()))

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """As the port says. It settles nothing: who opens it again looks the ticket up first."""

        def end(tx: Transaction) -> None:
            self._heard(tx, delivery, reason, None)
            _end(tx, delivery, _OURS, state="dead", reason=reason, detail=detail)
            tx.wakes.add(delivery.destination)  # it may have been the one by which a destination is tried

        self._write(delivery, end)

    def begin_anew(self, delivery: Delivery) -> None:
        """As the port says. What the closed ticket has been told, the case does not tell again: `sent_seq` stays."""

        def follow(tx: Transaction) -> None:
            (closed,) = fetch(tx.conn, _STORED, {"delivery": delivery.delivery_id})
            previous = {"external_id": closed.external_id, "label": closed.label, "url": closed.url}
            none = {"external_id": None, "label": None, "url": None, "reason": None, "detail": None, "doubt_since": None}
            due = {"state": "pending", "attempts": 0, "due_at": tx.now, "settled_claims": delivery.fence}
            generation = {"generation": delivery.generation + 1, "previous": previous}
            if _end(tx, delivery, _OURS, **due, **none, **generation):
                tx.wakes.add(delivery.destination)
            self._healths.answered(tx, delivery.destination)

        self._write(delivery, follow)

    def twins(self, case_key: str, destination: str, tickets: Sequence[Ticket]) -> int:
        """As the port says. Nobody is woken for the news of it: the next news takes every ticket past it."""
        lines = [f"{ticket.label} {ticket.url}" if ticket.url else ticket.label for ticket in tickets]

        def say(tx: Transaction) -> int:
            stored = next(iter(fetch(tx.conn, LOCKED_CASE, {"case": case_key})), None)
            go_on_with_the_kept(tx, case_key, destination, tickets)
            told = {
                line for item in news_of(tx.conn, [case_key])[case_key] if item["kind"] == "twin" for line in item["lines"]
            }
            new = [line for line in lines if line not in told]
            if stored is None or not new:
                return 0
            text = f"{name_of(destination)} has {len(lines)} tickets of this case; {tickets[0].label} is kept"
            self._cases.tell(tx, case_key, stored.last_news_seq, [news_item(tx, "twin", text, lines)])
            return len(new) if lines[0] in told else len(new) - 1

        return self._access.write(say, [case_lock(case_key)]) if len(lines) > 1 else 0

    def _write(self, delivery: Delivery, do: Callable[[Transaction], Result], locks: Sequence[str] = ()) -> Result:
        return self._access.write(do, [case_lock(delivery.case["key"]), *locks])

    def _heard(self, tx: Transaction, delivery: Delivery, reason: str, trouble: Trouble | None) -> bool:
        """Note what an attempt that failed says of the destination; whether the attempt does not count."""
        if trouble is not None:
            return self._healths.failed(tx, delivery.destination, trouble) or trouble.reason in UNCOUNTED
        if reason in ANSWERS:
            self._healths.answered(tx, delivery.destination)
        return reason in UNCOUNTED

    def _finish(self, tx: Transaction, delivery: Delivery, sent_seq: int, ticket: Ticket | None) -> None:
        known = {"settled_claims": delivery.fence, "doubt_since": None, "reason": None, "detail": None}
        ended = {"holder": None, "seq": sent_seq, "due_at": tx.now, **known}
        if ticket is None:
            _update(tx, delivery, _DELIVERED, **ended)
        else:
            self._keep_ticket(tx, delivery, ticket, _DELIVERED, **ended)
        tx.wakes.add(delivery.destination)

    def _keep_ticket(self, tx: Transaction, delivery: Delivery, ticket: Ticket, statement: Update, **values: Any) -> None:
        """Store the ticket with what else `statement` writes to a claim that is still ours.

        A late holder's ticket is stored too if there is none, for it exists; a second one is noted.
        """
        (stored,) = fetch(tx.conn, _LOCKED, {"delivery": delivery.delivery_id})
        known: str | None = stored.external_id
        named = {"external_id": ticket.external_id, "label": ticket.label, "url": ticket.url}
        ours = _update(tx, delivery, statement, **named, **values)
        previous: str | None = (stored.previous or {}).get("external_id")
        if ticket.external_id in {known, previous}:
            return
        late = stored.generation != delivery.generation  # the ticket that it was to be is closed and followed by now
        if known is not None or late:
            both = f"{known or previous}, {ticket.external_id}"
            note(tx, by="enricher", action="second ticket", item_id=delivery.delivery_id, detail=both)
        elif not ours:
            change(tx.conn, _ANYBODYS, {"delivery": delivery.delivery_id, **named})
        if ours or (known is None and not late):
            self._announce(tx, stored.key, stored.last_news_seq, delivery.destination, ticket)

    def _announce(self, tx: Transaction, key: str, last: int, destination: str, ticket: Ticket) -> None:
        """Make the ticket news, but only for destinations that show the others' tickets.

        The others' `want_seq` stays, so they are not woken to say nothing; the next news takes them past this one.
        """
        if destination in self._cases.show_tickets:
            return
        text = f"{name_of(destination)} {ticket.label}"
        item = news_item(tx, "ticket", text, [ticket.url] if ticket.url else [])
        seq = self._cases.tell(tx, key, last, [item])
        self._cases.make_due(tx, key, seq, self._cases.show_tickets, after_s=TOGETHER_S)


# --- its statements, built once ---------------------------------------------------------------------------------------


def _at_least(column: ColumnElement[int], value: ColumnElement[int]) -> ColumnElement[int]:
    return sql_case((column < value, value), else_=column)


_NOW = bindparam("now", type_=MOMENT)
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
_STORED = select(deliveries.c.external_id, deliveries.c.label, deliveries.c.url).where(
    deliveries.c.id == bindparam("delivery")
)
_LOCKED = (
    select(deliveries.c.external_id, deliveries.c.generation, deliveries.c.previous, cases.c.key, cases.c.last_news_seq)
    .join(cases, cases.c.key == deliveries.c.case_key)
    .where(deliveries.c.id == bindparam("delivery"))
    .with_for_update(of=cases)
)


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
