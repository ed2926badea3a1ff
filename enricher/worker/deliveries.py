"""Deliveries: one ticket for each (case, destination), told the news in order.

A ticket is created only when there is none for certain: whatever was claimed before without a known outcome is looked up
first, and adopted if found. The ticket's id is stored before anything else is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from enricher.core.retry import next_try
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.ports import Delivery, Destination, Outbox, Ticket
from enricher.telemetry import DELIVERIES, DELIVERY

log = structlog.get_logger()

IN_A_NEW_TICKET = frozenset({"opened", "severity", "evidence", "ticket"})
"""News that a ticket's body already holds when it is created after them."""


class DeliveryJob:
    """The work of one destination's lane."""

    def __init__(self, outbox: Outbox, destination: Destination, chance: Callable[[], float]) -> None:
        self.name = destination.name
        self._outbox, self._destination, self._chance = outbox, destination, chance

    def key(self, delivery: Delivery) -> str:
        return delivery.delivery_id

    def claim(self, limit: int) -> Sequence[Delivery]:
        return self._outbox.claim(self.name, limit)

    def do(self, delivery: Delivery) -> None:
        """Bring one ticket up to date. What fails is retried by its outcome, or becomes a dead letter.

        Raises StoreUnavailable. The lease then brings the delivery back in doubt, and a look-up finds what was sent.
        """
        with DELIVERY.labels(self.name).time():
            try:
                known = self._known(delivery)
            except DeliveryError as error:
                self._failed(delivery, error, acted=False)
                return
            try:
                self._deliver(delivery, known)
            except DeliveryError as error:
                self._failed(delivery, error, acted=True)
                return
        DELIVERIES.labels(self.name, "delivered", "").inc()

    def _known(self, delivery: Delivery) -> Ticket | None:
        """The ticket that there is already: ours by its stored id, or found by our key. None: there is none, for certain."""
        if delivery.ticket is not None or not delivery.in_doubt:
            return delivery.ticket
        found = self._destination.find(delivery)
        if found is not None:
            log.info("ticket_adopted", case=delivery.case["key"], destination=self.name, ticket=found.label)
        return found

    def _deliver(self, delivery: Delivery, known: Ticket | None) -> None:
        ticket, sent = self._open(delivery, known)
        untold = [news for news in delivery.news if news["seq"] > sent]
        fresh = ticket if delivery.ticket is None else None
        if fresh and untold:
            self._outbox.ticket_created(delivery, fresh)
            # The news that is sent next, and may end in doubt, is always the one after what is stored.
            self._outbox.progressed(delivery, sent)
            fresh = None
        for news in untold:
            self._destination.update(delivery, ticket, news)
            sent = news["seq"]
            if news is not untold[-1]:
                self._outbox.progressed(delivery, sent)
        self._outbox.delivered(delivery, sent, fresh)
        log.info("case_delivered", case=delivery.case["key"], destination=self.name, ticket=ticket.label, seq=sent)

    def _open(self, delivery: Delivery, known: Ticket | None) -> tuple[Ticket, int]:
        """The ticket, and the last news it holds: an adopted one may be old, a new one holds the case as it stands."""
        if known is not None:
            return known, delivery.sent_seq if delivery.ticket else max(delivery.sent_seq, 1)
        ticket = self._destination.create(delivery)
        sent = delivery.sent_seq
        for news in delivery.news:
            if news["kind"] not in IN_A_NEW_TICKET:
                break
            sent = news["seq"]
        return ticket, sent

    def _failed(self, delivery: Delivery, error: DeliveryError, *, acted: bool) -> None:
        """Retry or bury. What only looked cannot have made anything, however it ended; an earlier doubt stays as it is.

        Who waits for a search to catch up spares nobody by waiting longer than that: earlier failures count only against trouble.
        """
        DELIVERIES.labels(self.name, error.outcome.value, error.reason.value).inc()
        fields = {"case": delivery.case["key"], "destination": self.name, "reason": error.reason.value}
        told_when = error.reason is Reason.SETTLING and error.retry_after > 0
        delay = next_try(delivery.attempts, 0.0 if told_when else self._chance(), retry_after=error.retry_after)
        if error.outcome is Outcome.REJECTED or delay is None:
            self._outbox.bury(delivery, error.reason.value, error.detail)
            log.warning("delivery_dead", **fields, detail=error.detail)
            return
        unknown = acted and error.outcome is Outcome.UNKNOWN
        self._outbox.retry(delivery, error.reason.value, error.detail, delay, unknown=unknown)
        log.info("delivery_retried", **fields, delay_s=round(delay, 1), unknown=unknown)

    def crashed(self, delivery: Delivery, error: BaseException) -> None:
        """An error nobody foresaw: what was sent is unknown."""
        DELIVERIES.labels(self.name, "unknown", "crashed").inc()
        delay = next_try(delivery.attempts, self._chance())
        detail = type(error).__name__
        if delay is None:
            self._outbox.bury(delivery, "crashed", detail)
        else:
            self._outbox.retry(delivery, "crashed", detail, delay, unknown=True)

    def release(self, delivery: Delivery) -> None:
        """Give back what was not begun: it is no more in doubt than before."""
        self._outbox.retry(delivery, "released", "", 0.0, unknown=False)
