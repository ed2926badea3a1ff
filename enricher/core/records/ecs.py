"""Elastic's common schema, into which Winlogbeat's Sysmon module moves what it takes out of EventData.

Source: elastic/beats, x-pack/winlogbeat/module/sysmon: the module and the records of its tests.
"""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records.record import Node, is_node, node

_PLACES = {
    "UtcTime": "@timestamp",
    "ProcessGuid": "process entity_id",
    "ProcessId": "process pid",
    "Image": "process executable",
    "CommandLine": "process command_line",
    "CurrentDirectory": "process working_directory",
    "Company": "process pe company",
    "Description": "process pe description",
    "Product": "process pe product",
    "OriginalFileName": "process pe original_file_name",
    "ParentProcessGuid": "process parent entity_id",
    "ParentProcessId": "process parent pid",
    "ParentImage": "process parent executable",
    "ParentCommandLine": "process parent command_line",
    "Protocol": "network transport",
    "DestinationIp": "destination ip",
    "DestinationPort": "destination port",
    "DestinationHostname": "destination domain",
    "TargetFilename": "file path",
    "QueryName": "dns question name",
}
"""Sysmon's name to the way down."""

_INITIATED = {"egress": "true", "outbound": "true", "ingress": "false", "inbound": "false"}
_STATUS = {
    "SUCCESS": "0",
    "ERROR_CANCELLED": "1223",
    "ERROR_TIMEOUT": "1460",
    "DNS_ERROR_RCODE_FORMAT_ERROR": "9001",
    "DNS_ERROR_RCODE_SERVER_FAILURE": "9002",
    "DNS_ERROR_RCODE_NAME_ERROR": "9003",
    "DNS_ERROR_RCODE_NOT_IMPLEMENTED": "9004",
    "DNS_ERROR_RCODE_REFUSED": "9005",
    "DNS_INFO_NO_RECORDS": "9501",
    "DNS_ERROR_BAD_PACKET": "9502",
    "DNS_ERROR_INVALID_NAME_CHAR": "9560",
    "DNS_ERROR_RECORD_DOES_NOT_EXIST": "9701",
}
"""The module's words for Win32 codes; one that is not here is an unknown status."""


def values(document: Node) -> dict[str, str | None]:
    """Return what the record keeps outside EventData, under Sysmon's names; a name that is not there was not delivered."""
    found = {name: fields.scalar(_down(document, place)) for name, place in _PLACES.items()}
    found["User"] = _user(node(document.get("user")))
    found["Hashes"] = _hashes(document)
    found["Initiated"] = _INITIATED.get(str(_down(document, "network direction")))
    found["QueryStatus"] = _STATUS.get(str(_down(document, "sysmon dns status")))
    found["QueryResults"] = _answers(_down(document, "dns answers"))
    return {name: value for name, value in found.items() if value is not None}


def _down(document: Node, place: str) -> object:
    value: object = document
    for step in place.split():
        value = node(value).get(step)
    return value


def _user(user: Node) -> str | None:
    domain, name = fields.scalar(user.get("domain")), fields.scalar(user.get("name"))
    return f"{domain}\\{name}" if domain and name else name


def _hashes(document: Node) -> str | None:
    digests = {**node(_down(document, "process hash")), "imphash": _down(document, "process pe imphash")}
    return ",".join(f"{name}={fields.scalar(digest)}" for name, digest in digests.items() if digest) or None


def _answers(answers: object) -> str | None:
    """Write the answers as Sysmon writes them, `type:  5 name;` and addresses."""
    if not isinstance(answers, list):
        return None
    said = ((item.get("type"), fields.scalar(item.get("data"))) for item in answers if is_node(item))
    return "".join(f"type:  5 {data};" if kind == "CNAME" else f"{data};" for kind, data in said)
