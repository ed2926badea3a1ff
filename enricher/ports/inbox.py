"""Alerts: accepted durably, claimed under a lease, settled once with what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from enricher.core.accounts import RowAccount
from enricher.core.document import CaseDocument, Json, News
from enricher.core.memory import Group
from enricher.core.silence import Vital
from enricher.ports.chores import Chore


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One accepted body on its way into the inbox.

    `identity` is what makes two sends the same alert; `row_digests` what makes one of them news. `dead_reason` is set for a
    body that cannot be read: it is stored as a dead letter at once, so that it can be seen and replayed.
    """

    body: bytes
    source: str
    kind: str
    identity: str
    row_digests: frozenset[bytes]
    """Eight bytes each."""
    alert_ref: str | None = None
    trigger: str | None = None
    dead_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The inbox's answer. `duplicate` means nothing new was stored and `alert_id` is the earlier one's."""

    alert_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAlert:
    """An alert this process holds until its lease ends. `fence` must come back with the settlement."""

    alert_id: str
    body: bytes
    source: str
    alert_ref: str | None
    received_at: datetime
    attempts: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """An alert as the API shows it. `state`: `stored`, `working`, `done` or `dead`."""

    alert_id: str
    state: str
    kind: str
    source: str
    received_at: datetime
    attempts: int
    reason: str | None
    cases: tuple[str, ...]
    dropped: tuple[Json, ...]
    size: int
    rows: RowAccount | None = None
    """None until it is settled, and for an alert settled before rows were counted."""
    repeats: int = 0
    """How often the same was sent again, the last time at `repeated_at`."""
    repeated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """One event to be remembered. `digest` is the same for the same record in every rendering.

    `case_key` is None for one that no case has, yet: what left an alert may belong to what the next one brings. `document` is
    the event whole (`core.memory.kept`). `searched`: Sumo Logic was asked for it, no alert brought it.
    """

    digest: bytes
    case_key: str | None
    computer: str
    guid: str | None
    event_id: int
    at: datetime | None
    parent_guid: str | None = None
    count: int = 1
    document: Json | None = None
    searched: bool = False
    rows: frozenset[int] = frozenset()
    """The rows of the alert that it was read from; none for one that was remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One contact of a process with a tenant, for behaviour over time. `event` is the digest of its event."""

    event: bytes
    group: Group
    at: datetime
    kind: str
    """`connection` or `query`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """Work that a case still waits for, once for each (case, kind, subject).

    `kind`: `lookups` (answers that had not come by the deadline), `lineage` (the start of a process, `computer|guid`, to be asked
    of Sumo Logic), `neighbours` (another host has begun to contact the tenant), `again` (other events of the host were stored
    while this case was judged).
    """

    case_key: str
    kind: str
    subject: str = ""
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A host that asked for more tenants of one family than a process with one customer does; `since` the last of them."""

    host: str
    family: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What came of an alert, to be stored in one transaction with "alert done"."""

    kind: str
    cases: tuple[CaseDocument, ...] = ()
    dropped: tuple[Json, ...] = ()
    events: tuple[SeenEvent, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    recovers: str | None = None
    """The `alert_ref` whose cases have recovered, for a recovery."""
    alert_ref: str | None = None
    """The alert's own, for one that could not be read when it was accepted."""
    monitor: str | None = None
    """The name of the monitor or search."""
    query: str | None = None
    """The digest of its query (`core.drift.query_digest`)."""
    rows: int = 0
    rows_total: int | None = None
    """`rows` were received, `rows_total` is how many the search had, where the alert says so."""
    cut: bool = False
    set_aside: bool = False
    """Of a kind whose rows are not investigated."""
    canary: str | None = None
    """The id of a canary that we sent; of any other kind `canary` the alert's own id counts."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """Of the `Memory` that this rests on."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Keys that what is known now would give, and the key that the case had before: later alerts join that one."""
    joined: Mapping[str, str] = field(default_factory=dict)
    """Stored cases that turn out to be part of another one: they end, their tickets are told, and their keys are its aliases."""
    whole: frozenset[str] = frozenset()
    """Keys of stored cases that the judgement rests on whole: it takes the place of the stored one."""
    follow_ups: tuple[FollowUp, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    span: tuple[datetime | None, datetime | None] = (None, None)
    """From when to when the alert's own search has looked, where it says so."""
    group: str | None = None
    """Of what the alert is, `field=value`, where its monitor opens one for each group."""
    late: bool = False
    """What it brings was before the end of its alert, which has been settled: it reopens nothing, and its cases have recovered."""
    vital: Vital | None = None
    """What it says of whether its source lives."""
    chores: tuple[Chore, ...] = ()
    """What the clock is to do because of it, planned in the same transaction."""


class Merge(Protocol):
    """How a case becomes what is known of it now."""

    def __call__(
        self, stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime, *, whole: bool
    ) -> tuple[CaseDocument, list[News]]:
        """The merged case, and its news with seq 0: the store numbers them. `whole`: `new` rests on all that `stored` does."""
        ...


class Inbox(Protocol):
    """Alerts: accepted durably, claimed under a lease, settled once."""

    def accept(self, submission: Submission) -> Receipt:
        """Store it. When this returns, the bytes are on disk. Raises StoreUnavailable."""
        ...

    def claim(self, limit: int) -> list[ClaimedAlert]:
        """Take up to `limit` alerts that are due; those of a dead holder too, once their lease has ended."""
        ...

    def settle(self, claim: ClaimedAlert, settlement: Settlement) -> bool:
        """Store cases, news, deliveries and "done" together. False if the claim is no longer ours: nothing was stored.

        Raises Outdated where something was stored of one of its computers since its marks were read: investigate again.
        """
        ...

    def retry(self, claim: ClaimedAlert, reason: str, delay_s: float) -> None:
        """Give it back, due again in `delay_s`."""
        ...

    def bury(self, claim: ClaimedAlert, reason: str) -> None:
        """Make it a dead letter."""
        ...

    def get(self, alert_id: str) -> AlertRecord | None: ...

    def body(self, alert_id: str) -> bytes | None: ...
