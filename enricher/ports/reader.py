"""Reads for the API and the console."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from enricher.core.accounts import SourceRecord
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.core.uses import RuleDay, RuleUse
from enricher.model import Backlog
from enricher.ports.inbox import AlertRecord
from enricher.ports.records import (
    AuditRecord,
    CaseRecord,
    Condition,
    DeadLetters,
    DeliveryRecord,
    DestinationHealth,
    Overview,
    Page,
    ReceivedAlert,
    Related,
)


class Reader(Protocol):
    """Reads for the API and the console."""

    def case(self, key: str) -> CaseRecord | None: ...

    def cases(
        self,
        *,
        limit: int,
        after: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        text: str | None = None,
    ) -> Page[CaseRecord]:
        """Newest first. `text`: each of its words begins a word of the case: a host or tenant or a label of these, the process,
        the user, the key.
        """
        ...

    def overview(self, since: datetime) -> Overview: ...

    def related(self, record: CaseRecord, limit: int) -> Related: ...

    def audit(
        self, *, limit: int, after: str | None = None, item_id: str | None = None, by: str | None = None
    ) -> Page[AuditRecord]:
        """Newest first; `item_id`: what was done to one item; `by`: what one person did, as they sign."""
        ...

    def deliveries(
        self,
        *,
        limit: int,
        after: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        destination: str | None = None,
    ) -> Page[DeliveryRecord]: ...

    def dead_letter(self, item_id: str) -> AlertRecord | DeliveryRecord | None:
        """The dead alert or delivery of that id; None for what is none, or no more."""
        ...

    def dead_letters(self) -> list[DeadLetters]:
        """All dead letters, counted: by kind, reason and destination."""
        ...

    def destinations(self) -> list[DestinationHealth]:
        """Every destination that is left alone, or that fails while something waits for it; by name."""
        ...

    def condition(self) -> Condition:
        """As cheap as a probe needs it."""
        ...

    def dead_alerts(
        self, *, limit: int, after: str | None = None, reason: str | None = None, source: str | None = None
    ) -> Page[AlertRecord]:
        """What lies in quarantine, newest first. `reason` is the fixed word that a reason begins with."""
        ...

    def judged(self) -> list[str]:
        """The ids of all alerts that were judged and are still here, in the order in which they were."""
        ...

    def unjudged(self, since: datetime) -> int:
        """How many alerts of that time and later never were: quarantined, discarded, or still waiting."""
        ...

    def received(self, ids: Sequence[str]) -> list[ReceivedAlert]:
        """Judged alerts with their bodies, in the order of their ids here; those that are gone left out."""
        ...

    def quarantined(self) -> dict[str, int]:
        """How many alerts lie in quarantine, by the reason's fixed word."""
        ...

    def sources(self, *, monitors: bool = True) -> list[SourceRecord]:
        """Every source, by name. Without `monitors`: no rows, kinds and monitors either, as cheap as a scrape needs it."""
        ...

    def rule_uses(self) -> dict[str, RuleUse]:
        """Every tuning rule that was ever loaded or matched, by its id."""
        ...

    def rule_days(self, since: datetime) -> list[RuleDay]:
        """How often each tuning rule matched on each day from that of `since`, the oldest first; days of none are left out."""
        ...

    def protected_tenants(self) -> frozenset[str]:
        """The tenants of the cases of which the last word is that they are true positives."""
        ...

    def drift(self, since: datetime) -> list[DriftRecord]:
        """Where Sumo Logic's columns said something else, from the day of `since` on: the newest day first, at most 1,000."""
        ...

    def queries(self, since: datetime) -> list[QueryVersion]:
        """The versions of each monitor's query that were in use since then: by source and monitor, the one last seen first;
        at most 1,000.
        """
        ...

    def case_of_ticket(self, destination: str, tickets: Sequence[str], keys: Sequence[str]) -> str | None:
        """The key of the case that has one of `tickets` (external ids) there, else that of the first of `keys` that is a case."""
        ...

    def backlog(self) -> Backlog: ...

    def ready(self) -> None:
        """Prove that a write would succeed now. Raises StoreUnavailable."""
        ...
