"""An event as JSON: for the case page and for history, never for a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime

from enricher.core.document import Json, iso
from enricher.model import Connection, DnsQuery, Event, FileCreate, ProcessCreate, ScriptBlock

_EVENT_IDS: Mapping[type[Event], int] = {ProcessCreate: 1, Connection: 3, FileCreate: 11, DnsQuery: 22, ScriptBlock: 4104}
MAX_TEXT = 4_000


def event_id(event: Event) -> int:
    """1, 3, 11, 22 or 4104."""
    return _EVENT_IDS[type(event)]


def cut(text: str, at_most: int) -> str:
    """The text, or its beginning and how much more there is."""
    return text if len(text) <= at_most else f"{text[:at_most]} … {len(text) - at_most} more characters"


def evidence(event: Event) -> Json:
    """An event as it was read, nulls left out, long texts cut."""
    shown: Json = {"event_id": event_id(event)}
    for field in fields(event):
        value = getattr(event, field.name)
        if value is None or value in ({}, ()) or (field.name == "row" and event.origin):
            continue
        shown[field.name] = _plain(value)
    return shown


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str):
        return cut(value, MAX_TEXT)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
