"""A record becomes the event of its kind. The one place that knows Sysmon's field names; columns come here too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypedDict

from enricher.core import fields
from enricher.core.addresses import unmap
from enricher.core.records.record import Record
from enricher.errors import PayloadError
from enricher.model import Connection, DnsQuery, Event, FileCreate, ProcessCreate, ScriptBlock

PROCESS_CREATE, CONNECTION, FILE_CREATE, DNS_QUERY, SCRIPT_BLOCK = 1, 3, 11, 22, 4104

_PORTS = 65_535
_VERSION_INFO = (
    ("Company", "company"),
    ("Product", "product"),
    ("Description", "description"),
    ("OriginalFileName", "original_file_name"),
)


class Source(NamedTuple):
    """Where a record stood, and what the row says about it as a whole."""

    row: int
    host: str | None = None
    """The row's own host column, for a record that names no computer."""
    at: datetime | None = None
    """The row's own time, for a record that has none."""
    last_at: datetime | None = None
    stands_for: int = 1
    observed: bool = True


def build(record: Record, source: Source) -> Event:
    """Make the event. Raises PayloadError `event_id` where it is none that we read, `no_name` for a query of nothing.

    A computer that nobody names is "": the event is kept, and the case says that the host is unknown.
    """
    maker = _MAKERS.get(record.event_id)
    if maker is None or not _is_ours(record):
        by = f" of {fields.text(record.provider, 60)}" if maker else ""
        raise PayloadError("event_id", f"{record.event_id}{by} is not read")
    return maker(record, source)


def _is_ours(record: Record) -> bool:
    """Event ids are the provider's own: a 3 of another one is no connection. Not every rendering names the provider."""
    if not record.provider:
        return True
    return ("powershell" if record.event_id == SCRIPT_BLOCK else "sysmon") in record.provider.lower()


class _OfRecord(TypedDict):
    computer: str
    row: int
    at: datetime | None
    last_at: datetime | None
    count: int
    observed: bool


class _OfProcess(_OfRecord):
    guid: str | None
    pid: int | None
    image: str | None
    user: str | None


def _of_record(record: Record, source: Source) -> _OfRecord:
    return {
        "computer": fields.computer(record.computer) or fields.computer(source.host),
        "row": source.row,
        "at": fields.moment(record.data.get("UtcTime")) or fields.moment(record.written_at) or source.at,
        "last_at": source.last_at,
        "count": source.stands_for,
        "observed": source.observed,
    }


def _of_process(record: Record, source: Source) -> _OfProcess:
    get = record.data.get
    return {
        **_of_record(record, source),
        "guid": fields.guid(get("ProcessGuid")),
        "pid": fields.number(get("ProcessId")),
        "image": fields.image(get("Image")),
        "user": fields.text(get("User")),
    }


def _process_create(record: Record, source: Source) -> ProcessCreate:
    get = record.data.get
    return ProcessCreate(
        **_of_process(record, source),
        command_line=fields.text(get("CommandLine")),
        current_directory=fields.text(get("CurrentDirectory")),
        version_info={ours: fields.text(get(theirs)) for theirs, ours in _VERSION_INFO if theirs in record.data},
        hashes=fields.hashes(get("Hashes")),
        integrity=fields.text(get("IntegrityLevel")),
        parent_guid=fields.guid(get("ParentProcessGuid")),
        parent_pid=fields.number(get("ParentProcessId")),
        parent_image=fields.image(get("ParentImage")),
        parent_command_line=fields.text(get("ParentCommandLine")),
        parent_user=fields.text(get("ParentUser")),
    )


def _connection(record: Record, source: Source) -> Connection:
    get = record.data.get
    return Connection(
        **_of_process(record, source),
        ip=unmap(get("DestinationIp") or ""),
        port=fields.number(get("DestinationPort"), _PORTS),
        hostname=fields.text(get("DestinationHostname")),
        protocol=fields.text(get("Protocol")),
        initiated=fields.flag(get("Initiated")),
    )


def _file_create(record: Record, source: Source) -> FileCreate:
    get = record.data.get
    return FileCreate(
        **_of_process(record, source),
        target=fields.text(get("TargetFilename")),
    )


def _dns_query(record: Record, source: Source) -> DnsQuery:
    get = record.data.get
    name = fields.text(get("QueryName"))
    if name is None:
        raise PayloadError("no_name", "event 22 without QueryName")
    results = get("QueryResults")
    answers, cnames = fields.query_results(results)
    return DnsQuery(
        **_of_process(record, source),
        name=name,
        status=fields.number(get("QueryStatus")),
        answers=answers if "QueryResults" in record.data else None,
        cnames=cnames,
    )


def _script_block(record: Record, source: Source) -> ScriptBlock:
    get = record.data.get
    return ScriptBlock(
        **_of_record(record, source),
        pid=fields.number(record.pid),
        text=fields.text(get("ScriptBlockText"), fields.SCRIPT_LIMIT) or "",
        block_id=(fields.text(get("ScriptBlockId")) or "").strip("{}").lower() or None,
        part=fields.number(get("MessageNumber")) or 1,
        parts=fields.number(get("MessageTotal")) or 1,
    )


_MAKERS: dict[int, Callable[[Record, Source], Event]] = {
    PROCESS_CREATE: _process_create,
    CONNECTION: _connection,
    FILE_CREATE: _file_create,
    DNS_QUERY: _dns_query,
    SCRIPT_BLOCK: _script_block,
}
