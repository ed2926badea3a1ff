"""A place where a case has one ticket, and what some places can besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from enricher.core.document import News
from enricher.ports.outbox import Delivery, Ticket


class Destination(Protocol):
    """A place where a case has one ticket. All methods raise DeliveryError and nothing else on purpose, but for `update`."""

    name: str
    """`jira`, `servicenow`, `slack`, or what `destinations.yml` calls it: the key of its state, never shown as a secret."""

    def find(self, delivery: Delivery) -> Ticket | None:
        """Look for the ticket by our key. None: there is none, for certain. Raises DeliveryError(SETTLING) while a lagging
        search makes "none" uncertain.
        """
        ...

    def create(self, delivery: Delivery) -> Ticket:
        """Open the ticket. Called at most once per certain absence."""
        ...

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        """Tell the ticket one piece of news. Must first look whether it is already there when `delivery.in_doubt`.

        Raises TicketClosed where the news would reopen a ticket that was closed too long ago; nothing was told then.
        Raises GONE where the ticket is not there any more.
        """
        ...

    def check(self) -> Sequence[str]:
        """Prove by reading that tickets can be opened and kept up: one line for each thing that is missing, none if all is
        well. Creates nothing. Raises DeliveryError where it is not let in, or nobody answers. A line that begins with
        `warning: ` names no fault: tickets will come, but not as they could.
        """
        ...

    def close(self) -> None:
        """Let go of its connections."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    """A destination whose search lags behind its writes, so that a second ticket may show up late."""

    def twins(self, case_key: str) -> Sequence[Ticket]:
        """Every ticket of the case, the one that is kept first; others are linked to it and closed. Raises DeliveryError."""
        ...

    def sweep(self, since: datetime) -> Mapping[str, Sequence[Ticket]]:
        """The same for every case with a ticket made since then: those with more than one, by case key. Raises DeliveryError."""
        ...


@runtime_checkable
class Digests(Protocol):
    """A destination that can open one ticket for many cases, so that a burst of cases is no flood."""

    digest_at: int
    """More cases than this waiting for a ticket are a burst; 0: never."""

    def create_together(self, deliveries: Sequence[Delivery]) -> Ticket:
        """Open one ticket for all of them (at most 40), each of which is found in it by `find` from then on."""
        ...


@runtime_checkable
class Batches(Protocol):
    """A destination that takes the news of many cases in one call, and where the same news may come again."""

    def units(self, deliveries: Sequence[Delivery]) -> Sequence[Sequence[Delivery]]:
        """Each of them in one unit of what goes into one call."""
        ...

    def send_together(self, deliveries: Sequence[Delivery]) -> Sequence[Ticket]:
        """Send all that one unit is not told yet, once: the ticket of each. Raises DeliveryError: it is true of all."""
        ...
