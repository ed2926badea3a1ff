"""Sumo Logic's installed collector in its JSON format: System's elements at the top, EventData or UserData below.

`EventData` may be text that holds JSON. Where it is empty, as the collector's lower levels have it, the message text is read.
Source: Sumo Logic's documentation, "Windows JSON", sample log message.
"""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records import message_text
from enricher.core.records.event_json import written_at
from enricher.core.records.record import Node, Record, attribute, content, event_id, is_node, named_values, node


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    number = event_id(document.get("EventID"))
    if number is None or not ("EventData" in document or "UserData" in document or is_node(document.get("Provider"))):
        return None
    return Record(
        number,
        _data(document, number),
        attribute(document.get("Provider"), "Name"),
        content(document.get("Computer")),
        written_at(document.get("TimeCreated")),
        attribute(document.get("Execution"), "ProcessID"),
    )


def _data(document: Node, number: int) -> dict[str, str | None]:
    written = document.get("EventData")
    named = named_values(written) or _user_data(document.get("UserData"))
    if named:
        return named
    for text in (written, document.get("Message")):
        named = message_text.values(fields.scalar(text) or "", number)
        if named:
            return named
    return {}


def _user_data(data: object) -> dict[str, str | None]:
    """UserData wraps its names in one element of the provider's own."""
    inner = next(filter(is_node, node(data).values()), {})
    return {name: fields.scalar(value) for name, value in inner.items()}
