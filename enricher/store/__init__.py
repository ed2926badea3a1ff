"""One SQL database that holds everything: alerts on their way in, cases, and deliveries on their way out.

SQLite by default, PostgreSQL when one machine is outgrown; by SQLAlchemy Core, from one code path. What belongs together
(a case, its news, its deliveries, and "this alert is done") is committed together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from enricher.ports import Delivery, Merge
from enricher.store.access import Access
from enricher.store.accounting import Auditor
from enricher.store.cache import LookupCache
from enricher.store.canaries import Canaries
from enricher.store.cases import Cases, DeliverTo
from enricher.store.chores import Chores
from enricher.store.connect import connector
from enricher.store.database import Clock
from enricher.store.follow_ups import FollowUps
from enricher.store.health import Healths, paces
from enricher.store.history import History
from enricher.store.inbox import Inbox
from enricher.store.job_book import JobBook
from enricher.store.leases import holds, renew
from enricher.store.open_alerts import OpenAlerts
from enricher.store.operating import Operator
from enricher.store.outbox import Outbox
from enricher.store.purge import purge
from enricher.store.reading import Reader
from enricher.store.replays import Replays
from enricher.store.sessions import Sessions
from enricher.store.silence import Watch
from enricher.store.terms import fill
from enricher.store.uses import RuleBook

__all__ = ["Store", "open_store"]


@dataclass(frozen=True, slots=True)
class Store:
    """The database, by what is wanted of it. Nothing is opened before first use, so it may be made before a fork."""

    inbox: Inbox
    follow_ups: FollowUps
    job_book: JobBook
    open_alerts: OpenAlerts
    outbox: Outbox
    reader: Reader
    operator: Operator
    replays: Replays
    sessions: Sessions
    auditor: Auditor
    history: History
    rule_book: RuleBook
    cache: LookupCache
    chores: Chores
    canaries: Canaries
    watch: Watch
    access: Access
    lease: timedelta

    def upgrade(self) -> None:
        """Make or bring up to date the tables. Several processes may do so at once. Raises ConfigurationError, StoreUnavailable."""
        self.access.upgrade()

    def wait_for_work(self, timeout_s: float) -> None:
        """Return when there may be work of the sort that this thread last claimed, or after `timeout_s` or a little sooner."""
        self.access.wait_for_work(timeout_s)

    def heartbeat(self, held: Collection[str]) -> None:
        """Renew the leases of the alerts, deliveries, follow-ups and chores that are still worked on, by id, chores by name; call
        it every third of a lease.
        """
        renew(self.access, self.lease, held)

    def holds(self, delivery: Delivery) -> bool:
        """Whether a claim on a delivery is still its holder's own: what is made without it may be made twice."""
        return holds(self.access, delivery)

    def purge(self, before: datetime) -> dict[str, int]:
        """Forget what finished before `before`; how many rows of each kind."""
        return purge(self.access, before)

    def fill_words(self, after: str) -> str | None:
        """Make the next few cases after that id findable that are not yet: the id to go on from; None when all are."""
        return fill(self.access, after)

    def close(self) -> None:
        """Finish what waits and let go of the database."""
        self.access.close()


def open_store(
    url: str,
    *,
    clock: Clock,
    merge: Merge,
    deliver_to: DeliverTo,
    lease_s: float = 60.0,
    show_tickets: Collection[str] = ("slack",),
    rates: Mapping[str, float] | None = None,
    bursts: Mapping[str, float] | None = None,
) -> Store:
    """Make the store for `sqlite:///path` or `postgresql://…`.

    `clock` gives aware times; on PostgreSQL the database's own clock decides what is due. `deliver_to` names the
    destinations a case goes to. `show_tickets` are the destinations that want to know of a case's tickets elsewhere.
    `rates` are deliveries a second by destination, for all processes together, 0 without limit; `bursts` how many may follow each
    other at once after a rest, two seconds' worth where none is named.

    Raises ConfigurationError for another kind of database, and for a SQLite file that another host is using.
    """
    healths = Healths(paces(rates or {}, bursts or {}))
    access = Access(connector(url, clock), healths)
    lease = timedelta(seconds=lease_s)
    cases = Cases(merge=merge, deliver_to=deliver_to, show_tickets=show_tickets)
    return Store(
        inbox=Inbox(access, cases, lease),
        follow_ups=FollowUps(access, cases, lease),
        job_book=JobBook(access),
        open_alerts=OpenAlerts(access),
        outbox=Outbox(access, cases, lease, healths),
        reader=Reader(access),
        operator=Operator(access, cases),
        replays=Replays(access),
        sessions=Sessions(access),
        auditor=Auditor(access),
        history=History(access),
        rule_book=RuleBook(access),
        cache=LookupCache(access),
        chores=Chores(access, lease),
        canaries=Canaries(access),
        watch=Watch(access),
        access=access,
        lease=lease,
    )
