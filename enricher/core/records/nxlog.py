"""NXLog: one flat object, the fields of EventData beside those of System."""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records.record import Node, Record, event_id


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    number = event_id(document.get("EventID"))
    if number is None or "EventData" in document:
        return None
    data = {name: fields.scalar(value) for name, value in document.items()}
    return Record(
        number,
        data,
        data.get("SourceName") or data.get("ProviderName"),
        data.get("Hostname") or data.get("Computer"),
        data.get("EventTime"),
        data.get("ExecutionProcessID") or data.get("ProcessID"),
    )
