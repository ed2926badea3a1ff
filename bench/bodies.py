"""Alerts for load: real shapes, each with its own host, process and tenant, so that each becomes a case of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import orjson

_SERIAL = count(1)
ROWS_PER_PROCESS = 10


def columns(rows: int, serial: int) -> list[dict[str, object]]:
    """Rows as the aggregate query sends them: queries and connections in turns, ten rows to a process and its tenant."""
    made: list[dict[str, object]] = []
    for i in range(rows):
        pair = i // ROWS_PER_PROCESS
        guid = f"{{7C1E2B40-{pair:04X}-65F0-{serial % 65536:04X}-{serial:012X}}}"
        row: dict[str, object] = {
            "Count": 3,
            "_sourcehost": f"ws-{serial:06d}.corp.example",
            "event_id": "22" if i % 2 == 0 else "3",
            "process_guid": guid,
            "process_id": str(4 * (serial % 10000) + 4),
            "process_image": r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
            "username": r"CORP\m.alvarez",
            "dest_hostname": f"api.tenant-{serial}-{pair}.workers.dev" if i % 2 == 0 else "-",
            "dest_ip": "-" if i % 2 == 0 else "104.21.48.117",
            "dest_port": "-" if i % 2 == 0 else "443",
            "serverless_platform": "Cloudflare Workers",
            "is_suspicious": "1",
            "first_seen": str(1773324301000 + 977 * i),
            "last_seen": "1773324598441",
        }
        made.append(row)
    return made


_XML = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Sysmon' "
    "Guid='{{5770385f-c22a-43e0-bf4c-06f5698ffbd9}}'/><EventID>{id}</EventID><Version>5</Version><Level>4</Level><Task>{id}</Task>"
    "<Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime='2026-03-12T14:09:58.4410000Z'/>"
    "<EventRecordID>{record}</EventRecordID><Correlation/><Execution ProcessID='3420' ThreadID='5120'/><Channel>"
    "Microsoft-Windows-Sysmon/Operational</Channel><Computer>ws-{serial:06d}.corp.example</Computer><Security UserID='S-1-5-18'/>"
    "</System><EventData><Data Name='RuleName'>-</Data><Data Name='UtcTime'>2026-03-12 14:09:57.{ms:03d}</Data>"
    "<Data Name='ProcessGuid'>{{7c1e2b40-{pair:04x}-65f0-{low:04x}-{serial:012x}}}</Data><Data Name='ProcessId'>7316</Data>"
    "{fields}</EventData></Event>"
)
_IMAGE = r"<Data Name='Image'>C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe</Data>"
_QUERY = (
    "<Data Name='QueryName'>api.tenant-{serial}-{pair}.workers.dev</Data><Data Name='QueryStatus'>0</Data>"
    "<Data Name='QueryResults'>::ffff:104.21.48.117;::ffff:172.67.190.12;</Data>"
    + _IMAGE
    + r"<Data Name='User'>CORP\m.alvarez</Data>"
)
_CONNECT = (
    _IMAGE + r"<Data Name='User'>CORP\m.alvarez</Data><Data Name='Protocol'>tcp</Data><Data Name='Initiated'>true</Data>"
    "<Data Name='SourceIsIpv6'>false</Data><Data Name='SourceIp'>10.20.4.31</Data><Data Name='SourceHostname'>-</Data>"
    "<Data Name='SourcePort'>50211</Data><Data Name='SourcePortName'>-</Data><Data Name='DestinationIsIpv6'>false</Data>"
    "<Data Name='DestinationIp'>104.21.48.117</Data><Data Name='DestinationHostname'>-</Data>"
    "<Data Name='DestinationPort'>443</Data><Data Name='DestinationPortName'>https</Data>"
)


def xml(rows: int, serial: int) -> list[dict[str, object]]:
    """Rows with the event XML in `Message`: queries and connections in turns, ten rows to a process and its tenant."""
    made: list[dict[str, object]] = []
    for i in range(rows):
        asks = i % 2 == 0
        pair = i // ROWS_PER_PROCESS
        fields = (_QUERY if asks else _CONNECT).replace("{serial}", str(serial)).replace("{pair}", str(pair))
        text = _XML.format(
            id=22 if asks else 3, record=i, serial=serial, ms=i % 1000, pair=pair, low=serial % 65536, fields=fields
        )
        made.append({"Message": text, "Host": f"ws-{serial:06d}.corp.example"})
    return made


def alert(rows: list[dict[str, object]], serial: int) -> bytes:
    """A monitor's alert as our connection template sends it."""
    return orjson.dumps(
        {
            "schema": "enricher/1",
            "kind": "monitor",
            "name": "T1583.007 Serverless C2 - non-browser process",
            "triggerType": "Critical",
            "numQueryResults": str(len(rows)),
            "alertResponseUrl": f"https://service.us2.sumologic.com/ui/#/alert/{serial:016X}",
            "results": orjson.dumps(rows).decode(),
        }
    )


def alerts(rows: int) -> Iterator[bytes]:
    """Endless alerts of `rows` rows, no two alike."""
    for serial in _SERIAL:
        yield alert(columns(rows, serial), serial)
