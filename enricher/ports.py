"""What the flow needs of the world, as protocols. Adapters implement them; only `wiring.py` knows which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar, runtime_checkable

from enricher.core.accounts import RowAccount, SourceRecord
from enricher.core.breaker import Trouble
from enricher.core.canary import Canary, Proof
from enricher.core.document import CaseDocument, Json, News
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.core.feedback import Feedback, Said
from enricher.core.memory import Group, Memory, Past
from enricher.core.uses import RuleDay, RuleUse
from enricher.core.work import NOBODY, CaseWork
from enricher.model import Backlog, Enrichment, Event, Observable, ProcessCreate

# --- evidence -------------------------------------------------------------------------------------------------------


class Lookups(Protocol):
    """Questions about observables. Never raises: what goes wrong is an `Enrichment` with its status."""

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        """Ask every source that knows the kind, all under one deadline; an answer for each (source, observable)."""
        ...


class History(Protocol):
    """What was seen before this alert."""

    def around(self, events: Sequence[Event]) -> Memory:
        """Remembered events that may belong with these, of the same computers: of the same processes whenever they were, of
        their ancestors and descendants the starts, and of the same hour whatever there is. Bounded; says where it was cut.
        """
        ...

    def of_case(self, key: str) -> tuple[CaseDocument, Memory] | None:
        """A stored case with every remembered event of it and around it; None where there is no such case."""
        ...

    def contacts(self, until: Mapping[Group, datetime]) -> Mapping[Group, Past]:
        """For each group, its contacts within a day before its own time, and who else contacts its target."""
        ...

    def since(self) -> datetime | None:
        """When the oldest of what is remembered was stored; None where nothing is."""
        ...


# --- inbox ----------------------------------------------------------------------------------------------------------


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


# --- asking Sumo Logic ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStarts:
    """Starts of processes that Sumo Logic had. Without any, `reason` says why; `later`: it may answer another time."""

    events: tuple[ProcessCreate, ...] = ()
    reason: str | None = None
    later: bool = False


class Searcher(Protocol):
    """Asks Sumo Logic for what no alert brought. Never raises: what goes wrong is in the answer."""

    def starts(self, computer: str, guid: str, until: datetime) -> FoundStarts:
        """The start of a process and those of its ancestors, up to four, as logged in the day before `until`."""
        ...

    def sweep(self) -> None:
        """Delete the search jobs that processes which are gone have left behind: at the start, and before each search."""
        ...

    def stop(self) -> None:
        """End what waits, now; its search jobs are still deleted."""
        ...


# --- follow-ups -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedFollowUp:
    """A follow-up this process holds until its lease ends. `opened_at` is when the case began to wait."""

    follow_up_id: str
    case_key: str
    kind: str
    subject: str
    opened_at: datetime
    attempts: int
    fence: int


class FollowUps(Protocol):
    """What cases still wait for: claimed under a lease, like everything else."""

    def claim(self, limit: int) -> list[ClaimedFollowUp]: ...

    def overtaken(self, claim: ClaimedFollowUp) -> bool:
        """Whether an alert has brought the start that is waited for."""
        ...

    def settle(
        self, claim: ClaimedFollowUp, settlement: Settlement, *, given_up: str | None = None, again_s: float | None = None
    ) -> bool:
        """Store the amended case with its news and "done" together; as `Inbox.settle`, False and Outdated included.

        `given_up` says why it ends without what was waited for; `Memory.asked` repeats it from then on. With `again_s` it does not
        end: a part has come and is stored, and for the rest it is due again in so many seconds.
        """
        ...

    def retry(self, claim: ClaimedFollowUp, reason: str, delay_s: float) -> None:
        """Due again in `delay_s`; `reason` is what `Memory.asked` says of it until then."""
        ...

    def drop(self, claim: ClaimedFollowUp) -> None:
        """Forget it: its case is gone."""
        ...


# --- search jobs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftJob:
    """A search job whose holder is gone."""

    job_id: str
    cookies: Mapping[str, str]


class JobBook(Protocol):
    """The search jobs that run for us, so that a process that dies leaves none behind. Raises StoreUnavailable."""

    def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
        """Write it down durably in this process's name. `cookies` belong to the job: without them Sumo Logic denies knowing it."""
        ...

    def closed(self, job_id: str) -> None:
        """Cross it out, whoever wrote it: it is deleted, or gone. Nothing happens where it is not in the book."""
        ...

    def left_behind(self) -> list[LeftJob]:
        """Those of holders that are gone, the oldest first.

        A process of this machine is gone when it does not run any more. One of another machine cannot be seen: its jobs are left
        when they are two minutes old, for a search ends before that.
        """
        ...


# --- outbox ---------------------------------------------------------------------------------------------------------


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


# --- chores ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something done by the clock, once for all processes. `every_s`: again and again; without it once.

    The first time is `after_s` from now. `subject` says what it is about, as its `kind` wants it.
    """

    name: str
    kind: str
    subject: Mapping[str, str] = field(default_factory=dict)
    every_s: float | None = None
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChore:
    """A chore this process holds until its lease ends. `tries` counts how often it was taken."""

    name: str
    kind: str
    subject: Mapping[str, str]
    every_s: float | None
    tries: int
    fence: int


class Chores(Protocol):
    """What is done by the clock: claimed under a lease, like everything else. Raises StoreUnavailable."""

    def keep(self, recurring: Sequence[Chore]) -> None:
        """Let these be all that recur: new ones begin, those of another interval go by it from now on, others end."""
        ...

    def plan(self, once: Sequence[Chore]) -> None:
        """Have these done. One that is planned already is put off until then, and taken from whoever is at it."""
        ...

    def claim(self, limit: int) -> list[ClaimedChore]: ...

    def done(self, claim: ClaimedChore, outcome: str) -> None:
        """Done, if it is still ours: one that recurs is due again in `every_s`, any other is forgotten."""
        ...

    def later(self, claim: ClaimedChore, outcome: str, delay_s: float) -> None:
        """Not done: due again in `delay_s`."""
        ...


class Canaries(Protocol):
    """The last hundred canaries, and what they have proved. Raises StoreUnavailable."""

    def sent(self) -> str:
        """Note that one is about to be sent; the id that it carries."""
        ...

    def noted(self, canary: str, destination: str, state: Proof, detail: str) -> None:
        """Keep a proof of one canary."""
        ...

    def unproved(self, destination: str) -> list[str]:
        """The ids of those that came through and were not checked there yet."""
        ...

    def recent(self) -> list[Canary]:
        """All of them, the newest first."""
        ...

    def get(self, canary: str) -> Canary | None: ...

    def paused(self, destination: str) -> str | None:
        """Why a destination is left alone at this time; None where it is not."""
        ...


# --- reading --------------------------------------------------------------------------------------------------------


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


class Pressure(Protocol):
    """Whether senders are to come again later, rather than be accepted now. Cheap: asked with every request."""

    def mark(self) -> str | None:
        """What has come too far: `inbox`, too many alerts wait; `disk`, too little is free beside the database. Else None."""
        ...

    def accepted(self) -> None:
        """One more alert waits."""
        ...


class Operator(Protocol):
    """What a person may do to stored work. Each returns False where there is nothing of that id to do it to. `by` is who asked."""

    def retry_dead(self, item_id: str, by: str = "operator") -> bool:
        """Open a dead alert or delivery again, attempts 0.

        A delivery that was given up because its ticket is `gone` forgets that ticket, and looks for one by its key before it
        opens another. One that is `held` does so no more: who opens it again says that there is no ticket.
        """
        ...

    def retry_all(self, reason: str, *, destination: str | None = None, kind: str | None = None, by: str) -> Reopened:
        """The same for all whose reason is, or begins with, this fixed word; the oldest 500, in one transaction.

        `destination` narrows it to deliveries there, `kind` to `alert` or `delivery`.
        """
        ...

    def discard_dead(self, item_id: str, by: str, why: str = "") -> bool:
        """It is no dead letter any more, is never tried again, and names who said so; `why` stands in the audit table."""
        ...

    def reopen_case(self, key: str, by: str = "operator") -> bool: ...

    def acknowledge(self, key: str, by: str, detail: str | None = None) -> bool:
        """`by` has seen the case. Who has done so first stays named; True all the same. The tickets learn of the first.

        `detail`, here and below: more about `by`, for the audit.
        """
        ...

    def assign(self, key: str, to: str | None, by: str, detail: str | None = None) -> bool:
        """The case is `to`'s from now on; None: nobody's. The tickets learn of a change."""
        ...

    def mute(self, key: str, until: datetime, by: str, why: str, detail: str | None = None) -> bool:
        """Its news calls nobody until then, see `CaseWork`. The tickets learn who did it and why."""
        ...

    def unmute(self, key: str, by: str, detail: str | None = None) -> bool: ...

    def note(self, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
        """A line in the audit table, of something that changes nothing else in the store: a log-in, a rule that was drafted."""
        ...

    def note_feedback(
        self, case_key: str, said: Said, by: str, source: str, note: str = "", *, at: datetime | None = None
    ) -> bool:
        """Keep what was said of a case, `at` by the clock of `source`, else now. What was said before stays, as history.

        False where nothing is new: the source said the same last, has said something later, or takes back what it never said.
        """
        ...


class Replays(Protocol):
    """Which signed requests have come already. Raises StoreUnavailable."""

    def fresh(self, digest: str) -> bool:
        """Remember it; False where it was remembered before."""
        ...


class Dialogs(Protocol):
    """What is shown in Slack to the person who pressed a button, while they wait: within two seconds. Raises DeliveryError."""

    def ask_why(self, trigger: str, key: str, channel: str) -> None:
        """Open the form that asks why the case is to be muted."""
        ...

    def tell(self, channel: str, user: str, text: str) -> None:
        """Say something that nobody else sees."""
        ...


class Sessions(Protocol):
    """Log-ins of local accounts, by the digest of what the browser holds. Raises StoreUnavailable.

    `name` is the account's, or its name and what tells its passwords apart: `m.alvarez:5e88…`.
    """

    def begin(self, digest: str, name: str, lasts: timedelta) -> None:
        """Those that have ended are forgotten at this occasion."""
        ...

    def name(self, digest: str) -> str | None:
        """Whose it is; None where there is none, or it has ended."""
        ...

    def end(self, digest: str) -> None: ...

    def end_all(self, name: str) -> int:
        """All of one account's, by its name alone; how many."""
        ...


class RuleBook(Protocol):
    """Which tuning rules are in use. Raises StoreUnavailable."""

    def loaded(self, rules: Iterable[str]) -> None:
        """Note the ids of rules that are loaded now; the first time that a rule is named here is when it was first seen."""
        ...
