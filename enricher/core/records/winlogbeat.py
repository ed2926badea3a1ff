"""Winlogbeat: everything below `winlog`, or at the top as its older versions had it.

Its Sysmon module moves most of EventData to the fields of Elastic's common schema; those fill what EventData lacks.
"""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records import ecs
from enricher.core.records.record import Node, Record, attribute, event_id, is_node, named_values, node


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    log = node(document.get("winlog")) or document
    number = event_id(log.get("event_id"))
    delivered = log.get("event_data")
    by_module = log is not document and "process" in document
    if number is None or not (is_node(delivered) or (delivered is None and by_module)):
        return None
    moved = ecs.values(document) if by_module else {}
    return Record(
        number,
        {**moved, **named_values(delivered)},
        fields.scalar(log.get("provider_name") or log.get("source_name")),
        fields.scalar(log.get("computer_name")) or attribute(document.get("host"), "name"),
        fields.scalar(document.get("@timestamp")),
        attribute(log.get("process"), "pid") or fields.scalar(log.get("process_id")),
    )
