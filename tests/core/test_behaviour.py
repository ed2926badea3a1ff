"""Rhythm: the classes on vectors worked out by hand, beats, resolution, and the two windows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.behaviour import Beacon, beacon_document, beaconing, rhythm
from enricher.core.document import BeaconDoc
from tests.fakes import START, at

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
    found = beaconing(series([30] * 20), sampled=True)
    assert found == Beacon(name="insufficient", sightings=21, reason="truncated", truncated=True)


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


# --- resolution -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "given", "resolution_s", "name"),
    [
        pytest.param([at(10 * i) for i in range(6)], None, 1.0, "insufficient", id="taken from the times"),
        pytest.param([at(10 * i) for i in range(6)], MS, MS, "exact_timer", id="known to be milliseconds"),
        pytest.param(series([10] * 5), 1.0, 1.0, "insufficient", id="known to be seconds"),
        pytest.param([at(10 * i) for i in range(4)], None, None, "irregular", id="four times do not tell"),
        pytest.param([at(10 * i) for i in range(4)], 1.0, 1.0, "insufficient", id="four known to be seconds"),
        pytest.param([at(10 * i + MS * (i > 5)) for i in range(10)], None, 1.0, "insufficient", id="mostly seconds"),
        pytest.param([at(10 * i + MS * (i > 4)) for i in range(11)], None, MS, "exact_timer", id="seconds in the minority"),
        pytest.param(series([0.029] * 9), MS, MS, "insufficient", id="29 milliseconds"),
        pytest.param(series([0.031] * 9), MS, MS, "exact_timer", id="31 milliseconds"),
    ],
)
def test_resolution(times: list[datetime], given: float | None, resolution_s: float | None, name: str) -> None:
    found = beaconing(times, resolution_s=given)
    assert (found.resolution_s, found.name) == (resolution_s, name)
    assert (found.reason == "resolution") is (name == "insufficient")


# --- what else is measured ------------------------------------------------------------------------------------------


def test_d_in_full() -> None:
    """Vector D as milliseconds: everything that one window tells."""
    assert beaconing(series([300, 310, 290, 305, 295, 600, 300])) == Beacon(
        name="exact_timer",
        sightings=8,
        beats=8,
        period_s=300.0,
        mad_s=5.0,
        jitter=0.033,
        score=0.825,
        ts=0.825,
        bursts=0,
        resolution_s=MS,
    )


def test_jitter_is_estimated() -> None:
    chance = random.Random(3)  # noqa: S311 - a fixed series, not a secret
    found = beaconing(series(300 * chance.uniform(0.8, 1.2) for _ in range(400)))
    assert found.jitter == pytest.approx(0.2, abs=0.03)
    assert (found.limit, found.name) == (0.73, "regular")


@pytest.mark.parametrize(
    ("gaps", "bursts"),
    [
        pytest.param([2.5] * 19, 0, id="one group is no burst"),
        pytest.param([*[2.5] * 19, 8000, *[2.5] * 19, 9000, *[2.5] * 19], 3, id="three"),
        pytest.param([*[2.5] * 19, 25, *[2.5] * 19], 0, id="ten periods are no pause"),
        pytest.param([*[2.5] * 19, 25.1, *[2.5] * 19], 2, id="a little more is"),
        pytest.param([*[2.5] * 19, 900, 2.5], 1, id="two contacts are no burst"),
    ],
)
def test_bursts(gaps: list[float], bursts: int) -> None:
    assert beaconing(series(gaps)).bursts == bursts


def test_the_same_time_twice_counts_once() -> None:
    times = series([30, 31, 29, 30.5, 30])
    assert beaconing([*times, *times, times[2]]) == beaconing(times)


def test_the_document_has_the_keys_it_promises() -> None:
    document = beacon_document(beaconing(series([30] * 9)))
    assert set(document) == set(BeaconDoc.__annotations__)
    assert (document["class"], document["period_s"], document["beats"]) == ("exact_timer", 30.0, 10)


# --- two windows ----------------------------------------------------------------------------------------------------

HOUR = 3600.0
EVERY_TEN = rule(120, 86_400, lambda i: 540 + (37 * i) % 121)
"""Vector A: a day of ten minutes give or take."""


def known(own: Iterable[datetime], past: Iterable[datetime] = (), **more: Any) -> Beacon:
    found = rhythm(own, past, **more)
    assert found
    return found


def test_neither_here_nor_remembered() -> None:
    assert rhythm([], []) is None


def test_without_a_past_both_windows_are_one() -> None:
    times = series([30] * 9)
    found = known(times)
    assert (found.name, found.other, found.window) == ("exact_timer", "exact_timer", "24h")
    assert replace(found, window="own", other=None, dur=None, hist=None, filled_hours=None) == beaconing(times)


def test_a_rhythm_that_only_the_day_shows() -> None:
    found = known(EVERY_TEN[-3:], EVERY_TEN[:-3])
    assert (found.name, found.window, found.other) == ("regular", "24h", "insufficient")
    assert (found.sightings, found.dur, found.hist, found.filled_hours) == (144, 1, 0.917, 24)


def test_a_rhythm_that_only_the_contacts_at_hand_show() -> None:
    chance = random.Random(1)  # noqa: S311 - a fixed series, not a secret
    past = series((chance.expovariate(1 / 600) for _ in range(60)), begin=MS)
    own = series([30] * 9, begin=60_000 + MS)
    found = known(own, past)
    assert (found.name, found.window, found.other) == ("exact_timer", "own", "irregular")
    assert (found.sightings, found.dur, found.hist, found.filled_hours) == (10, None, None, None)


def test_what_is_older_than_a_day_is_not_of_the_window() -> None:
    old = series([7] * 50, begin=-86_401 + MS)
    assert known([at(HOUR + MS)], old).sightings == 1 + sum(t >= at(HOUR - 86_400 + MS) for t in old)
    assert known([at(MS)], [at(MS - 86_400)]).sightings == 2, "exactly a day is"
    assert known([at(MS)], [at(MS - 86_400.001)]).sightings == 1


def test_what_came_after_belongs_to_the_day_too() -> None:
    """An alert that comes late is judged with what is known by then."""
    own, later = EVERY_TEN[:3], EVERY_TEN[3:]
    assert known(own, later).name == "regular"


@pytest.mark.parametrize("cut", ["past_cut", "sampled"])
def test_of_a_list_that_is_cut_the_day_says_nothing(cut: str) -> None:
    found = known(series([30] * 9), EVERY_TEN, **{cut: True})
    named = ("exact_timer", "insufficient") if cut == "past_cut" else ("insufficient", "insufficient")
    assert (found.name, found.other) == named
    assert found.truncated


def test_random_traffic_all_day_is_persistent_and_nothing_more() -> None:
    chance = random.Random(2)  # noqa: S311 - a fixed series, not a secret
    times = series(chance.expovariate(1 / 864) for _ in range(120))
    found = known(times[-4:], times[:-4])
    assert (found.name, found.dur, found.other) == ("persistent_irregular", 1, "irregular")
    assert found.limit is not None
    assert found.score is not None
    assert found.score < found.limit
    assert known(times[:40]).name == "irregular", "not round the day"


def test_too_few_beats_to_be_regular_are_not_called_persistent() -> None:
    spread = series([3 * HOUR, 4 * HOUR, 2 * HOUR, 5 * HOUR, HOUR, 4.5 * HOUR, 3.9 * HOUR, 0.58 * HOUR])
    found = known(spread)
    assert (found.beats, found.dur, found.name) == (9, 1, "irregular")


NINE_TO_FIVE = rule(9 * 3600, 17 * 3600, lambda i: 540 + (37 * i) % 121)
EPOCH_HOUR = int(START.timestamp()) // 3600


def test_hours_without_the_host_are_left_out() -> None:
    hours = {EPOCH_HOUR + h for h in range(9, 17)}
    blind, knowing = known(NINE_TO_FIVE), known(NINE_TO_FIVE, seen_hours=hours)
    assert (blind.dur, blind.hist) == (0.667, 0.0)
    assert knowing.dur == 1
    assert (knowing.hist or 0) > 0.85
    assert (blind.filled_hours, knowing.filled_hours) == (8, 8)
    assert (blind.name, knowing.name) == ("regular", "regular")


def test_hours_with_the_host_and_without_a_contact_count() -> None:
    longer = {EPOCH_HOUR + h for h in range(-3, 17)}
    found = known(NINE_TO_FIVE, seen_hours=longer)
    assert found.dur == 0.8, "eight in a row, of ten that would be half"
    assert (found.hist or 0) < 0.5


def test_five_hours_are_too_few_to_leave_the_others_out() -> None:
    times = [t for t in NINE_TO_FIVE if t < at(14 * 3600)]
    short = {EPOCH_HOUR + h for h in range(9, 14)}
    assert known(times, seen_hours=short) == known(times)


def test_queries_that_come_again_beside_connections() -> None:
    times = series([300] * 12)
    again = [t - timedelta(milliseconds=40) for t in times]
    assert known(times, asked=again).requery == "exact_timer"
    assert known(times, asked=again[:2]).requery == "insufficient"
    assert known(times).requery is None
    assert known(times, asked=again, past_cut=True).requery == "insufficient"


@given(
    st.lists(st.floats(min_value=0, max_value=2e5), max_size=30),
    st.lists(st.floats(min_value=0, max_value=2e5), max_size=30),
    st.randoms(use_true_random=False),
)
def test_order_and_repeats_do_not_matter(mine: list[float], before: list[float], chance: random.Random) -> None:
    own, past = ([at(round(s, 3)) for s in seconds] for seconds in (mine, before))
    twice_own, with_own = [*own, *own], [*past, *past, *own]
    chance.shuffle(twice_own)
    chance.shuffle(with_own)
    assert rhythm(twice_own, with_own) == rhythm(own, past)


@given(st.lists(st.floats(min_value=0, max_value=80_000), min_size=1, max_size=30), st.integers(0, 30))
def test_the_day_is_the_same_however_it_is_divided(seconds: list[float], cut: int) -> None:
    times = [at(round(s, 3)) for s in seconds]
    day = known(times)
    divided = known(times[:cut], times[cut:])
    assert (divided == replace(day, other=divided.other)) if divided.window == "24h" else (divided.other == day.name)


# --- timers are found -----------------------------------------------------------------------------------------------


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
