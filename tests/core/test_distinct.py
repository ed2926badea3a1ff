from __future__ import annotations

from dataclasses import replace

import pytest

from enricher.core.distinct import distinct
from enricher.model import Event
from tests.fakes import asked, at, connected, guid, script, started


def test_the_same_record_counts_once_and_all_its_rows_stay() -> None:
    first, again = replace(connected(), row=4), replace(connected(), row=9)
    for events in ([first, again], [again, first]):
        found = distinct(events)
        assert found.events == (first,)
        assert found.rows[id(first)] == {4, 9}


@pytest.mark.parametrize(
    "other",
    [
        connected(5),
        connected(port=8443),
        connected(guid=guid(2)),
        connected(computer="other"),
        connected(count=2),
        asked(),
        started(),
    ],
)
def test_any_difference_is_another_event(other: Event) -> None:
    found = distinct([connected(), other])
    assert len(found.events) == 2
    assert len(set(found.digests.values())) == 2


def test_a_part_of_a_script_is_named_by_its_block() -> None:
    """Its time differs between renderings."""
    assert len(distinct([script("a"), script("a", at=at(9))]).events) == 1
    assert len(distinct([script("a", part=1, parts=2), script("b", part=2, parts=2)]).events) == 2
    assert len(distinct([script("a", block_id=None), script("a", block_id=None, at=at(9))]).events) == 2


def test_nothing() -> None:
    assert distinct([]).events == ()
