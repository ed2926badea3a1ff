"""What is stored, as the API and the console show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from enricher.core.document import CaseDocument, Json, News
from enricher.core.feedback import Feedback
from enricher.core.work import NOBODY, CaseWork
from enricher.ports.outbox import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery as the API and the console show it.

    `state`: `pending`, `sending`, `unknown`, `delivered`, `dead`, or `discarded` once a person said so.
    """

    delivery_id: str
    case_key: str
    destination: str
    state: str
    external_id: str | None
    label: str | None
    url: str | None
    attempts: int
    due_at: datetime | None
    reason: str | None
    detail: str | None
    updated_at: datetime
    generation: int = 1
    previous: Ticket | None = None
    """As in `Delivery`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """How many dead letters there are of a `kind` (`alert`, `delivery`), reason and, of deliveries, destination."""

    kind: str
    reason: str
    """The fixed word alone."""
    destination: str | None
    count: int
    since: datetime
    """When the oldest of them was received, or given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """How many dead letters were opened again, and how many of the same sort are left."""

    count: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationHealth:
    """How a destination fares: `failures` in a row that are its own, `since` when. Nothing is sent before `paused_until`."""

    destination: str
    failures: int
    reason: str | None
    since: datetime | None
    paused_until: datetime | None
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a probe is told: how much waits, what was given up by kind, and how each destination fares."""

    alerts_waiting: int
    dead_alerts: int
    dead_deliveries: int
    destinations: tuple[DestinationHealth, ...]
    """Those that are left alone, or that fail while something waits for them; by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as stored: its document and what surrounds it. `state`: `open`, `recovered` or `suppressed`."""

    key: str
    state: str
    document: CaseDocument
    news: tuple[News, ...]
    alerts: tuple[str, ...]
    deliveries: tuple[DeliveryRecord, ...]
    opened_at: datetime
    updated_at: datetime
    feedback: tuple[Feedback, ...] = ()
    """What people have said of it, the last word first; at most twenty."""
    work: CaseWork = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Who did what to which item (a case key, or the id of an alert or a delivery), and when."""

    audit_id: str
    at: datetime
    by: str
    action: str
    item_id: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What has happened since `since`: alerts by what became of them (`stored`, `working`, `done`, `dead`) and how many were
    repeats; cases opened by severity, and by what became of them (`open`, `recovered`, `suppressed`); open cases by severity,
    whenever they were opened, each counted up to `most_counted`; deliveries now by destination and state.
    """

    since: datetime
    alerts: Mapping[str, int]
    repeats: int
    opened: Mapping[str, int]
    became: Mapping[str, int]
    open_now: Mapping[str, int]
    most_counted: int
    deliveries: Mapping[tuple[str, str], int]
    """States that count as open or given up, `pending`, `sending`, `unknown`, `dead`, and `delivered` since `since`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Cases near one: of the same tenant, and of the same host; the newest few of each, without the one itself."""

    of_tenant: tuple[CaseRecord, ...]
    of_host: tuple[CaseRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAlert:
    """An alert as it came, for judging it again. `settled_at` is when it was judged, `cases` are those it is in."""

    alert_id: str
    body: bytes
    source: str
    kind: str
    received_at: datetime
    settled_at: datetime
    cases: tuple[str, ...]
    dropped: tuple[Json, ...]


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing; `next` is the `after` of the following page, None at the end."""

    items: tuple[T, ...]
    next: str | None
