from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from enricher.errors import StoreUnavailable
from enricher.wiring.pressure import LOOK_EVERY_S, Pressure, free_beside

MIB = 1024 * 1024


class House:
    """What waits and what is free, how often each was asked, and a clock."""

    def __init__(
        self, *, waiting: int = 0, free_mib: int | None = 1000, inbox_limit: int = 3, disk_free_mib: int = 64
    ) -> None:
        self.waiting, self.free_mib, self.now, self.looks = waiting, free_mib, 0.0, 0
        self.gone = False
        self.pressure = Pressure(
            self._waiting, self._free, inbox_limit=inbox_limit, disk_free_mib=disk_free_mib, elapsed=lambda: self.now
        )

    def _waiting(self, at_most: int) -> int:
        if self.gone:
            raise StoreUnavailable("gone")
        self.looks += 1
        return min(self.waiting, at_most)

    def _free(self) -> int | None:
        return None if self.free_mib is None else self.free_mib * MIB

    def later(self, seconds: float = LOOK_EVERY_S) -> str | None:
        self.now += seconds
        return self.pressure.mark()


@pytest.mark.parametrize(
    ("house", "mark"),
    [
        pytest.param(House(waiting=2), None, id="room for one more"),
        pytest.param(House(waiting=3), "inbox", id="as many wait as may"),
        pytest.param(House(free_mib=64), None, id="just enough disk"),
        pytest.param(House(free_mib=63), "disk", id="too little disk"),
        pytest.param(House(free_mib=0, waiting=9), "disk", id="both"),
        pytest.param(House(free_mib=None), None, id="no disk of ours: PostgreSQL"),
        pytest.param(House(free_mib=0, disk_free_mib=0), None, id="the disk is not looked at"),
        pytest.param(House(waiting=10**6, inbox_limit=0), None, id="any number may wait"),
    ],
)
def test_the_mark(house: House, mark: str | None) -> None:
    assert house.pressure.mark() == mark


def test_it_is_looked_at_once_a_second_and_what_is_accepted_meanwhile_counts() -> None:
    house = House()
    for expected in (None, None, None, "inbox"):
        assert house.pressure.mark() == expected
        house.pressure.accepted()
    assert house.looks == 1
    house.waiting = 1
    assert house.later(LOOK_EVERY_S / 2) == "inbox"
    assert house.later(LOOK_EVERY_S / 2) is None
    assert house.looks == 2


def test_it_recovers_by_itself_and_says_so_once() -> None:
    house = House(waiting=5, free_mib=1)
    with capture_logs() as lines:
        marks = [house.pressure.mark(), house.later()]
        house.free_mib = 900
        marks.append(house.later())
        house.waiting = 0
        marks += [house.later(), house.later()]
    assert marks == ["disk", "disk", "inbox", None, None]
    assert [(line["event"], line.get("mark")) for line in lines] == [
        ("backpressure_began", "disk"),
        ("backpressure_began", "inbox"),
        ("backpressure_ended", None),
    ]


def test_a_store_that_cannot_be_read_is_no_pressure() -> None:
    """Whoever stores then is told what is wrong by the store itself."""
    house = House(waiting=5)
    assert house.pressure.mark() == "inbox"
    house.gone = True
    assert house.later() is None


def test_the_disk_is_that_of_the_file(tmp_path: Path) -> None:
    free = free_beside(tmp_path / "enricher.db")
    assert free is not None
    assert free > 0
    assert free_beside(tmp_path / "nowhere" / "enricher.db") is None
    assert free_beside(None) is None
