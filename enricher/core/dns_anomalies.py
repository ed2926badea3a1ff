"""What the queries of one host show: tenant rotation, bursts of failures, names that are asked for and never used.

First form: over one alert's queries; with history the same functions see more of them. Queries of verified browsers are
neither counted nor charged. Source: the `dns.*` table of the severity model (docs/severity.md), zeek's anomalous-dns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from enricher.core.addresses import is_public
from enricher.core.catalog import Catalog, Match
from enricher.core.classify import Signal
from enricher.core.join import Activity, Process
from enricher.model import DnsQuery

ROTATION_TENANTS = 8
ROTATION_WINDOW = timedelta(minutes=60)
BURST_FAILURES = 5
BURST_WINDOW = timedelta(minutes=10)
FAILED_STATUSES = frozenset({9002, 9003, 9005, 1460})
"""SERVFAIL, NXDOMAIN, refused, time-out; every other status is noise."""
COLLECTED_WITHIN = timedelta(hours=1)


class DnsAnomalies:
    """The anomalies of each signal of one alert: `tenant_rotation`, `failed_burst`, `never_connected`."""

    def __init__(self, activity: Activity, catalog: Catalog, browsers: frozenset[tuple[str, str]]) -> None:
        self._activity, self._browsers = activity, browsers
        asked: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        failed: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for computer, queries in activity.queries.items():
            for query, process in queries:
                match = catalog.lookup(query.name)
                if not isinstance(match, Match) or query.at is None or process.key in browsers:
                    continue
                if match.tenant:
                    asked[computer, match.platform.family].append((query.at, match.tenant))
                if query.status in FAILED_STATUSES:
                    failed[computer, match.tenant or match.platform.family].append(query.at)
        self._rotating = {key: _rotation_windows(sorted(times)) for key, times in asked.items()}
        self._failing = {key for key, times in failed.items() if _burst(sorted(times))}

    def of(self, signal: Signal) -> tuple[str, ...]:
        """The anomalies this signal takes part in, in a fixed order."""
        if signal.process.key in self._browsers:
            return ()
        computer = signal.process.computer
        windows = self._rotating.get((computer, signal.platform.family), ())
        return tuple(
            name
            for name, found in (
                ("tenant_rotation", _takes_part(signal.queries, windows)),
                ("failed_burst", bool(signal.queries) and (computer, signal.target) in self._failing),
                ("never_connected", self._never_connected(signal)),
            )
            if found
        )

    def _never_connected(self, signal: Signal) -> bool:
        """A good answer, no connection of any process of the host to it, though connections of that host are collected."""
        answered = [q for q in signal.queries if not q.status and any(is_public(a) for a in q.answers or ())]
        if not answered or signal.connections:
            return False
        addresses = {a for q in answered for a in q.answers or ()}
        contacts = self._activity.connections.get(signal.process.computer, [])
        if any(connection.ip in addresses for connection, _ in contacts):
            return False
        return any(_near(query, contact.at) for query in answered for contact, _ in contacts)


def _near(query: DnsQuery, at: datetime | None) -> bool:
    return query.at is not None and at is not None and abs(at - query.at) <= COLLECTED_WITHIN


def _rotation_windows(asked: list[tuple[datetime, str]]) -> tuple[tuple[datetime, datetime], ...]:
    """Spans of at most 60 minutes in which more than eight tenants were asked for."""
    windows: list[tuple[datetime, datetime]] = []
    counts: dict[str, int] = defaultdict(int)
    start = 0
    for at, tenant in asked:
        counts[tenant] += 1
        while at - asked[start][0] > ROTATION_WINDOW:
            counts[asked[start][1]] -= 1
            if not counts[asked[start][1]]:
                del counts[asked[start][1]]
            start += 1
        if len(counts) > ROTATION_TENANTS:
            windows.append((asked[start][0], at))
    return tuple(windows)


def _takes_part(queries: Iterable[DnsQuery], windows: Sequence[tuple[datetime, datetime]]) -> bool:
    return any(q.at is not None and first <= q.at <= last for q in queries for first, last in windows)


def _burst(times: Sequence[datetime]) -> bool:
    return any(times[i + BURST_FAILURES - 1] - times[i] <= BURST_WINDOW for i in range(len(times) - BURST_FAILURES + 1))


def browsers_among(processes: Iterable[Process], verified: Iterable[bool]) -> frozenset[tuple[str, str]]:
    """Keys of the processes that are verified browsers."""
    return frozenset(process.key for process, is_browser in zip(processes, verified, strict=True) if is_browser)
