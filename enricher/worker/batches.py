"""Deliveries to a destination that takes many cases in one call: each is settled by itself, all have the outcome of the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enricher.errors import DeliveryError, Reason
from enricher.ports import Batches, Delivery, Destination, Outbox, Ticket
from enricher.ports.sending import sending_for

MOST = 100
"""Deliveries that are claimed at once."""


def claimed(outbox: Outbox, batches: Batches, name: str) -> list[tuple[Delivery, ...]]:
    """What is due, as units of one call each."""
    return [tuple(unit) for unit in batches.units(outbox.claim(name, MOST))]


def batches_of(destination: Destination) -> Batches | None:
    """The destination as one that takes batches; None where it does not."""
    return destination if isinstance(destination, Batches) else None


@dataclass(frozen=True, kw_only=True)
class Post:
    """How a batch is sent. `failed` is told those that share an error; `check` raises StoreUnavailable where one is not ours any
    more, `at` is told which point was reached.
    """

    outbox: Outbox
    batches: Batches
    failed: Callable[[Sequence[Delivery], DeliveryError], None]
    check: Callable[[Sequence[Delivery]], None] = lambda _: None
    at: Callable[[str], None] = lambda _: None

    def deliver(self, many: Sequence[Delivery]) -> int:
        """Send all of them in one call; how many arrived. Where what it says is refused, each is sent alone: one of them may be why.

        Raises StoreUnavailable; what was sent then comes again, as the same lines.
        """
        self.at("before_create")
        self.check(many)
        try:
            with sending_for(lambda: self.check(many)):  # of one that is sent alone, the others are no concern
                tickets = self.batches.send_together(many)
        except DeliveryError as error:
            if error.reason is Reason.INVALID and len(many) > 1:
                return sum(self.deliver([one]) for one in many)
            self.failed(many, error)
            return 0
        self.at("created")
        for delivery, ticket in zip(many, tickets, strict=True):
            self.outbox.delivered(delivery, _last(delivery), _fresh(delivery, ticket))
        return len(many)


def _last(delivery: Delivery) -> int:
    return max((news["seq"] for news in delivery.news), default=delivery.sent_seq)


def _fresh(delivery: Delivery, ticket: Ticket) -> Ticket | None:
    return ticket if delivery.ticket is None else None
