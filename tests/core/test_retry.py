from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.retry import LONGEST_S, MAX_ATTEMPTS, next_try


@pytest.mark.parametrize(
    ("attempt", "chance", "retry_after", "expected"),
    [
        pytest.param(1, 1.0, 0, 2.0, id="first"),
        pytest.param(1, 0.0, 0, 0.0, id="full jitter begins at 0"),
        pytest.param(3, 0.5, 0, 4.0, id="half of eight seconds"),
        pytest.param(10, 1.0, 0, LONGEST_S, id="the ceiling"),
        pytest.param(MAX_ATTEMPTS - 1, 1.0, 0, LONGEST_S, id="the last but one"),
        pytest.param(1, 0.0, 3600, 3600, id="Retry-After is obeyed"),
        pytest.param(12, 1.0, 5, LONGEST_S, id="a short Retry-After shortens nothing"),
        pytest.param(MAX_ATTEMPTS, 0.5, 0, None, id="enough"),
        pytest.param(MAX_ATTEMPTS, 0.5, 60, None, id="enough, whatever was asked for"),
        pytest.param(10**9, 0.5, 0, None, id="no overflow"),
    ],
)
def test_next_try(attempt: int, chance: float, retry_after: float, expected: float | None) -> None:
    assert next_try(attempt, chance, retry_after=retry_after) == expected


@given(st.integers(1, MAX_ATTEMPTS - 1), st.floats(0, 1), st.floats(0, 7200))
def test_never_sooner_than_asked_and_never_later_than_the_ceiling(attempt: int, chance: float, retry_after: float) -> None:
    delay = next_try(attempt, chance, retry_after=retry_after)
    assert delay is not None
    assert retry_after <= delay <= max(retry_after, LONGEST_S)
