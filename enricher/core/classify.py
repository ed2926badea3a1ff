"""The detection, run again: which process reached which tenant of which platform, and how we know its name.

How a name was learnt decides how much it counts (`factor` in severity.yml). A connection belongs to one query: a name in the
catalog before any other, then the nearest in time; the other names stay candidates. Source: docs/evidence.md, "Names".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from enricher.core.addresses import is_public
from enricher.core.catalog import Catalog, Match
from enricher.core.commands import decoded_forms
from enricher.core.hostnames import hosts_in, normalise
from enricher.core.join import Activity, Ancestor, Process
from enricher.core.links import Links
from enricher.core.rules import Platform, Rules
from enricher.model import Connection, DnsQuery, Event

MOST_TOLD = 50
"""Names taken from one process's own lines: a line with thousands must not become thousands of cases."""
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """One way in which a host name in the catalog was learnt."""

    host: str
    source: str
    match: Match
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One process towards one tenant (or, without a tenant, one platform family)."""

    process: Process
    ancestors: tuple[Ancestor, ...]
    platform: Platform
    tenant: str | None
    host: str
    source: str
    factor: float
    candidates: tuple[str, ...]
    connections: tuple[Connection, ...]
    queries: tuple[DnsQuery, ...]
    names_left: int = 0
    """How many more names of platforms stand in the process's own lines than were followed."""

    @property
    def target(self) -> str:
        """What the case groups by: the tenant, else the platform's family."""
        return self.tenant or self.platform.family

    @property
    def contacts(self) -> int:
        """How often the tenant was contacted; 1 where there is only a URL in a command line."""
        return sum(event.count for event in self.counted) or 1

    @property
    def counted(self) -> tuple[Event, ...]:
        """The events that count as contacts: connections; without any, queries; without those, the process's start."""
        start = (self.process.created,) if self.process.created else ()
        return self.connections or self.queries or start

    @property
    def first_at(self) -> datetime | None:
        """The earliest contact, else the process's start."""
        times = [e.at for e in (*self.connections, *self.queries) if e.at]
        return min(times) if times else self.process.created.at if self.process.created else None


@dataclass(frozen=True, slots=True)
class Classified:
    """Signals in a fixed order, and for every event that is in none of them the reason why it leaves."""

    signals: tuple[Signal, ...]
    leaving: list[tuple[Event, str]]


def classify(activity: Activity, rules: Rules) -> Classified:
    """Find the signals."""
    links = Links(activity, rules.catalog)
    told = {key: _told(process, rules.catalog) for key, process in activity.processes.items()}
    named = {
        key: [*_namings(process, links, rules.catalog), *told[key][:MOST_TOLD]]
        for key, process in activity.processes.items()
    }
    ancestry = {key: activity.ancestors(activity.processes[key]) for key, names in named.items() if names}
    signals: list[Signal] = []
    for key, names in named.items():
        if names:
            left = max(0, len(told[key]) - MOST_TOLD)
            signals += _signals(activity.processes[key], ancestry[key], names, left, links, rules.severity.factor)
    signals = _without_mere_ancestors(signals)
    signals.sort(key=lambda s: (s.first_at or _LATEST, s.process.key, s.host))
    return Classified(tuple(signals), _leaving(activity, signals, links))


# --- names ----------------------------------------------------------------------------------------------------------


def _namings(process: Process, links: Links, catalog: Catalog) -> list[Naming]:
    found: list[Naming] = []
    for query in process.queries:
        found += _query_namings(query, catalog, connected=id(query) in links.used)
    for connection in process.connections:
        if id(connection) in links.left:
            continue
        if (foreign := links.foreign.get(id(connection))) is not None:
            found += _naming(catalog, foreign.name, "dns_other_process", foreign.at)
        if connection.hostname:
            found += _naming(catalog, connection.hostname, "reverse_lookup", connection.at)
    return found


def _told(process: Process, catalog: Catalog) -> list[Naming]:
    """The names in the process's own lines, each once, in order of appearance."""
    started = process.created.at if process.created else None
    hosts = dict.fromkeys(host for text in texts_of(process) for host in hosts_in(text))
    return [naming for host in hosts for naming in _naming(catalog, host, "command_line", started)]


def texts_of(process: Process) -> tuple[str, ...]:
    """What the process was told to do: its command line, what that decodes to, and its script blocks."""
    line = process.command_line
    return (*((line, *decoded_forms(line)) if line else ()), *process.scripts)


def _query_namings(query: DnsQuery, catalog: Catalog, *, connected: bool) -> list[Naming]:
    if connected:
        source = "dns_same_process"
    elif query.answers is None and not query.status:
        source = "payload"
    elif query.status or not any(is_public(a) for a in query.answers or ()):
        source = "dns_failed"
    else:
        source = "dns_no_connection"
    found = _naming(catalog, query.name, source, query.at)
    if not found and catalog.lookup(query.name) is None:
        for target in query.cnames:
            found += _naming(catalog, target, "cname", query.at)
    return found


def _naming(catalog: Catalog, name: str, source: str, at: datetime | None) -> list[Naming]:
    match = catalog.lookup(name)
    return [Naming(host=match.host, source=source, match=match, at=at)] if isinstance(match, Match) else []


# --- signals --------------------------------------------------------------------------------------------------------


def _signals(
    process: Process,
    ancestors: tuple[Ancestor, ...],
    names: list[Naming],
    names_left: int,
    links: Links,
    factor: Mapping[str, float],
) -> list[Signal]:
    groups: dict[str, list[Naming]] = defaultdict(list)
    for naming in names:
        groups[naming.match.tenant or naming.match.platform.family].append(naming)
    for group in groups.values():
        group.sort(key=lambda n: (-factor[n.source], -n.match.platform.weight, n.at or _LATEST, n.host))
    queries = _queries_of(process, groups)
    connections = _share_out(process, groups, queries, links, factor)
    return [
        Signal(
            process=process,
            ancestors=ancestors,
            platform=group[0].match.platform,
            tenant=group[0].match.tenant,
            host=group[0].host,
            source=group[0].source,
            factor=factor[group[0].source],
            candidates=tuple(sorted({n.host for n in group} - {group[0].host})),
            connections=tuple(connections[target]),
            queries=tuple(queries[target]),
            names_left=names_left,
        )
        for target, group in groups.items()
    ]


def _target_of_names(groups: Mapping[str, list[Naming]]) -> dict[str, str]:
    return {naming.host: target for target, group in groups.items() for naming in group}


def _queries_of(process: Process, groups: Mapping[str, list[Naming]]) -> dict[str, list[DnsQuery]]:
    """The queries behind each target; one whose answer leads to another platform's name belongs to both."""
    target_of = _target_of_names(groups)
    queries: dict[str, list[DnsQuery]] = {target: [] for target in groups}
    for query in process.queries:
        for target in dict.fromkeys(target_of[name] for name in _names_of(query) if name in target_of):
            queries[target].append(query)
    return queries


def _names_of(query: DnsQuery) -> list[str]:
    return [host for name in (query.name, *query.cnames) if (host := normalise(name))]


def _share_out(
    process: Process,
    groups: Mapping[str, list[Naming]],
    queries: Mapping[str, list[DnsQuery]],
    links: Links,
    factor: Mapping[str, float],
) -> dict[str, list[Connection]]:
    """Give each connection to one signal: that of its query, else the best that knows the address, else the only one whose
    name came without an address (a command line, or a parsed column).
    """
    shares: dict[str, list[Connection]] = {target: [] for target in groups}
    order = sorted(groups, key=lambda t: (-factor[groups[t][0].source], t))
    rank = {target: place for place, target in enumerate(order)}
    addressless = [t for t in order if groups[t][0].source in {"command_line", "payload"}]
    by_name = _ByName(groups, queries, links)
    rest: list[Connection] = []
    known: dict[str, str] = {}
    for connection in process.connections:
        if id(connection) in links.left:
            continue
        target = by_name.target(connection)
        if target is None:
            rest.append(connection)
            continue
        shares[target].append(connection)
        if connection.ip is not None and (connection.ip not in known or rank[target] < rank[known[connection.ip]]):
            known[connection.ip] = target
    for connection in rest:
        if id(connection) in links.own or id(connection) in links.foreign:
            continue
        target = known.get(connection.ip or "") or (addressless[0] if len(addressless) == 1 else None)
        if target is not None:
            shares[target].append(connection)
    return shares


class _ByName:
    """The target of a connection by its own query, another process's query, or the reverse look-up, in that order."""

    def __init__(self, groups: Mapping[str, list[Naming]], queries: Mapping[str, list[DnsQuery]], links: Links) -> None:
        self._target_of, self._links = _target_of_names(groups), links
        self._of_query: dict[int, str] = {}
        for target, asked in queries.items():
            for query in asked:
                self._of_query.setdefault(id(query), target)

    def target(self, connection: Connection) -> str | None:
        """None where no name says."""
        if (own := self._links.own.get(id(connection))) is not None:
            return self._of_query.get(id(own))
        foreign = self._links.foreign.get(id(connection))
        for name in (foreign.name if foreign else None, connection.hostname):
            host = normalise(name) if name else None
            if host in self._target_of:
                return self._target_of[host]
        return None


def _without_mere_ancestors(signals: list[Signal]) -> list[Signal]:
    """A process that has only a URL in its line makes no signal when it is an ancestor of one for the same target."""
    above = {(s.target, ancestor.key) for s in signals for ancestor in s.ancestors if ancestor.key}
    return [
        s
        for s in signals
        if s.source != "command_line" or s.connections or s.queries or (s.target, s.process.key) not in above
    ]


# --- rows that leave ------------------------------------------------------------------------------------------------


def _leaving(activity: Activity, signals: list[Signal], links: Links) -> list[tuple[Event, str]]:
    kept = {id(e) for s in signals for e in (*s.connections, *s.queries)}
    related = {s.process.key for s in signals} | {a.key for s in signals for a in s.ancestors if a.key}
    related |= {(s.process.computer, a.guid) for s in signals for a in s.ancestors if a.guid}
    leaving: list[tuple[Event, str]] = []
    for process in activity.processes.values():
        leaving += [(c, links.left.get(id(c)) or _why_unnamed(c, links)) for c in process.connections if id(c) not in kept]
        leaving += [(query, links.why_unmatched(query.name)) for query in process.queries if id(query) not in kept]
        if process.key not in related:
            leaving += [(event, "unrelated") for event in (*process.creations, *process.files, *process.blocks)]
    return leaving


def _why_unnamed(connection: Connection, links: Links) -> str:
    query = links.own.get(id(connection)) or links.foreign.get(id(connection))
    name = query.name if query else connection.hostname
    return links.why_unmatched(name) if name else "no_name"
