"""The message that Windows writes for people: a first line that says what happened, then a field a line, `UtcTime: …`.

Command lines and version texts are chosen by whoever runs the program, and may hold line breaks and so lines that look like
fields. Sysmon writes its fields in a fixed order, so such a line breaks the order, or stands twice. Then the fields up to the
first text that others choose still count, the rest is unknown, and the command line has everything that follows it: no
evidence is lost, and none is forged.
Source: the message strings of Sysmon's manifest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from enricher.core.records.record import Record
from enricher.errors import PayloadError

_HEADS = {"process create:": 1, "network connection detected:": 3, "file created:": 11, "dns query:": 22}
_HEAD_LIMIT = 80
_SCRIPT_BLOCK_HEAD = "Creating Scriptblock text ("
_SCRIPT_BLOCK_ID = 4104
_SCRIPT_BLOCK_PARTS = re.compile(r"\((\d{1,6}) of (\d{1,6})\):\r?\n")
_SCRIPT_BLOCK_TAIL = "\nScriptBlock ID:"

_SURE = {
    1: "RuleName UtcTime ProcessGuid ProcessId Image",
    3: "RuleName UtcTime ProcessGuid ProcessId Image",
    11: "RuleName UtcTime ProcessGuid ProcessId Image TargetFilename",
    22: "RuleName UtcTime ProcessGuid ProcessId QueryName",
}
"""The fields of each event up to the first text that others choose, in Sysmon's order."""
_THEN = {
    1: "FileVersion Description Product Company OriginalFileName CommandLine CurrentDirectory User LogonGuid LogonId "
    "TerminalSessionId IntegrityLevel Hashes ParentProcessGuid ParentProcessId ParentImage ParentCommandLine ParentUser",
    3: "User Protocol Initiated SourceIsIpv6 SourceIp SourceHostname SourcePort SourcePortName DestinationIsIpv6 DestinationIp "
    "DestinationHostname DestinationPort DestinationPortName",
    11: "CreationUtcTime User",
    22: "QueryStatus QueryResults Image User",
}
_ORDER = {number: {name: at for at, name in enumerate(f"{sure} {_THEN[number]}".split())} for number, sure in _SURE.items()}
_OF_SEVERAL_LINES = frozenset({"CommandLine", "ParentCommandLine"})
_FIELD = re.compile(r"[ \t]*(\w{1,40}):[ \t]?(.*)", re.DOTALL)


def event_id(text: str) -> int | None:
    """Tell by its first line which event a message is of; None where it is none that we read."""
    head = text[: 2 * _HEAD_LIMIT].lstrip()[:_HEAD_LIMIT]
    if head.startswith(_SCRIPT_BLOCK_HEAD):
        return _SCRIPT_BLOCK_ID
    return _HEADS.get(head.partition("\n")[0].strip().lower())


def read(text: str) -> Record:
    """Read a message that stands alone; which computer wrote it, the row must say. Raises PayloadError `unreadable`."""
    number = event_id(text)
    data = values(text, number) if number else {}
    if number is None or not data:
        raise PayloadError("unreadable", "a message without fields")
    return Record(number, data)


def values(text: str, number: int) -> dict[str, str | None]:
    """Read the fields of a message of event `number`; empty where it has none, or is another event's."""
    if event_id(text) != number:
        return {}
    return _script_block(text) if number == _SCRIPT_BLOCK_ID else _fields(text, number)


def _fields(text: str, number: int) -> dict[str, str | None]:
    order = _ORDER[number]
    lines = text.split("\n")
    starts = [(at, found[1]) for at, line in enumerate(lines) if (found := _FIELD.match(line)) and found[1] in order]
    ends = [*(at for at, _ in starts), len(lines)][1:]
    said: dict[str, str | None] = {}
    for (start, name), end in zip(starts, ends, strict=True):
        said.setdefault(name, _said(lines[start : end if name in _OF_SEVERAL_LINES else start + 1]))
    if all(order[one] < order[next_one] for (_, one), (_, next_one) in pairwise(starts)):
        return said
    sure = {name: said[name] for name in _SURE[number].split() if name in said}
    begin = next((at for at, name in starts if name == "CommandLine"), len(lines))
    return sure | ({"CommandLine": _said(lines[begin:])} if begin < len(lines) else {})


def _said(lines: Sequence[str]) -> str:
    field = _FIELD.match("\n".join(line.removesuffix("\r") for line in lines))
    return field[2].rstrip("\n") if field else ""


def _script_block(text: str) -> dict[str, str | None]:
    """The block's own text may hold anything; Windows' lines are the first and the last ones."""
    parts, end = _SCRIPT_BLOCK_PARTS.search(text, 0, 4 * _HEAD_LIMIT), text.rfind(_SCRIPT_BLOCK_TAIL)
    if parts is None or end < parts.end():
        return {}
    block_id, _, _ = text[end + len(_SCRIPT_BLOCK_TAIL) :].partition("\n")
    return {
        "MessageNumber": parts[1],
        "MessageTotal": parts[2],
        "ScriptBlockText": text[parts.end() : end].removesuffix("\r").removesuffix("\n").removesuffix("\r"),
        "ScriptBlockId": block_id.strip(),
    }
