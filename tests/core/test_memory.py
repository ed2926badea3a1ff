"""What is kept of an event gives the same event back; what is remembered joins what came."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.distinct import distinct, with_memory
from enricher.core.memory import Memory, Remembered, kept, recalled
from enricher.core.normalise import digest, normalise
from enricher.model import NO_ROW, Connection, DnsQuery, Event, FileCreate, ProcessCreate, ScriptBlock
from tests.fakes import case_names, connected, corpus_alert, remembered, started

TEXT = st.text(max_size=40)
MAYBE = st.none() | TEXT
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
COMMON: dict[str, Any] = {
    "computer": TEXT,
    "row": st.just(NO_ROW),
    "at": TIMES,
    "guid": MAYBE,
    "pid": st.none() | st.integers(0, 2**32 - 1),
    "image": MAYBE,
    "user": MAYBE,
    "observed": st.booleans(),
    "count": st.integers(1, 10**9),
    "last_at": TIMES,
    "origin": st.just("history"),
}
WORDS = st.tuples(TEXT, TEXT)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        ProcessCreate,
        **COMMON,
        command_line=MAYBE,
        version_info=st.dictionaries(TEXT, MAYBE, max_size=3),
        hashes=st.dictionaries(TEXT, TEXT, max_size=3),
        parent_guid=MAYBE,
        parent_image=MAYBE,
    ),
    st.builds(Connection, **COMMON, ip=MAYBE, port=st.none() | st.integers(0, 65535), initiated=st.none() | st.booleans()),
    st.builds(FileCreate, **COMMON, target=MAYBE),
    st.builds(
        DnsQuery, **COMMON, name=TEXT, status=st.none() | st.integers(0, 2**32 - 1), answers=st.none() | WORDS, cnames=WORDS
    ),
    st.builds(ScriptBlock, **COMMON, text=TEXT, block_id=MAYBE, part=st.integers(1, 9), parts=st.integers(1, 9)),
)


@given(EVENTS)
def test_what_is_kept_is_the_event(event: Event) -> None:
    """Also after it was text in a database, and its digest with it."""
    back = recalled(json.loads(json.dumps(kept(event))), "history")
    assert back == event
    assert digest(back) == digest(event)


@pytest.mark.parametrize("case", case_names())
def test_the_corpus_is_kept_whole(case: str) -> None:
    for event in normalise(corpus_alert(case)).events:
        assert recalled(kept(event), "search") == replace(event, row=NO_ROW, origin="search")


def test_fields_of_another_version_are_left_out() -> None:
    assert recalled(kept(connected()) | {"colour": "blue"}, "history") == remembered(connected()).event


def test_what_came_again_is_the_alerts() -> None:
    came, other = replace(connected(), row=4), started()
    known = [remembered(connected(), "case-1"), remembered(other)]
    seen = with_memory(distinct([came]), Memory(events=tuple(known)))
    assert seen.events == (came, known[1].event)
    assert [seen.rows[id(event)] for event in seen.events] == [frozenset({4}), frozenset()]
    assert seen.case_of == {id(came): "case-1"}
    assert seen.asked_of == {id(came)}


def test_a_case_looked_at_again_is_about_its_own_events() -> None:
    one, two = remembered(connected(1), "case-1"), remembered(connected(2), "case-2")
    seen = with_memory(distinct(()), Memory(events=(one, two)), case="case-1")
    assert seen.asked_of == {id(one.event)}


@pytest.mark.parametrize(
    ("size", "whole"), [pytest.param(1, True, id="all of it is here"), pytest.param(2, False, id="there is more of it")]
)
def test_whether_a_case_is_here_whole(size: int, *, whole: bool) -> None:
    events: tuple[Remembered, ...] = (remembered(connected(), "case-1"), remembered(started()))
    assert Memory(events=events, sizes={"case-1": size}).whole == (frozenset({"case-1"}) if whole else frozenset())
