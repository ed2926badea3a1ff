"""Events as messages in Sumo Logic: the corpus, and single events, in every form in which they may lie there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from xml.sax.saxutils import escape

from enricher.core import records
from enricher.core.kit.forms import Form
from enricher.core.normalise import normalise
from enricher.core.records import Record
from enricher.errors import PayloadError
from enricher.model import Event
from tests.fakes import case_names, corpus_alert

CATEGORY = "WinEvents/Sysmon"
Message = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One event of the corpus: as it was logged, as a record, and as the core reads it. `key` is its case and its file."""

    key: str
    case: str
    row: int
    text: str
    record: Record
    event: Event


@cache
def corpus() -> tuple[Raw, ...]:
    """Every event of every case that Sysmon wrote."""
    return tuple(raw for case in case_names() for raw in _of_case(case))


def _of_case(case: str) -> Iterator[Raw]:
    alert = corpus_alert(case)
    of_row = {event.row: event for event in normalise(alert).events}
    for row in alert.rows:
        text = row.text or ""
        try:
            (record,) = records.read(text)
        except PayloadError:
            continue
        if row.index in of_row and record.event_id in {1, 3, 22}:
            key = f"{case}/{row.name or row.index}"
            yield Raw(key=key, case=case, row=row.index, text=text, record=record, event=of_row[row.index])


def message(text: str, host: str, *, at: int = 1_773_220_462_000) -> dict[str, str]:
    """A message of Sumo Logic with this text."""
    return {"_raw": text, "_sourceHost": host, "_sourceCategory": CATEGORY, "_messageTime": str(at)}


# --- renderings -----------------------------------------------------------------------------------------------------


def xml(record: Record, quote: str = "'") -> str:
    """Windows' XML, on one line."""
    data = "".join(
        f"<Data Name={quote}{name}{quote}>{escape(value or '', {chr(39): '&apos;', chr(34): '&quot;'})}</Data>"
        for name, value in record.data.items()
    )
    return (
        f"<Event xmlns={quote}http://schemas.microsoft.com/win/2004/08/events/event{quote}><System>"
        f"<Provider Name={quote}Microsoft-Windows-Sysmon{quote}/><EventID>{record.event_id}</EventID>"
        f"<Computer>{record.computer or ''}</Computer></System><EventData>{data}</EventData></Event>"
    )


def collector(record: Record) -> str:
    """Sumo Logic's own collector."""
    return json.dumps(_collected(record, dict(record.data)))


def collector_text(record: Record) -> str:
    """The same with EventData as text that holds JSON."""
    return json.dumps(_collected(record, json.dumps(dict(record.data))))


def _collected(record: Record, data: object) -> dict[str, object]:
    channel = "Microsoft-Windows-Sysmon/Operational"
    head = {"TimeCreated": "2026-03-11T09:14:22+000039800Z", "EventID": str(record.event_id), "Channel": channel}
    return {**head, "Computer": record.computer, "Level": "Information", "EventData": data, "Message": ""}


def otel_text(record: Record) -> str:
    """OpenTelemetry by way of Sumo Logic's exporter: objects are text that holds JSON."""
    number = json.dumps({"id": str(record.event_id), "qualifiers": "0"})
    return json.dumps(_of_otel(record, number, json.dumps(dict(record.data))))


def otel_list(record: Record) -> str:
    """OpenTelemetry with objects, and a list of objects of one name each."""
    data = {"data": [{name: value} for name, value in record.data.items()]}
    return json.dumps(_of_otel(record, {"id": record.event_id, "qualifiers": 0}, data), separators=(",", ":"))


def _of_otel(record: Record, number: object, data: object) -> dict[str, object]:
    head = {"record_id": "41001", "channel": "Microsoft-Windows-Sysmon/Operational", "event_data": data}
    return {
        **head,
        "system_time": "2026-03-11T09:14:22Z",
        "computer": record.computer,
        "event_id": number,
        "level": "Information",
    }


RENDERINGS: Mapping[str, tuple[Form, Callable[[Record], str]]] = {
    "xml, single quotes": ("xml", xml),
    "xml, double quotes": ("xml", lambda record: xml(record, '"')),
    "json, object": ("json", collector),
    "json, text": ("json", collector_text),
    "otel, text": ("otel", otel_text),
    "otel, list": ("otel", otel_list),
}
"""Each with the form of the searches that reads it."""


def as_logged(raw: Raw) -> str | None:
    """An event's XML exactly as the corpus has it; None where it is of another rendering."""
    return raw.text if "<Event" in raw.text else None


# --- Cloud SIEM -----------------------------------------------------------------------------------------------------

_OF_ALL = {"Image": "baseImage", "User": "user_username"}
_MAPPED = {
    3: {
        **_OF_ALL,
        "DestinationHostname": "dstDevice_hostname",
        "DestinationIp": "dstDevice_ip",
        "DestinationPort": "dstPort",
    },
    22: {**_OF_ALL, "QueryName": "dns_query"},
}


def siem_record(record: Record) -> dict[str, str]:
    """The Record that Cloud SIEM's mappings make of events 3 and 22. A hyphen is what was logged, and stays."""
    found = {"metadata_deviceEventId": f"Microsoft-Windows-Sysmon/Operational-{record.event_id}"}
    for field, attribute in _MAPPED[record.event_id].items():
        value = record.data.get(field)
        if value is not None:
            found[attribute] = value
    return found
