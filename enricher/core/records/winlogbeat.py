"""Winlogbeat: everything below `winlog`, or at the top as its older versions had it."""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records.record import Node, Record, attribute, event_id, named_values, node


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    log = node(document.get("winlog")) or document
    number = event_id(log.get("event_id"))
    if number is None or not isinstance(log.get("event_data"), dict):
        return None
    return Record(
        number,
        named_values(log["event_data"]),
        fields.scalar(log.get("provider_name") or log.get("source_name")),
        fields.scalar(log.get("computer_name")) or attribute(document.get("host"), "name"),
        fields.scalar(document.get("@timestamp")),
        attribute(log.get("process"), "pid") or fields.scalar(log.get("process_id")),
    )
