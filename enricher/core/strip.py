"""Contact times as a strip: where each stands between the first and the last, for a drawing and for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

FEW, MANY = 2, 5
"""Contacts of one place from which on it is drawn heavier, and heaviest."""

_STROKES = " ▏▌█"
_ASCII_STROKES = " |+#"


@dataclass(frozen=True, slots=True)
class Mark:
    """One stroke: `position` from 0.0 (the first contact) to 1.0 (the last), and how many contacts it stands for."""

    position: float
    count: int

    @property
    def weight(self) -> int:
        """1 to 3: one contact, a few, many."""
        return 1 + (self.count >= FEW) + (self.count >= MANY)


@dataclass(frozen=True, slots=True)
class Strip:
    """Contacts in order of time; all at one instant are a single mark in the middle."""

    first: datetime
    last: datetime
    contacts: int
    marks: tuple[Mark, ...]

    @property
    def span_s(self) -> float:
        """Seconds from the first contact to the last."""
        return (self.last - self.first).total_seconds()


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time in UTC, which is also meant where it names no zone; None for what is none."""
    try:
        at = datetime.fromisoformat(text or "")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def strip(contacts: Iterable[str], *, places: int) -> Strip | None:
    """The times in any order, brought to one of `places` (at least 2); what is no time is left out.

    None where no time is left.
    """
    times = sorted(at for text in contacts if (at := moment(text)) is not None)
    if not times:
        return None
    first, last = times[0], times[-1]
    span = (last - first).total_seconds()
    if not span:
        return Strip(first, last, len(times), (Mark(0.5, len(times)),))
    counted = Counter(round((at - first).total_seconds() / span * (places - 1)) for at in times)
    marks = tuple(Mark(place / (places - 1), count) for place, count in sorted(counted.items()))
    return Strip(first, last, len(times), marks)


def drawn(given: Strip, *, places: int, ascii_only: bool = False) -> str:
    """The strip as one line of `places` characters, the first and the last contact at its ends."""
    strokes = _ASCII_STROKES if ascii_only else _STROKES
    line = [strokes[0]] * places
    for mark in given.marks:
        line[round(mark.position * (places - 1))] = strokes[mark.weight]
    return "".join(line).rstrip()
