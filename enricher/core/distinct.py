"""The same event twice counts once; every row it came in stays with the case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enricher.core.normalise import digest
from enricher.model import Event


@dataclass(frozen=True, slots=True)
class Distinct:
    """Events without repeats. `rows` and `digests` are by `id(event)` of the events kept here."""

    events: tuple[Event, ...]
    rows: dict[int, frozenset[int]]
    digests: dict[int, bytes]


def distinct(events: Iterable[Event]) -> Distinct:
    """Keep the first of each, by row, and remember all rows."""
    kept: dict[bytes, Event] = {}
    rows: dict[bytes, set[int]] = {}
    for event in events:
        mark = digest(event)
        if mark not in kept or event.row < kept[mark].row:
            kept[mark] = event
        rows.setdefault(mark, set()).add(event.row)
    return Distinct(
        events=tuple(kept.values()),
        rows={id(event): frozenset(rows[mark]) for mark, event in kept.items()},
        digests={id(event): mark for mark, event in kept.items()},
    )
