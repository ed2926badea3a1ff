"""What Sumo Logic is asked again about an alert: by which search, over which time, and what of the answer is one more alert.

While an alert is open Sumo Logic sends nothing more of it, and no notification holds more than 200 rows. So the search is run again
by us: one of those that are generated from the catalog, never the text that a payload has brought, for whoever may send an alert may
not search with our keys. Source: Sumo Logic's documentation, "Alert Grouping", "Alert Variables" and "Search Job API".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

import orjson

from enricher.core import fields, rows
from enricher.core.columns import told
from enricher.core.drift import query_digest
from enricher.core.kit.queries import SEARCHES, Form, Query, detection_queries, process_queries
from enricher.core.normalise import normalise
from enricher.core.rules import Rules
from enricher.model import Alert, Connection, DnsQuery, Event, Kind

SOURCE = "sumo-search"
"""The source of what we have searched for ourselves: a silent source must not look as if it were heard."""
LAG = timedelta(minutes=2)
"""Sumo Logic takes a while before it finds what it has received: nothing younger is searched."""
LONGEST = timedelta(days=7)
"""How long an alert that never recovers is asked about."""
SHORTEST = timedelta(minutes=1)
"""Of the stretches that are searched: one that holds too much is halved until then."""
OLDEST = timedelta(days=1)
"""How far back a body's own times may send us."""
MOST_ROWS = 500
MOST_BYTES = 2 * 1024 * 1024
_AS_MANY_AS_SUMO_SENDS = 200
"""Exactly so many would look as if they had been cut."""
_DIGEST_SIZE = 8

Record = Mapping[str, str]
"""One row of an answer: the names in small letters, every value as text."""


class Window(NamedTuple):
    """From when (inclusive) to when (exclusive) is searched."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that is asked about: since `alert_id` was accepted, found on `hosts` so far. `query` is the digest of its monitor's
    query; `grouped`: its monitor opens an alert for each group of rows.
    """

    ref: str
    alert_id: str
    query: str | None = None
    grouped: bool = False
    hosts: frozenset[str] = frozenset()
    ended_at: datetime | None = None
    """When its recovery was accepted, where what was before that is still to be searched."""


# --- which search ---------------------------------------------------------------------------------------------------


class Searches:
    """The searches generated from one version of the catalog, in every form, for one scope; `form` is how events lie there."""

    def __init__(self, rules: Rules, scope: str, form: Form) -> None:
        self._all = detection_queries(rules, scope, form)
        ours = (
            query
            for one in SEARCHES
            for query in (*detection_queries(rules, scope, one), *process_queries(rules, scope, one))
        )
        self._by_digest = {query_digest(query.text): query for query in ours}

    def chosen(self, digest: str | None) -> tuple[Query, ...]:
        """The search that has this digest (`core.drift.query_digest`), where it is one of ours; else all that detect."""
        found = self._by_digest.get(digest) if digest else None
        return (found,) if found else self._all


# --- which time -----------------------------------------------------------------------------------------------------


def first_since(ended_at: datetime | None, received_at: datetime) -> datetime:
    """Where an alert's own search has ended; where it does not say, or says what cannot be, when it was accepted."""
    if ended_at is None or not received_at - OLDEST <= ended_at <= received_at:
        return received_at
    return ended_at


def own_window(started_at: datetime | None, ended_at: datetime | None) -> Window | None:
    """What an alert's own search has looked at, at most its last day; None where it does not say."""
    if started_at is None or ended_at is None or started_at >= ended_at:
        return None
    return Window(max(started_at, ended_at - OLDEST), ended_at)


def next_window(
    since: datetime, every: timedelta, ended_at: datetime | None, span: timedelta | None = None
) -> Window | None:
    """What is to be searched next; None where nothing is, for the alert `ended_at` a time that has been searched.

    It ends at a whole multiple of `every`, so that all alerts that are open share one search. It depends on nothing else, so that
    a process which does the work of a dead one searches the same.
    """
    step = max(every, SHORTEST)
    ends = _after(since + SHORTEST, step)
    if span is not None:
        ends = min(ends, since + span)
    if ended_at is not None:
        ends = min(ends, _after(ended_at, SHORTEST))
    return Window(since, ends) if since < ends else None


def _after(moment: datetime, step: timedelta) -> datetime:
    """The next whole multiple of `step` since the epoch, or the moment itself."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + -(-(moment - epoch) // step) * step


# --- which rows -----------------------------------------------------------------------------------------------------


def records_of(found: Iterable[Mapping[str, object]]) -> list[Record]:
    """An answer's rows as text, without what is no value of a row: null, a list, or a whole message."""
    return [
        {
            name.lower(): str(value)
            for name, value in one.items()
            if _is_value(value) and fields.fold(name) not in rows.TEXTS
        }
        for one in found
    ]


def _is_value(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def computer_of(record: Record) -> str:
    """The computer that a row is of, named as its case would name it; empty where none is."""
    return fields.computer(told({fields.fold(name): value for name, value in record.items()}).get("Computer"))


def owned(records: Iterable[Record], alert: Alert, own: OpenAlert, others: Iterable[OpenAlert]) -> list[Record]:
    """The rows that belong to an alert, and to none of those that are open beside it and asked about by the same search.

    A row belongs to the eldest alert that its computer is in; a computer that is in none, to the eldest whose monitor has no groups:
    for a new group, Sumo Logic opens an alert by itself.
    """
    eldest = sorted((own, *(one for one in others if one.ref != own.ref)), key=lambda one: one.alert_id)
    whose = {host: one.ref for one in reversed(eldest) for host in one.hosts}
    nobodys = next((one.ref for one in eldest if not one.grouped), None)
    return [
        record
        for record in records
        if (_in_group(record, alert.group) if own.grouped else None) or whose.get(computer_of(record), nobodys) == own.ref
    ]


def _in_group(record: Record, group: str | None) -> bool:
    """Whether a row is of the group `field=value`; no, where it has no such field."""
    name, _, value = (group or "").partition("=")
    return bool(value) and record.get(name.strip().lower(), "").lower() == value.strip().lower()


def without(records: Iterable[Record], alert: Alert) -> list[Record]:
    """The rows that an alert has not brought; of one that it has brought in part, what is left of its count.

    Rows are compared by what happened, so that an alert of messages can be completed by counted rows.
    """
    brought: Counter[tuple[object, ...]] = Counter()
    for one in normalise(alert).events:
        brought[_what(one)] += one.count
    rest: list[Record] = []
    for record in records:
        event = next(iter(normalise(Alert(kind=Kind.MONITOR, rows=rows.rows([record]))).events), None)
        had = brought[_what(event)] if event is not None else 0
        if event is None or event.count > had:
            rest.append({**record, "_count": str(event.count - had)} if event is not None and had else record)
    return rest


def _what(event: Event) -> tuple[object, ...]:
    process = event.guid or (event.pid, (event.image or "").lower())
    return type(event).__name__, event.computer, process, *_towards(event)


def _towards(event: Event) -> tuple[object, ...]:
    match event:
        case Connection():
            return (event.hostname or "").lower(), event.ip, event.port
        case DnsQuery():
            return (event.name.lower(),)
        case _:
            return ()


# --- one more alert -------------------------------------------------------------------------------------------------


def bodies(alert: Alert, records: Sequence[Record], window: Window) -> list[bytes]:
    """Rows as alerts of their own, in our template's form, that share the alert's link: whatever ends that one ends these.

    The rows of a computer stay together as far as there is room, so that a ticket is told once.
    """
    return [_body(alert, some, window) for some in _parts(records)]


def _parts(records: Sequence[Record]) -> list[list[Record]]:
    parts: list[list[Record]] = []
    size = 0
    for computer in _by_computer(records):
        needs = sum(_size(record) for record in computer)
        if not parts or len(parts[-1]) + len(computer) > MOST_ROWS or size + needs > MOST_BYTES:
            parts.append([])
            size = 0
        for record in computer:
            if len(parts[-1]) >= MOST_ROWS or size + _size(record) > MOST_BYTES:
                parts.append([])
                size = 0
            parts[-1].append(record)
            size += _size(record)
    return [some for part in parts for some in _uncut(part) if some]


def _by_computer(records: Sequence[Record]) -> list[list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: orjson.dumps(record, option=orjson.OPT_SORT_KEYS)):
        found.setdefault(computer_of(record), []).append(record)
    return [found[computer] for computer in sorted(found)]


def _size(record: Record) -> int:
    return sum(2 * len(name) + 4 * len(value) for name, value in record.items())


def _uncut(part: list[Record]) -> tuple[list[Record], ...]:
    return (part[:-1], part[-1:]) if len(part) == _AS_MANY_AS_SUMO_SENDS else (part,)


def _body(alert: Alert, some: Sequence[Record], window: Window) -> bytes:
    said = {
        "schema": "enricher/1",
        "kind": "monitor",
        "name": alert.name,
        "alertName": alert.title,
        "description": alert.description,
        "id": alert.monitor_id,
        "query": alert.query,
        "queryUrl": alert.query_url,
        "sourceUrl": alert.source_url,
        "alertResponseUrl": alert.alert_url,
        "alertGroup": alert.group,
        "triggerType": alert.trigger,
        "triggerTimeStart": ms(window.begins),
        "triggerTimeEnd": ms(window.ends),
        "numQueryResults": len(some),
    }
    return orjson.dumps({name: value for name, value in said.items() if value is not None} | {"results": list(some)})


def part_digest(part: int) -> bytes:
    """What makes a part of one search the same, whatever is found a second time."""
    return blake2b(part.to_bytes(4, "big"), digest_size=_DIGEST_SIZE).digest()


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch, as Sumo Logic counts; what is less than one is left out."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def moment(milliseconds: str) -> datetime:
    """The other way round."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(milliseconds))


# --- what a case says -----------------------------------------------------------------------------------------------


def rest_line(alert: Alert, *, fetched: int | None = None, why: str | None = None, again: bool = False) -> str:
    """What a case says of the rows that its alert was cut by. `fetched` were found by a search, not all of them where there is a
    `why`; None: none was, and `again`: it is tried again.
    """
    total = "an unknown number of" if alert.rows_total is None else str(alert.rows_total)
    line = f"rows: {len(alert.rows)} of {total} received"
    if fetched is None:
        return f"{line}; a search for the rest has not ended well{', and is run again' if again else ''}: {why}"
    return f"{line}; a search has found {fetched} more" + (f", but not all: {why}" if why else "")
