"""A claim that has grown old is asked for once more before anything is created."""

from __future__ import annotations

from typing import cast

import pytest

from enricher.errors import StoreUnavailable
from enricher.ports import Delivery
from enricher.worker.keeping import Keeping

LEASE_S, FRESH_S = 60.0, 20.0


class Clock:
    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def delivery(name: str = "d-1") -> Delivery:
    return Delivery(
        delivery_id=name,
        destination="jira",
        case=cast("object", {"key": "case-1"}),  # type: ignore[arg-type] # nobody reads it here
        news=(),
        ticket=None,
        sent_seq=0,
        attempts=1,
        in_doubt=False,
        doubt_age_s=0.0,
        fence=1,
    )


@pytest.mark.parametrize(
    ("age_s", "ours", "asked", "lost"),
    [
        pytest.param(FRESH_S, False, False, False, id="a young claim is ours without asking"),
        pytest.param(FRESH_S + 1, True, True, False, id="an old one is asked for, and may still be ours"),
        pytest.param(LEASE_S + 1, False, True, True, id="one that was lost stops what would follow"),
    ],
)
def test_check(*, age_s: float, ours: bool, asked: bool, lost: bool) -> None:
    clock, questions = Clock(), list[str]()

    def holds(one: Delivery) -> bool:
        questions.append(one.delivery_id)
        return ours

    keeping = Keeping(holds, FRESH_S, clock)
    keeping.taken([delivery()], keeping.asking_since())
    clock.seconds += age_s
    if lost:
        with pytest.raises(StoreUnavailable):
            keeping.check([delivery()])
    else:
        keeping.check([delivery()])
    assert questions == (["d-1"] if asked else [])


def test_the_time_counts_from_before_the_claim_was_made() -> None:
    """Who falls asleep while the store answers has had the claim all that time."""
    clock = Clock()
    keeping = Keeping(lambda _: False, FRESH_S, clock)
    since = keeping.asking_since()
    clock.seconds += LEASE_S + 1
    keeping.taken([delivery()], since)
    with pytest.raises(StoreUnavailable):
        keeping.check([delivery()])


def test_of_many_one_that_was_lost_stops_all() -> None:
    clock = Clock()
    keeping = Keeping(lambda one: one.delivery_id != "d-2", FRESH_S, clock)
    many = [delivery("d-1"), delivery("d-2")]
    keeping.taken(many, keeping.asking_since())
    clock.seconds += LEASE_S
    with pytest.raises(StoreUnavailable):
        keeping.check(many)
