"""How clock-like contacts are. First form: over the contacts of one alert; with history the same functions see more times.

Source: RITA's timestamp score (activecm/rita, analysis/beacons.go) in a scale-free form on beats, with limits simulated for at
most 1 % false alarms per class on random traffic (docs/behaviour.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import ceil
from statistics import median

MIN_BEATS = 4
MIN_GAPS = 3
EXACT_BEATS = 5
EXACT_SPREAD = 0.02
WHOLE_SECOND_MIN_GAP = 30.0
BEAT_GAP_MAX = 1.0
SKEW_FROM = 0.05
_REGULAR_FROM = (
    (100, 0.73),
    (75, 0.745),
    (50, 0.76),
    (40, 0.77),
    (30, 0.785),
    (25, 0.79),
    (20, 0.80),
    (12, 0.83),
    (10, 0.85),
)
"""Lowest score of `regular` by number of beats, largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """What can be said of the rhythm. `period_s` is the median gap; `score` runs from 0 to 1, 1 for a perfect timer.

    `name` is `insufficient` (with its `reason`), `exact_timer`, `regular` or `irregular`; `sightings` counts the contacts.
    """

    name: str
    sightings: int
    period_s: float | None = None
    score: float | None = None
    reason: str | None = None


def beaconing(times: Sequence[datetime], *, sampled: bool = False) -> Beacon:
    """Class of the rhythm of `times` (aware, any order, duplicates allowed). `sampled`: they are not all there were."""
    stamps = sorted(t.timestamp() for t in times)
    if sampled:
        return Beacon(name="insufficient", sightings=len(stamps), reason="truncated")
    beats = _beats(stamps)
    gaps = sorted(gap for a, b in pairwise(beats) if (gap := b - a) > 0)
    if len(beats) < MIN_BEATS or len(gaps) < MIN_GAPS:
        return Beacon(name="insufficient", sightings=len(stamps), reason="too few contacts")
    period = median(gaps)
    score = _score(gaps)
    if _whole_seconds(stamps) and period < WHOLE_SECOND_MIN_GAP:
        return Beacon(name="insufficient", sightings=len(stamps), period_s=round(period, 3), reason="resolution")
    name = _class_of(len(beats), _mad(gaps, period) / period, score)
    return Beacon(name=name, sightings=len(stamps), period_s=round(period, 3), score=round(score, 3))


def _class_of(beats: int, spread: float, score: float) -> str:
    if beats >= EXACT_BEATS and spread <= EXACT_SPREAD:
        return "exact_timer"
    limit = next((limit for least, limit in _REGULAR_FROM if beats >= least), None)
    return "regular" if limit is not None and score >= limit else "irregular"


def _beats(stamps: list[float]) -> list[float]:
    """The first time of each beat: contacts less than w after the one before belong together, w = min(1 s, P90 / 20)."""
    gaps = sorted(b - a for a, b in pairwise(stamps))
    if not gaps:
        return stamps
    width = min(BEAT_GAP_MAX, gaps[ceil(0.9 * len(gaps)) - 1] / 20)
    return [stamps[0], *(b for a, b in pairwise(stamps) if b - a >= width and b > a)]


def _whole_seconds(stamps: list[float]) -> bool:
    return len(stamps) >= EXACT_BEATS and all(stamp == int(stamp) for stamp in stamps)


def _mad(gaps: list[float], middle: float) -> float:
    return median(abs(gap - middle) for gap in gaps)


def _score(gaps: list[float]) -> float:
    """Mean of evenness (1 - |Bowley skew|) and tightness (1 - MAD / median)."""
    half = len(gaps) // 2
    low, middle, high = median(gaps[:half]), median(gaps), median(gaps[-half:])
    counted = high - low >= SKEW_FROM * middle and middle not in {low, high}
    skew = (low + high - 2 * middle) / (high - low) if counted else 0.0
    return ((1 - abs(skew)) + max(0.0, (middle - _mad(gaps, middle)) / middle)) / 2
