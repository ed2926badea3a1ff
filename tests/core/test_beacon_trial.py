"""False alarms: at most one in a hundred for each class on random traffic, the same series on every run; and what is found."""

from __future__ import annotations

from collections import Counter

import pytest

from enricher.core.beacon_trial import (
    MEANS,
    NARROW,
    RANDOM,
    RANGES,
    SIZES,
    TARGET,
    TIMED_SIZES,
    Cell,
    false_alarms,
    timers,
    two_windows,
    worst,
)
from enricher.core.behaviour import PERIODIC

RUNS = 600
SOME_SIZES = (5, 7, 10, 12, 20, 30, 50)


def cell(found: int, runs: int) -> Cell:
    return Cell(gaps="x", resolution_s=0.001, mean_s=60.0, n=10, runs=runs, found={"regular": found})


@pytest.mark.parametrize("kind", RANDOM)
def test_random_traffic_is_no_beacon(kind: str) -> None:
    """Over all mean gaps of a size at most one in a hundred; no single cell stands out beyond what chance allows."""
    cells = list(false_alarms({kind: RANDOM[kind]}, RUNS, seed=1, sizes=SOME_SIZES))
    assert len(cells) == len(SOME_SIZES) * sum(map(len, MEANS.values()))
    assert not [cell for cell in cells if any(map(cell.misses, PERIODIC))]
    alarms: Counter[tuple[int, str]] = Counter()
    for found in cells:
        alarms.update({(found.n, name): found.found.get(name, 0) for name in PERIODIC})
    series = RUNS * sum(map(len, MEANS.values()))
    assert max(alarms.values()) / series <= TARGET


def test_narrower_gaps_are_the_known_limit() -> None:
    """A trial that finds no false alarm where there are many would prove nothing."""
    found = worst(false_alarms(NARROW, 60, seed=1, sizes=(20, 50)))
    regular = [row for row in found if row.name == "regular"]
    assert [row.missed for row in regular] == [True, True]
    assert all(row.rate > 0.2 for row in regular)


def test_timers_are_found_by_jitter_and_number() -> None:
    share = {(c.gaps, c.n): sum(map(c.rate, PERIODIC)) for c in timers(80, seed=1)}
    assert {share["0", n] for n in TIMED_SIZES} == {share["2", n] for n in TIMED_SIZES} == {1.0}
    assert share["20", 100] > 0.95
    assert share["20", 5] < 0.3 < share["20", 15] < share["20", 50]
    assert share["50", 10] < share["20", 10] + 0.1


def test_the_stronger_of_two_windows_is_wrong_twice_as_often_at_most() -> None:
    cells = list(two_windows(300, seed=1))
    assert {c.gaps for c in cells} == set(RANDOM)
    rates = [sum(map(c.rate, PERIODIC)) for c in cells]
    assert 0 < sum(rates) / len(rates) <= 2 * TARGET


def test_a_seed_gives_the_same_figures_and_another_others() -> None:
    one, again, other = (list(false_alarms(NARROW, 20, seed=seed, sizes=(20,))) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_cell_does_not_depend_on_those_before_it() -> None:
    alone = list(false_alarms(NARROW, 20, seed=1, sizes=(20,)))
    among = [c for c in false_alarms(NARROW, 20, seed=1, sizes=(10, 20)) if c.n == 20]
    assert alone == among


@pytest.mark.parametrize(
    ("found", "runs", "missed"),
    [
        pytest.param(10, 1000, False, id="the target itself"),
        pytest.param(20, 1000, False, id="twice in 1,000: chance"),
        pytest.param(26, 1000, True, id="more than that is none"),
        pytest.param(0, 10, False, id="nothing"),
        pytest.param(1, 10, False, id="one of ten"),
        pytest.param(260, 20_000, True, id="1.3 % of many"),
        pytest.param(1000, 1000, True, id="all"),
    ],
)
def test_when_the_target_is_missed(found: int, runs: int, *, missed: bool) -> None:
    assert cell(found, runs).misses("regular") is missed
    assert not cell(found, runs).misses("exact_timer")


def test_every_size_is_summed_up_for_each_class_it_can_have() -> None:
    for n in SIZES:
        assert {name for name, low, high in RANGES if low <= n <= high} == (PERIODIC if n >= 10 else {"exact_timer"})


def test_the_worst_is_the_highest_rate() -> None:
    [row] = [row for row in worst([cell(1, 100), cell(7, 100)]) if row.name == "regular"]
    assert (row.rate, row.missed, row.low, row.high) == (0.07, True, 10, 19)
