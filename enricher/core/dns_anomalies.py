"""What the queries of one host show: tenant rotation, bursts of failures, names that are asked for and never used.

First form: over one alert's queries; with history the same functions see more of them. Queries of verified browsers are
neither counted nor charged. Source: the `dns.*` table of the severity model (docs/severity.md), zeek's anomalous-dns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

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
        self._browsers = browsers
        self._contacted: dict[str, set[str | None]] = defaultdict(set)
        self._collected: dict[str, list[datetime]] = defaultdict(list)
        for computer, contacts in activity.connections.items():
            self._contacted[computer] = {connection.ip for connection, _ in contacts}
            self._collected[computer] = sorted(connection.at for connection, _ in contacts if connection.at is not None)
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
        self.rotations = {key: windows[0].complete for key, windows in self._rotating.items() if windows}
        """When more than eight tenants were complete for the first time, by (computer, family)."""
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
        computer = signal.process.computer
        if any(a in self._contacted[computer] for q in answered for a in q.answers or ()):
            return False
        return any(q.at is not None and _any_near(self._collected[computer], q.at) for q in answered)


def _any_near(times: Sequence[datetime], at: datetime) -> bool:
    """One of the sorted `times` lies within an hour of `at`."""
    index = bisect_left(times, at - COLLECTED_WITHIN)
    return index < len(times) and times[index] <= at + COLLECTED_WITHIN


class _Rotation(NamedTuple):
    """A span in which more than eight tenants were asked for within 60 minutes; `complete` is when the ninth was."""

    first: datetime
    complete: datetime
    last: datetime


def _rotation_windows(asked: list[tuple[datetime, str]]) -> tuple[_Rotation, ...]:
    """The spans of rotation; those that overlap are one."""
    windows: list[_Rotation] = []
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
            first, complete = asked[start][0], at
            if windows and first <= windows[-1].last:
                first, complete, _ = windows.pop()
            windows.append(_Rotation(first, complete, at))
    return tuple(windows)


def _takes_part(queries: Iterable[DnsQuery], windows: Sequence[_Rotation]) -> bool:
    return any(q.at is not None and w.first <= q.at <= w.last for q in queries for w in windows)


def _burst(times: Sequence[datetime]) -> bool:
    return any(times[i + BURST_FAILURES - 1] - times[i] <= BURST_WINDOW for i in range(len(times) - BURST_FAILURES + 1))


def browsers_among(processes: Iterable[Process], verified: Iterable[bool]) -> frozenset[tuple[str, str]]:
    """Keys of the processes that are verified browsers."""
    return frozenset(process.key for process, is_browser in zip(processes, verified, strict=True) if is_browser)
