"""What became of an alert's rows, counted; and what each source has sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAccount:
    """The rows of one settled alert. `received` is the sum of the four after `cut`: each row is in exactly one of them."""

    received: int
    total: int | None
    """How many rows the search had, where the alert says so."""
    cut: bool
    """Sumo Logic sent, or may have sent, fewer rows than the search had."""
    in_cases: int
    """Rows in a case that brought at least one event never seen before."""
    repeats: int
    """Rows in a case of which every event had been seen before: no news, and not counted again."""
    dropped: int
    set_aside: int
    """Rows of a kind that is not investigated: recovery, canary, heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRecord:
    """What one monitor or scheduled search of a source has sent, as far as it has been settled."""

    monitor: str | None
    last_at: datetime
    alerts: int
    rows: int
    per_hour: float
    kinds: Mapping[str, int]
    newest: RowAccount | None = None
    """The rows of its newest alert; None where that is not among the last few hundred of all, or has no account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What one webhook source has sent. `last_at` counts repeats and unreadable bodies too: the source is alive.

    `alerts` are bodies accepted, `repeats` those answered as duplicates, `dead` what lies in quarantine, `rows` those of settled
    alerts, `per_hour` alerts an hour over the last day.
    """

    source: str
    last_at: datetime
    alerts: int
    dead: int
    repeats: int = 0
    rows: int = 0
    per_hour: float = 0.0
    kinds: Mapping[str, int] = field(default_factory=dict)
    monitors: tuple[MonitorRecord, ...] = ()
