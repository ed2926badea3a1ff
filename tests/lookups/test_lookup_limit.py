import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.lookups.limit import Limit


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_seconds_worth_at_once_and_then_evenly() -> None:
    limit = Limit(4.0, clock=Time())
    assert [limit.turn(101.0) for _ in range(9)] == [0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, None]


def test_what_was_refused_takes_no_turn() -> None:
    time = Time()
    limit = Limit(1.0, clock=time)
    assert [limit.turn(100.5) for _ in range(5)] == [0.0, None, None, None, None]
    time.now = 101.0
    assert limit.turn(101.5) == 0.0


def test_rest_does_not_save_up_more_than_a_second() -> None:
    time = Time()
    limit = Limit(2.0, clock=time)
    time.now = 10_000.0
    assert [limit.turn(10_000.4) for _ in range(3)] == [0.0, 0.0, None]


def test_less_than_one_a_second() -> None:
    time = Time()
    limit = Limit(0.1, clock=time)
    assert [limit.turn(105.0), limit.turn(105.0), limit.turn(110.0)] == [0.0, None, 10.0]


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_never_more_than_the_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    time = Time()
    limit, turns = Limit(rate, clock=time), list[float]()
    for gap in gaps:
        time.now += gap
        wait = limit.turn(time.now + 1.0)
        if wait is not None:
            turns.append(time.now + wait)
    assert turns == sorted(turns)
    for i, first in enumerate(turns):
        within = [at for at in turns[i:] if at - first < 1.0]
        assert len(within) <= 2 * max(1.0, rate) + 1


@pytest.mark.parametrize("rate", [0.5, 7.0])
def test_it_says_its_rate(rate: float) -> None:
    assert Limit(rate).rate == rate
