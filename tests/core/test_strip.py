"""Contact times as a strip: in any order, however many, however odd."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.strip import Mark, drawn, moment, strip

START = datetime(2026, 11, 24, 1, 52, 7, tzinfo=UTC)


def at(*seconds: float) -> list[str]:
    return [(START + timedelta(seconds=second)).isoformat() for second in seconds]


@pytest.mark.parametrize(
    ("contacts", "marks"),
    [
        pytest.param(at(0), (Mark(0.5, 1),), id="one stands in the middle"),
        pytest.param(at(*[5] * 200), (Mark(0.5, 200),), id="two hundred at one instant are one mark"),
        pytest.param(at(0, 30, 60), (Mark(0.0, 1), Mark(0.5, 1), Mark(1.0, 1)), id="first and last at the ends"),
        pytest.param(at(60, 0, 30), (Mark(0.0, 1), Mark(0.5, 1), Mark(1.0, 1)), id="in any order"),
        pytest.param(at(0, 0.001, 0.002, 60), (Mark(0.0, 3), Mark(1.0, 1)), id="what falls together is counted"),
        pytest.param(
            ["x", *at(0), "", "2026-13-01", *at(10)], (Mark(0.0, 1), Mark(1.0, 1)), id="what is no time is left out"
        ),
    ],
)
def test_where_contacts_stand(contacts: list[str], marks: tuple[Mark, ...]) -> None:
    found = strip(contacts, places=101)
    assert found is not None
    assert found.marks == marks


def test_a_clock_three_hours_off_moves_nothing_out_of_the_strip() -> None:
    found = strip([*at(*range(0, 150, 30)), "2026-11-24T04:52:07+00:00", "1970-01-01T00:00:00Z"], places=50)
    assert found is not None
    assert (found.first.year, found.contacts) == (1970, 7)
    assert [found.marks[0].position, found.marks[-1].position] == [0.0, 1.0]


@pytest.mark.parametrize("contacts", [[], [""], ["soon", "2026-11-24T25:00:00Z"]])
def test_no_time_is_no_strip(contacts: list[str]) -> None:
    assert strip(contacts, places=50) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-24T01:52:07Z", START),
        ("2026-11-24 01:52:07", START),
        ("2026-11-24T03:52:07+02:00", START),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("\u202e", None),
        ("", None),
        (None, None),
    ],
)
def test_moment(text: str | None, said: datetime | None) -> None:
    assert moment(text) == said


@pytest.mark.parametrize(
    ("seconds", "ascii_only", "line"),
    [
        pytest.param((0, 5, 10), False, "▏    ▏    ▏", id="a beacon"),
        pytest.param((0, 5, 10), True, "|    |    |", id="a beacon in ASCII"),
        pytest.param((0, 0, 1, 1, 1, 1, 1, 10), False, "▌█        ▏", id="few and many are heavier"),
        pytest.param((0, 0, 1, 1, 1, 1, 1, 10), True, "+#        |", id="few and many in ASCII"),
        pytest.param((3,), True, "     |", id="one"),
    ],
)
def test_drawn(seconds: tuple[float, ...], ascii_only: bool, line: str) -> None:  # noqa: FBT001 - a column of the table
    found = strip(at(*seconds), places=11)
    assert found is not None
    assert drawn(found, places=11, ascii_only=ascii_only) == line


@given(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=200), st.integers(2, 300), st.randoms())
def test_every_contact_is_drawn_once(times: list[datetime], places: int, chance: random.Random) -> None:
    texts = [time.isoformat() for time in times]
    found = strip(texts, places=places)
    chance.shuffle(texts)
    assert strip(texts, places=places) == found
    if found is None:
        assert times == []
        return
    assert sum(mark.count for mark in found.marks) == found.contacts == len(times)
    assert all(0 <= mark.position <= 1 for mark in found.marks)
    line = drawn(found, places=places)
    assert len(line) <= places
    assert len(line.replace(" ", "")) == len(found.marks)
