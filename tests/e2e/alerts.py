"""Alerts as Sumo Logic's monitor sends them: Sysmon events of one host and one tenant, each with a link of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from xml.sax.saxutils import escape

from enricher.core.document import Json

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
WSCRIPT = r"C:\Windows\System32\wscript.exe"
WORD = r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE"
ADDRESS = "203.0.113.24"
_EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-Sysmon'/><EventID>{number}</EventID><Computer>{computer}</Computer></System>"
    "<EventData>{data}</EventData></Event>"
)


def sysmon(number: int, computer: str, data: Mapping[str, str]) -> str:
    """One event as Sysmon logs it."""
    named = "".join(f"<Data Name='{name}'>{escape(value)}</Data>" for name, value in data.items())
    return _EVENT.format(number=number, computer=escape(computer), data=named)


def host_of(name: str) -> str:
    return f"{name}.corp.example".lower()


def _process(name: str, image: str, guid: int, second: int) -> dict[str, str]:
    return {
        "UtcTime": f"2026-11-24 08:{second // 60 % 60:02}:{second % 60:02}.000",
        "ProcessGuid": f"{{7c1e2b40-96d1-65f0-3b12-{guid:012x}}}",
        "ProcessId": str(4000 + guid % 1000),
        "Image": image,
        "User": rf"CORP\{name}",
    }


def query(
    name: str,
    *,
    host: str | None = None,
    image: str = POWERSHELL,
    guid: int = 1,
    second: int = 0,
    address: str = ADDRESS,
) -> str:
    """A process on the host `name` asks for a name of the tenant `name`."""
    asked = host or f"beacon.{name}.workers.dev"
    what = {"QueryName": asked, "QueryStatus": "0", "QueryResults": f"::ffff:{address};"}
    return sysmon(22, host_of(name), _process(name, image, guid, second) | what)


def connection(name: str, *, image: str = POWERSHELL, guid: int = 1, second: int = 1, address: str = ADDRESS) -> str:
    """And connects to the address that it was told."""
    where = {
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIp": "10.20.4.31",
        "DestinationIp": address,
        "DestinationHostname": "-",
        "DestinationPort": "443",
    }
    return sysmon(3, host_of(name), _process(name, image, guid, second) | where)


def creation(name: str, command_line: str, *, parent: str = WORD, image: str = POWERSHELL, guid: int = 1) -> str:
    """How the process began."""
    what = {
        "CommandLine": command_line,
        "OriginalFileName": "PowerShell.EXE",
        "Company": "Microsoft Corporation",
        "ParentProcessGuid": "{7c1e2b40-96d0-65f0-3b12-0000000000ff}",
        "ParentProcessId": "900",
        "ParentImage": parent,
        "ParentCommandLine": f'"{parent}" /n',
    }
    return sysmon(1, host_of(name), _process(name, image, guid, 0) | what)


def contact(name: str) -> list[str]:
    """The least that opens a case: a name asked for, and a connection to its address."""
    return [query(name), connection(name)]


def trigger(name: str, events: Sequence[str] | None = None, **more: object) -> bytes:
    """An alert of the monitor. `name` is its link's, and the host's and the tenant's where no events are given."""
    rows = [{"Message": event} for event in (contact(name) if events is None else events)]
    return body(name, numQueryResults=str(len(rows)), results=json.dumps(rows), **more)


def recovery(name: str) -> bytes:
    """The end of the alert that has this name."""
    return body(name, kind="monitor-resolution", triggerType="ResolvedCritical")


def body(link: str, **more: object) -> bytes:
    fields: Json = {
        "schema": "enricher/1",
        "kind": "monitor",
        "name": "T1583.007 Serverless C2",
        "triggerType": "Critical",
        "alertResponseUrl": f"https://service.us2.sumologic.com/ui/#/alert/{sha256(link.encode()).hexdigest()[:16].upper()}",
    }
    return json.dumps(fields | more).encode()
