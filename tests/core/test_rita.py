"""RITA's scores: vectors of all versions, the details worked out by hand, and what the formulas tend to in long series."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.rita import (
    STROBE,
    VERSIONS,
    Quartiles,
    Traffic,
    bin_of,
    by_index,
    ceil3,
    duration_score,
    evenness,
    flatness,
    halves,
    histogram,
    histogram_score,
    longest_run,
    mad,
    round3,
    timestamp_score,
    two_levels,
    v4_8,
    v5,
)
from enricher.core.rita_threat import (
    AGREEING,
    ALONE,
    BEACON,
    LONG_CONNECTION,
    SUBDOMAINS,
    first_seen,
    prevalence,
    severity,
    threat,
)

DAY = 86_400


def rule(begin: int, end: int, gap: Callable[[int], int]) -> list[int]:
    """Times of a rule for the i-th gap, while before `end`."""
    times = [begin]
    while (following := times[-1] + gap(len(times) - 1)) < end:
        times.append(following)
    return times


def bursts() -> list[int]:
    """Three of twenty, the rule running on."""
    times: list[int] = []
    for begin in (33_120, 42_000, 54_300):
        now = begin
        for _ in range(20):
            times.append(now)
            now += 1 + 5 * (len(times) - 1) % 4
    return times


def tens(i: int) -> int:
    """Ten minutes, ten per cent either way."""
    return 540 + (37 * i) % 121


TIMES: dict[str, Sequence[int]] = {
    "A": rule(120, DAY, tens),
    "A2": rule(900, DAY, lambda i: 2880 + (577 * i) % 1441),
    "B": rule(32_430, 61_200, tens),
    "C": bursts(),
    "D": (1000, 1300, 1610, 1900, 2205, 2500, 3100, 3400),
    "E": range(36_000, 36_041, 10),
    "F": range(36_000, 36_016, 5),
    "G": [3600 * h + s for h in range(24) for s in ((300, 900, 1500, 2100, 2700) if h % 2 else (300,))],
}
SIZES: dict[str, Callable[[int], int]] = {
    "A": lambda i: 412 + (13 * i) % 9,
    "A2": lambda i: 700 + (7 * i) % 5,
    "B": lambda i: 412 + (13 * i) % 9,
    "C": lambda i: 300 + (911 * i) % 7000,
    "D": lambda i: {6: 520, 7: 900}.get(i, 500),
    "E": lambda _: 400,
    "F": lambda _: 400,
}


def traffic(name: str, *, sizes: bool = True) -> Traffic:
    times = TIMES[name]
    sent = [SIZES[name](i) for i in range(len(times))] if sizes and name in SIZES else None
    return Traffic(times=times, lo=0, hi=DAY, sizes=sent)


def close(value: float | None) -> object:
    return value if value is None else pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "n", "ts", "ds", "dur", "hist", "score", "without"),
    [
        pytest.param("A", 144, 0.974, 0.998, 1, 1, 0.993, 0.991, id="A: 10 min ± 10 %"),
        pytest.param("A2", 25, 0.955, 0.999, 1, 1, 0.988, 0.985, id="A2: an hour ± 20 %"),
        pytest.param("B", 49, 0.942, 0.998, 0.667, 0, 0.652, 0.536, id="B: office hours"),
        pytest.param("C", 60, 0.750, 0.775, 0, 0, 0.381, 0.250, id="C: three bursts"),
        pytest.param("D", 8, 0.825, 1, 0, 0, 0.456, 0.275, id="D: by hand"),
        pytest.param("E", 5, 1, 1, 0, 0, 0.500, 0.333, id="E: five in 40 s"),
        pytest.param("F", 4, 1, 1, 0, 0, 0.500, 0.333, id="F: four in 15 s"),
        pytest.param("G", 72, 1, None, 1, 1, 1.0, 1.0, id="G: one or five an hour"),
    ],
)
def test_version_5(
    name: str, n: int, ts: float, ds: float | None, dur: float, hist: float, score: float, without: float
) -> None:
    found, bare = v5(traffic(name)), v5(traffic(name, sizes=False))
    assert found
    assert bare
    assert len(TIMES[name]) == n
    assert (found.ts, found.ds, found.dur, found.hist) == (close(ts), close(ds), close(dur), close(hist))
    assert (found.score, bare.score, bare.ds) == (close(score), close(without), None)


@pytest.mark.parametrize(
    ("name", "v4_8", "v4_7", "v4_5"),
    [
        ("A", 0.991, 0.992, 0.656),
        ("A2", 0.989, 0.982, 0.661),
        ("B", 0.660, 0.579, 0.657),
        ("C", 0.393, 0.476, 0.650),
        ("D", 0.498, 0.450, 0.805),
        ("E", 0.500, 0.434, 0.833),
        ("F", 0.500, 0.431, 0.833),
    ],
)
def test_older_versions(name: str, v4_8: float, v4_7: float, v4_5: float) -> None:
    found = {version: score.score for version, judge in VERSIONS.items() if (score := judge(traffic(name)))}
    assert {k: v for k, v in found.items() if k != "5"} == {"4.8": close(v4_8), "4.7": close(v4_7), "4.5": close(v4_5)}


def test_d_by_hand() -> None:
    gaps = sorted(b - a for a, b in pairwise(TIMES["D"]))
    assert gaps == [290, 295, 300, 300, 305, 310, 600]
    assert halves(gaps) == Quartiles(295, 300, 310)
    assert evenness(halves(gaps), 10) == pytest.approx(2 / 3)
    assert mad(gaps, 300) == 5
    assert by_index(gaps) == Quartiles(300, 300, 310)
    ts = {version: found.ts for version, judge in VERSIONS.items() if (found := judge(traffic("D")))}
    assert (ts["5"], ts["4.8"], ts["4.5"]) == (close(0.825), close(0.992), close(0.612))
    counts = histogram(TIMES["D"], 0, DAY)
    assert counts == [8, *[0] * 23]
    assert (flatness(counts), two_levels(counts)) == (0, 0)


def test_details_of_a() -> None:
    gaps, sizes = sorted(b - a for a, b in pairwise(TIMES["A"])), sorted(traffic("A").sizes or ())
    assert (halves(gaps), mad(gaps, 600)) == (Quartiles(569, 600, 631), 31)
    assert (halves(sizes), mad(sizes, 416)) == (Quartiles(414, 416, 418), 2)
    counts = histogram(TIMES["A"], 0, DAY)
    assert set(counts) == {6}
    assert (round3((TIMES["A"][-1] - TIMES["A"][0]) / DAY), longest_run(counts)) == (close(0.993), 24)
    base = threat(100 * 0.993, BEACON)
    assert base == pytest.approx(0.786)
    total = base + prevalence(0.01) + first_seen(2)
    assert (round3(total), severity(base), severity(total)) == (close(1.086), "high", "critical")


def test_details_of_a2() -> None:
    counts = histogram(TIMES["A2"], 0, DAY)
    assert (counts[5], sorted(counts)) == (2, [*[1] * 23, 2])
    assert flatness(counts) == pytest.approx(1 - 0.1918, abs=5e-5)
    assert (round3(flatness(counts)), two_levels(counts)) == (close(0.808), 1)


def test_details_of_b() -> None:
    counts = histogram(TIMES["B"], 0, DAY)
    assert (sum(map(bool, counts)), longest_run(counts)) == (8, 8)
    assert (flatness(counts), two_levels(counts)) == (0, 0)
    found = v5(traffic("B"))
    assert found
    assert found.score
    assert severity(threat(100 * found.score, BEACON)) == "low", "a beacon on a machine used eight hours a day"


def test_details_of_g() -> None:
    counts = histogram(TIMES["G"], 0, DAY)
    assert flatness(counts) == pytest.approx(1 / 3)
    assert (two_levels(counts), histogram_score(counts)) == (1, 1)


@pytest.mark.parametrize(
    ("gaps", "score"),
    [
        pytest.param([60] * 9, 1.0, id="exact"),
        pytest.param([98, 99, 99, 100, 100, 100, 101, 101, 102], 0.995, id="one per cent"),
        pytest.param([98, 300] * 5, 0.746, id="two levels"),
        pytest.param([1, 299, 25, 4975, 90, 2, 42, 500, 1500], 0.083, id="nothing at all"),
    ],
)
def test_unit_vectors_of_gaps(gaps: list[int], score: float) -> None:
    assert timestamp_score(sorted(gaps)) == close(score)
    found = v5(Traffic(times=list(accumulate(gaps, initial=0)), lo=0, hi=DAY))
    assert found
    assert found.ts == close(score)


def test_quartiles_of_halves_leave_the_middle_out() -> None:
    gaps = sorted([1, 2, 25, 42, 90, 299, 500, 1500, 4975])
    assert halves(gaps) == Quartiles(13.5, 90, 1000)
    assert evenness(halves(gaps), 10) == pytest.approx(1 - 0.845, abs=5e-4)
    assert mad(gaps, 90) == 89


def test_the_unit_vector_of_sizes() -> None:
    found = v5(Traffic(times=range(0, 1000, 100), lo=0, hi=DAY, sizes=range(1, 11)))
    assert found
    assert found.ds == close(0.773)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        pytest.param([0, 60, 120], False, id="three times"),
        pytest.param([0, 0, 60, 60, 120, 120], False, id="three distinct times"),
        pytest.param([0, 60.2, 60.9, 120], False, id="three distinct seconds"),
        pytest.param([0, 60, 120, 180], True, id="four"),
        pytest.param([*range(STROBE - 1), 0], False, id="a strobe"),
    ],
)
def test_too_little_and_too_much_is_no_score_of_0(times: Sequence[float], *, says: bool) -> None:
    assert (v5(Traffic(times=times, lo=0, hi=DAY)) is not None) is says


def test_a_strobe_is_told_apart() -> None:
    assert Traffic(times=[0] * STROBE, lo=0, hi=DAY).strobe
    assert not Traffic(times=[0] * (STROBE - 1), lo=0, hi=DAY).strobe


@pytest.mark.parametrize(("n", "analysed"), [(23, False), (24, True)])
def test_version_4_8_wants_more_than_23(n: int, *, analysed: bool) -> None:
    found = v4_8(Traffic(times=range(0, 600 * n, 600), lo=0, hi=DAY))
    assert found
    assert found.analysed is analysed


def test_version_4_8_without_sizes_weighs_three_parts_by_a_third() -> None:
    found = v4_8(traffic("E", sizes=False))
    assert found
    assert (found.ts, found.dur, found.hist) == (1, 0, 0)
    assert found.score == close(0.333), "a true third would be rounded up to .334"


def test_two_sizes_are_none() -> None:
    found = v5(Traffic(times=range(0, 500, 100), lo=0, hi=DAY, sizes=[1, 2]))
    assert found
    assert found.ds is None


@pytest.mark.parametrize(
    ("value", "rounded", "up"),
    [(0.1234, 0.123, 0.124), (0.1235, 0.124, 0.124), (0.45625, 0.456, 0.457), (0.5, 0.5, 0.5), (0, 0, 0), (1, 1, 1)],
)
def test_rounding(value: float, rounded: float, up: float) -> None:
    assert (round3(value), ceil3(value)) == (rounded, up)


# --- histogram and duration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("time", "k"), [(0, 0), (3599.9, 0), (3600, 1), (86_399, 23), (86_400, 23)])
def test_a_bin_holds_its_left_edge_and_the_last_one_both(time: float, k: int) -> None:
    assert bin_of(time, 0, DAY) == k


@pytest.mark.parametrize(
    ("filled", "run"),
    [([], 0), ([0], 1), ([0, 1, 2], 3), ([23, 0], 2), ([22, 23, 0, 1, 5], 4), (range(24), 24)],
)
def test_runs_go_round_midnight(filled: Sequence[int], run: int) -> None:
    assert longest_run([int(k in filled) for k in range(24)]) == run


@pytest.mark.parametrize(
    ("filled", "coverage", "fewest", "score"),
    [
        pytest.param(5, 1.0, 6, 0, id="five hours are too few"),
        pytest.param(6, 0.25, 6, 0.5, id="half of twelve"),
        pytest.param(6, 0.25, 7, 0, id="version 4.8 wants one more"),
        pytest.param(6, 0.9, 6, 0.9, id="coverage"),
        pytest.param(12, 0.5, 6, 1, id="twelve in a row"),
    ],
)
def test_duration(filled: int, coverage: float, fewest: int, score: float) -> None:
    assert duration_score([1] * filled + [0] * (24 - filled), coverage, fewest) == score


@pytest.mark.parametrize(("filled", "score"), [(10, 0), (11, 1)])
def test_two_levels_need_eleven_hours(filled: int, score: float) -> None:
    assert two_levels([1] * filled + [0] * (24 - filled)) == score


# --- what the score tends to ----------------------------------------------------------------------------------------

LONG = 5_000


def long_series(seed: int, gap: Callable[[random.Random], float]) -> float:
    """The timestamp score of a long series of hours or so."""
    chance = random.Random(seed)  # noqa: S311 - a fixed series, not a secret
    return timestamp_score(sorted(3600 * gap(chance) for _ in range(LONG)))


@given(st.integers(0, 99), st.floats(0.05, 0.9))
def test_jitter_either_way_tends_to_1_less_a_quarter_of_it(seed: int, jitter: float) -> None:
    found = long_series(seed, lambda chance: chance.uniform(1 - jitter, 1 + jitter))
    assert found == pytest.approx(1 - jitter / 4, abs=0.04)


@given(st.integers(0, 99), st.floats(0.05, 0.9))
def test_jitter_to_one_side(seed: int, jitter: float) -> None:
    found = long_series(seed, lambda chance: chance.uniform(1 - jitter, 1))
    assert found == pytest.approx(1 - (jitter / 8) / (1 - jitter / 2), abs=0.04)


@given(st.integers(0, 99))
def test_no_clock_at_all_tends_to_522(seed: int) -> None:
    skew, spread = math.log(4 / 3) / math.log(3), math.asinh(0.5) / math.log(2)
    assert (1 - skew + 1 - spread) / 2 == pytest.approx(0.522, abs=5e-4)
    assert long_series(seed, lambda chance: chance.expovariate(1)) == pytest.approx(0.522, abs=0.04)


@pytest.mark.parametrize(("a_day", "ts", "without"), [(24, 0.528, 0.790), (100, 0.516, 0.689), (1000, 0.527, 0.794)])
def test_without_sizes_the_sum_says_runs_round_the_clock(a_day: int, ts: float, without: float) -> None:
    """Random traffic all day scores high, which is why the sum judges nothing here."""
    chance = random.Random(a_day)  # noqa: S311 - a fixed series, not a secret
    found = []
    for _ in range(60):
        times = list(accumulate((chance.expovariate(a_day / DAY) for _ in range(2 * a_day)), initial=0.0))
        found.append(v5(Traffic(times=[t for t in times if t <= DAY], lo=0, hi=DAY)))
    assert median(f.ts for f in found if f) == pytest.approx(ts, abs=0.05)
    assert median(f.score or 0 for f in found if f) == pytest.approx(without, abs=0.05)


@given(st.lists(st.tuples(st.floats(0, DAY), st.integers(0, 10**6)), max_size=60))
def test_every_score_is_between_0_and_1_in_any_order(contacts: list[tuple[float, int]]) -> None:
    times, sizes = [t for t, _ in contacts], [s for _, s in contacts]
    one = Traffic(times=times, lo=0, hi=DAY, sizes=sizes)
    other = Traffic(times=times[::-1], lo=0, hi=DAY, sizes=sizes[::-1])
    for judge in VERSIONS.values():
        found = judge(one)
        assert found == judge(other)
        parts = [p for p in (found.ts, found.ds, found.dur, found.hist, found.score) if p is not None] if found else []
        assert all(0 <= part <= 1 for part in parts)


# --- threat ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limits", "score"),
    [
        *(
            (v, BEACON, s)
            for v, s in ((49.9, 0), (50, 0.2), (60, 0.3), (70, 0.4), (80, 0.5), (90, 0.6), (95, 0.7), (100, 0.8))
        ),
        *((v, SUBDOMAINS, s) for v, s in ((99, 0), (300, 0.3), (650, 0.5), (900, 0.7), (5000, 0.8))),
        (3600, LONG_CONNECTION, 0.2),
        (50_000, LONG_CONNECTION, 0.8),
    ],
)
def test_threat(value: float, limits: tuple[float, float, float, float], score: float) -> None:
    assert threat(value, limits) == pytest.approx(score)


@pytest.mark.parametrize(("share", "change"), [(0.02, 0.15), (0.021, 0), (0.499, 0), (0.5, -0.15)])
def test_prevalence(share: float, change: float) -> None:
    assert prevalence(share) == change


@pytest.mark.parametrize(("days", "change"), [(7, 0.15), (7.1, 0), (29.9, 0), (30, -0.15)])
def test_first_seen(days: float, change: float) -> None:
    assert first_seen(days) == change


@pytest.mark.parametrize(
    ("total", "word"),
    [(0.81, "critical"), (0.8, "high"), (0.6, "high"), (0.59, "medium"), (0.4, "medium"), (0.2, "low"), (0.19, "none")],
)
def test_severity(total: float, word: str) -> None:
    assert severity(total) == word


def test_no_base_is_critical_alone_and_each_with_two_that_agree_is() -> None:
    assert severity(ALONE) == "high"
    assert {severity(ALONE + change) for change in AGREEING.values()} == {"critical"}
