"""How often the classes of behaviour.py are wrong: random traffic that is called a timer, and timers that are missed.

Every cell draws from its own generator, seeded by its name, so a cell gives the same figures whatever else is drawn.
Source of the design: the false-alarm table behind docs/behaviour.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product
from math import exp, log
from random import Random

from enricher.core.behaviour import CLASSES, MILLISECOND, WHOLE_SECOND, classified

TARGET = 0.01
"""The largest share of false alarms that a class may have."""
BY_CHANCE = 0.001
"""A rate above the target counts as missed only if a class that just holds it gave such a rate more seldom than this."""
SIZES = (5, 6, 7, 8, 9, 10, 11, 12, 15, 19, 20, 25, 30, 40, 50, 75, 100)
MEANS = {MILLISECOND: (2.0, 60.0, 3600.0), WHOLE_SECOND: (10.0, 60.0, 3600.0)}
"""Mean gaps in seconds by resolution."""
RANGES = (
    ("exact_timer", 5, 5),
    ("exact_timer", 6, 9),
    ("exact_timer", 10, 100),
    ("regular", 10, 19),
    ("regular", 20, 49),
    ("regular", 50, 100),
)
"""Class, and from how many contacts to how many its rates are summed up."""
JITTERS = (0.0, 0.02, 0.1, 0.2, 0.3, 0.5)
TIMED_SIZES = (5, 8, 10, 15, 20, 30, 50, 100)
TIMED_PERIOD = 300.0
NOISE = 0.03
"""Seconds by which a timer's contacts are early or late."""
TWO_WINDOWS = (20, 40, 100)

Gap = Callable[[Random], float]
"""Draws a gap of mean 1."""


def _log_normal(sigma: float) -> Gap:
    return lambda chance: exp(chance.gauss(-sigma * sigma / 2, sigma))


RANDOM: Mapping[str, Gap] = {
    "Poisson": lambda chance: chance.expovariate(1.0),
    "log-normal 1.0": _log_normal(1.0),
    "log-normal 1.5": _log_normal(1.5),
}
"""Traffic that the target holds for; the number is sigma."""
NARROW: Mapping[str, Gap] = {"log-normal 0.7": _log_normal(0.7), "log-normal 0.5": _log_normal(0.5)}
"""Traffic that no score on gaps alone tells from a timer with much jitter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What `runs` series of `n` contacts were called. `mean_s` and `resolution_s` are in seconds."""

    gaps: str
    resolution_s: float
    mean_s: float
    n: int
    runs: int
    found: Mapping[str, int]

    def rate(self, name: str) -> float:
        """The share of the series that were called `name`."""
        return self.found.get(name, 0) / self.runs

    def misses(self, name: str) -> bool:
        """Above the target by more than chance gives in so many runs, by Chernoff's bound."""
        rate = self.rate(name)
        if rate <= TARGET:
            return False
        other = (1 - rate) * log((1 - rate) / (1 - TARGET)) if rate < 1 else 0.0
        return exp(-self.runs * (rate * log(rate / TARGET) + other)) < BY_CHANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The highest rate of a class over the cells of a range."""

    name: str
    low: int
    high: int
    rate: float
    missed: bool


def false_alarms(kinds: Mapping[str, Gap], runs: int, seed: int, sizes: Iterable[int] = SIZES) -> Iterator[Cell]:
    """Every kind at every resolution, mean gap and size."""
    sizes = tuple(sizes)
    for (name, gap), (resolution, means) in product(kinds.items(), MEANS.items()):
        for mean, n in product(means, sizes):
            chance = _generator(seed, name, resolution, mean, n)
            series = (_series((mean * gap(chance) for _ in range(n - 1)), resolution) for _ in range(runs))
            found = Counter(classified(times, resolution) for times in series)
            yield Cell(gaps=name, resolution_s=resolution, mean_s=mean, n=n, runs=runs, found=found)


def timers(runs: int, seed: int) -> Iterator[Cell]:
    """Timers of five minutes with evenly spread jitter; `mean_s` is the period and `gaps` the jitter in per cent."""
    for jitter, n in product(JITTERS, TIMED_SIZES):
        chance = _generator(seed, "timer", jitter, n)
        found: Counter[str] = Counter()
        for _ in range(runs):
            gaps = (_timed(chance, jitter) for _ in range(n - 1))
            found[classified(_series(gaps, MILLISECOND), MILLISECOND)] += 1
        yield Cell(gaps=f"{100 * jitter:g}", resolution_s=MILLISECOND, mean_s=TIMED_PERIOD, n=n, runs=runs, found=found)


def two_windows(runs: int, seed: int) -> Iterator[Cell]:
    """Random traffic of which the later half is judged as well as the whole: what the stronger class of two gives."""
    for (name, gap), n in product(RANDOM.items(), TWO_WINDOWS):
        chance = _generator(seed, "two windows", name, n)
        found: Counter[str] = Counter()
        for _ in range(runs):
            times = _series((60 * gap(chance) for _ in range(n - 1)), MILLISECOND)
            found[max((classified(times), classified(times[len(times) // 2 :])), key=CLASSES.index)] += 1
        yield Cell(gaps=name, resolution_s=MILLISECOND, mean_s=60.0, n=n, runs=runs, found=found)


def worst(cells: Iterable[Cell]) -> list[Worst]:
    """The highest rates by class and range of sizes."""
    cells = list(cells)
    summed = []
    for name, low, high in RANGES:
        within = [cell for cell in cells if low <= cell.n <= high]
        if within:
            rate = max(cell.rate(name) for cell in within)
            missed = any(cell.misses(name) for cell in within)
            summed.append(Worst(name=name, low=low, high=high, rate=rate, missed=missed))
    return summed


def _generator(*name: object) -> Random:
    return Random(" ".join(map(str, name)))  # noqa: S311 - a fixed series, not a secret


def _timed(chance: Random, jitter: float) -> float:
    return TIMED_PERIOD * chance.uniform(1 - jitter, 1 + jitter) + chance.uniform(-NOISE, NOISE)


def _series(gaps: Iterable[float], resolution: float) -> list[float]:
    """Distinct times of these gaps, cut to the resolution."""
    return sorted({int(time / resolution) * resolution for time in accumulate(gaps, initial=MILLISECOND)})
