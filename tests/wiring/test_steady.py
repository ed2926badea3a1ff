"""The store's clock on SQLite: what somebody does to the host's clock must not end a lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enricher.store import Store, open_store
from enricher.wiring.steady import LONGEST_S, SLEW, Steady
from tests.store.fakes import SEC_12, counting_merge, document, settle, to_all_if_open

LEASE_S = 60
HOUR = timedelta(hours=1)
BEATS = 10
"""Seconds between two looks at the clock, as a worker that waits takes them."""


@dataclass
class Host:
    """One machine: its wall clock, which people set, and its count of seconds, which nobody can."""

    wall: datetime = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    seconds: float = 1_000.0

    def now(self) -> datetime:
        return self.wall

    def steady(self) -> Steady:
        return Steady(self.now, lambda: self.seconds)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def is_set(self, by: timedelta) -> None:
        self.wall += by


@pytest.fixture
def host() -> Host:
    return Host()


def test_time_passes_as_on_the_wall(host: Host) -> None:
    clock = host.steady()
    host.passes(86_400)
    assert clock() == host.wall


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_step_does_not_come_through(host: Host, step: timedelta) -> None:
    clock = host.steady()
    before = clock()
    host.is_set(step)
    assert clock() == before
    host.passes(10)
    assert abs((clock() - before).total_seconds() - 10) <= 10 * SLEW


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_was_set_is_followed_in_the_end(host: Host, step: timedelta) -> None:
    """In 20 hours: what is shown beside a case must not stay wrong until somebody restarts the service."""
    clock = host.steady()
    host.is_set(step)
    readings = []
    for _ in range(int(HOUR.total_seconds() / SLEW / BEATS)):
        host.passes(BEATS)
        readings.append(clock())
    assert readings == sorted(readings)
    assert clock() == host.wall


def test_a_step_after_a_long_rest_does_not_come_through_either(host: Host) -> None:
    clock = host.steady()
    host.passes(86_400)
    host.is_set(HOUR)
    assert host.wall - clock() >= HOUR - timedelta(seconds=SLEW * LONGEST_S)


# --- two processes on one SQLite file, and a create on its way ------------------------------------------------------


@pytest.fixture
def two(host: Host, tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> Iterator[tuple[Store, Store]]:
    with ExitStack() as stack:
        url = tables_in_sqlite(tmp_path / "enricher.db")
        yield two_on(url, host.steady(), host.steady(), stack)


def two_on(url: str, one: Callable[[], datetime], other: Callable[[], datetime], stack: ExitStack) -> tuple[Store, Store]:
    stores = [
        open_store(url, clock=clock, merge=counting_merge, deliver_to=to_all_if_open, lease_s=LEASE_S)
        for clock in (one, other)
    ]
    for store in stores:
        stack.enter_context(closing(store))
    return stores[0], stores[1]


def test_a_step_gives_nobody_a_create_that_is_on_its_way(host: Host, two: tuple[Store, Store]) -> None:
    """An hour forward, and an hour back again, while the one calls Jira and the other looks for work."""
    creating, idle = two
    settle(creating, "a", document())
    [delivery] = creating.outbox.claim("jira", 1)
    for step in (HOUR, -HOUR):
        host.is_set(step)
        host.passes(LEASE_S / 3)
        assert idle.outbox.claim("jira", 1) == []
        creating.heartbeat([delivery.delivery_id])
    creating.outbox.delivered(delivery, 1, SEC_12)
    host.passes(2 * LEASE_S)
    assert idle.outbox.claim("jira", 1) == []


def test_by_the_wall_clock_it_would(host: Host, tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> None:
    with ExitStack() as stack:
        creating, idle = two_on(tables_in_sqlite(tmp_path / "enricher.db"), host.now, host.now, stack)
        settle(creating, "a", document())
        creating.outbox.claim("jira", 1)
        host.is_set(HOUR)
        assert len(idle.outbox.claim("jira", 1)) == 1


def test_what_a_dead_process_held_is_taken_over_when_its_lease_is_over(host: Host, two: tuple[Store, Store]) -> None:
    dead, living = two
    settle(dead, "a", document())
    dead.outbox.claim("jira", 1)
    host.passes(LEASE_S + 1)
    [delivery] = living.outbox.claim("jira", 1)
    assert delivery.in_doubt
