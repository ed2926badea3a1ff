"""Deliveries: one ticket for each (case, destination), told the news in order.

A ticket is created only when there is none for certain: whatever was claimed before without a known outcome is looked up
first, and adopted if found. The ticket's id is stored before anything else is sent. In a burst one ticket is created for many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from enricher.core.breaker import UNCOUNTED, WIDE, Trouble
from enricher.core.document import News
from enricher.core.retry import next_try, wait_s
from enricher.errors import DeliveryError, Outcome, Reason, TicketClosed
from enricher.ports import Batches, Delivery, Destination, Digests, Outbox, Ticket
from enricher.ports.sending import sending_for
from enricher.telemetry import CREATES_AFTER_DOUBT, DELIVERIES, DELIVERY
from enricher.worker import batches
from enricher.worker.keeping import Keeping

log = structlog.get_logger()

IN_A_NEW_TICKET = frozenset({"opened", "severity", "evidence", "amended", "seen", "ticket", "twin"})
"""News that a ticket's body already holds when it is created after them."""

Claim = Delivery | tuple[Delivery, ...]
"""One delivery, or many that one ticket is created for."""


class DeliveryJob:
    """The work of one destination's lane. `watch` is told of a delivery whose create may make a second ticket; `at` which point
    was reached, where a test may end the process.
    """

    def __init__(
        self,
        outbox: Outbox,
        destination: Destination,
        chance: Callable[[], float],
        watch: Callable[[Delivery], None] | None = None,
        keeping: Keeping | None = None,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = destination.name
        self._outbox, self._destination, self._chance = outbox, destination, chance
        self._watch, self._at = watch, at
        self._keeping = keeping or Keeping(lambda _: True, 0.0)
        self._batches = batches.batches_of(destination)
        self._digests = destination if isinstance(destination, Digests) and destination.digest_at else None

    def keys(self, claim: Claim) -> Sequence[str]:
        return [delivery.delivery_id for delivery in _each(claim)]

    def claim(self, limit: int) -> Sequence[Claim]:
        since = self._keeping.asking_since()
        claims = self._claimed(limit)
        self._keeping.taken([delivery for claim in claims for delivery in _each(claim)], since)
        return claims

    def _claimed(self, limit: int) -> Sequence[Claim]:
        if self._batches is not None:
            return batches.claimed(self._outbox, self._batches, self.name) if limit > 0 else ()
        if self._digests is None:
            return self._outbox.claim(self.name, limit)
        units = self._outbox.claim_units(self.name, limit, self._digests.digest_at)
        return [unit[0] if len(unit) == 1 else tuple(unit) for unit in units]

    def do(self, claim: Claim) -> None:
        """Bring one ticket up to date, or create one for many. What fails is retried by its outcome, or becomes a dead letter.

        Raises StoreUnavailable. The lease then brings the delivery back in doubt, and a look-up finds what was sent.
        """
        self._at("claimed")
        try:
            with DELIVERY.labels(self.name).time(), sending_for(lambda: self._keeping.check(_each(claim))):
                if isinstance(claim, Delivery):
                    self._do_one(claim)
                elif self._batches is not None:
                    self._send_together(self._batches, claim)
                elif self._digests is not None:
                    self._create_together(self._digests, claim)
        finally:
            self._keeping.done(_each(claim))

    def _do_one(self, delivery: Delivery) -> None:
        try:
            known = self._known(delivery)
        except DeliveryError as error:
            self._failed(delivery, error, acted=False)
            return
        try:
            self._deliver(delivery, known)
        except DeliveryError as error:
            self._failed(delivery, error, acted=True)
        except TicketClosed:
            self._outbox.begin_anew(delivery)
            log.info("ticket_followed", **self._fields(delivery), generation=delivery.generation + 1)
        else:
            DELIVERIES.labels(self.name, "delivered", "").inc()

    def _known(self, delivery: Delivery) -> Ticket | None:
        """The ticket that there is already: ours by its stored id, or found by our key. None: there is none, for certain."""
        if delivery.ticket is not None or not delivery.in_doubt:
            return delivery.ticket
        found = self._destination.find(delivery)
        self._at("looked_up")
        if found is not None:
            log.info("ticket_adopted", **self._fields(delivery), ticket=found.label)
        return found

    def _deliver(self, delivery: Delivery, known: Ticket | None) -> None:
        ticket, sent = self._open(delivery, known)
        untold = [news for news in delivery.news if news["seq"] > sent]
        fresh = ticket if delivery.ticket is None else None
        if fresh and untold:
            self._outbox.ticket_created(delivery, fresh)
            # The news that is sent next, and may end in doubt, is always the one after what is stored.
            self._outbox.progressed(delivery, sent)
            self._at("ticket_stored")
            fresh = None
        for news in untold:
            self._at("before_update")
            self._tell(delivery, ticket, news, is_new=known is None)
            self._at("updated")
            sent = news["seq"]
            if news is not untold[-1]:
                self._outbox.progressed(delivery, sent)
        self._at("before_delivered")
        self._outbox.delivered(delivery, sent, fresh)
        log.info("case_delivered", **self._fields(delivery), ticket=ticket.label, seq=sent)

    def _tell(self, delivery: Delivery, ticket: Ticket, news: News, *, is_new: bool) -> None:
        """An update may be several calls: that the last one was turned away does not undo those before it.

        Where tickets are closed as soon as they are made, one that followed it would be too, and so on without an end.
        """
        self._keeping.check([delivery])
        try:
            self._destination.update(delivery, ticket, news)
        except DeliveryError as error:
            error.halfway = True
            raise
        except TicketClosed:
            if not is_new:
                raise
            log.warning("new_ticket_closed", **self._fields(delivery), ticket=ticket.label, seq=news["seq"])

    def _open(self, delivery: Delivery, known: Ticket | None) -> tuple[Ticket, int]:
        """The ticket, and the last news it holds: an adopted one may be old, a new one holds the case as it stands."""
        if known is not None:
            return known, delivery.sent_seq if delivery.ticket else max(delivery.sent_seq, 1)
        if delivery.in_doubt:  # the residual: what a look-up has not found may yet turn up
            if self._watch is not None:
                self._watch(delivery)
            CREATES_AFTER_DOUBT.labels(self.name).inc()
            log.warning("created_after_doubt", **self._fields(delivery), doubt_age_s=round(delivery.doubt_age_s))
        self._at("before_create")
        self._keeping.check([delivery])
        ticket = self._destination.create(delivery)
        self._at("created")
        return ticket, _held_by_a_new_ticket(delivery)

    def _create_together(self, digests: Digests, many: Sequence[Delivery]) -> None:
        """One new ticket for all of them. Where it is refused, each is tried alone: one of them may be the reason."""
        self._at("before_create")
        self._keeping.check(many)
        try:
            ticket = digests.create_together(many)
        except DeliveryError as error:
            self._failed_together(many, error)
            return
        self._at("created")
        self._outbox.opened_together([(delivery, _held_by_a_new_ticket(delivery)) for delivery in many], ticket)
        DELIVERIES.labels(self.name, "delivered", "").inc(len(many))
        log.info("cases_delivered_together", destination=self.name, cases=len(many), ticket=ticket.label)

    def _send_together(self, together: Batches, many: Sequence[Delivery]) -> None:
        post = batches.Post(
            outbox=self._outbox, batches=together, failed=self._failed_alike, check=self._keeping.check, at=self._at
        )
        sent = post.deliver(many)
        if sent:
            DELIVERIES.labels(self.name, "delivered", "").inc(sent)
            log.info("cases_delivered_together", destination=self.name, cases=sent, ticket="")

    def _failed_alike(self, many: Sequence[Delivery], error: DeliveryError) -> None:
        """It was one call, and counts once against the destination."""
        for place, delivery in enumerate(many):
            self._failed(delivery, error, acted=True, noted=place > 0)

    def _failed_together(self, many: Sequence[Delivery], error: DeliveryError) -> None:
        """It was one call, and counts once against the destination."""
        if error.outcome is Outcome.REJECTED:
            DELIVERIES.labels(self.name, error.outcome.value, error.reason.value).inc()
            for delivery in many:
                self._outbox.retry(delivery, error.reason.value, error.detail, 0.0, unknown=False)
            return
        self._failed_alike(many, error)

    def _failed(self, delivery: Delivery, error: DeliveryError, *, acted: bool, noted: bool = False) -> None:
        """Retry or bury. What only looked cannot have made anything, however it ended; an earlier doubt stays as it is.

        Who waits for a search to catch up spares nobody by waiting longer than that: earlier failures count only against trouble.
        `noted`: the destination's own trouble is known already.
        """
        DELIVERIES.labels(self.name, error.outcome.value, error.reason.value).inc()
        told_when = error.reason is Reason.SETTLING and error.retry_after > 0
        chance = 0.0 if told_when else self._chance()
        wide = error.reason in WIDE and not error.of_one
        delay = next_try(delivery.attempts, chance, retry_after=error.retry_after)
        last = delay is None and error.reason not in UNCOUNTED
        if error.outcome is Outcome.REJECTED or (last and not wide):
            self._outbox.bury(delivery, error.reason.value, error.detail)
            self._dead(delivery, error)
            return
        if delay is None:
            delay = wait_s(delivery.attempts, chance, retry_after=error.retry_after)
        trouble = Trouble(error.reason, error.retry_after, self._chance()) if wide and not noted else None
        unknown = acted and (error.halfway or error.outcome is Outcome.UNKNOWN)
        reason, detail = error.reason.value, error.detail
        if self._outbox.retry(delivery, reason, detail, delay, unknown=unknown, trouble=trouble, last=last):
            self._dead(delivery, error)
        else:
            log.info("delivery_retried", **self._fields(delivery), reason=reason, delay_s=round(delay, 1), unknown=unknown)

    def _dead(self, delivery: Delivery, error: DeliveryError) -> None:
        log.warning("delivery_dead", **self._fields(delivery), reason=error.reason.value, detail=error.detail)

    def crashed(self, claim: Claim, error: BaseException) -> None:
        """An error nobody foresaw: what was sent is unknown."""
        detail = type(error).__name__
        for delivery in _each(claim):
            DELIVERIES.labels(self.name, "unknown", "crashed").inc()
            delay = next_try(delivery.attempts, self._chance())
            if delay is None:
                self._outbox.bury(delivery, "crashed", detail)
            else:
                self._outbox.retry(delivery, "crashed", detail, delay, unknown=True)

    def release(self, claim: Claim) -> None:
        """Give back what was not begun: it is no more in doubt than before."""
        for delivery in _each(claim):
            self._outbox.retry(delivery, "released", "", 0.0, unknown=False)

    def _fields(self, delivery: Delivery) -> dict[str, str]:
        return {"case": delivery.case["key"], "destination": self.name}


def _each(claim: Claim) -> tuple[Delivery, ...]:
    return (claim,) if isinstance(claim, Delivery) else claim


def _held_by_a_new_ticket(delivery: Delivery) -> int:
    """The last news that a ticket created now holds in its body; one that follows another holds what that was told besides."""
    sent = delivery.sent_seq
    for news in delivery.news:
        if news["seq"] > sent:
            if news["kind"] not in IN_A_NEW_TICKET:
                break
            sent = news["seq"]
    return sent
