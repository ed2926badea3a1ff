"""Deliveries: one ticket for each (case, destination), told the news in order.

A ticket is created only when there is none for certain: whatever was claimed before without a known outcome is looked up
first, and adopted if found. The ticket's id is stored the moment it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from enricher.core.retry import next_try
from enricher.errors import DeliveryError, Outcome
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
        try:
            with DELIVERY.labels(self.name).time():
                self._deliver(delivery)
        except DeliveryError as error:
            self._failed(delivery, error)
        else:
            DELIVERIES.labels(self.name, "delivered", "").inc()

    def _deliver(self, delivery: Delivery) -> None:
        ticket, sent = delivery.ticket, delivery.sent_seq
        if ticket is None:
            ticket, sent = self._open(delivery)
        for news in delivery.news:
            if news["seq"] <= sent:
                continue
            self._destination.update(delivery, ticket, news)
            sent = news["seq"]
            if news is not delivery.news[-1]:
                self._outbox.progressed(delivery, sent)
        self._outbox.delivered(delivery, sent)
        log.info("case_delivered", case=delivery.case["key"], destination=self.name, ticket=ticket.label, seq=sent)

    def _open(self, delivery: Delivery) -> tuple[Ticket, int]:
        """The ticket, and the last news it holds: an adopted one may be old, a new one holds the case as it stands."""
        ticket = self._destination.find(delivery) if delivery.in_doubt else None
        if ticket is not None:
            log.info("ticket_adopted", case=delivery.case["key"], destination=self.name, ticket=ticket.label)
            self._outbox.ticket_created(delivery, ticket)
            return ticket, max(delivery.sent_seq, 1)
        ticket = self._destination.create(delivery)
        self._outbox.ticket_created(delivery, ticket)
        sent = delivery.sent_seq
        for news in delivery.news:
            if news["kind"] not in IN_A_NEW_TICKET:
                break
            sent = news["seq"]
        return ticket, sent

    def _failed(self, delivery: Delivery, error: DeliveryError) -> None:
        DELIVERIES.labels(self.name, error.outcome.value, error.reason.value).inc()
        fields = {"case": delivery.case["key"], "destination": self.name, "reason": error.reason.value}
        delay = next_try(delivery.attempts, self._chance(), retry_after=error.retry_after)
        if error.outcome is Outcome.REJECTED or delay is None:
            self._outbox.bury(delivery, error.reason.value, error.detail)
            log.warning("delivery_dead", **fields, detail=error.detail)
            return
        unknown = error.outcome is Outcome.UNKNOWN
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
