"""Deliveries to a destination that takes many cases in one call: each is settled by itself, all have the outcome of the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enricher.errors import DeliveryError, Outcome
from enricher.ports import Batches, Delivery, Destination, Outbox, Ticket

MOST = 100
"""Deliveries that are claimed at once."""


def claimed(outbox: Outbox, batches: Batches, name: str) -> list[tuple[Delivery, ...]]:
    """What is due, as units of one call each."""
    return [tuple(unit) for unit in batches.units(outbox.claim(name, MOST))]


def batches_of(destination: Destination) -> Batches | None:
    """The destination as one that takes batches; None where it does not."""
    return destination if isinstance(destination, Batches) else None


Failed = Callable[[Sequence[Delivery], DeliveryError], None]


def deliver(outbox: Outbox, batches: Batches, many: Sequence[Delivery], failed: Failed) -> int:
    """Send all of them in one call; how many arrived. Where the call is refused, each is sent alone: one of them may be the reason.

    `failed` is told those that share an error. Raises StoreUnavailable; what was sent then comes again, as the same lines.
    """
    try:
        tickets = batches.send_together(many)
    except DeliveryError as error:
        if error.outcome is Outcome.REJECTED and len(many) > 1:
            return sum(deliver(outbox, batches, [one], failed) for one in many)
        failed(many, error)
        return 0
    for delivery, ticket in zip(many, tickets, strict=True):
        outbox.delivered(delivery, _last(delivery), _fresh(delivery, ticket))
    return len(many)


def _last(delivery: Delivery) -> int:
    return max((news["seq"] for news in delivery.news), default=delivery.sent_seq)


def _fresh(delivery: Delivery, ticket: Ticket) -> Ticket | None:
    return ticket if delivery.ticket is None else None
