"""Signals + what was looked up + what was seen before → the facts a grade rests on, each with its absence made plain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enricher.core.behaviour import Beacon, beaconing
from enricher.core.classify import Signal
from enricher.core.commands import decoded_forms
from enricher.core.dns_anomalies import DnsAnomalies
from enricher.core.join import Activity, Ancestor
from enricher.core.paths import name_of, path_form
from enricher.core.programs import Program, Programs
from enricher.core.rules import Rules
from enricher.model import Connection, DnsQuery, Enrichment, Observable, ObservableKind


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
    role: str | None = None
    groups: frozenset[str] | None = None

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


def gather(
    signals: Sequence[Signal], activity: Activity, enrichments: Sequence[Enrichment], rules: Rules, programs: Programs
) -> list[Facts]:
    """Put together what is known of each signal, in the order of the signals."""
    about: dict[str, list[Enrichment]] = defaultdict(list)
    for enrichment in enrichments:
        about[enrichment.about].append(enrichment)
    run = {signal.process.key: _Run.of(signal, programs) for signal in _one_of_each_process(signals)}
    browsers = frozenset(key for key, ran in run.items() if ran.program.verified_browser)
    anomalies = DnsAnomalies(activity, rules.catalog, browsers)
    rhythm = _rhythms(signals)
    return [
        Facts(
            signal=signal,
            program=run[signal.process.key].program,
            ancestors=signal.ancestors,
            lineage=run[signal.process.key].lineage,
            decoded=run[signal.process.key].decoded,
            enrichments=tuple(e for o in observe([signal]) for e in about.get(o.value, ())),
            beacon=rhythm[_group_of(signal)],
            dns_anomalies=anomalies.of(signal),
            role=host.role if (host := rules.estate.about(signal.process.computer)) else None,
            groups=host.groups if host else None,
        )
        for signal in signals
    ]


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


def _group_of(signal: Signal) -> tuple[str, str, str, str]:
    """Beacons are grouped by host, user, image and target, not by process: a loop may start a new process for each call."""
    process = signal.process
    return process.computer, (process.user or "").lower(), path_form(process.image or ""), signal.target


def _rhythms(signals: Sequence[Signal]) -> dict[tuple[str, str, str, str], Beacon | None]:
    groups: dict[tuple[str, str, str, str], list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[_group_of(signal)].append(signal)
    return {key: _rhythm(members) for key, members in groups.items()}


def _rhythm(members: Sequence[Signal]) -> Beacon | None:
    contacts: list[Connection] | list[DnsQuery] = [c for s in members for c in s.connections]
    if not contacts:
        contacts = [q for s in members for q in s.queries]
    times = [c.at for c in contacts if c.at is not None]
    return beaconing(times, sampled=any(c.count > 1 for c in contacts)) if contacts else None
