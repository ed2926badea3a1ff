"""Rhythm: the classes on vectors worked out by hand, beats, whole seconds, and what random traffic gives."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import accumulate, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.behaviour import Beacon, beaconing
from tests.fakes import at

MS = 0.001
"""Keeps a series off whole seconds."""


def series(gaps: Iterable[float], begin: float = MS) -> list[datetime]:
    return [at(seconds) for seconds in accumulate(gaps, initial=begin)]


def rule(begin: float, end: float, gap: Callable[[int], float]) -> list[datetime]:
    """Times of a rule for the i-th gap, while before `end`."""
    times, i = [begin], 0
    while (following := times[-1] + gap(i)) < end:
        times.append(following)
        i += 1
    return [at(seconds + MS) for seconds in times]


@pytest.mark.parametrize(
    ("times", "name", "sightings", "score"),
    [
        pytest.param(rule(120, 86_400, lambda i: 540 + (37 * i) % 121), "regular", 144, 0.974, id="A: 10 min ± 10 %"),
        pytest.param(rule(900, 86_400, lambda i: 2880 + (577 * i) % 1441), "regular", 25, 0.955, id="A2: an hour ± 20 %"),
        pytest.param(rule(32_430, 61_200, lambda i: 540 + (37 * i) % 121), "regular", 49, 0.942, id="B: office hours"),
        pytest.param(series([300, 310, 290, 305, 295, 600, 300]), "exact_timer", 8, 0.825, id="D: by hand"),
        pytest.param(series([10, 10, 10, 10], 36_000 + MS), "exact_timer", 5, 1.0, id="E: five in 40 s"),
        pytest.param(series([5, 5, 5], 36_000 + MS), "irregular", 4, 1.0, id="F: four are too few for a timer"),
        pytest.param(series([60] * 9), "exact_timer", 10, 1.0, id="a perfect timer"),
        pytest.param(series([98, 99, 99, 100, 100, 100, 101, 101, 102]), "exact_timer", 10, 0.995, id="one per cent"),
        pytest.param(series([1, 299, 25, 4975, 90, 2, 42, 500, 1500]), "irregular", 10, 0.083, id="nothing at all"),
        pytest.param(series([98, 300] * 5), "irregular", 11, 0.746, id="two levels"),
    ],
)
def test_vectors(times: list[datetime], name: str, sightings: int, score: float) -> None:
    found = beaconing(times)
    assert (found.name, found.sightings) == (name, sightings)
    assert found.score == pytest.approx(score, abs=0.0011)


def test_d_by_hand_is_an_exact_timer_by_its_spread() -> None:
    """MAD 5 of a median of 300 is 1.7 %: one missed beat does not hide a timer."""
    found = beaconing(series([300, 310, 290, 305, 295, 600, 300]))
    assert found.period_s == 300.0


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        pytest.param([], "too few contacts", id="none"),
        pytest.param([at(0)], "too few contacts", id="one"),
        pytest.param([at(0), at(5), at(10)], "too few contacts", id="three"),
        pytest.param([at(1)] * 9, "too few contacts", id="nine at one instant"),
        pytest.param([at(1)] * 9 + [at(60), at(120)], "too few contacts", id="three beats"),
        pytest.param([at(10 * i) for i in range(6)], "resolution", id="whole seconds, short gaps"),
    ],
)
def test_insufficient(times: list[datetime], reason: str) -> None:
    found = beaconing(times)
    assert (found.name, found.reason, found.score) == ("insufficient", reason, None)


def test_a_sample_says_nothing() -> None:
    assert beaconing(series([30] * 20), sampled=True) == Beacon(name="insufficient", sightings=21, reason="truncated")


@pytest.mark.parametrize(
    ("gap", "name"),
    [pytest.param(29, "insufficient", id="29 s"), pytest.param(30, "exact_timer", id="30 s")],
)
def test_whole_seconds_need_half_a_minute(gap: int, name: str) -> None:
    assert beaconing([at(gap * i) for i in range(8)]).name == name
    assert beaconing([at(gap * i + MS) for i in range(8)]).name == "exact_timer", "milliseconds were recorded"


def test_four_whole_seconds_are_no_proof_of_a_resolution() -> None:
    assert beaconing([at(10 * i) for i in range(4)]).name == "irregular"


@pytest.mark.parametrize("beats", [5, 10, 20])
def test_two_sockets_for_a_call_are_one_beat(beats: int) -> None:
    chance = random.Random(beats)  # noqa: S311 - a fixed series, not a secret
    starts = list(accumulate((30 * chance.uniform(0.98, 1.02) for _ in range(beats - 1)), initial=MS))
    times = [at(s + d) for s in starts for d in (0, chance.uniform(0.005, 0.2))]
    found = beaconing(times)
    assert (found.name, found.sightings) == ("exact_timer", 2 * beats)
    assert found.period_s == pytest.approx(30, rel=0.02)


def test_what_is_a_second_apart_is_two_beats() -> None:
    assert beaconing(series([1.01, 60] * 5)).name == "irregular"
    assert beaconing(series([0.99, 60] * 5)).name == "exact_timer"


@pytest.mark.parametrize(("beats", "name"), [(9, "irregular"), (10, "regular")])
def test_jitter_needs_ten_beats(beats: int, name: str) -> None:
    gaps = [300 + 20 * ((i * 7) % 5 - 2) for i in range(beats - 1)]
    assert beaconing(series(gaps)).name == name


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=30), st.randoms(use_true_random=False))
def test_order_and_zone_do_not_matter(seconds: list[float], chance: random.Random) -> None:
    times = [at(round(s, 3)) for s in seconds]
    mixed = [t.astimezone() for t in times]
    chance.shuffle(mixed)
    assert beaconing(mixed) == beaconing(times)


# --- false alarms ---------------------------------------------------------------------------------------------------

RUNS = 500
SIZES = (5, 7, 10, 14, 22, 40)
MEANS = (2.0, 60.0, 3600.0)
KINDS: dict[str, Callable[[random.Random], float]] = {
    "poisson": lambda chance: chance.expovariate(1.0),
    "log-normal, sigma 1": lambda chance: math.exp(chance.gauss(0, 1)),
    "log-normal, sigma 1.5": lambda chance: math.exp(chance.gauss(0, 1.5)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_random_traffic_is_no_beacon(kind: str) -> None:
    """At most one false alarm in a hundred for each class, over sizes and mean gaps; the series are the same on every run."""
    chance = random.Random(kind)  # noqa: S311 - a fixed series, not a secret
    alarms: Counter[tuple[int, str]] = Counter()
    for n in SIZES:
        for mean in MEANS:
            for _ in range(RUNS):
                gaps = [max(MS, round(mean * KINDS[kind](chance), 3)) for _ in range(n - 1)]
                alarms[n, beaconing(series(gaps)).name] += 1
    runs = RUNS * len(MEANS)
    for name in ("exact_timer", "regular"):
        by_size = {n: alarms[n, name] / runs for n in SIZES}
        assert sum(by_size.values()) / len(SIZES) <= 0.01, by_size
        assert max(by_size.values()) <= 0.015, "no size stands out beyond what chance allows in 1,500 runs"


@pytest.mark.parametrize("period", [10.0, 300.0])
@pytest.mark.parametrize("jitter", [0.0, 0.02])
@pytest.mark.parametrize("n", [5, 8, 20, 50])
def test_timers_are_found(n: int, jitter: float, period: float) -> None:
    chance = random.Random(f"{n} {jitter} {period}")  # noqa: S311 - a fixed series, not a secret
    for _ in range(40):
        gaps = [period * chance.uniform(1 - jitter, 1 + jitter) + chance.uniform(-0.03, 0.03) for _ in range(n - 1)]
        assert beaconing(series(gaps)).name == "exact_timer" or n >= 10


def test_jittered_beacons_are_found_with_enough_of_them() -> None:
    chance = random.Random(20)  # noqa: S311 - a fixed series, not a secret
    found = [beaconing(series(300 * chance.uniform(0.8, 1.2) for _ in repeat(None, 99))).name for _ in range(100)]
    assert found.count("regular") == 100


@given(st.lists(st.floats(min_value=0, max_value=1e5), min_size=1, max_size=40))
def test_the_score_is_between_0_and_1(gaps: list[float]) -> None:
    found = beaconing(series(gaps))
    assert found.score is None or 0 <= found.score <= 1
    assert (found.name == "insufficient") is (found.reason is not None)
