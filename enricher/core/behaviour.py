"""How clock-like contacts are: over those at hand, and over the last day with those remembered.

Source: RITA's timestamp score (activecm/rita, analysis/beacons.go) in a scale-free form on beats, with limits simulated for at
most 1 % false alarms per class on random traffic (docs/behaviour.md; `enricher beacon simulate` measures it).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise
from math import ceil, floor
from typing import cast

from enricher.core.document import BeaconDoc
from enricher.core.memory import WINDOW
from enricher.core.rita import (
    BINS,
    MIN_BARS,
    bin_of,
    duration_score,
    evenness,
    halves,
    histogram,
    histogram_score,
    mad,
    timestamp_score,
)

METHOD = "tsc-1"
"""Changes when the same times may get another class."""
MIN_BEATS = 4
"""So three gaps."""
MIN_GAPS = 3
EXACT_BEATS = 5
EXACT_SPREAD = 0.02
RESOLUTIONS = 30
"""A period of fewer resolutions than this says nothing: few whole numbers are equal by chance. 30 s on whole seconds."""
WHOLE_SECOND = 1.0
MILLISECOND = 0.001
HOUR = 3_600
BEAT_GAP_MAX = 1.0
SKEW_FROM = 0.05
BURST_QUIET = 10
BURST_BEATS = 3
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
CLASSES = ("insufficient", "irregular", "persistent_irregular", "regular", "exact_timer")
"""The weakest first."""
PERIODIC = frozenset({"regular", "exact_timer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """What can be said of the rhythm. `period_s` is the median gap; `score` runs from 0 to 1, 1 for a perfect timer.

    `name` is one of `CLASSES`, `insufficient` with its `reason`; `sightings` counts the distinct times of contact, `beats` the
    calls they belong to. `limit` is the score that `regular` needs, None below ten beats. `mad_s` is in seconds; `jitter` is
    the share of the period by which a timer with evenly spread jitter would miss it. `bursts` counts the groups of contacts
    between long pauses, 0 where there is one group only. `ts` is RITA's part for the gaps.

    `dur` and `hist` are RITA's other two parts, and `filled_hours` the hours with a contact; all three only for the window
    `24h`. The window `own` is the span of the contacts at hand. `other` is the class of the other window, None where only one
    was judged. `truncated`: of one of the windows not all contacts are known. `requery` is the class of the queries of a group
    that has connections too, None where there is none to judge. What is not known is None.
    """

    name: str
    sightings: int
    period_s: float | None = None
    score: float | None = None
    reason: str | None = None
    beats: int | None = None
    limit: float | None = None
    mad_s: float | None = None
    jitter: float | None = None
    bursts: int | None = None
    ts: float | None = None
    dur: float | None = None
    hist: float | None = None
    filled_hours: int | None = None
    window: str = "own"
    other: str | None = None
    truncated: bool = False
    resolution_s: float | None = None
    requery: str | None = None
    method: str = METHOD


def beaconing(times: Iterable[datetime], *, sampled: bool = False, resolution_s: float | None = None) -> Beacon:
    """Class of the rhythm of `times` over their own span. They are aware, in any order; the same time twice counts once.

    `sampled`: they are not all there were. `resolution_s` is that of the source, None to take it from the times.
    """
    return _described(_Gauge.of(_seconds(times), resolution_s, cut=sampled))


def stronger(first: Beacon, *others: Beacon) -> Beacon:
    """The one with the strongest class; of equal ones the first."""
    return max((first, *others), key=lambda beacon: CLASSES.index(beacon.name))


def rhythm(
    own: Iterable[datetime],
    past: Iterable[datetime],
    *,
    sampled: bool = False,
    past_cut: bool = False,
    seen_hours: Collection[int] | None = None,
    resolution_s: float | None = None,
    asked: Iterable[datetime] = (),
) -> Beacon | None:
    """The stronger class of two windows: the contacts at hand (`own`), and the last 24 hours of these and the remembered ones.

    Of equal classes the longer window speaks. Times may stand in both lists. `past_cut`: not all of `past` is given.
    `seen_hours` are hours since the epoch (UTC) in which the host was seen at all, by any event; None: not known, so all are
    taken. `asked` are the times of the group's queries, at hand and remembered, where `own` are those of its connections.
    Returns None without any contact.
    """
    own = set(own)
    mine, day = _seconds(own), _last_day({*own, *past})
    if not day:
        return None
    short = _Gauge.of(mine, resolution_s, cut=sampled)
    long = short if day == mine and not past_cut else _Gauge.of(day, resolution_s, cut=sampled or past_cut)
    hours = None if long.lacks else _Hours.of(day, seen_hours)
    names = short.name(None), long.name(hours)
    shorter = CLASSES.index(names[0]) > CLASSES.index(names[1])
    queries = _last_day(set(asked))
    return replace(
        _described(short) if shorter else _described(long, "24h", hours),
        other=names[1] if shorter else names[0],
        truncated=short.cut or long.cut,
        requery=_Gauge.of(queries, resolution_s, cut=sampled or past_cut).name(None) if queries else None,
    )


def beacon_document(beacon: Beacon) -> BeaconDoc:
    """A rhythm as the case document holds it."""
    values = asdict(beacon)
    return cast("BeaconDoc", {"class": values.pop("name"), **values})


def classified(stamps: Sequence[float], resolution_s: float | None = None) -> str:
    """The class alone, of distinct times in seconds, in order, over their own span."""
    return _Gauge.of(stamps, resolution_s).name(None)


def _seconds(times: Iterable[datetime]) -> list[float]:
    return sorted({t.timestamp() for t in times})


def _last_day(times: Collection[datetime]) -> list[float]:
    latest = max(times, default=None)
    return _seconds(t for t in times if latest is not None and latest - t <= WINDOW)


def _described(gauge: _Gauge, window: str = "own", hours: _Hours | None = None) -> Beacon:
    beacon = Beacon(
        name=gauge.name(hours),
        sightings=len(gauge.stamps),
        reason=gauge.lacks,
        beats=None if gauge.cut else len(gauge.beats),
        period_s=round(gauge.period, 3) if gauge.period else None,
        window=window,
        truncated=gauge.cut,
        resolution_s=gauge.resolution_s,
    )
    if gauge.lacks:
        return beacon
    return replace(
        beacon,
        score=round(gauge.score, 3),
        limit=gauge.limit,
        mad_s=round(gauge.mad, 3),
        jitter=round(2 * gauge.mad / gauge.period, 3),
        bursts=_bursts(gauge.beats, gauge.period),
        ts=_rita_ts(gauge.stamps),
        dur=hours.duration if hours else None,
        hist=hours.evenness if hours else None,
        filled_hours=hours.filled if hours else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gauge:
    """What is measured on beats. `lacks` says why that is not enough; `period`, `mad` (seconds) and `score` may then be 0."""

    stamps: Sequence[float]
    beats: Sequence[float] = ()
    resolution_s: float | None = None
    lacks: str | None = None
    cut: bool = False
    period: float = 0.0
    mad: float = 0.0
    score: float = 0.0

    @classmethod
    def of(cls, stamps: Sequence[float], resolution_s: float | None, *, cut: bool = False) -> _Gauge:
        if cut:
            return cls(stamps=stamps, lacks="truncated", cut=True)
        beats, resolution = _beats(stamps), _resolution(stamps) if resolution_s is None else resolution_s
        known = cls(stamps=stamps, beats=beats, resolution_s=resolution)
        if len(beats) < MIN_BEATS:
            return replace(known, lacks="too few contacts")
        gaps = sorted(b - a for a, b in pairwise(beats))
        quartiles = halves(gaps)
        period = quartiles.middle
        if period < RESOLUTIONS * (resolution or MILLISECOND):
            return replace(known, lacks="resolution", period=period)
        spread = mad(gaps, period)
        score = (evenness(quartiles, SKEW_FROM * period) + max(0.0, (period - spread) / period)) / 2
        return replace(known, period=period, mad=spread, score=score)

    @property
    def limit(self) -> float | None:
        """The lowest score of `regular`; None where there are too few beats for any."""
        return next((limit for least, limit in _REGULAR_FROM if len(self.beats) >= least), None)

    def name(self, hours: _Hours | None) -> str:
        """The class. `hours` are those of the day, None where another span is judged."""
        if self.lacks:
            return "insufficient"
        if len(self.beats) >= EXACT_BEATS and self.mad / self.period <= EXACT_SPREAD:
            return "exact_timer"
        if self.limit is None:
            return "irregular"
        if self.score >= self.limit:
            return "regular"
        return "persistent_irregular" if hours and hours.duration == 1 else "irregular"


def _beats(stamps: Sequence[float]) -> Sequence[float]:
    """The first time of each beat: contacts less than w after the one before belong together, w = min(1 s, P90 / 20)."""
    gaps = sorted(b - a for a, b in pairwise(stamps))
    if not gaps:
        return stamps
    width = min(BEAT_GAP_MAX, gaps[ceil(0.9 * len(gaps)) - 1] / 20)
    return [stamps[0], *(b for a, b in pairwise(stamps) if b - a >= width)]


def _resolution(stamps: Sequence[float]) -> float | None:
    """Whole seconds where five times or more are that, and at least half of all: alerts of two sources may be mixed."""
    if len(stamps) < EXACT_BEATS:
        return None
    whole = sum(stamp.is_integer() for stamp in stamps)
    return WHOLE_SECOND if whole >= max(EXACT_BEATS, len(stamps) / 2) else MILLISECOND


def _bursts(beats: Sequence[float], period: float) -> int:
    """Groups of three beats and more between pauses of over ten periods; 0 without such a pause."""
    sizes = [1]
    for a, b in pairwise(beats):
        if b - a > BURST_QUIET * period:
            sizes.append(0)
        sizes[-1] += 1
    return sum(size >= BURST_BEATS for size in sizes) if len(sizes) > 1 else 0


def _rita_ts(stamps: Sequence[float]) -> float | None:
    gaps = sorted(gap for a, b in pairwise(stamps) if (gap := floor(b) - floor(a)) > 0)
    return timestamp_score(gaps) if len(gaps) >= MIN_GAPS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hours:
    """RITA's duration and histogram over the day that ends with the latest contact, without the hours a host was not seen."""

    duration: float
    evenness: float
    filled: int

    @classmethod
    def of(cls, stamps: Sequence[float], seen: Collection[int] | None) -> _Hours:
        hi = stamps[-1]
        lo = hi - BINS * HOUR
        counts = histogram(stamps, lo, hi)
        kept = [k for k, count in enumerate(counts) if count or seen is None or floor(lo / HOUR + k + 0.5) in seen]
        if len(kept) < MIN_BARS:
            kept = list(range(BINS))
        first = bin_of(stamps[0], lo, hi)
        before = kept.index(first) + (stamps[0] - lo) / HOUR - first
        shown = [counts[k] for k in kept]
        return cls(
            duration=duration_score(shown, 1 - before / len(kept)),
            evenness=histogram_score(shown),
            filled=sum(map(bool, counts)),
        )
