"""OpenTelemetry's Windows event log receiver: snake case, and by way of Sumo Logic's exporter JSON as text within JSON.

`event_id` and `provider` are objects or text that holds one; so is `event_data`, in its list form too. Receivers that do not
name the values of `event_data` leave the message text to be read.
Sources: Sumo Logic's documentation, "Windows - OpenTelemetry Collector", sample logs; opentelemetry-collector-contrib,
pkg/stanza/operator/input/windows/xml.go.
"""

from __future__ import annotations

from enricher.core import fields
from enricher.core.records import message_text
from enricher.core.records.record import Node, Record, attribute, content, decoded, event_id, named_values, node


def read(document: Node) -> Record | None:
    """Read the record, or None where the object is of another rendering."""
    written = decoded(document.get("event_id"))
    nested = node(written).get("id")
    if nested is None and "system_time" not in document:
        return None
    number = event_id(written if nested is None else nested)
    if number is None:
        return None
    data = named_values(document.get("event_data"))
    return Record(
        number,
        data or message_text.values(fields.scalar(document.get("message")) or "", number),
        _name(decoded(document.get("provider"))),
        fields.scalar(document.get("computer")),
        fields.scalar(document.get("system_time")),
        attribute(decoded(document.get("execution")), "process_id"),
    )


def _name(provider: object) -> str | None:
    return attribute(provider, "name") if node(provider) else content(provider)
