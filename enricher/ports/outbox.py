"""Deliveries: one row for each case and destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from enricher.core.breaker import Trouble
from enricher.core.document import CaseDocument, News
from enricher.core.work import NOBODY, CaseWork


@dataclass(frozen=True, slots=True)
class Ticket:
    """The copy of a case in a destination. `external_id` is what the adapter needs to find it again (issue key, sys_id,
    `channel:ts`); `label` is what a person calls it (SEC-12, INC0010042); `url` opens it.
    """

    external_id: str
    label: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One case on its way to one destination, claimed under a lease.

    `in_doubt` is True when an earlier attempt ended without a known outcome (or its holder died): look the ticket up before
    creating it. `doubt_age_s` is how long ago the last such attempt ended at the latest. `sent_seq` is the last news the ticket has.
    `tickets` are the case's tickets elsewhere, by destination name.
    """

    delivery_id: str
    destination: str
    case: CaseDocument
    news: tuple[News, ...]
    """All the case's news, by seq."""
    ticket: Ticket | None
    sent_seq: int
    attempts: int
    in_doubt: bool
    doubt_age_s: float
    fence: int
    work: CaseWork = NOBODY
    """Without a mute that had run out when it was claimed."""
    tried_at: datetime | None = None
    """When it was first attempted: before that, nothing of it can be there. None where that is not known."""
    doubt_since: datetime | None = None
    """When that last attempt ended at the latest, as a time; None where nothing is in doubt."""
    tickets: dict[str, Ticket] = field(default_factory=dict)
    generation: int = 1
    """How many tickets the case has had there one after the other; `previous` is the closed one that this one follows."""
    previous: Ticket | None = None


class Outbox(Protocol):
    """Deliveries: one row per (case, destination), kept for good."""

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        """Take up to `limit` due deliveries of one destination, as far as its health and its rate allow. The claim is durable
        before this returns.
        """
        ...

    def claim_units(self, destination: str, limit: int, burst: int) -> list[list[Delivery]]:
        """The same as units of work. A unit is one delivery; but where more than `burst` (0: never) wait that have no ticket for
        certain, up to 40 of them whose case is below high are one unit, for `Digests`.
        """
        ...

    def ticket_created(self, delivery: Delivery, ticket: Ticket) -> None:
        """Store the ticket durably, the moment it is known; later steps of the same delivery may still fail."""
        ...

    def progressed(self, delivery: Delivery, sent_seq: int) -> None:
        """The ticket has the news up to `sent_seq`."""
        ...

    def delivered(self, delivery: Delivery, sent_seq: int, ticket: Ticket | None = None) -> None:
        """Done, unless newer news has come meanwhile: then it is due again at once. `ticket` is stored with it, where it was
        created just now and nothing remains to be told: as good as `ticket_created`, in one commit instead of two.
        """
        ...

    def opened_together(self, opened: Sequence[tuple[Delivery, int]], ticket: Ticket) -> None:
        """`delivered` with one new ticket for many cases; with each the last news that the ticket has of it."""
        ...

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
        """Due again in `delay_s`. `unknown`: this attempt may have acted, so that it is in doubt from now on.

        `trouble` is the destination's own: it may be left alone for a while. `last`: the attempts are used up, so that it becomes
        a dead letter, unless the destination is left alone now; whether it did.
        """
        ...

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """Make it a dead letter."""
        ...

    def begin_anew(self, delivery: Delivery) -> None:
        """Its ticket is closed for good: remember it as `previous`; the next generation is due at once, in no doubt."""
        ...

    def twins(self, case_key: str, destination: str, tickets: Sequence[Ticket]) -> int:
        """Note on the case, once, that several tickets were found for it; the one that is kept comes first. How many are new.

        A delivery that knows another of them goes on with the kept one.
        """
        ...
