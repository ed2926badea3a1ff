"""A Record of Cloud SIEM becomes a row. Its normalised attributes stop here: the row speaks of Sysmon's fields.

A Record keeps what its mapping had no place for in `fields`, under the log's own names. Those win, for they are what was
logged; only there is the ProcessGuid. Source: Cloud SIEM's schema and mappings; docs/evidence.md, "Cloud SIEM".
"""

from __future__ import annotations

import re

from enricher.core import fields
from enricher.core.records.record import Node, is_node, node
from enricher.model import Row

_ATTRIBUTES = {
    "computer": ("devicehostname", "srcdevicehostname"),
    "processguid": ("processuid",),
    "processid": ("pid",),
    "image": ("baseimage",),
    "user": ("userusernameraw", "userusername"),
    "commandline": ("commandline",),
    "parentprocessid": ("parentpid",),
    "parentimage": ("parentbaseimage",),
    "parentcommandline": ("parentcommandline",),
    "queryname": ("dnsquery", "dnsquerydomain"),
    "destinationhostname": ("httphostname", "httpurlfqdn", "dstdevicehostname"),
    "destinationip": ("dstdeviceip",),
    "destinationport": ("dstport",),
    "protocol": ("ipprotocol",),
    "timestamp": ("timestamp",),
}
"""Column to the attributes that stand for it, all folded; the first that is filled wins."""

_HASHES = {"md5": "filehashmd5", "sha1": "filehashsha1", "sha256": "filehashsha256", "imphash": "filehashimphash"}

_EVENT_DATA = "eventdata."
_OTHER_COLUMNS = (
    "queryresults querystatus initiated currentdirectory originalfilename company product description hashes integritylevel "
    "parentprocessguid parentuser targetfilename scriptblocktext scriptblockid messagenumber messagetotal utctime"
)
_LOGGED = frozenset({*_ATTRIBUTES, *_OTHER_COLUMNS.split()} - {"computer", "timestamp"})
_WITHOUT_PREFIX = frozenset({"processguid", "parentprocessguid"})
"""What counts in `fields` also without `EventData.` before it; nearly every other name there could be another product's."""

_DEVICE_EVENT = re.compile(r"sysmon[^-]{0,60}-(\d{1,5})\Z|powershell[^-]{0,60}-(4104)\Z", re.IGNORECASE)
_EVENT_LIMIT = 200
_CONNECTION, _FILE_CREATE, _DNS_QUERY, _PROCESS_CREATE = "3", "11", "22", "1"
_OF_TYPE = {
    "networkdns": _DNS_QUERY,
    "network": _CONNECTION,
    "networkflow": _CONNECTION,
    "networkhttp": _CONNECTION,
    "networkproxy": _CONNECTION,
    "endpointprocess": _PROCESS_CREATE,
}
"""What a Record is by its type, where no Sysmon wrote it."""

_RCODES = {"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}
_WINDOWS_RCODE = 9000
"""Sysmon writes Windows' error numbers: 9003 is the return code 3 of DNS, NXDOMAIN. Source: winerror.h."""
_MOST_RCODE = 23


def row(index: int, record: object) -> Row:
    """Make the row of a Record. What is no object becomes a row of its text, to be read or dropped as any other."""
    if not is_node(record):
        return Row(index=index, text=record if isinstance(record, str) else None)
    said = {fields.fold(name): value for name, value in record.items()}
    event_id = _event_id(said)
    columns = _of_attributes(said) | _of_event(event_id, said)
    if event_id == _DNS_QUERY:
        columns.pop("processid", None)  # of the service that logged; the asking process's own is in EventData
    columns |= _of_log(node(said.get("fields")))
    if event_id is not None:
        columns["eventid"] = event_id
    return Row(index=index, columns=columns)


def _event_id(said: Node) -> str | None:
    """Say which event a Record is; in words where it is none that we read, for the reason; None where nothing says."""
    logged = _text(said, "metadatadeviceeventid", _EVENT_LIMIT) or ""
    found = _DEVICE_EVENT.search(logged)
    if found:
        return found[1] or found[2]
    kind = _text(said, "objecttype", _EVENT_LIMIT)
    return _OF_TYPE.get(fields.fold(kind), f"{logged} ({kind})".lstrip()) if kind else None


def _text(said: Node, name: str, limit: int = fields.VALUE_LIMIT) -> str | None:
    return fields.text(fields.scalar(said.get(name)), limit)


def _of_attributes(said: Node) -> dict[str, str]:
    columns: dict[str, str] = {}
    for column, names in _ATTRIBUTES.items():
        value = next(filter(None, (_text(said, name) for name in names)), None)
        if value is not None:
            columns[column] = value
    return columns


def _of_event(event_id: str | None, said: Node) -> dict[str, str]:
    """Return what means something in this event only: `file_path` is the image of a connection, and a written file's name."""
    found: dict[str, str | None] = {}
    match event_id:
        case "1":
            found = {"hashes": ",".join(_hashes(said))}
        case "3" if not _text(said, "baseimage"):
            found = {"image": _text(said, "filepath")}
        case "11":
            found = {"targetfilename": _text(said, "filepath")}
        case "22":
            found = {"queryresults": _replies(said), "querystatus": _status(said)}
    return {column: value for column, value in found.items() if value}


def _hashes(said: Node) -> list[str]:
    found = ((name, _text(said, attribute)) for name, attribute in _HASHES.items())
    return [f"{name}={digest}" for name, digest in found if digest]


def _replies(said: Node) -> str | None:
    """Return the answers as Sysmon writes them; `;` alone, an answer of nothing, for a query that is said to have failed."""
    replies = [text for name in ("dnsreply", "dnsreplyip") for text in _listed(said.get(name))]
    failed = fields.flag(_text(said, "success")) is False
    return ";".join(replies) or (";" if failed else None)


def _listed(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [text for item in found if (text := fields.text(fields.scalar(item)))]


def _status(said: Node) -> str | None:
    written = _text(said, "dnsreturncode", _EVENT_LIMIT) or ""
    code = _RCODES.get(fields.fold(written), fields.number(written))
    if code is None:
        return None
    return str(code + _WINDOWS_RCODE if 0 < code <= _MOST_RCODE else code)


def _of_log(unmapped: Node) -> dict[str, str]:
    columns: dict[str, str] = {}
    for name, value in unmapped.items():
        folded = fields.fold(name)
        column = folded.removeprefix(_EVENT_DATA)
        if column in (_LOGGED if folded.startswith(_EVENT_DATA) else _WITHOUT_PREFIX):
            limit = fields.SCRIPT_LIMIT if column == "scriptblocktext" else fields.VALUE_LIMIT
            text = fields.text(fields.scalar(value), limit)
            if text is not None:
                columns[column] = text
    return columns
