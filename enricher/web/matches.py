"""How often a tuning rule matched, day by day, as a drawing: shapes for the template, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from enricher.core.uses import RuleDay

DAYS = 90
RECENT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day that had matches. `place` goes from 0, the first day, to 1, today; `height` from 0 to 1, the largest."""

    day: date
    live: int
    shadow: int
    place: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The last 90 days of one rule, today included."""

    begins: date
    bars: Sequence[Bar]

    @property
    def total(self) -> int:
        return sum(bar.live + bar.shadow for bar in self.bars)

    @property
    def words(self) -> str:
        """What the drawing shows, for who does not see it."""
        if not self.bars:
            return f"No match since {self.begins}"
        most = max(self.bars, key=lambda bar: bar.live + bar.shadow)
        days = f"{len(self.bars)} day{'s' if len(self.bars) > 1 else ''}"
        return f"{self.total} matches on {days} since {self.begins}, the most on {most.day}: {most.live + most.shadow}"


def matches_of(rule: str, days: Iterable[RuleDay], today: date) -> Matches:
    """Of one rule, from what the store counts."""
    begins = today - timedelta(days=DAYS - 1)
    found: dict[date, dict[str, int]] = {}
    for one in days:
        if one.rule == rule and begins <= one.day <= today:
            of_day = found.setdefault(one.day, {"live": 0, "shadow": 0})
            of_day["live" if one.mode == "live" else "shadow"] += one.matches
    most = max((sum(counts.values()) for counts in found.values()), default=0)
    bars = [
        Bar(
            day=day,
            live=counts["live"],
            shadow=counts["shadow"],
            place=(day - begins).days / (DAYS - 1),
            height=sum(counts.values()) / most if most else 0.0,
        )
        for day, counts in sorted(found.items())
    ]
    return Matches(begins=begins, bars=bars)


def recent(days: Iterable[RuleDay], today: date) -> dict[str, int]:
    """Matches of the last 30 days, today included, by rule."""
    since = today - timedelta(days=RECENT - 1)
    counted: dict[str, int] = {}
    for one in days:
        if since <= one.day <= today:
            counted[one.rule] = counted.get(one.rule, 0) + one.matches
    return counted
