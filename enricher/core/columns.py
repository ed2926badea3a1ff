"""Parsed columns of a row, by every name that queries give them, under Sysmon's own names.

Sysmon's field names are understood too, with or without `EventData.` before them. `hostname` alone is the computer; beside
another host column it is the name that was contacted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import orjson

from enricher.core import fields
from enricher.core.records.build import CONNECTION, DNS_QUERY, PROCESS_CREATE
from enricher.core.records.record import Record
from enricher.errors import PayloadError

Told = Mapping[str, str]
"""What the columns of one row say: Sysmon's field name (or one of ours, see `_TIMES`) to text."""

_ALIASES = {
    "EventID": "eventid eventcode metadatadeviceeventid",
    "Computer": "computer computername sourcehost host devicehostname srcdevicehostname",
    "ProcessGuid": "processguid guid",
    "ProcessId": "processid pid",
    "Image": "image processimage baseimage processpath process",
    "User": "user username userusernameraw userusername",
    "QueryName": "queryname dnsquery",
    "QueryStatus": "querystatus",
    "QueryResults": "queryresults dnsreplyip",
    "DestinationHostname": "destinationhostname desthostname dsthostname desthost dsthost dstdevicehostname",
    "DestinationIp": "destinationip destip dstip dstdeviceip",
    "DestinationPort": "destinationport destport dstport",
    "Protocol": "protocol ipprotocol",
    "Initiated": "initiated",
    "CommandLine": "commandline cmdline processcommandline",
    "CurrentDirectory": "currentdirectory",
    "OriginalFileName": "originalfilename",
    "Company": "company",
    "Product": "product",
    "Description": "description",
    "Hashes": "hashes",
    "IntegrityLevel": "integritylevel",
    "ParentProcessGuid": "parentprocessguid parentguid",
    "ParentProcessId": "parentprocessid parentpid",
    "ParentImage": "parentimage parentprocessimage parentbaseimage parentprocess",
    "ParentCommandLine": "parentcommandline parentcmdline parentprocesscommandline",
    "ParentUser": "parentuser",
    "TargetFilename": "targetfilename",
    "ScriptBlockText": "scriptblocktext",
    "ScriptBlockId": "scriptblockid",
    "MessageNumber": "messagenumber",
    "MessageTotal": "messagetotal",
    "UtcTime": "utctime",
    "first_seen": "firstseen messagetime time timestamp timeslice receipttime",
    "last_seen": "lastseen",
    "count": "count",
    "hostname": "hostname",
    "object_type": "objecttype",
}
"""Field to its names, folded; where a row has several, the first named wins."""

_FIELD_OF = {alias: (field, rank) for field, names in _ALIASES.items() for rank, alias in enumerate(names.split())}
_EVENT_DATA = "eventdata."

_OF_THE_PROCESS = ("CommandLine", "ParentImage", "ParentCommandLine", "ParentProcessGuid", "OriginalFileName", "Hashes")
"""What no event 3 or 22 has: with one of these a row tells about the process as well."""

_PATHS = ("Image", "ParentImage", "TargetFilename", "CurrentDirectory")
_ESCAPED_PATH = re.compile(r"[A-Za-z]:\\\\[^\\]")

_EVENTS_THAT_TELL = ("QueryName", "DestinationHostname", "DestinationIp")
_MOST = 10**9


def told(columns: Mapping[str, str]) -> Told:
    """Sort a row's folded columns under the fields they stand for; what stands for none is left out.

    Where a path has every backslash twice, the row was cut out of raw JSON, and all its values are read as JSON's.
    """
    found: dict[str, str] = {}
    ranks: dict[str, int] = {}
    for key, value in columns.items():
        hit = _FIELD_OF.get(key) or (_FIELD_OF.get(key[len(_EVENT_DATA) :]) if key.startswith(_EVENT_DATA) else None)
        if hit is None:
            continue
        field, rank = hit
        if field not in ranks or rank < ranks[field]:
            found[field], ranks[field] = value, rank
    if "hostname" in found:
        found.setdefault("DestinationHostname" if "Computer" in found else "Computer", found.pop("hostname"))
    if any(_ESCAPED_PATH.match(found[field]) for field in _PATHS if field in found):
        return {field: _unescaped(value) for field, value in found.items()}
    return found


def _unescaped(value: str) -> str:
    """Undo JSON's escaping once: a query that cuts columns out of raw JSON leaves it in all of them."""
    try:
        return str(orjson.loads(f'"{value}"'))
    except orjson.JSONDecodeError:
        return value.replace("\\\\", "\\")


def record(said: Told) -> Record:
    """Make the record that a row's columns stand for.

    Raises PayloadError `unreadable` where they say nothing that is an event, `event_id` where the id is no number.
    """
    event_id = _event_id(said)
    if event_id == DNS_QUERY:
        return Record(DNS_QUERY, _query(said))
    if event_id == CONNECTION and "DestinationHostname" not in said and "QueryName" in said:
        return Record(CONNECTION, {**said, "DestinationHostname": said["QueryName"]})
    return Record(event_id, said, pid=said.get("ProcessId"))


def process(said: Told) -> Record | None:
    """Make the record of the process itself, where the columns say more of it than an event 3 or 22 could; else None."""
    return Record(PROCESS_CREATE, said) if any(field in said for field in _OF_THE_PROCESS) else None


def span(said: Told) -> tuple[datetime | None, datetime | None]:
    """Return when the row begins and, where it stands for a stretch of time, when that ends."""
    first, last = fields.moment(said.get("first_seen")), fields.moment(said.get("last_seen"))
    if first is None:
        return last, None
    return first, last if last and last > first else None


def count(said: Told) -> int:
    """Return how many records the row stands for; 1 where it does not say."""
    return fields.number(said.get("count"), _MOST) or 1


def _event_id(said: Told) -> int:
    written = said.get("EventID")
    if written is not None:
        event_id = fields.number(written.rpartition("-")[2])  # Cloud SIEM: Microsoft-Windows-Sysmon/Operational-22
        if event_id is None:
            raise PayloadError("event_id", f"{fields.text(written, 40)} is no event id")
        return event_id
    if said.get("object_type", "").lower() == "networkdns":
        return DNS_QUERY
    if any(field in said for field in _EVENTS_THAT_TELL):
        return CONNECTION
    if process(said):
        return PROCESS_CREATE
    raise PayloadError("unreadable", "no column says what happened")


def _query(said: Told) -> Told:
    """A query's name may stand in the column for names in general, and its one answer in that for addresses."""
    query = dict(said)
    if "QueryName" not in query and "DestinationHostname" in query:
        query["QueryName"] = query["DestinationHostname"]
    if "QueryResults" not in query and "DestinationIp" in query:
        query["QueryResults"] = query["DestinationIp"]
    if "/" in said.get("EventID", ""):
        query.pop("ProcessId", None)  # Cloud SIEM maps the logging service's id here
    return query
