"""What every reader makes of its rendering: one log record, its values still as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeGuard

from enricher.core import fields
from enricher.core.json_text import loads
from enricher.errors import PayloadError

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


def decoded(value: object) -> object:
    """Return what a text that holds JSON stands for; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return loads(value, "record")
        except PayloadError:
            return value
    return value


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
    """Read EventData: an object of names; `{"Data": [{"@Name": …, "#text": …}]}`; a list of objects of one name each;
    or text that holds one of these. What has no names says nothing.
    """
    found = decoded(data)
    listed = (
        found
        if isinstance(found, list)
        else next((node(found)[key] for key in ("Data", "data") if key in node(found)), None)
    )
    if is_node(listed):
        listed = [listed]
    if isinstance(listed, list):
        return dict(_pairs(listed))
    return {name: fields.scalar(value) for name, value in node(found).items()}


def _pairs(listed: Iterable[object]) -> Iterable[tuple[str, str | None]]:
    for item in filter(is_node, listed):
        name = attribute(item, "Name")
        if name:
            yield name, content(item)
        elif len(item) == 1:
            yield from ((key, fields.scalar(value)) for key, value in item.items())
