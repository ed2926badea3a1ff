"""The stand-in's monitors and scheduled searches at work: they search its messages and call the connections of its library.

`Runner(sumo).run_due(now)` does what is due by then and tells every call that was made. As the documents say: one alert for each group,
the first thousand; nothing further for a group while its alert is open; a recovery when its condition ends; at most 200 rows of an
aggregate and 10 messages of anything else; nothing sent when a search fails; and no second try, for none is documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2

from enricher.core.kit.variables import fill
from enricher.standins.sumo.jobs import Message
from enricher.standins.sumo.language import QueryError, Search, parse
from enricher.standins.sumo.notices import Occasion, variables
from enricher.standins.sumo.schedules import Schedule, seconds

Json = dict[str, Any]
Row = Mapping[str, object]

MOST_GROUPS, MOST_RECORDS, MOST_ITEMS = 1_000, 512, 100
EVERY_S = 60.0
"""How often a monitor runs that names no frequency."""
RECOVERY_OF = {"Critical": "ResolvedCritical", "Warning": "ResolvedWarning", "MissingData": "ResolvedMissingData"}
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqual": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqual": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
}


class Shelf(Protocol):
    """Where connections, monitors and searches are kept, by id."""

    connections: dict[str, Json]
    monitors: dict[str, Json]
    searches: dict[str, Json]


class Account(Protocol):
    """The stand-in as far as its monitors need it."""

    messages: list[Message]

    @property
    def library(self) -> Shelf: ...


Post = Callable[[str, Mapping[str, str], bytes], int | None]
"""Sends a body to a URL with headers: the status, None where no answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One call to a connection. `about` is the id of the monitor or search, `group` the values that it was grouped by."""

    about: str
    trigger: str
    group: tuple[str, ...] = ()
    rows: int = 0
    body: bytes = b""
    status: int | None = None


@dataclass(slots=True)
class _State:
    """How far one monitor or search has come. `open` are its alerts by trigger and group."""

    ran_at: float | None = None
    open: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)


class Runner:
    """The scheduler of one account. `unresolved` is what a variable without a value becomes, which the documents leave open."""

    def __init__(self, sumo: Account, *, post: Post | None = None, unresolved: str = "", groups_told: bool = True) -> None:
        self._sumo, self._post, self._unresolved = sumo, post or to_loopback, unresolved
        self._groups_told = groups_told
        self._states: dict[str, _State] = {}
        self._alerts = 0

    def run_due(self, now: float) -> list[Sent]:
        """Run everything that is due at `now`, seconds since the epoch, and return the calls in their order."""
        sent: list[Sent] = []
        library = self._sumo.library
        for one, monitor in list(library.monitors.items()):
            if monitor.get("monitorType") == "Logs" and not monitor.get("isDisabled"):
                sent += self._monitor(one, monitor, now)
        for one, search in list(library.searches.items()):
            if search.get("schedule"):
                sent += self._search(one, search, now)
        return sent

    def is_open(self, monitor: str) -> bool:
        """Whether any alert of the monitor is."""
        return bool(self._states.get(monitor, _State()).open)

    # --- searching ----------------------------------------------------------------------------------------------------

    def _due(self, one: str, every: float, now: float) -> bool:
        state = self._states.setdefault(one, _State())
        if state.ran_at is not None and now < state.ran_at + every:
            return False
        state.ran_at = now
        return True

    def _rows(self, query: str, begins: float, ends: float) -> tuple[list[Row], Search] | None:
        """The rows of a search, and the search; None where it fails."""
        inside = [one for one in self._sumo.messages if one.at is None or begins <= one.at < ends]
        newest = sorted(inside, key=lambda one: -(one.at or 0))
        try:
            search = parse(query)
            return list(search.run([one.fields(n) for n, one in enumerate(newest)])), search
        except QueryError:
            return None

    # --- monitors -----------------------------------------------------------------------------------------------------

    def _monitor(self, one: str, monitor: Json, now: float) -> Iterator[Sent]:
        triggers = {trigger["triggerType"]: trigger for trigger in monitor["triggers"]}
        every = min((seconds(t["frequency"]) for t in triggers.values() if t.get("frequency")), default=EVERY_S)
        if not self._due(one, every, now):
            return
        ends = now - seconds(monitor.get("evaluationDelay") or "0m")
        for kind, trigger in triggers.items():
            if kind in RECOVERY_OF:
                yield from self._trigger(one, monitor, trigger, triggers.get(RECOVERY_OF[kind]), ends)

    def _trigger(self, one: str, monitor: Json, trigger: Json, resolution: Json | None, ends: float) -> Iterator[Sent]:
        kind, begins = trigger["triggerType"], ends - seconds(trigger["timeRange"])
        found = self._rows(monitor["queries"][0]["query"], begins, ends)
        if found is None:
            return
        rows, search = found
        alerts = self._states[one].open
        grouped = _grouped(rows, () if kind == "MissingData" else monitor.get("notificationGroupFields") or ())
        for group, some in list(grouped.items())[:MOST_GROUPS]:
            if (kind, group) not in alerts and _holds(trigger, len(some)):
                self._alerts += 1
                alerts[kind, group] = f"{self._alerts:016X}"
                yield from self._notify(one, monitor, trigger, _Run(group, some, search, begins, ends), alerts[kind, group])
        for opened, group in [key for key in alerts if key[0] == kind]:
            count = self._count(monitor, resolution or {}, grouped, group, ends)
            if resolution and _ended(resolution, count):
                alert = alerts.pop((opened, group))
                yield from self._notify(one, monitor, resolution, _Run(group, [], search, begins, ends), alert)

    def _count(
        self, monitor: Json, resolution: Json, grouped: Mapping[tuple[str, ...], list[Row]], group: Any, ends: float
    ) -> int:
        """How many rows the group has within the window of the resolution, which is the trigger's where it names none."""
        window = resolution.get("resolutionWindow")
        if window is None:
            return len(grouped.get(group, ()))
        found = self._rows(monitor["queries"][0]["query"], ends - seconds(window), ends)
        if found is None or resolution["triggerType"] == "ResolvedMissingData":
            return len(found[0]) if found else 0
        return len(_grouped(found[0], monitor.get("notificationGroupFields") or ()).get(group, ()))

    def _notify(self, one: str, monitor: Json, trigger: Json, run: _Run, alert: str) -> Iterator[Sent]:
        kind = trigger["triggerType"]
        occasion = Occasion(
            about=one,
            name=monitor["name"],
            description=monitor.get("description", ""),
            title=monitor.get("alertName") or "",
            query=monitor["queries"][0]["query"],
            playbook=monitor.get("playbook", ""),
            trigger=trigger,
            rows=run.rows,
            search=run.search,
            begins=run.begins,
            ends=run.ends,
            alert=alert,
            group=dict(zip(monitor.get("notificationGroupFields") or (), run.group, strict=False))
            if self._groups_told
            else {},
        )
        for notification in monitor.get("notifications", ()):
            if kind in notification["runForTriggerTypes"]:
                status, body = self._call(
                    notification["notification"], variables(occasion), recovers=kind.startswith("Resolved")
                )
                yield Sent(about=one, trigger=kind, group=run.group, rows=len(run.rows), body=body, status=status)

    # --- scheduled searches -------------------------------------------------------------------------------------------

    def _search(self, one: str, search: Json, now: float) -> Iterator[Sent]:
        schedule = Schedule(search["schedule"])
        if not self._due(one, schedule.every_s, now):
            return
        begins = now - schedule.range_s
        found = self._rows(search["queryString"], begins, now)
        if found is None or not _over(schedule.threshold, len(found[0])):
            return
        rows = found[0][:MOST_RECORDS]
        task = schedule.notification
        each = [[row] for row in rows[: min(task.get("maxItemizedAlerts") or MOST_ITEMS, MOST_ITEMS)]]
        for some in each if task.get("itemizeAlerts") else [rows]:
            occasion = Occasion(
                about=one,
                name=search["name"],
                description=search.get("description", ""),
                query=search["queryString"],
                rows=some,
                search=found[1],
                begins=begins,
                ends=now,
            )
            status, body = self._call(
                {"connectionId": task.get("webhookId"), "payloadOverride": task.get("payload")}, variables(occasion)
            )
            yield Sent(about=one, trigger="", rows=len(some), body=body, status=status)

    # --- the call -----------------------------------------------------------------------------------------------------

    def _call(self, notification: Json, values: Mapping[str, str], *, recovers: bool = False) -> tuple[int | None, bytes]:
        connection = self._sumo.library.connections.get(str(notification.get("connectionId")))
        if connection is None:
            return None, b""
        own, default = (
            ("resolutionPayloadOverride", "resolutionPayload") if recovers else ("payloadOverride", "defaultPayload")
        )
        template = notification.get(own) or connection.get(default) or ""
        if not template:
            return None, b""
        body = fill(template, values, unresolved=self._unresolved).encode()
        headers = {one["name"]: one["value"] for one in (*connection["headers"], *connection["customHeaders"])}
        return self._post(connection["url"], headers, body), body


@dataclass(frozen=True, slots=True)
class _Run:
    """What one group of a run found, and when it looked."""

    group: tuple[str, ...]
    rows: Sequence[Row]
    search: Search
    begins: float
    ends: float


def _grouped(rows: Sequence[Row], fields: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """The rows by the values of these fields; where a row lacks one, by nothing: one alert for the monitor."""
    found: dict[tuple[str, ...], list[Row]] = {} if fields else {(): []}
    for row in rows:
        named = {name.lower(): value for name, value in row.items()}
        values = [named.get(name.lower()) for name in fields]
        found.setdefault(() if None in values else tuple(map(str, values)), []).append(row)
    return found


def _holds(trigger: Json, count: int) -> bool:
    if trigger["detectionMethod"] == "LogsMissingDataCondition":
        return count == 0
    return _COMPARE[trigger["thresholdType"]](count, trigger["threshold"])


def _ended(resolution: Json, count: int) -> bool:
    return count > 0 if resolution["detectionMethod"] == "LogsMissingDataCondition" else _holds(resolution, count)


def _over(threshold: Json | None, count: int) -> bool:
    """Without a threshold a search sends whatever it finds."""
    return threshold is None or _COMPARE[threshold["operator"]](count, threshold["count"])


def to_loopback(url: str, headers: Mapping[str, str], body: bytes) -> int | None:
    """Send to this machine, and to no other. Raises ValueError for an address that is not on it."""
    if httpx2.URL(url).host not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("a stand-in calls nobody but this machine")
    with httpx2.Client(trust_env=False, verify=False, timeout=10.0) as client:
        try:
            return client.post(url, content=body, headers={"Content-Type": "application/json", **headers}).status_code
        except httpx2.RequestError:
            return None
