"""How a search of Sumo Logic reads Sysmon's events, in each of the forms in which they lie there.

The first line is the only one that drops a message: what is no event of the ones asked for. Every other field may be absent.
Sources: Sumo Logic's documentation, "Parse Variable Patterns Using Regex", "Parse JSON Formatted Logs", "Windows - JSON" and
"Windows - OpenTelemetry Collector".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from enricher.core.sumo_search import is_scope
from enricher.errors import Unsearchable

Form = Literal["xml", "json", "otel", "cloud-siem"]
SEARCHES: tuple[Form, ...] = ("xml", "json", "otel")
"""Windows' XML, by most shippers; JSON, by Sumo Logic's own collector; OpenTelemetry's JSON."""
FORMS: tuple[Form, ...] = (*SEARCHES, "cloud-siem")
"""The searches', and the expression of a match rule of Cloud SIEM, which reads Records and no logs."""

CONTACT: Mapping[str, str] = {
    "Image": "process_image",
    "ProcessGuid": "process_guid",
    "ProcessId": "process_id",
    "User": "username",
    "QueryStatus": "query_status",
    "DestinationIp": "dest_ip",
    "DestinationPort": "dest_port",
}
"""Sysmon's fields of events 3 and 22 to the columns of a search."""
NAMES = ("QueryName", "DestinationHostname")
"""The fields of event 22 and of event 3 that become `dest_hostname`."""
START: Mapping[str, str] = {
    "Image": "process_image",
    "ProcessGuid": "process_guid",
    "ProcessId": "process_id",
    "User": "username",
    "OriginalFileName": "original_file_name",
    "ParentImage": "parent_image",
    "ParentCommandLine": "parent_command_line",
    "ParentProcessGuid": "parent_process_guid",
    "CommandLine": "command_line",
}
"""The same of event 1."""
SHORT: Mapping[str, str] = {
    "Computer": "c",
    "Image": "i",
    "ProcessGuid": "g",
    "ProcessId": "n",
    "User": "u",
    "QueryName": "q",
    "QueryStatus": "r",
    "DestinationHostname": "t",
    "DestinationIp": "a",
    "DestinationPort": "o",
    "OriginalFileName": "f",
    "ParentImage": "j",
    "ParentCommandLine": "k",
    "ParentProcessGuid": "b",
    "CommandLine": "l",
}
"""What a field is called within a search, where every character counts; `v` is taken here, `d`, `e`, `h`, `p`, `s` by the
labels.
"""
_LINES = frozenset({"CommandLine", "ParentCommandLine"})
"""Fields in which a quote is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search, or one match rule's expression. `name` is made of small letters, digits and hyphens; `platforms` are the ids of
    those it looks for.
    """

    name: str
    form: Form
    text: str
    platforms: tuple[str, ...]


def reading(form: Form, events: Sequence[str], fields: Iterable[str]) -> list[str]:
    """The operators that read these events: into `event_id`, and each of `fields` and the computer into its short name.

    Raises KeyError for `cloud-siem`, which is no search.
    """
    return _READ[form](events, tuple(fields))


def columns(fields: Mapping[str, str]) -> list[str]:
    """The operators that give columns their names, the computer's too; a hyphen for what is absent, which could lose its row."""
    every = {"Computer": "computer", **fields}
    return [f'if(isBlank({SHORT[field]}),"-",{SHORT[field]}) as {name}' for field, name in every.items()]


def _xml(events: Sequence[str], fields: Sequence[str]) -> list[str]:
    """One parse for each field, for an event has them in an order of its own. A dot stands for the quote: a single one comes from
    Windows, a double one from who writes its XML again.
    """
    return [
        f'parse regex "<EventID[^>]*>(?<event_id>{"|".join(events)})<"',
        'parse regex "<Computer>(?<c>[^<]*)" nodrop',
        *(f'parse regex "<Data Name=.{field}.>(?<{SHORT[field]}>[^<]*)" nodrop' for field in fields),
    ]


def _json(events: Sequence[str], fields: Sequence[str]) -> list[str]:
    """EventData is cut out whole and then looked into, so that it may be an object or text that holds one."""
    names = ",".join(SHORT[field] for field in fields)
    return [
        'json field=_raw "EventID","Computer","EventData" as event_id,c,v nodrop',
        f"where event_id in ({quoted(events)})",
        f"json field=v {quoted(fields, ',')} as {names} nodrop",
    ]


def _otel(events: Sequence[str], fields: Sequence[str]) -> list[str]:
    """By expression within `event_data`, so that it may be text, an object, or a list of objects of one name each. A quote within
    a value has a backslash before it, so that none can pretend to be a field.
    """
    return [
        f'parse regex "\\"event_id\\"\\W+(?:id\\W+)?(?<event_id>{"|".join(events)})\\b"',
        'json field=_raw "computer","event_data" as c,v nodrop',
        *(f'parse regex field=v "\\"{field}\\": ?\\"(?<{SHORT[field]}>{_value(field)}" nodrop' for field in fields),
    ]


def _value(field: str) -> str:
    """What is in the quotes, and the bracket that ends the group."""
    return '.*?[^\\\\])\\"' if field in _LINES else '[^\\"]*)'


def checked(scope: str) -> str:
    """The scope. Raises Unsearchable where it cannot stand before the first `|`."""
    if not is_scope(scope):
        raise Unsearchable("a scope that would end the query's first part")
    return scope


def quoted(words: Iterable[str], between: str = ", ") -> str:
    """Words as texts of the language, one after the other."""
    return between.join(text(word) for word in words)


def text(word: str) -> str:
    """One text of the language."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_READ = {"xml": _xml, "json": _json, "otel": _otel}
