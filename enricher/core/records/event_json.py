"""Event XML turned into JSON by a converter: `{"Event": {"System": …, "EventData": …}}`, or that without the wrapper."""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records.record import Node, Record, attribute, content, event_id, named_values, node


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    event = node(document.get("Event")) or document
    system = node(event.get("System"))
    number = event_id(system.get("EventID"))
    if number is None or "EventData" not in event:
        return None
    return Record(
        number,
        named_values(event["EventData"]),
        attribute(system.get("Provider"), "Name"),
        content(system.get("Computer")),
        written_at(system.get("TimeCreated")),
        attribute(system.get("Execution"), "ProcessID"),
    )


def written_at(created: object) -> str | None:
    """Read TimeCreated: the time itself, or SystemTime below it."""
    return attribute(created, "SystemTime") or (fields.scalar(created) if isinstance(created, str) else None)
