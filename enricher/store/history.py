"""What was seen before: event 1s by process GUID, for the lineage of a process that an alert shows without its parents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from sqlalchemy import select

from enricher.core.document import Json
from enricher.model import Event, ProcessCreate
from enricher.store.access import Access
from enricher.store.schema import events

MAX_GUIDS = 500
_FIELDS = frozenset(field.name for field in fields(ProcessCreate))
_TIMES = ("at", "last_at")


class History:
    """Implements `ports.History`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def ancestors(self, computer: str, guids: Iterable[str]) -> list[Event]:
        wanted = sorted(set(guids))[:MAX_GUIDS]
        if not wanted:
            return []
        query = select(events.c.document).where(
            events.c.guid.in_(wanted), events.c.computer == computer, events.c.document.is_not(None)
        )
        with self._access.read() as conn:
            return [process_from(document) for document in conn.execute(query.order_by(events.c.seen_at)).scalars()]


def process_from(document: Json) -> ProcessCreate:
    """Make the event of its stored fields. Fields of another version are left out, times are ISO 8601 text."""
    values: Json = {"computer": "", "row": 0}
    values |= {name: value for name, value in document.items() if name in _FIELDS}
    values |= {name: datetime.fromisoformat(values[name]) for name in _TIMES if values.get(name)}
    return ProcessCreate(**values)
