"""The same event twice counts once; every row it came in stays with the case. What is remembered joins what came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from enricher.core.memory import Memory
from enricher.core.normalise import digest
from enricher.model import Event


@dataclass(frozen=True, slots=True)
class Distinct:
    """Events without repeats; everything else is by `id(event)` of the events kept here.

    `rows` are empty for an event that was only remembered. `asked_of` are the events that the question is about: those of the
    alert, or those of the case that is looked at again. `case_of` says which case an event counts in already.
    """

    events: tuple[Event, ...]
    rows: dict[int, frozenset[int]]
    digests: dict[int, bytes]
    asked_of: frozenset[int] = frozenset()
    case_of: dict[int, str] = field(default_factory=dict)


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
        asked_of=frozenset(id(event) for event in kept.values()),
    )


def with_memory(seen: Distinct, memory: Memory, *, case: str | None = None) -> Distinct:
    """Add what is remembered and did not come again. With `case`, the question is about the events of that case too."""
    own = {seen.digests[id(event)]: event for event in seen.events}
    added = {one.digest: one.event for one in memory.events if one.digest not in own}
    events = own | added
    case_of = {id(events[one.digest]): one.case_key for one in memory.events if one.case_key is not None}
    return Distinct(
        events=tuple(events.values()),
        rows=seen.rows | {id(event): frozenset() for event in added.values()},
        digests={id(event): mark for mark, event in events.items()},
        asked_of=seen.asked_of | frozenset(key for key, of in case_of.items() if of == case),
        case_of=case_of,
    )
