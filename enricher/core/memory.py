"""What is remembered of earlier alerts: events, contacts, and how each is kept as JSON without losing anything.

Judgement rests on the union of what an alert brings and what is remembered of the same processes and hosts, so that the same
events give the same case however they were split over alerts, and in whatever order these came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import cached_property

from enricher.core.document import Json
from enricher.core.paths import path_form
from enricher.model import NO_ROW, Connection, DnsQuery, Event, FileCreate, ProcessCreate, ScriptBlock

WINDOW = timedelta(hours=24)
"""How far back contacts count for a rhythm. Source: RITA, 24 hours."""
SPAN_NEEDED = timedelta(days=30)
"""How long history must have been kept before "new" means anything."""
NEW_FOR = timedelta(days=7)
"""A tenant is new for this long after its first contact. Source: RITA's first-seen modifier."""

_KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind for kind in (ProcessCreate, Connection, FileCreate, DnsQuery, ScriptBlock)
}
_FIELDS: Mapping[type[Event], frozenset[str]] = {
    kind: frozenset(f.name for f in fields(kind)) - {"row", "origin"} for kind in _KINDS.values()
}
_TIMES = frozenset({"at", "last_at"})
_TUPLES = frozenset({"answers", "cnames"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One event of an earlier alert. `case_key` is the case it counts in, None where it is in none."""

    digest: bytes
    event: Event
    case_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What was known of some computers at one moment.

    `marks` give each computer a number that grows whenever something new is stored of it; they come back with the settlement,
    so that nothing stored meanwhile is overlooked. `cut`: more is known than was read. `asked` says of (computer, guid) how
    the question to Sumo Logic stands: `waiting`, or why there is no answer. `rotations`: since when a host has been seen to
    rotate over the tenants of a family, by (host, family). `ledgers` give the digest of each case's ledger as it was judged last, `sizes`
    how many events each case has, `counts` how many contacts it was judged by last.
    """

    events: tuple[Remembered, ...] = ()
    marks: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False
    asked: Mapping[tuple[str, str], str] = field(default_factory=dict)
    rotations: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    ledgers: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def whole(self) -> frozenset[str]:
        """The cases all of whose events are here."""
        here = Counter(one.case_key for one in self.events if one.case_key is not None)
        return frozenset(key for key, size in self.sizes.items() if here[key] >= size)


@dataclass(frozen=True, slots=True)
class Group:
    """Whose contacts belong together: host, account and image in one spelling, and the tenant, else the family."""

    host: str
    user: str
    image: str
    target: str

    @classmethod
    def of(cls, host: str, user: str | None, image: str | None, target: str) -> Group:
        """The account in lower case, the image in path form; empty where unknown."""
        return cls(host, (user or "").lower(), path_form(image or ""), target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of one group's contacts, and of who else contacts the target.

    `connections` and `queries` are times within `WINDOW` before the latest one asked about; `cut` where there were more than
    are given. `hosts` gives the first contact of each host with the target, the earliest hosts first, at most as many as are
    worth naming; `host_count` counts all. `first_here` is the first contact of the group's own host with the target.
    """

    connections: tuple[datetime, ...] = ()
    queries: tuple[datetime, ...] = ()
    cut: bool = False
    hosts: Mapping[str, datetime] = field(default_factory=dict)
    host_count: int = 0
    first_here: datetime | None = None


def kept(event: Event) -> Json:
    """An event as JSON, whole: `recalled` makes the same event of it."""
    document: Json = {"kind": type(event).__name__}
    for name in sorted(_FIELDS[type(event)]):
        value = getattr(event, name)
        if isinstance(value, datetime):
            document[name] = value.isoformat()
        elif isinstance(value, Mapping):
            document[name] = dict(value)
        elif value is not None:
            document[name] = list(value) if isinstance(value, tuple) else value
    return document


def recalled(document: Json, origin: str) -> Event:
    """The event of `kept`. Fields of another version are left out. Raises KeyError for a kind that is not known."""
    kind = _KINDS[document["kind"]]
    values: Json = {name: _value(name, value) for name, value in document.items() if name in _FIELDS[kind]}
    return kind(**values, row=NO_ROW, origin=origin)


def _value(name: str, value: object) -> object:
    if name in _TIMES and isinstance(value, str):
        return datetime.fromisoformat(value)
    return tuple(value) if name in _TUPLES and isinstance(value, list) else value
