"""Stored payloads judged anew, by other content or another version: what would have come of them, beside what did.

The real flow and the real store do it, in a database of their own in a temporary folder, in the order in which the alerts were
judged, by a clock that stands where it stood then. The service's own database is only read, and nothing is asked of the world:
look-ups and starts of processes are answered as they were answered then.

A case rests on all that is remembered, so every payload that is stored is judged, and `since` says which cases are compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from enricher.core.comparison import RowChange, rows_changed
from enricher.core.document import Json
from enricher.core.feedback import Said
from enricher.core.insight import console
from enricher.core.merge import merge
from enricher.core.programs import Programs
from enricher.core.rules import TuningRule
from enricher.core.tune import NO_EXPERIENCE, Experience
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.model import NO_ROW, Enrichment, Event, Observable, ProcessCreate, Status
from enricher.ports import CaseRecord, ClaimedFollowUp, History, Lookups, Reader, ReceivedAlert, Settlement
from enricher.settings import Settings
from enricher.store import Store, open_store
from enricher.wiring.flow import Flow, submission
from enricher.wiring.searching import is_set_up

CHUNK = 50
"""Alerts that are read at once, with their bodies: at most 250 MB if each is as large as any may be."""
PAGE = 200
STEP = timedelta(minutes=1)
"""Every follow-up is due within a minute of what it waits for."""
MOST_ROUNDS = 100

Advance = Callable[[int, int], None]
"""Told how many alerts are judged, and of how many."""
MakeFlow = Callable[[Programs, Lookups, History, Callable[[], datetime]], Flow]
"""Binds the flow's ports as the service does; the last says what time it is in the replay."""


class Clock:
    """Stands where it was put, and never goes back."""

    def __init__(self) -> None:
        self.now = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move_to(self, at: datetime) -> None:
        self.now = max(self.now, at)


# --- the world as it answered ---------------------------------------------------------------------------------------


class Recorded:
    """Look-ups as they were answered then: by the enrichments of the cases that an alert is in, else of those judged before it.

    Implements `ports.Lookups`. `unrecorded` are the observables that were never asked about, and would have been.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._answers: dict[str, dict[str, Enrichment]] = {}
        self._turned_to: dict[str, list[Enrichment]] = {}
        self.unrecorded: set[str] = set()

    def turn_to(self, cases: Sequence[str]) -> None:
        """Answer as these cases say from now on, where they say anything."""
        self._turned_to = {key: self._turned_to.get(key) or self._read(key) for key in cases}
        said: dict[str, dict[str, Enrichment]] = {}
        for enrichment in (one for found in self._turned_to.values() for one in found):
            said.setdefault(enrichment.about, {}).setdefault(enrichment.source, enrichment)
        self._answers |= said

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        found: dict[str, Sequence[Enrichment]] = {}
        for unasked in NoLookups().about(sought):
            recorded = self._answers.get(unasked.about)
            if recorded is not None:
                found[unasked.about] = [*recorded.values()]
                continue
            found[unasked.about] = [*found.get(unasked.about, ()), _not_recorded(unasked)]
            if unasked.status is Status.DISABLED:
                self.unrecorded.add(unasked.about)
        return [one for answers in found.values() for one in answers]

    def _read(self, key: str) -> list[Enrichment]:
        record = self._reader.case(key)
        return [Enrichment(**entry | {"status": Status(entry["status"])}) for entry in _enrichments(record)]


def _enrichments(record: CaseRecord | None) -> list[Json]:
    return [dict(entry) for entry in record.document["enrichments"]] if record else []


def _not_recorded(unasked: Enrichment) -> Enrichment:
    if unasked.status is not Status.DISABLED:
        return unasked
    return replace(unasked, reason="not recorded: nobody asked at the time")


# --- judging anew ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Anew:
    """What a replay has come to. `reader` reads its cases, as long as the replay is open.

    `touched` are the keys of the cases that alerts of the compared time had part in, `rows` those that leave otherwise,
    `unreadable` the alerts of that time whose bodies cannot be read any more, by id. `alerts` counts all that were judged,
    `compared` those of the time, `left_out` those that were never judged. `first_at` is when the first of them was judged then.
    """

    reader: Reader
    since: datetime
    alerts: int = 0
    compared: int = 0
    left_out: int = 0
    first_at: datetime | None = None
    touched: dict[str, None] = field(default_factory=dict)
    rows: list[RowChange] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    unrecorded: frozenset[str] = frozenset()


@contextmanager
def judged_anew(
    stored: Store, programs: Programs, flow: MakeFlow, since: datetime, advance: Advance = lambda _done, _total: None
) -> Iterator[Anew]:
    """Judge every payload of `stored` by `programs`, in a store of its own that is gone afterwards.

    `advance` is told after each payload how many are judged, and of how many.

    Raises StoreUnavailable where one of the two databases refuses.
    """
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="enricher-replay-") as folder:
        url = f"sqlite:///{Path(folder) / 'replay.db'}"
        own = open_store(url, clock=clock, merge=merge, deliver_to=lambda _: ())
        try:
            own.upgrade()
            yield _Replay(stored, own, clock, programs, flow).run(since, advance)
        finally:
            own.close()


class _Replay:
    """One replay: from the stored alerts through the flow into a store of its own."""

    def __init__(self, stored: Store, own: Store, clock: Clock, programs: Programs, flow: MakeFlow) -> None:
        self._stored, self._own, self._clock = stored, own, clock
        self._lookups = Recorded(stored.reader)
        self._flow = flow(programs, self._lookups, own.history, clock)

    def run(self, since: datetime, advance: Advance) -> Anew:
        anew = Anew(reader=self._own.reader, since=since, left_out=self._stored.reader.unjudged(since))
        ids = self._stored.reader.judged()
        for done, alert in enumerate(self._alerts(ids), start=1):
            anew.first_at = anew.first_at or alert.settled_at
            self._clock.move_to(alert.settled_at)
            self._follow_up()
            self._judge(alert, anew)
            advance(done, len(ids))
        for _ in range(MOST_ROUNDS):
            self._clock.move_to(self._clock.now + STEP)
            if not self._follow_up():
                break
        anew.unrecorded = frozenset(self._lookups.unrecorded)
        return anew

    def _alerts(self, ids: Sequence[str]) -> Iterator[ReceivedAlert]:
        for start in range(0, len(ids), CHUNK):
            yield from self._stored.reader.received(ids[start : start + CHUNK])

    def _judge(self, alert: ReceivedAlert, anew: Anew) -> None:
        """One alert, from its bytes to cases in the replay's own store."""
        counts = alert.received_at >= anew.since
        anew.alerts += 1
        anew.compared += counts
        self._lookups.turn_to(alert.cases)
        try:
            settlement = self._settle(alert)
        except PayloadError as error:
            if counts:
                anew.unreadable[alert.alert_id] = str(error)
            return
        if counts:
            anew.touched |= dict.fromkeys(document["key"] for document in settlement.cases)
            anew.rows += rows_changed(alert.alert_id, alert.dropped, settlement.dropped)

    def _settle(self, alert: ReceivedAlert) -> Settlement:
        sent = submission(alert.body, alert.source)
        settlement = self._flow.settlement(alert.body, alert.received_at)
        if sent is None or self._own.inbox.accept(sent).duplicate:
            return settlement
        (claim,) = self._own.inbox.claim(1)
        self._own.inbox.settle(claim, settlement)
        return settlement

    def _follow_up(self) -> int:
        """Do what cases wait for and is due now; how many there were."""
        done = 0
        while claims := self._own.follow_ups.claim(CHUNK):
            done += len(claims)
            for claim in claims:
                self._amend(claim)
        return done

    def _amend(self, claim: ClaimedFollowUp) -> None:
        """One follow-up, with the answer that was given then."""
        self._lookups.turn_to([claim.case_key])
        found, given_up = self._found(claim) if claim.kind == "lineage" else ((), None)
        asked = {_process(claim.subject): given_up} if given_up else {}
        settlement = self._flow.amendment(claim.case_key, self._clock.now, found=found, asked=asked)
        if settlement is None or not settlement.cases:
            self._own.follow_ups.drop(claim)
            return
        rest = tuple(f for f in settlement.follow_ups if (f.kind, f.subject) != (claim.kind, claim.subject))
        self._own.follow_ups.settle(claim, replace(settlement, follow_ups=rest), given_up=given_up)

    def _found(self, claim: ClaimedFollowUp) -> tuple[Sequence[Event], str | None]:
        """What Sumo Logic has answered about the start of a process, else why there was no answer."""
        computer, guid = _process(claim.subject)
        memory = self._stored.history.around([Event(computer=computer, row=NO_ROW, guid=guid)])
        starts = [
            one.event for one in memory.events if isinstance(one.event, ProcessCreate) and one.event.origin == "search"
        ]
        return (starts, None) if starts else ((), memory.asked.get((computer, guid), "not recorded"))


def _process(subject: str) -> tuple[str, str]:
    computer, _, guid = subject.rpartition("|")
    return computer, guid


# --- setting up -----------------------------------------------------------------------------------------------------


def flow_maker(settings: Settings, then: Callable[[datetime], Experience] = lambda _: NO_EXPERIENCE) -> MakeFlow:
    """The service's own set-up, so that a fact counts as missing where it counted as missing then; `then` is what was known of
    tuning at a time.
    """

    def make(programs: Programs, answers: Lookups, history: History, clock: Callable[[], datetime]) -> Flow:
        return Flow(
            lambda: programs,
            answers,
            history,
            owner=settings.lookups or settings.asn_mmdb is not None,
            search=is_set_up(settings),
            console=console(settings.sumo_api_url),
            scope=settings.sumo_scope,
            experience=lambda _: then(clock()),
        )

    return make


def experience_then(reader: Reader) -> Callable[[datetime], Experience]:
    """What was known of tuning at a time: a tenant is protected from when a person called a case of it a true positive."""
    uses, since = reader.rule_uses(), _protected_since(reader)

    def then(at: datetime) -> Experience:
        return Experience(uses=uses, protected=frozenset(tenant for tenant, begins in since.items() if begins <= at))

    return then


def _protected_since(reader: Reader) -> dict[str, datetime]:
    """When each tenant that is protected began to be."""
    protected, since, after = reader.protected_tenants(), dict[str, datetime](), None
    while protected:
        page = reader.cases(limit=PAGE, after=after)
        for record in page.items:
            tenant = record.document["tenant"]
            if tenant in protected and record.feedback and record.feedback[0].said is Said.TRUE_POSITIVE:
                at = record.feedback[0].at
                since[tenant] = min(at, since.get(tenant, at))
        if page.next is None:
            break
        after = page.next
    return since


def as_if_in_force(programs: Programs) -> Programs:
    """The same content, its tuning rules in force whenever an alert came."""
    always = tuple(
        replace(rule, created=date.min, expires=date.max, ends_when_unmatched_days=None) for rule in programs.rules.tuning
    )
    return Programs(replace(programs.rules, tuning=always))


def not_in_force(rules: Iterable[TuningRule], first: date, last: date) -> list[str]:
    """A line for each tuning rule that was not in force on all days from `first` to `last`."""
    return [
        f"rule {rule.id} is in force from {rule.created} to {rule.expires - timedelta(days=1)} only"
        for rule in rules
        if rule.created > first or rule.expires <= last
    ]
