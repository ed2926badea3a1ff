"""What every reader makes of its rendering: one log record, its values still as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeGuard

from enricher.core import fields

Node = Mapping[str, object]


class Record(NamedTuple):
    """A record in no rendering any more, and not yet read.

    `data` has the EventData under Sysmon's own names; a name that was delivered empty is there, with None or "".
    `pid` is System's `Execution/@ProcessID`: the subject process only for PowerShell, else the service that logged.
    """

    event_id: int
    data: Mapping[str, str | None]
    provider: str | None = None
    computer: str | None = None
    written_at: str | None = None
    pid: str | None = None


def is_node(value: object) -> TypeGuard[Node]:
    """Tell whether a JSON value is an object."""
    return isinstance(value, dict)


def node(value: object) -> Node:
    """Return a JSON object, or an empty one for anything else."""
    return value if is_node(value) else {}


def attribute(value: object, name: str) -> str | None:
    """Return what XML had as an attribute, in the ways in which JSON writers put it: `X`, `@X`, `#attributes: {X}`."""
    of = node(value)
    for where, key in ((of, name), (of, f"@{name}"), (node(of.get("#attributes")), name)):
        if key in where:
            return fields.scalar(where[key])
    return None


def content(value: object) -> str | None:
    """Return what XML had as an element's text: the value itself, or its `#text`."""
    return fields.scalar(value.get("#text") if is_node(value) else value)


def event_id(value: object) -> int | None:
    """Read an event id, with or without Qualifiers beside it."""
    return fields.number(content(value))


def named_values(data: object) -> dict[str, str | None]:
    """Read EventData: an object of names, or `{"Data": [{"@Name": …, "#text": …}]}`."""
    found = node(data)
    listed = found.get("Data")
    if is_node(listed):
        listed = [listed]
    if not isinstance(listed, list):
        return {name: fields.scalar(value) for name, value in found.items()}
    pairs = ((attribute(item, "Name"), content(item)) for item in listed if is_node(item))
    return {name: value for name, value in pairs if name}
