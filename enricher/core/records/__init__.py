"""Log records in the renderings they travel in. One file a rendering; a reader takes what is its own, or says None.

To add one: write `read(document: Node) -> Record | None` in a file of its name and put it into `READERS`, before
any that would take it for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from enricher.core.json_text import loads
from enricher.core.records import (
    collector_json,
    event_json,
    event_xml,
    legacy_text,
    message_text,
    nxlog,
    opentelemetry,
    winlogbeat,
)
from enricher.core.records.record import Record, decoded, is_node, node
from enricher.errors import PayloadError

__all__ = ["CARRIERS", "LONGEST", "READERS", "Record", "is_record", "is_text", "read"]

READERS = (opentelemetry.read, winlogbeat.read, event_json.read, collector_json.read, nxlog.read)
"""For JSON objects, tried in this order."""

CARRIERS = ("message", "log", "raw", "_raw", "event", "body", "original")
"""Where a shipper that wraps a record in JSON of its own keeps it as text; looked into once, and not below that."""

LONGEST = 2 * 1024 * 1024
"""In characters; nothing that logs writes a record of this length."""

MOST_IN_ONE = 1000
"""Records in one text; a collector that joins lines joins a few."""

Piece = TypeVar("Piece")


def read(text: str) -> list[Record]:
    """Read the records of one text: nearly always one. Raises PayloadError `unreadable` where there is none."""
    if len(text) > LONGEST:
        raise PayloadError("unreadable", f"a record of {len(text)} characters; {LONGEST} is the limit")
    if text.lstrip().startswith(("{", "[{")):
        return _from_json(text)
    record = _from_text(text)
    if record is not None:
        return [record]
    if event_xml.START.search(text):
        return _from_xml(text)
    if "{" in text:
        return _from_json(text[text.index("{") :])  # behind a syslog header
    raise PayloadError("unreadable", "neither event XML nor JSON nor Windows' text")


def is_text(text: str) -> bool:
    """Tell whether a text that is not JSON begins as records in a rendering that we read."""
    begins = legacy_text.START.match(text) or message_text.event_id(text) or event_xml.START.search(text)
    return bool(begins)


def is_record(document: object) -> bool:
    """Tell whether a JSON value is a record in a rendering that we read."""
    try:
        return (_by_a_reader(document) or _carried(document)) is not None
    except PayloadError:
        return False


def _from_text(text: str) -> Record | None:
    if legacy_text.START.match(text):
        return legacy_text.read(text)
    return message_text.read(text) if message_text.event_id(text) else None


def _from_xml(text: str) -> list[Record]:
    try:
        return [event_xml.read(text)]
    except PayloadError:
        pieces = event_xml.split(text)
        if not 1 < len(pieces) <= MOST_IN_ONE:
            raise
    return _readable(event_xml.read, pieces)


def _from_json(text: str) -> list[Record]:
    try:
        parsed = loads(text, "record")
    except PayloadError as error:
        raise PayloadError("unreadable", str(error)) from None
    return _readable(_from_document, parsed[:MOST_IN_ONE]) if isinstance(parsed, list) else [_from_document(parsed)]


def _readable(read_one: Callable[[Piece], Record], pieces: Sequence[Piece]) -> list[Record]:
    """Read what can be read; the rest is news only where nothing can: what was cut off belongs to the row that could."""
    records: list[Record] = []
    problem = PayloadError("unreadable", "an empty list")
    for piece in pieces:
        try:
            records.append(read_one(piece))
        except PayloadError as error:
            problem = error
    if not records:
        raise problem
    return records


def _from_document(document: object) -> Record:
    record = _by_a_reader(document) or _carried(document)
    if record is None:
        raise PayloadError("unreadable", "JSON of a rendering that is not known")
    return record


def _by_a_reader(document: object) -> Record | None:
    return next(filter(None, (reader(document) for reader in READERS)), None) if is_node(document) else None


def _carried(document: object) -> Record | None:
    texts = (text for text in map(node(document).get, CARRIERS) if isinstance(text, str))
    return next(filter(None, map(_within, texts)), None)


def _within(text: str) -> Record | None:
    document = decoded(text)
    if is_node(document):
        return _by_a_reader(document)
    record = _from_text(text)
    return event_xml.read(text) if record is None and event_xml.START.search(text) else record
