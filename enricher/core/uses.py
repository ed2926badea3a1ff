"""How often tuning rules have matched, and since when they are loaded: what an end for want of matches is told by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUse:
    """One rule, by its id.

    `matches` counts a case once for each alert that brought it new contacts while the rule matched it, live or in shadow; what
    is sent again adds none. `last_at` is when it last was counted, None for never; `first_seen_at` when a service first had the
    rule loaded, or counted it.
    """

    rule: str
    matches: int = 0
    last_at: datetime | None = None
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDay:
    """How often a rule matched on one day (UTC), in one mode: `live` or `shadow`."""

    rule: str
    day: date
    mode: str
    matches: int
