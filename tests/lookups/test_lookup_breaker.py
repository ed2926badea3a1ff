import pytest

from enricher.lookups.breaker import LONGEST_REST_S, Breaker
from enricher.lookups.source import Answer
from enricher.model import Status

GOOD = Answer(status=Status.OK)
LATE = Answer(status=Status.TIMEOUT, reason="late")
LIMITED = Answer(status=Status.RATE_LIMITED, reason="429", rest_s=120.0)


class Seconds:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(clock: Seconds) -> Breaker:
    return Breaker(failures=3, rest_s=30.0, clock=clock)


def test_it_opens_after_troubles_in_a_row(breaker: Breaker) -> None:
    for answer in (LATE, LATE, GOOD, LATE, LATE):
        breaker.note(answer)
        assert breaker.refusal() is None
    breaker.note(LATE)
    assert breaker.refusal() == Answer(status=Status.ERROR, reason="not asked: left alone for 30 s more after: late")


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        pytest.param(LATE, True, id="time-out"),
        pytest.param(Answer(status=Status.ERROR, reason="refused", source_down=True), True, id="source down"),
        pytest.param(Answer(status=Status.ERROR, reason="SERVFAIL"), False, id="one question's error"),
        pytest.param(Answer(status=Status.NEGATIVE, reason="NXDOMAIN"), False, id="nothing there"),
        pytest.param(GOOD, False, id="answer"),
    ],
)
def test_what_counts_as_trouble(breaker: Breaker, answer: Answer, *, opens: bool) -> None:
    for _ in range(3):
        breaker.note(answer)
    assert (breaker.refusal() is not None) is opens


def test_half_open_lets_one_through_per_rest(breaker: Breaker, clock: Seconds) -> None:
    for _ in range(3):
        breaker.note(LATE)
    clock.now += 29.9
    assert breaker.refusal() is not None
    clock.now += 0.1
    assert breaker.refusal() is None  # the trial, which never reports back
    assert breaker.refusal() is not None
    clock.now += 30.0
    assert breaker.refusal() is None


def test_a_trial_that_succeeds_closes_it(breaker: Breaker, clock: Seconds) -> None:
    for _ in range(3):
        breaker.note(LATE)
    clock.now += 30.0
    assert breaker.refusal() is None
    breaker.note(GOOD)
    assert breaker.refusal() is None


def test_a_trial_that_fails_opens_it_anew(breaker: Breaker, clock: Seconds) -> None:
    for _ in range(3):
        breaker.note(LATE)
    clock.now += 45.0
    assert breaker.refusal() is None
    breaker.note(LATE)
    clock.now += 29.0
    assert breaker.refusal() is not None


def test_a_rate_limit_opens_it_at_once_for_as_long_as_was_asked(breaker: Breaker, clock: Seconds) -> None:
    breaker.note(LIMITED)
    clock.now += 119.0
    refusal = breaker.refusal()
    assert refusal is not None
    assert refusal.status is Status.RATE_LIMITED
    clock.now += 1.0
    assert breaker.refusal() is None


def test_nobody_can_ask_for_rest_for_ever(breaker: Breaker, clock: Seconds) -> None:
    breaker.note(Answer(status=Status.RATE_LIMITED, reason="429", rest_s=1e12))
    clock.now += LONGEST_REST_S
    assert breaker.refusal() is None
