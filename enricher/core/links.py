"""Which query each connection belongs to: one of its own process with that address before any other, the nearest in time.

A name in the catalog comes before every other name of the same address. Source: docs/evidence.md, "Linking events".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from enricher.core.addresses import is_public
from enricher.core.catalog import Catalog, Excluded, Match
from enricher.core.join import CLOCK_SKEW, Activity, Process
from enricher.model import Connection, DnsQuery

SAME_PROCESS_WINDOW = timedelta(hours=1)
OTHER_PROCESS_WINDOW = timedelta(minutes=5)


class Links:
    """Which query each connection belongs to, and which connections leave before any name is asked for."""

    def __init__(self, activity: Activity, catalog: Catalog) -> None:
        self._catalog = catalog
        self.left: dict[int, str] = {}
        self.own: dict[int, DnsQuery] = {}
        self.foreign: dict[int, DnsQuery] = {}
        self.used: set[int] = set()
        for computer, connections in activity.connections.items():
            queries = _by_address(activity.queries.get(computer, ()))
            for connection, process in connections:
                if (reason := _leaves_at_once(connection)) is not None:
                    self.left[id(connection)] = reason
                elif connection.ip is not None:
                    self._assign(connection, process, queries.get(connection.ip, ()))

    def _assign(self, connection: Connection, process: Process, asked: Iterable[tuple[DnsQuery, Process]]) -> None:
        asked = list(asked)
        own = [q for q, owner in asked if owner is process and _within(q, connection, SAME_PROCESS_WINDOW)]
        if own:
            query = self.own[id(connection)] = self._nearest(own, connection)
            self.used.add(id(query))
            return
        others = [q for q, owner in asked if owner is not process and _within(q, connection, OTHER_PROCESS_WINDOW)]
        if others:
            self.foreign[id(connection)] = self._nearest(others, connection)

    def why_unmatched(self, name: str) -> str:
        """`excluded` or `no_match`."""
        return "excluded" if isinstance(self._catalog.lookup(name), Excluded) else "no_match"

    def _nearest(self, queries: list[DnsQuery], connection: Connection) -> DnsQuery:
        return min(
            queries,
            key=lambda q: (not isinstance(self._catalog.lookup(q.name), Match), _distance(q, connection), q.name, q.row),
        )


def _leaves_at_once(connection: Connection) -> str | None:
    if connection.initiated is False:
        return "inbound"
    return "not_public" if connection.ip is not None and not is_public(connection.ip) else None


def _by_address(queries: Iterable[tuple[DnsQuery, Process]]) -> dict[str, list[tuple[DnsQuery, Process]]]:
    table: dict[str, list[tuple[DnsQuery, Process]]] = defaultdict(list)
    for query, process in queries:
        if not query.status:
            for address in query.answers or ():
                table[address].append((query, process))
    return table


def _within(query: DnsQuery, connection: Connection, before: timedelta) -> bool:
    if query.at is None or connection.at is None:
        return True
    return -CLOCK_SKEW <= connection.at - query.at <= before


def _distance(query: DnsQuery, connection: Connection) -> float:
    if query.at is None or connection.at is None:
        return 0.0
    return abs((connection.at - query.at).total_seconds())
