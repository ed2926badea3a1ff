"""Which query each connection belongs to: one of its own process with that address before any other's, the nearest in time.

A name in the catalog comes before every other name of the same address. Queries are sorted once by address, so that
thousands of them cost no more than the sorting. Source: docs/evidence.md, "Linking events".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from enricher.core.addresses import is_public
from enricher.core.catalog import Catalog, Excluded, Match
from enricher.core.join import CLOCK_SKEW, Activity, Process, ProcessKey
from enricher.model import Connection, DnsQuery

SAME_PROCESS_WINDOW = timedelta(hours=1)
OTHER_PROCESS_WINDOW = timedelta(minutes=5)


class Links:
    """The query of each connection, by `id`, and the connections that leave before any name is asked for."""

    def __init__(self, activity: Activity, catalog: Catalog) -> None:
        self._catalog = catalog
        self.left: dict[int, str] = {}
        self.own: dict[int, DnsQuery] = {}
        self.foreign: dict[int, DnsQuery] = {}
        self.used: set[int] = set()
        for computer, connections in activity.connections.items():
            asked = _Asked(activity.queries.get(computer, ()), catalog)
            for connection, process in connections:
                if (reason := _leaves_at_once(connection)) is not None:
                    self.left[id(connection)] = reason
                elif connection.ip is not None:
                    self._assign(connection, process, connection.ip, asked)

    def _assign(self, connection: Connection, process: Process, address: str, asked: _Asked) -> None:
        if (own := asked.by(process, address, connection.at)) is not None:
            self.own[id(connection)] = own
            self.used.add(id(own))
        elif (other := asked.by_anyone(address, connection.at)) is not None:
            self.foreign[id(connection)] = other

    def why_unmatched(self, name: str) -> str:
        """`excluded` or `no_match`."""
        return "excluded" if isinstance(self._catalog.lookup(name), Excluded) else "no_match"


def _leaves_at_once(connection: Connection) -> str | None:
    if connection.initiated is False:
        return "inbound"
    return "not_public" if connection.ip is not None and not is_public(connection.ip) else None


class _Asked:
    """One computer's answered queries, by address: those in the catalog apart from the others."""

    def __init__(self, queries: Iterable[tuple[DnsQuery, Process]], catalog: Catalog) -> None:
        own: dict[tuple[ProcessKey, str], dict[bool, list[DnsQuery]]] = defaultdict(lambda: {True: [], False: []})
        all_of: dict[str, dict[bool, list[DnsQuery]]] = defaultdict(lambda: {True: [], False: []})
        for query, process in queries:
            if query.status:
                continue
            known = isinstance(catalog.lookup(query.name), Match)
            for address in query.answers or ():
                own[process.key, address][known].append(query)
                all_of[address][known].append(query)
        self._own = {key: (_Timeline(found[True]), _Timeline(found[False])) for key, found in own.items()}
        self._all = {key: (_Timeline(found[True]), _Timeline(found[False])) for key, found in all_of.items()}

    def by(self, process: Process, address: str, at: datetime | None) -> DnsQuery | None:
        """The process's own query."""
        return _nearest(self._own.get((process.key, address), ()), at, SAME_PROCESS_WINDOW)

    def by_anyone(self, address: str, at: datetime | None) -> DnsQuery | None:
        """Anybody's query, asked when the process has none of its own: its shorter window holds none of those either."""
        return _nearest(self._all.get(address, ()), at, OTHER_PROCESS_WINDOW)


def _nearest(timelines: Sequence[_Timeline], at: datetime | None, before: timedelta) -> DnsQuery | None:
    return next((query for timeline in timelines if (query := timeline.nearest(at, before)) is not None), None)


class _Timeline:
    """Queries in order of time. One without a time may belong to any connection, at no distance."""

    def __init__(self, queries: Sequence[DnsQuery]) -> None:
        by_name = sorted(queries, key=lambda q: (q.name, q.row))
        self._any = next(iter(by_name), None)
        self._untimed = next((q for q in by_name if q.at is None), None)
        timed = sorted(((q.at, q) for q in by_name if q.at is not None), key=lambda entry: entry[0])
        self._times, self._queries = [at for at, _ in timed], [query for _, query in timed]

    def nearest(self, at: datetime | None, before: timedelta) -> DnsQuery | None:
        """The query nearest to `at`, from `before` it to 2 s after it; of equally near ones the first by name."""
        if at is None or self._untimed is not None:
            return self._any if at is None else self._untimed
        after = bisect_right(self._times, at)
        near: list[int] = []
        if after and at - self._times[after - 1] <= before:
            near.append(bisect_left(self._times, self._times[after - 1]))
        if after < len(self._times) and self._times[after] - at <= CLOCK_SKEW:
            near.append(after)
        best = min(
            near, key=lambda i: (abs(self._times[i] - at), self._queries[i].name, self._queries[i].row), default=None
        )
        return None if best is None else self._queries[best]
