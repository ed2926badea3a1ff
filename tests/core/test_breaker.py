"""When a destination is left alone, for how long, and when it is trusted again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enricher.core.breaker import LONGEST_RETRY_AFTER_S, OPENS_AT, WELL, Health, Trouble, after_answer, after_failure
from enricher.errors import Reason

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DOWN = Trouble(Reason.CONNECT)


def failed(times: int, trouble: Trouble = DOWN) -> Health:
    """Health after so many failures in a row, each the moment the last pause was over."""
    health = WELL
    for _ in range(times):
        health = after_failure(health, trouble, health.paused_until or NOW)
    return health


def last_pause_s(times: int, trouble: Trouble) -> float | None:
    """How long the last of so many failures pauses it."""
    before = failed(times - 1, trouble)
    at = before.paused_until or NOW
    until = after_failure(before, trouble, at).paused_until
    return None if until is None else (until - at).total_seconds()


@pytest.mark.parametrize(
    ("times", "trouble", "expected"),
    [
        pytest.param(OPENS_AT - 1, DOWN, None, id="four failures are none of ours"),
        pytest.param(OPENS_AT, DOWN, 1.0, id="five pause it for a second"),
        pytest.param(OPENS_AT + 1, DOWN, 2.0, id="and for twice as long each time"),
        pytest.param(OPENS_AT + 3, DOWN, 8.0, id="again and again"),
        pytest.param(OPENS_AT + 40, DOWN, 300.0, id="up to five minutes"),
        pytest.param(OPENS_AT + 3, replace(DOWN, chance=0.25), 2.0, id="with full jitter"),
        pytest.param(OPENS_AT, replace(DOWN, chance=0.0), 0.0, id="which may be none: then it is tried one by one at once"),
        pytest.param(1, Trouble(Reason.SERVER_ERROR, retry_after=90.0), 90.0, id="Retry-After pauses at once"),
        pytest.param(1, Trouble(Reason.RATE_LIMITED, retry_after=1800.0, chance=0.0), 1800.0, id="never for less"),
        pytest.param(1, Trouble(Reason.RATE_LIMITED, retry_after=9e9), LONGEST_RETRY_AFTER_S, id="at most for a day"),
        pytest.param(1, Trouble(Reason.RATE_LIMITED), None, id="a limit that names no time is a failure like others"),
        pytest.param(1, Trouble(Reason.AUTH, chance=0.0), 30.0, id="refused credentials park it at once"),
        pytest.param(2, Trouble(Reason.AUTH, chance=0.0), 60.0, id="for twice as long each time"),
        pytest.param(9, Trouble(Reason.AUTH, chance=0.0), 300.0, id="up to five minutes each"),
    ],
)
def test_pauses(times: int, trouble: Trouble, expected: float | None) -> None:
    assert last_pause_s(times, trouble) == expected


def test_it_is_paused_then_tried() -> None:
    health = failed(OPENS_AT)
    over = NOW + timedelta(seconds=1)

    assert [(health.paused(at), health.half_open(at)) for at in (NOW, over)] == [(True, False), (False, True)]
    assert not WELL.paused(NOW)
    assert not WELL.half_open(NOW)


def test_why_and_since_when_are_kept() -> None:
    first = after_failure(WELL, DOWN, NOW)
    second = after_failure(first, Trouble(Reason.TIMEOUT), NOW + timedelta(seconds=5))

    assert (second.failures, second.reason, second.since) == (2, "timeout", NOW)


def test_an_answer_makes_it_well() -> None:
    assert after_answer(failed(OPENS_AT - 1), NOW) == WELL
    half_open = failed(OPENS_AT + 2)
    assert half_open.paused_until
    assert after_answer(half_open, half_open.paused_until) == WELL


def test_what_was_begun_before_a_pause_neither_ends_it_nor_counts() -> None:
    paused = failed(OPENS_AT + 3)
    at = paused.paused_until and paused.paused_until - timedelta(seconds=1)
    assert at

    assert after_answer(paused, at) == paused
    assert after_failure(paused, DOWN, at) == paused


def test_but_it_may_ask_for_a_longer_one() -> None:
    parked = after_failure(WELL, Trouble(Reason.AUTH), NOW)

    longer = after_failure(parked, Trouble(Reason.RATE_LIMITED, retry_after=600.0), NOW)

    assert longer == replace(parked, paused_until=NOW + timedelta(seconds=600), reason="rate_limited")


def test_after_a_pause_that_was_asked_for_the_first_failure_pauses_it_again() -> None:
    asked = after_failure(WELL, Trouble(Reason.RATE_LIMITED, retry_after=60.0), NOW)
    over = NOW + timedelta(seconds=60)

    assert after_failure(asked, DOWN, over).paused_until == over + timedelta(seconds=1)


def test_credentials_that_are_refused_after_other_trouble_are_counted_from_one() -> None:
    long_down = failed(OPENS_AT + 20)
    assert long_down.paused_until

    parked = after_failure(long_down, Trouble(Reason.AUTH), long_down.paused_until)

    assert parked.paused_until == long_down.paused_until + timedelta(seconds=30)
    assert parked.since == NOW
