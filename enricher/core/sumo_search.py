"""Questions to Sumo Logic about the starts of processes, and the reading of what it answers.

The values in a question come from logs. Each is matched against a list of what may stand there, and anything else is refused
before a query exists: nothing is escaped, for nothing that would need it passes. Answers are logs too: only an event 1 of a
process and a computer that were asked for counts.

Messages come back raw and are read by the same readers as an alert's rows, in every rendering. The query's two `parse regex` are
only there to leave out what a busy process logs beside its start. Source: Sumo Logic's documentation, "Search Job API" and "Parse
Variable Patterns Using Regex".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from enricher.core.fields import fold
from enricher.core.normalise import digest, normalise
from enricher.errors import Unsearchable
from enricher.model import NO_ROW, Alert, Event, Kind, ProcessCreate, Row

MOST_GUIDS = 8
LONGEST_QUERY = 4_000
"""In characters: what a monitor's query may have; no limit is documented for a search job."""
LONGEST_SCOPE = 1_000
LONGEST_RAW = 256 * 1024
"""In characters of one message; Sumo Logic itself cuts near 64 KB."""

OLDEST = timedelta(days=30)
AROUND_START = timedelta(hours=1)
CLOCK_AHEAD = timedelta(hours=3)
"""How far the window reaches beyond the alert: a computer's clock may be ahead, and Sumo Logic goes by it."""

_GUID = re.compile(r"\{?([0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12})\}?", re.ASCII)
_ZERO = "00000000-0000-0000-0000-000000000000"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_SCOPE = re.compile(rf"[\x20-\x7b\x7d\x7e]{{1,{LONGEST_SCOPE}}}")
"""Printable ASCII but `|`, which would end the scope."""

_OF_THESE = r"(?i)\W[nrt]?(?:ProcessGuid|entity_id)\W{1,16}(?:[a-z]{2,7}\W{1,16})?(?<process_guid>%s)"
"""The process's own GUID: not its parent's. Before the name there may be a line break written as `\\n`, after it `Value` or the like."""
_A_START = r"(?i)(?<start>ParentProcessGuid|\Wparent\W)"
"""Of Sysmon's events that have a ProcessGuid only the start of a process names a parent."""

Message = Mapping[str, object]
"""One message as the API gives it: field to value, `_raw` among them."""


class Starts(NamedTuple):
    """Starts that were asked for; `ignored` counts everything else in the answer by a fixed word."""

    events: tuple[ProcessCreate, ...]
    ignored: Mapping[str, int]


def asked_guid(guid: str) -> str:
    """The GUID without braces. Raises Unsearchable for anything else, also for all zeros, which would find every process."""
    found = _GUID.fullmatch(guid)
    if found is None or found[1] == _ZERO:
        raise Unsearchable("a ProcessGuid that is none")
    return found[1]


def asked_computer(computer: str) -> str:
    """The computer's name, as it is. Raises Unsearchable where it is no host name in lower case."""
    if not _HOST.fullmatch(computer):
        raise Unsearchable("a computer whose name is no host name" if computer else "no computer named")
    return computer


def asked_name(name: str) -> str:
    """The host name, as it is. Raises Unsearchable for anything but labels of a-z, 0-9, `-` and `_`."""
    if not _HOST.fullmatch(name):
        raise Unsearchable("a name that is no host name")
    return name


def is_scope(text: str) -> bool:
    """Tell whether an operator's text can stand before the first `|` of a query."""
    return bool(_SCOPE.fullmatch(text)) and bool(text.strip())


def lineage_query(guids: Collection[str], scope: str) -> str:
    """The query for the event 1s of these processes, wherever `scope` looks.

    Raises Unsearchable where a GUID or the scope may not stand in a query, or there are none or too many of them.
    """
    wanted = sorted({asked_guid(guid) for guid in guids})
    if not 0 < len(wanted) <= MOST_GUIDS:
        raise Unsearchable(f"{len(wanted)} processes; a query has 1 to {MOST_GUIDS}")
    if not is_scope(scope):
        raise Unsearchable("a scope that would end the query's first part")
    keywords = " OR ".join(f'"{guid}"' for guid in wanted)
    lines = (f"({scope}) ({keywords})", f'parse regex "{_OF_THESE % "|".join(wanted)}"', f'parse regex "{_A_START}"')
    query = "\n| ".join(lines)
    if len(query) > LONGEST_QUERY:
        raise Unsearchable(f"a query of {len(query)} characters; {LONGEST_QUERY} is the limit")
    return query


def started_at(guid: str) -> datetime:
    """When the process started, by its computer's clock, which Sysmon writes into the GUID: seconds, low half first.

    Source: Sysmon's service code; exact to the second in lab captures.
    """
    return datetime.fromtimestamp(int(guid[14:18] + guid[9:13], 16), UTC)


def window(guids: Iterable[str], until: datetime, lookback: timedelta) -> tuple[datetime, datetime]:
    """From when to when to search. `lookback` before `until`; for a process that its GUID says began earlier, around that.

    So the service that has run for weeks is found, and no weeks are searched. What is older than 30 days, or lies in the future,
    is not believed: a GUID is text from a log.
    """
    spans = [_span(guid, until, lookback) for guid in guids]
    return min(begins for begins, _ in spans), max(ends for _, ends in spans)


def _span(guid: str, until: datetime, lookback: timedelta) -> tuple[datetime, datetime]:
    began = started_at(guid)
    if until - OLDEST <= began < until - lookback:
        return began - AROUND_START, began + AROUND_START
    return until - lookback, until + CLOCK_AHEAD


def read_processes(messages: Iterable[Message], wanted: Collection[tuple[str, str]]) -> Starts:
    """Read the starts of the processes that were asked for, by (computer, GUID). Never raises for anything a message holds."""
    found: dict[bytes, ProcessCreate] = {}
    ignored: Counter[str] = Counter()
    processes, guids = frozenset(wanted), {guid for _, guid in wanted}
    for message in messages:
        for event in _events(message, ignored):
            if not isinstance(event, ProcessCreate) or not event.observed:
                ignored["other_event"] += 1
            elif event.guid not in guids:
                ignored["other_process"] += 1
            elif (event.computer, event.guid) not in processes:
                ignored["other_computer"] += 1
            else:
                found.setdefault(digest(event), replace(event, row=NO_ROW, origin="search"))
    return Starts(tuple(found.values()), dict(ignored))


def _events(message: Message, ignored: Counter[str]) -> Iterator[Event]:
    said = {fold(name): value for name, value in message.items() if isinstance(name, str)}
    raw, host = said.get("raw"), said.get("sourcehost")
    if not isinstance(raw, str) or not raw:
        ignored["no_text"] += 1
    elif len(raw) > LONGEST_RAW:
        ignored["too_long"] += 1
    else:
        columns = {"sourcehost": host} if isinstance(host, str) else {}
        read = normalise(Alert(kind=Kind.SYSMON, rows=(Row(index=NO_ROW, columns=columns, text=raw),)))
        if read.dropped:
            ignored["unreadable"] += 1
        yield from read.events
