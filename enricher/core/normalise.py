"""Rows become events. Sumo's words and the renderings of records stop here.

A row's text is the record itself; its columns are what a query made of it. The text decides, and columns only fill what
it lacks. A text of a rendering that is not known, but flat JSON, is columns itself: a Cloud SIEM record is. A row that cannot be
read is dropped with its reason and never stops the others.
"""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from enricher.core import columns, fields, records
from enricher.core.addresses import unmap
from enricher.core.columns import Told
from enricher.core.own_case import is_own_case
from enricher.core.records.build import Source, build
from enricher.core.rows import MOST_COLUMNS, columns_of
from enricher.errors import PayloadError
from enricher.model import Alert, Connection, DnsQuery, Dropped, Event, FileCreate, ProcessCreate, Row, ScriptBlock

_DIGEST_SIZE = 16


class Normalised(NamedTuple):
    """Every row of the alert is in `events`, or in `dropped`, and never in both."""

    events: tuple[Event, ...]
    dropped: tuple[Dropped, ...]


def normalise(alert: Alert) -> Normalised:
    """Read every row of an alert. Never raises for anything a row may hold."""
    events: list[Event] = []
    dropped: list[Dropped] = []
    for row in alert.rows:
        try:
            events += _events(row)
        except PayloadError as error:
            dropped.append(Dropped(row=row.index, reason=str(error), name=row.name))
    return Normalised(tuple(events), tuple(dropped))


def digest(event: Event) -> bytes:
    """Name a record by its content, in 16 bytes: the same in every rendering, whatever row it came in.

    A part of a script block is named by its block, for its time differs between renderings.
    """
    named = orjson.dumps((type(event).__name__, _named(event)), option=orjson.OPT_SORT_KEYS)
    return blake2b(named, digest_size=_DIGEST_SIZE).digest()


_CONTENT: dict[type[Event], attrgetter[tuple[Any, ...]]] = {
    kind: attrgetter(*(field.name for field in fields_of(kind) if field.name not in {"row", "origin"}))
    for kind in (ProcessCreate, Connection, FileCreate, DnsQuery, ScriptBlock)
}


def _named(event: Event) -> object:
    if isinstance(event, ScriptBlock) and event.block_id:
        return event.computer, event.block_id, event.part
    return _CONTENT[type(event)](event)


def _events(row: Row) -> list[Event]:
    if len(row.columns) > MOST_COLUMNS:
        raise PayloadError("unreadable", f"more than {MOST_COLUMNS} columns")
    if is_own_case(row):
        raise PayloadError("own_case", "one of our own cases, sent to Sumo Logic and found there")
    said = columns.told(row.columns)
    if row.text is None:
        return _from_columns(row, said)
    try:
        return _from_text(row, row.text, said)
    except PayloadError as error:
        if error.code != "unreadable":
            raise  # we know what it is, and do not read that
        try:
            return _from_columns(row, {**said, **columns.told(columns_of(row.text))})
        except PayloadError:
            raise error from None


def _from_columns(row: Row, said: Told) -> list[Event]:
    at, last_at = columns.span(said)
    source = Source(row.index, said.get("Computer"), at, last_at, columns.count(said), observed=False)
    event = build(columns.record(said), source)
    return [event, *_its_process(event, said)]


def _from_text(row: Row, text: str, said: Told) -> list[Event]:
    source = Source(row.index, said.get("Computer"), columns.span(said)[0])
    events: list[Event] = []
    problem: PayloadError | None = None
    for record in records.read(text):
        try:
            events.append(build(record, source))
        except PayloadError as error:
            problem = problem or error
    if problem and not events:
        raise problem
    if len(events) > 1:
        return events  # the columns are of one of them, and nobody knows of which
    event = _filled(events[0], said)
    return [event, *_its_process(event, said)]


_FILLS = (
    ("ProcessGuid", "guid", fields.guid),
    ("ProcessId", "pid", fields.number),
    ("Image", "image", fields.image),
    ("User", "user", fields.text),
    ("DestinationIp", "ip", unmap),
    ("DestinationPort", "port", fields.number),
    ("DestinationHostname", "hostname", fields.text),
    ("CommandLine", "command_line", fields.text),
    ("ParentImage", "parent_image", fields.image),
    ("ParentCommandLine", "parent_command_line", fields.text),
)


def _filled(event: Event, said: Told) -> Event:
    """Fill what the record lacks. A script block's process stays as it is: the block names no other."""
    if isinstance(event, ScriptBlock):
        return event
    lacking: dict[str, Any] = {
        name: read(said[field]) for field, name, read in _FILLS if field in said and getattr(event, name, event) is None
    }
    return replace(event, **lacking) if lacking else event


def _its_process(event: Event, said: Told) -> list[Event]:
    """Make an event 1 of what the columns say about the event's process, for an event that cannot say it itself."""
    record = None if isinstance(event, ProcessCreate) else columns.process(said)
    if record is None:
        return []
    process = build(record, Source(event.row, observed=False))
    same: dict[str, Any] = {
        name: getattr(event, name) or getattr(process, name) for name in ("guid", "pid", "image", "user")
    }
    return [replace(process, computer=event.computer, at=None, **same)]
