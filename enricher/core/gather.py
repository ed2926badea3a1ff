"""Signals + what was looked up + what was seen before → the facts a grade rests on, each with its absence made plain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from enricher.core.behaviour import Beacon, beaconing, rhythm, stronger
from enricher.core.classify import Signal
from enricher.core.commands import decoded_forms
from enricher.core.dns_anomalies import DnsAnomalies
from enricher.core.estate import Span
from enricher.core.join import Activity, Ancestor, ProcessKey
from enricher.core.memory import WINDOW, Group, Past
from enricher.core.novelty import UNKNOWN, Horizon, Novelty, novelty
from enricher.core.paths import name_of
from enricher.core.programs import Program, Programs
from enricher.core.rules import Rules
from enricher.model import Connection, Enrichment, Event, Observable, ObservableKind

MOST_ALONE = 8
"""Processes of one group whose rhythm is judged by itself; more would find a timer by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one signal. `role` and `groups` come from the estate file, None and empty where it is silent."""

    signal: Signal
    program: Program
    ancestors: tuple[Ancestor, ...]
    lineage: tuple[Program, ...]
    decoded: tuple[str, ...]
    """What the command line decodes to."""
    enrichments: tuple[Enrichment, ...]
    beacon: Beacon | None
    dns_anomalies: tuple[str, ...]
    rotating_since: datetime | None = None
    """When the host had asked for more tenants of the family than one customer has; None where it has not."""
    first_here: datetime | None = None
    """When any process of the host first contacted the target, as far as is known."""
    contacts: tuple[datetime, ...] = ()
    """Those of the group, at hand and remembered, of the last day, in order."""
    novelty: Novelty = UNKNOWN
    horizon: Horizon | None = None
    """None where no history is kept."""
    start_missing: str | None = None
    """The GUID of the nearest process of the chain whose start is not at hand; None where none is missing or none is named."""
    start_asked: str | None = None
    """How the question to Sumo Logic for that start stands: `waiting`, or why there is no answer; None where nobody asked."""
    role: str | None = None
    groups: frozenset[str] | None = None
    maintenance: bool | None = None
    """Whether every contact fell into a maintenance window; None where the estate file does not name the host."""
    service_account: bool | None = None
    """Whether the estate file names the account; None where no user is known, or the file names no accounts."""

    @property
    def new_tenant(self) -> bool | None:
        """Whether anybody here contacted the tenant before the last seven days; None where that is not known."""
        return self.novelty.new_tenant

    @property
    def shared_start(self) -> int | None:
        """How many hosts began with the tenant within a day; None where that is not known."""
        return self.novelty.starters

    @property
    def address(self) -> Connection | None:
        """The earliest connection with an address."""
        contacts = [c for c in self.signal.connections if c.ip]
        return min(contacts, key=lambda c: (c.at is None, c.at, c.ip), default=None) if contacts else None


def observe(signals: Sequence[Signal]) -> tuple[Observable, ...]:
    """What is worth looking up: contacted addresses; a name only where no address is known, for asking can warn its owner."""
    sought: dict[Observable, None] = {}
    for signal in signals:
        addresses = {c.ip for c in signal.connections if c.ip} or {a for q in signal.queries for a in q.answers or ()}
        for address in sorted(addresses):
            sought[Observable(ObservableKind.ADDRESS, address)] = None
        if not addresses:
            sought[Observable(ObservableKind.HOSTNAME, signal.host)] = None
    return tuple(sought)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the world adds to an activity: answers, and what is remembered of contacts.

    `asked` says of (computer, guid) how the question for a process's start stands, `rotations` of (host, family) since when
    the host is known to rotate over the family's tenants.
    """

    enrichments: Sequence[Enrichment] = ()
    past: Mapping[Group, Past] = field(default_factory=dict)
    horizon: Horizon | None = None
    asked: Mapping[ProcessKey, str] = field(default_factory=dict)
    rotations: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def of(self, signal: Signal) -> Past:
        """What is remembered of the signal's group."""
        return self.past.get(group_of(signal), _NOTHING)


def gather(
    signals: Sequence[Signal], activity: Activity, context: Context, rules: Rules, programs: Programs
) -> list[Facts]:
    """Put together what is known of each signal, in the order of the signals."""
    about: dict[str, list[Enrichment]] = defaultdict(list)
    for enrichment in context.enrichments:
        about[enrichment.about].append(enrichment)
    run = {signal.process.key: _Run.of(signal, programs) for signal in _one_of_each_process(signals)}
    browsers = frozenset(key for key, ran in run.items() if ran.program.verified_browser)
    anomalies = DnsAnomalies(activity, rules.catalog, browsers)
    groups: dict[Group, list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[group_of(signal)].append(signal)
    rotations = _earliest(context.rotations, anomalies.rotations)
    firsts = _Firsts.of(signals)
    rhythms = {group: _Rhythm.of(members, context.of(members[0])) for group, members in groups.items()}
    return [
        Facts(
            signal=signal,
            program=run[signal.process.key].program,
            ancestors=signal.ancestors,
            lineage=run[signal.process.key].lineage,
            decoded=run[signal.process.key].decoded,
            enrichments=tuple(e for o in observe([signal]) for e in about.get(o.value, ())),
            beacon=rhythms[group_of(signal)].beacon,
            contacts=rhythms[group_of(signal)].contacts,
            dns_anomalies=anomalies.of(signal),
            rotating_since=rotations.get((signal.process.computer, signal.platform.family)),
            first_here=firsts.here(signal, context.of(signal)),
            novelty=firsts.novelty(signal, context.of(signal), context.horizon),
            horizon=context.horizon,
            start_missing=(guid := activity.start_missing(signal.process)),
            start_asked=context.asked.get((signal.process.computer, guid)) if guid else None,
            role=host.role if (host := rules.estate.about(signal.process.computer)) else None,
            groups=host.groups if host else None,
            maintenance=host.only_in_maintenance(spans(signal)) if host else None,
            service_account=rules.estate.service_account(signal.process.user),
        )
        for signal in signals
    ]


def spans(signal: Signal) -> tuple[Span, ...]:
    """When each contact was made. A row that stands for several, and does not say until when, says nothing of when they were."""
    return tuple((e.at, e.last_at) if e.count == 1 or e.last_at else (None, None) for e in signal.counted)


def _one_of_each_process(signals: Sequence[Signal]) -> Iterable[Signal]:
    return {signal.process.key: signal for signal in signals}.values()


@dataclass(frozen=True, slots=True)
class _Run:
    """What runs: the same for all signals of a process."""

    program: Program
    lineage: tuple[Program, ...]
    decoded: tuple[str, ...]

    @classmethod
    def of(cls, signal: Signal, programs: Programs) -> _Run:
        line = signal.process.command_line
        return cls(*_programs_of(signal, programs), decoded_forms(line) if line else ())


def _programs_of(signal: Signal, programs: Programs) -> tuple[Program, tuple[Program, ...]]:
    names = [name_of(a.image) for a in signal.ancestors if a.image]
    process, created = signal.process, signal.process.created
    program = programs.program(
        image=process.image,
        line=process.command_line,
        current_directory=created.current_directory if created else None,
        version_info=created.version_info if created else None,
        ancestors=names,
    )
    lineage = tuple(
        programs.program(
            image=a.image,
            line=a.command_line,
            version_info={"original_file_name": a.original_file_name} if a.original_file_name else None,
            ancestors=names[depth + 1 :],
        )
        for depth, a in enumerate(signal.ancestors)
    )
    return program, lineage


def group_of(signal: Signal) -> Group:
    """Contacts are grouped by host, user, image and target, not by process: a loop may start a new process for each call."""
    process = signal.process
    return Group.of(process.computer, process.user, process.image, signal.target)


def latest_contacts(signals: Sequence[Signal], otherwise: datetime) -> dict[Group, datetime]:
    """When each group made its latest contact; `otherwise` where no time is known."""
    latest: dict[Group, datetime] = {}
    for signal in signals:
        times = [t for event in signal.counted for t in (event.at, event.last_at) if t is not None]
        group = group_of(signal)
        latest[group] = max([*times, latest[group]] if group in latest else times, default=otherwise)
    return latest


_NOTHING = Past()


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """When a group made contact, and how regularly."""

    beacon: Beacon | None
    contacts: tuple[datetime, ...]

    @classmethod
    def of(cls, members: Sequence[Signal], past: Past) -> _Rhythm:
        contacts: list[Event] = [c for s in members for c in s.connections]
        at_hand: list[Event] = [c for s in members for c in s.process.connections]
        remembered, asked = (
            past.connections,
            [*past.queries, *(q.at for s in members for q in s.queries if q.at is not None)],
        )
        if not contacts:
            contacts = [q for s in members for q in s.queries]
            at_hand = [q for s in members for q in s.process.queries]
            remembered, asked = past.queries, []
        own = [c.at for c in contacts if c.at is not None]
        elsewhere = {event.at for event in at_hand} - set(own)
        earlier = [t for t in remembered if t not in elsewhere]
        latest = max((*own, *earlier), default=None)
        shown = sorted(t for t in {*own, *earlier} if latest is not None and latest - t <= WINDOW)
        beacon = None
        if contacts:
            sampled = any(c.count > 1 for c in contacts)
            beacon = rhythm(own, earlier, sampled=sampled, past_cut=past.cut, asked=asked)
            if beacon is not None and len(members) > 1:
                beacon = stronger(beacon, *_alone(members, queries=not any(s.connections for s in members)))
        return cls(beacon, tuple(shown))


def _alone(members: Sequence[Signal], *, queries: bool) -> Iterable[Beacon]:
    """The rhythm of each process by itself, of those with most contacts: two timers side by side hide each other."""
    each = [signal.queries if queries else signal.connections for signal in members]
    for contacts in sorted(each, key=len, reverse=True)[:MOST_ALONE]:
        times = [c.at for c in contacts if c.at is not None]
        yield beaconing(times, sampled=any(c.count > 1 for c in contacts))


def _earliest(*known: Mapping[tuple[str, str], datetime]) -> dict[tuple[str, str], datetime]:
    earliest: dict[tuple[str, str], datetime] = {}
    for place, since in (item for one in known for item in one.items()):
        earliest[place] = min(since, earliest.get(place, since))
    return earliest


@dataclass(frozen=True, slots=True)
class _Firsts:
    """When each host first, and last, contacted each target, among the signals at hand."""

    first: Mapping[str, Mapping[str, datetime]]
    last: Mapping[tuple[str, str], datetime]

    @classmethod
    def of(cls, signals: Sequence[Signal]) -> _Firsts:
        first: dict[str, dict[str, datetime]] = defaultdict(dict)
        last: dict[tuple[str, str], datetime] = {}
        for signal in signals:
            host, target = signal.process.computer, signal.target
            for at in (e.at for e in (*signal.connections, *signal.queries) if e.at is not None):
                first[target][host] = min(at, first[target].get(host, at))
                last[host, target] = max(at, last.get((host, target), at))
        return cls(first, last)

    def here(self, signal: Signal, past: Past) -> datetime | None:
        """When any process of the signal's host first contacted its target; a start stands for a contact where there is none."""
        at_hand = self.first.get(signal.target, {}).get(signal.process.computer, signal.first_at)
        return min((t for t in (at_hand, past.first_here) if t is not None), default=None)

    def novelty(self, signal: Signal, past: Past, horizon: Horizon | None) -> Novelty:
        if horizon is None:
            return UNKNOWN
        host, target = signal.process.computer, signal.target
        at_hand, latest = self.first.get(target, {}), self.last.get((host, target))
        return novelty(past, host, at_hand, latest, horizon, tenant=signal.tenant is not None)
