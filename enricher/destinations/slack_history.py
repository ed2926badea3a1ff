"""Where in a channel's history a message is looked for, whose answer was lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CLOCKS_APART_S = 300
"""How far our clock and Slack's may be apart, and how late it may still post what we no longer wait for."""
CLOCKS_USUALLY_APART_S = 20


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where a look into a history that is too long for one stopped: the next, for the same doubt, reads the rest."""

    latest: datetime
    windows: list[dict[str, str]]


def windows_of(oldest: float | None, latest: float | None) -> list[dict[str, str]]:
    """Where to look, in which order: where the clocks agree it is in the first, and in a busy channel the others are many pages."""
    if oldest is None or latest is None:
        return [{"oldest": str(int(oldest - CLOCKS_APART_S))} if oldest is not None else {}]
    edges = (
        oldest - CLOCKS_APART_S,
        oldest - CLOCKS_USUALLY_APART_S,
        latest + CLOCKS_USUALLY_APART_S,
        latest + CLOCKS_APART_S,
    )
    first, begin, end, last = (str(int(edge)) for edge in edges)
    return [{"oldest": start, "latest": stop} for start, stop in ((begin, end), (end, last), (first, begin))]
