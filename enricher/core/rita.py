"""RITA's beacon scores: those of version 5, and of 4.8, 4.7 and 4.5 for comparing with reports made by them.

RITA works on whole seconds, so times are floored here. No case is judged by these sums: without byte counts they mostly say
"runs round the clock" (docs/behaviour.md). Two of their parts, duration and histogram, describe a rhythm in behaviour.py.

Source: activecm/rita (analysis/beacons.go) and activecm/rita-legacy (pkg/beacon/analyzer.go
at v4.8.0, v4.7.0 and v4.5.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, sqrt
from statistics import fmean, median
from typing import NamedTuple

BINS = 24
FEWEST_TIMES = 4
STROBE = 86_400
"""Connections in the window from which on RITA reports a strobe instead of a beacon."""
FEWEST_SIZES = 3
MORE_THAN = {"4.8": 23, "4.7": 20, "4.5": 20}
"""Connections that must be exceeded before an older version looked at a pair."""
MIN_SPREAD = 10
"""Seconds or bytes between the quartiles below which skew is not counted."""
MIN_BARS = 6
TWO_LEVEL_BARS = 11
LARGEST_SIZE = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Connections of one pair: `times` in seconds, any order; bytes sent by the source in `sizes`, None where unknown.

    `lo` and `hi` bound the window that was searched, in seconds; no time lies outside.
    """

    times: Sequence[float]
    lo: float
    hi: float
    sizes: Sequence[float] | None = None

    @property
    def seconds(self) -> list[int]:
        """The times in whole seconds, in order."""
        return sorted(floor(time) for time in self.times)

    @property
    def strobe(self) -> bool:
        """So many connections that RITA does not ask for their rhythm."""
        return len(self.times) >= STROBE


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The parts, 0 to 1, and their weighted sum. `ds` is None without sizes; `score` where that version had no sum without.

    `analysed`: whether there were connections enough for that version to look at the pair at all.
    """

    ts: float
    ds: float | None
    dur: float
    hist: float
    score: float | None
    analysed: bool


class Quartiles(NamedTuple):
    """Q1, the median and Q3 of sorted values."""

    low: float
    middle: float
    high: float


def round3(value: float) -> float:
    """To three decimals, half away from zero. `value` is not negative."""
    return floor(value * 1000 + 0.5) / 1000


def ceil3(value: float) -> float:
    """Up to three decimals."""
    return ceil(value * 1000) / 1000


def halves(values: Sequence[float]) -> Quartiles:
    """Quartiles as medians of the halves; of an odd count the middle value is in neither. At least two sorted values."""
    half = len(values) // 2
    return Quartiles(median(values[:half]), median(values), median(values[-half:]))


def by_index(values: Sequence[float]) -> Quartiles:
    """Quartiles as RITA 4 takes them: the value at round(p (n - 1)), never between two. At least one sorted value."""
    return Quartiles(*(values[floor(p * (len(values) - 1) + 0.5)] for p in (0.25, 0.5, 0.75)))


def evenness(quartiles: Quartiles, least_spread: float) -> float:
    """1 - |Bowley skew|; 1 where the quartiles are closer than `least_spread`, or the median is one of them."""
    low, middle, high = quartiles
    if high - low < least_spread or middle in {low, high}:
        return 1.0
    return 1 - abs((low + high - 2 * middle) / (high - low))


def mad(values: Sequence[float], middle: float) -> float:
    """The median distance from `middle`."""
    return median(abs(value - middle) for value in values)


# --- histogram and duration -----------------------------------------------------------------------------------------


def bin_of(time: float, lo: float, hi: float) -> int:
    """Which of the 24 bins holds `time`; the last holds `hi` too."""
    return min(BINS - 1, int((time - lo) * BINS / (hi - lo)))


def histogram(times: Sequence[float], lo: float, hi: float) -> list[int]:
    """Connections in each bin."""
    counts = [0] * BINS
    for time in times:
        counts[bin_of(time, lo, hi)] += 1
    return counts


def flatness(counts: Sequence[int]) -> float:
    """How evenly the bins are filled: 1 - stdev / mean over all of them, 0 below that."""
    mean = fmean(counts)
    return max(0.0, 1 - sqrt(fmean((count - mean) ** 2 for count in counts)) / mean)


def two_levels(counts: Sequence[int]) -> float:
    """The share of filled bins in the two commonest levels, an odd one forgiven: high by day and low by night is a rhythm too."""
    filled = [count for count in counts if count]
    if len(filled) < TWO_LEVEL_BARS:
        return 0.0
    width = ceil(max(filled) * 0.05)
    levels = Counter(count // width for count in filled)
    return min(1.0, sum(many for _, many in levels.most_common(2)) / (len(filled) - 1))


def longest_run(counts: Sequence[int]) -> int:
    """The most filled bins in a row; the first follows the last."""
    run = longest = 0
    for count in (*counts, *counts):
        run = run + 1 if count else 0
        longest = max(longest, run)
    return min(longest, len(counts))


def histogram_score(counts: Sequence[int]) -> float:
    """Version 5's part for how evenly the hours are filled. At least one connection."""
    return max(round3(flatness(counts)), round3(two_levels(counts)))


def duration_score(counts: Sequence[int], coverage: float, fewest: int = MIN_BARS) -> float:
    """The larger of `coverage` (share of the window between first and last) and of the longest run in half of the bins."""
    if sum(map(bool, counts)) < fewest:
        return 0.0
    return max(min(1.0, ceil3(coverage)), min(1.0, ceil3(longest_run(counts) / max(MIN_BARS, len(counts) / 2))))


# --- the versions ---------------------------------------------------------------------------------------------------


def v5(traffic: Traffic) -> Scores | None:
    """RITA 5. None below four distinct seconds, which is no score of 0, and for a strobe."""
    read = _Read.of(traffic)
    if read is None or traffic.strobe:
        return None
    ts = timestamp_score(read.gaps)
    ds = None if read.sizes is None else round3((_even5(read.sizes) + _tight(read.sizes, halves, below_one=0.0)) / 2)
    dur, hist = duration_score(read.counts, read.coverage), histogram_score(read.counts)
    score = round3((ts + dur + hist) / 3) if ds is None else round3(0.25 * ts + 0.25 * ds + 0.25 * dur + 0.25 * hist)
    return Scores(ts=ts, ds=ds, dur=dur, hist=hist, score=score, analysed=True)


def timestamp_score(gaps: Sequence[float]) -> float:
    """Version 5's part for the gaps: sorted, in seconds, none zero, three or more."""
    return round3((_even5(gaps) + _tight(gaps, halves, below_one=1.0)) / 2)


def _even5(values: Sequence[float]) -> float:
    return evenness(halves(values), MIN_SPREAD)


def v4_8(traffic: Traffic) -> Scores | None:
    """RITA 4.8. Without sizes it weighed three parts by 0.333. None below four distinct seconds."""
    read = _Read.of(traffic)
    if read is None:
        return None
    ts = ceil3((evenness(by_index(read.gaps), MIN_SPREAD) + _tight(read.gaps, by_index, below_one=1.0)) / 2)
    ds = None if read.sizes is None else _sizes4(read.sizes, MIN_SPREAD)
    dur = duration_score(read.counts, read.coverage, fewest=MIN_BARS + 1)
    hist = max(ceil3(flatness(read.counts)), ceil3(two_levels(read.counts)))
    score = ceil3(0.333 * ts + 0.333 * dur + 0.333 * hist) if ds is None else ceil3((ts + ds + dur + hist) / 4)
    return Scores(ts=ts, ds=ds, dur=dur, hist=hist, score=score, analysed=read.n > MORE_THAN["4.8"])


def v4_7(traffic: Traffic) -> Scores | None:
    """RITA 4.7: with a part for the number of connections. No sum without sizes. None below four distinct seconds."""
    read = _Read.of(traffic)
    if read is None:
        return None
    often = min(1.0, read.n / ((traffic.hi - traffic.lo) / 3600))
    ts = ceil3((_even4(read.gaps) + _tight(read.gaps, by_index, below_one=1.0) + often) / 3)
    ds = None if read.sizes is None else _sizes4(read.sizes, 0)
    dur = ceil3(read.coverage)
    several = sum(map(bool, read.counts)) >= TWO_LEVEL_BARS + 1
    hist = max(ceil3(flatness(read.counts)), ceil3(min(1.0, 4 / len(set(read.counts)))) if several else 0.0)
    score = None if ds is None else ceil3((ts + ds + dur + hist) / 4)
    return Scores(ts=ts, ds=ds, dur=dur, hist=hist, score=score, analysed=read.n > MORE_THAN["4.7"])


def v4_5(traffic: Traffic) -> Scores | None:
    """RITA 3.0 to 4.5: absolute limits for the spread, no duration, no histogram. No sum without sizes. None below four."""
    read = _Read.of(traffic)
    if read is None:
        return None
    often = min(1.0, read.n / ((traffic.hi - traffic.lo) / 10))
    timed = [_even4(read.gaps), max(0.0, 1 - _mad4(read.gaps) / 30), often]
    sized = None
    if read.sizes is not None:
        sized = [_even4(read.sizes), max(0.0, 1 - _mad4(read.sizes) / 32), _smallness(read.sizes)]
    return Scores(
        ts=ceil3(fmean(timed)),
        ds=None if sized is None else ceil3(fmean(sized)),
        dur=0.0,
        hist=0.0,
        score=None if sized is None else ceil3(fmean([*timed, *sized])),
        analysed=read.n > MORE_THAN["4.5"],
    )


VERSIONS: Mapping[str, Callable[[Traffic], Scores | None]] = {"5": v5, "4.8": v4_8, "4.7": v4_7, "4.5": v4_5}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What all versions look at. `gaps` and `sizes` are sorted; `sizes` is None below three."""

    n: int
    gaps: list[int]
    sizes: list[float] | None
    counts: list[int]
    coverage: float

    @classmethod
    def of(cls, traffic: Traffic) -> _Read | None:
        seconds = traffic.seconds
        if len(set(seconds)) < FEWEST_TIMES:
            return None
        enough = traffic.sizes is not None and len(traffic.sizes) >= FEWEST_SIZES
        return cls(
            n=len(seconds),
            gaps=sorted(b - a for a, b in pairwise(seconds) if b > a),
            sizes=sorted(traffic.sizes or ()) if enough else None,
            counts=histogram(seconds, floor(traffic.lo), traffic.hi),
            coverage=(seconds[-1] - seconds[0]) / (traffic.hi - traffic.lo),
        )


def _tight(values: Sequence[float], quartiles: Callable[[Sequence[float]], Quartiles], *, below_one: float) -> float:
    """1 - MAD / median, both by the rule of `quartiles`; `below_one` where the median is below 1."""
    middle = quartiles(values).middle
    if middle < 1:
        return below_one
    return max(0.0, (middle - quartiles(sorted(abs(value - middle) for value in values)).middle) / middle)


def _even4(values: Sequence[float]) -> float:
    return evenness(by_index(values), 0)


def _mad4(values: Sequence[float]) -> float:
    middle = by_index(values).middle
    return by_index(sorted(abs(value - middle) for value in values)).middle


def _smallness(sizes: Sequence[float]) -> float:
    """1 for the smallest commonest size, 0 for the largest."""
    counts = Counter(sizes)
    return max(0.0, 1 - min(counts, key=lambda size: (-counts[size], size)) / LARGEST_SIZE)


def _sizes4(sizes: Sequence[float], least_spread: float) -> float:
    parts = evenness(by_index(sizes), least_spread), _tight(sizes, by_index, below_one=0.0), _smallness(sizes)
    return ceil3(fmean(parts))
