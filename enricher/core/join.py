"""Events → processes with what each of them did. The key is (computer, ProcessGuid), never the PID alone.

An all-zero or missing GUID is no key: such an event belongs to the latest process of that computer and PID that had started
by then, and where none is known, to a process of its own per (computer, PID, image). A row without GUID and PID stands for
(computer, image, user). Source: Sysmon's event manifest; the rules are in docs/evidence.md, "Linking events".
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from enricher.core.paths import name_of, path_form
from enricher.model import Connection, DnsQuery, Event, FileCreate, ProcessCreate, ScriptBlock

MAX_ANCESTORS = 4
CLOCK_SKEW = timedelta(seconds=2)
LONGEST_LIFE = timedelta(days=366)
GUID_PARTS = 5
_EARLIEST = datetime.min.replace(tzinfo=UTC)

ProcessKey = tuple[str, str]
"""(computer, what names the process there)."""


@dataclass(slots=True)
class Process:
    """One process and its events. Built by `join`, read-only afterwards."""

    key: ProcessKey
    computer: str
    guid: str | None = None
    pid: int | None = None
    image: str | None = None
    user: str | None = None
    created: ProcessCreate | None = None
    connections: list[Connection] = field(default_factory=list)
    queries: list[DnsQuery] = field(default_factory=list)
    files: list[FileCreate] = field(default_factory=list)
    blocks: list[ScriptBlock] = field(default_factory=list)
    creations: list[ProcessCreate] = field(default_factory=list)

    @property
    def command_line(self) -> str | None:
        """The command line, where an event 1 or a parsed column gave it."""
        return self.created.command_line if self.created else None

    @property
    def events(self) -> list[Event]:
        """Every event of this process."""
        return [*self.creations, *self.connections, *self.queries, *self.files, *self.blocks]

    @property
    def scripts(self) -> tuple[str, ...]:
        """The 4104 blocks, each put together from its parts in order; lost parts leave a gap."""
        parts: dict[str, list[ScriptBlock]] = defaultdict(list)
        for number, block in enumerate(self.blocks):
            parts[block.block_id or f"#{number}"].append(block)
        return tuple(
            sorted("".join(b.text for b in sorted(blocks, key=lambda b: (b.part, b.text))) for blocks in parts.values())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """One link upwards. `source` is `observed`, `payload`, `history`, `search`; or `missing`, where only its GUID is known."""

    image: str | None
    command_line: str | None = None
    guid: str | None = None
    pid: int | None = None
    user: str | None = None
    original_file_name: str | None = None
    source: str
    key: ProcessKey | None = None
    """The process in this alert, where it is one of its own."""


@dataclass(frozen=True, slots=True)
class Activity:
    """All processes of an alert, by key, and the connections and queries by computer, in order of time."""

    processes: dict[ProcessKey, Process]
    connections: dict[str, list[tuple[Connection, Process]]]
    queries: dict[str, list[tuple[DnsQuery, Process]]]

    def ancestors(self, process: Process) -> tuple[Ancestor, ...]:
        """The parent first, up to four. A parent whose own event 1 is at hand also has its own name and parent; one that is
        known only by its child ends the chain, and so does a process that comes twice: no process is its own ancestor.
        """
        chain: list[Ancestor] = []
        child, seen = process.created, {process.key}
        while child is not None and len(chain) < MAX_ANCESTORS:
            key = (child.computer, child.parent_guid) if child.parent_guid else None
            if key in seen:
                break
            known = self.processes.get(key) if key else None
            created = known.created if known else None
            ancestor = _ancestor(child, created, key if known else None)
            if ancestor is None:
                break
            chain.append(ancestor)
            seen |= {key} if key else set()
            child = created
        return tuple(chain)

    def start_missing(self, process: Process) -> str | None:
        """The GUID of the nearest process of the chain whose start is not at hand: the process itself, or an ancestor.

        None where the chain is whole, or ends at a process without a GUID.
        """
        if process.created is None or not (process.created.observed or process.created.parent_guid):
            return process.guid
        child, seen = process.created, {process.key}
        for _ in range(MAX_ANCESTORS):
            if child.parent_guid is None or (key := (child.computer, child.parent_guid)) in seen:
                return None
            seen.add(key)
            known = self.processes.get(key)
            if known is None or known.created is None:
                return child.parent_guid
            child = known.created
        return None


def _ancestor(child: ProcessCreate, created: ProcessCreate | None, key: ProcessKey | None) -> Ancestor | None:
    if created is not None:
        return Ancestor(
            image=created.image or child.parent_image,
            command_line=created.command_line or child.parent_command_line,
            guid=created.guid,
            pid=created.pid,
            user=created.user,
            original_file_name=created.version_info.get("original_file_name"),
            source=_source(created),
            key=key,
        )
    named = child.parent_image is not None or child.parent_command_line is not None
    if not named and child.parent_guid is None:
        return None
    return Ancestor(
        image=child.parent_image,
        command_line=child.parent_command_line,
        guid=child.parent_guid,
        pid=child.parent_pid,
        user=child.parent_user,
        source=_source(child) if named else "missing",
        key=key,
    )


def _source(event: ProcessCreate) -> str:
    return event.origin or ("observed" if event.observed else "payload")


def join(events: Iterable[Event]) -> Activity:
    """Gather events into processes. The result does not depend on the order of `events`."""
    ordered = sorted(events, key=lambda e: (e.at or _EARLIEST, e.computer, e.guid or "", e.pid or 0, e.image or "", e.row))
    starts = _Starts(ordered)
    processes: dict[ProcessKey, Process] = {}
    connections: dict[str, list[tuple[Connection, Process]]] = defaultdict(list)
    queries: dict[str, list[tuple[DnsQuery, Process]]] = defaultdict(list)
    for event in ordered:
        key = starts.key_of(event)
        process = processes.get(key)
        if process is None:
            process = processes[key] = Process(key=key, computer=event.computer)
        _add(process, event)
        if isinstance(event, Connection):
            connections[event.computer].append((event, process))
        elif isinstance(event, DnsQuery):
            queries[event.computer].append((event, process))
    for process in processes.values():
        process.created = _best_creation(process.creations)
        if process.created is not None and process.created.image is not None:
            process.image = process.created.image
        if process.created is not None and process.created.user is not None:
            process.user = process.created.user
    return Activity(processes, dict(connections), dict(queries))


def _add(process: Process, event: Event) -> None:
    process.guid = process.guid or event.guid
    process.pid = event.pid if process.pid is None else process.pid
    process.image = process.image or event.image
    process.user = process.user or event.user
    match event:
        case ProcessCreate():
            process.creations.append(event)
        case Connection():
            process.connections.append(event)
        case DnsQuery():
            process.queries.append(event)
        case FileCreate():
            process.files.append(event)
        case ScriptBlock():
            process.blocks.append(event)


def _best_creation(creations: Sequence[ProcessCreate]) -> ProcessCreate | None:
    """A logged event 1 before one put together from columns; of several, the one that says most, then the earliest."""
    if len(creations) <= 1:
        return creations[0] if creations else None
    return max(
        creations,
        key=lambda c: (c.observed, len(c.command_line or ""), len(c.parent_image or ""), len(c.version_info), -c.row),
    )


def started_at(guid: str, seen: datetime | None) -> datetime | None:
    """When a process started, to the second, by its GUID; None where that cannot be: after it was `seen`, or a year before.

    Source: Sysmon's ProcessGuid {machine-LLLL-HHHH-…} holds the start in epoch seconds as HHHH × 65,536 + LLLL.
    """
    parts = guid.split("-")
    if seen is None or len(parts) != GUID_PARTS:
        return None
    start = datetime.fromtimestamp(int(parts[2] + parts[1], 16), UTC)
    return start if seen - LONGEST_LIFE <= start <= seen + CLOCK_SKEW else None


class _Starts:
    """Which process an event belongs to. Process starts by (computer, pid), for events that carry no GUID."""

    def __init__(self, ordered: Sequence[Event]) -> None:
        self._by_pid: dict[tuple[str, int], list[tuple[datetime, ProcessKey]]] = defaultdict(list)
        self._seen: dict[tuple[str, int], list[tuple[datetime, ProcessKey]]] = defaultdict(list)
        for event in ordered:
            if event.pid is None:
                continue
            if isinstance(event, ProcessCreate) and event.observed:
                self._by_pid[event.computer, event.pid].append((event.at or _EARLIEST, self._own_key(event)))
            elif event.guid:
                start = started_at(event.guid, event.at) or event.at or _EARLIEST
                self._seen[event.computer, event.pid].append((start, (event.computer, event.guid)))

    def key_of(self, event: Event) -> ProcessKey:
        if event.guid:
            return event.computer, event.guid
        if event.pid is None:
            return event.computer, f"{path_form(event.image or '?')}|{(event.user or '?').lower()}"
        if isinstance(event, ProcessCreate):
            return self._own_key(event)
        place = (event.computer, event.pid)
        return self._latest(self._by_pid[place], event) or self._latest(self._seen[place], event) or self._own_key(event)

    @staticmethod
    def _latest(starts: list[tuple[datetime, ProcessKey]], event: Event) -> ProcessKey | None:
        """The latest start at or before the event (two event sources have two clocks: 2 s of grace)."""
        if not starts:
            return None
        if event.at is None:
            return starts[-1][1] if len(starts) == 1 else None
        index = bisect_right(starts, event.at + CLOCK_SKEW, key=itemgetter(0))
        return starts[index - 1][1] if index else None

    @staticmethod
    def _own_key(event: Event) -> ProcessKey:
        if event.guid:
            return event.computer, event.guid
        start = f"@{event.at.isoformat()}" if isinstance(event, ProcessCreate) and event.at else ""
        return event.computer, f"pid {event.pid} {name_of(event.image or '?')}{start}"
