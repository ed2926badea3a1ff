"""Files of log records, for `explain`: event XML, JSON or Windows' text, one record or many, in whatever encoding they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence

import orjson

from enricher.core.json_text import loads
from enricher.core.records import event_xml, legacy_text, message_text
from enricher.errors import PayloadError
from enricher.model import Alert, Kind, Row

MOST_RECORDS = 100_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSES = ((b"<\x00", "utf-16-le"), (b"{\x00", "utf-16-le"), (b"\x00<", "utf-16-be"), (b"\x00{", "utf-16-be"))


def read_files(files: Sequence[tuple[str, bytes]]) -> Alert:
    """Make an alert of files, given as (name, content): a row a record, in the order of the files.

    A file without any record is a row too, so that it is dropped with a reason rather than passed over.
    Raises PayloadError `too_many_rows`.
    """
    rows = tuple(
        Row(index=index, text=text, name=name)
        for index, (name, text) in enumerate((name, text) for name, content in files for text in _texts(decode(content)))
    )
    if len(rows) > MOST_RECORDS:
        raise PayloadError("too_many_rows", f"{len(rows)} records; {MOST_RECORDS} is the limit")
    return Alert(kind=Kind.SYSMON, rows=rows, rows_total=len(rows))


def decode(content: bytes) -> str:
    """Decode a file: by its byte order mark, else UTF-16 by its first character, else UTF-8. Never raises."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    encoding = next((encoding for start, encoding in _GUESSES if content.startswith(start)), "utf-8")
    return content.decode(encoding, "replace")


def _texts(text: str) -> Iterator[str]:
    if text.lstrip().startswith(("{", "[")):
        yield from _json_texts(text)
    elif legacy_text.START.match(text):
        yield from legacy_text.split(text)
    elif message_text.event_id(text):
        yield text  # what follows may be the command line's own
    elif event_xml.START.search(text):
        yield from event_xml.split(text)
    elif "{" in text:
        yield from filter(str.strip, text.splitlines())  # a record a line, each behind a syslog header
    else:
        yield text


def _json_texts(text: str) -> Iterator[str]:
    try:
        parsed = loads(text)
    except PayloadError:
        lines = [line for line in text.split("\n") if line.strip()]
        yield from lines if len(lines) > 1 and _is_json(lines[0]) else [text]
        return
    if isinstance(parsed, list) and parsed:
        yield from (orjson.dumps(item).decode() for item in parsed)
    else:
        yield text


def _is_json(line: str) -> bool:
    try:
        loads(line)
    except PayloadError:
        return False
    return True
