"""The query: what may stand in it, what it finds in every rendering; and the reading of what comes back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.files import read_files
from enricher.core.sumo_search import (
    LONGEST_QUERY,
    LONGEST_RAW,
    MOST_GUIDS,
    asked_computer,
    is_scope,
    lineage_query,
    read_processes,
    started_at,
    window,
)
from enricher.errors import Unsearchable
from enricher.model import ProcessCreate
from enricher.standins.sumo import Message
from enricher.standins.sumo.language import parse
from tests.sumo.fakes import HOST, LOOKBACK, NOW, SCOPE, event, event_1, guid

RENDERINGS = sorted((Path(__file__).parents[1] / "data" / "renderings").iterdir())
CMD, POWERSHELL = "7F3A91C4-3256-69B1-1E0A-000000001B00", "7F3A91C4-326E-69B1-250A-000000001B00"
GUID = guid(1)

HOSTILE = {
    "a quote": f'{GUID}"',
    "a pipe": f'{GUID}" | delete',
    "a line break": f"{GUID}\n| count",
    "a line break at the end": f"{GUID}\n",
    "a star": "*",
    "a star in a GUID": GUID.replace("7C1E", "*"),
    "a backslash": f"{GUID}\\",
    "OR": f'{GUID}" OR "a',
    "lower case": GUID.lower(),
    "other digits": GUID.replace("7", "٧"),
    "too short": GUID[:-1],
    "nothing": "",
    "all zeros": "00000000-0000-0000-0000-000000000000",
}


def messages(path: Path) -> list[str]:
    """Each record of a rendering as a message of its own."""
    if path.name.endswith(".rows.json"):
        return [row["Message"] for row in json.loads(path.read_text()) if "Message" in row]
    return [row.text or "" for row in read_files([(path.name, path.read_bytes())]).rows]


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_guid_that_is_none_never_enters_a_query(value: str) -> None:
    with pytest.raises(Unsearchable) as refused:
        lineage_query([GUID, value], SCOPE)
    assert not value or value not in str(refused.value)


@given(st.text(max_size=60))
def test_no_text_enters_a_query_but_a_guid(value: str) -> None:
    try:
        query = lineage_query([value], SCOPE)
    except Unsearchable:
        return
    assert query == lineage_query([value.strip("{}")], SCOPE)
    assert parse(query)


@pytest.mark.parametrize(
    "computer", ["", "a b", "a|b", 'a"', "a*", "HOST", "a\n", "-a", "a..b", "ä", "x" * 64, ".a", "a." * 130]
)
def test_a_computer_that_is_no_host_name_is_refused(computer: str) -> None:
    with pytest.raises(Unsearchable):
        asked_computer(computer)


@pytest.mark.parametrize("computer", [HOST, "a", "ws_1", "192.0.2.7", "x" * 63])
def test_a_host_name_is_none_of_them(computer: str) -> None:
    assert asked_computer(computer) == computer


@pytest.mark.parametrize(
    ("scope", "good"),
    [
        (SCOPE, True),
        ('(_sourceCategory=*WinEvents/Sysmon* OR _index="sec_win")', True),
        ("_sourceCategory=a | delete", False),
        ("a\nb", False),
        (" ", False),
        ("", False),
        ("x" * 1001, False),
    ],
)
def test_a_scope_ends_where_the_first_part_of_the_query_ends(scope: str, *, good: bool) -> None:
    assert is_scope(scope) is good
    if not good:
        with pytest.raises(Unsearchable):
            lineage_query([GUID], scope)


@pytest.mark.parametrize("count", [0, MOST_GUIDS + 1])
def test_a_query_is_about_few_processes(count: int) -> None:
    with pytest.raises(Unsearchable):
        lineage_query([guid(n) for n in range(1, count + 1)], SCOPE)


def test_the_longest_query_is_within_the_limit() -> None:
    longest = lineage_query([guid(n) for n in range(1, MOST_GUIDS + 1)], "x" * 1000)
    assert len(longest) <= LONGEST_QUERY


def test_braces_and_repetition_change_nothing() -> None:
    assert lineage_query([GUID, f"{{{GUID}}}"], SCOPE) == lineage_query([GUID], SCOPE)


@pytest.mark.parametrize("path", [p for p in RENDERINGS if not p.name.startswith("columns")], ids=lambda p: p.name)
def test_a_start_is_found_and_read_in_every_rendering(path: Path) -> None:
    """Two processes, parent and child, a query, a connection, a file: only the start that was asked for is left."""
    kept = [Message(raw=text, host="WS-FIN-0142.corp.example").fields(n) for n, text in enumerate(messages(path))]
    for wanted, name in ((CMD, "cmd.exe"), (POWERSHELL, "powershell.exe")):
        found = parse(lineage_query([wanted], SCOPE)).run(kept)
        starts = read_processes(found, {(HOST, wanted)})
        (start,) = starts.events
        assert isinstance(start, ProcessCreate)
        assert (start.guid, (start.image or "").rpartition("\\")[2], start.origin) == (wanted, name, "search")
        assert start.command_line
        assert start.parent_guid
        children = 1 if "sysmon-module" in path.name and wanted == CMD else 0  # its names do not tell parent from child
        assert len(found) == 1 + children


def test_the_page_shows_the_query_that_is_sent() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text()
    assert f"```\n{lineage_query(['7C1E2B40-96D1-65F0-3B12-00000000A100'], SCOPE)}\n```" in page


def test_what_else_a_process_logs_is_not_fetched() -> None:
    data = f"<Data Name='ProcessGuid'>{{{GUID}}}</Data><Data Name='DestinationIp'>192.0.2.1</Data>"
    kept = [Message(raw=raw).fields(0) for raw in (event(3, data), event_1(2, 1), event_1(3))]
    assert parse(lineage_query([GUID], SCOPE)).run(kept) == []


def test_a_process_cannot_hide_by_writing_another_guid_into_its_command_line() -> None:
    forged = event_1(1, CommandLine=f"x.exe 'ProcessGuid'&gt;{{{guid(9)}}}")
    kept = [Message(raw=forged).fields(0)]
    assert len(parse(lineage_query([GUID], SCOPE)).run(kept)) == 1
    by_the_other = parse(lineage_query([guid(9)], SCOPE)).run(kept)
    assert read_processes(by_the_other, {(HOST, guid(9))}) == ((), {"other_process": 1})


# --- reading --------------------------------------------------------------------------------------------------------

HUGE = event_1(1, CommandLine="x" * LONGEST_RAW)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        pytest.param({"_raw": event_1(2)}, "other_process", id="another process"),
        pytest.param(
            {"_raw": event_1(1, host="dc-1.corp.example")}, "other_computer", id="the same GUID on another computer"
        ),
        pytest.param({"_raw": event(5, f"<Data Name='ProcessGuid'>{GUID}</Data>")}, "unreadable", id="another event"),
        pytest.param(
            {"_raw": event(3, f"<Data Name='ProcessGuid'>{GUID}</Data>")}, "other_event", id="a connection of the process"
        ),
        pytest.param({"_raw": "\x00garbage"}, "unreadable", id="garbage"),
        pytest.param({"_raw": '{"ProcessGuid": "' + GUID + '", "Image": "a"}'}, "unreadable", id="half a record"),
        pytest.param({"_raw": HUGE}, "too_long", id="huge"),
        pytest.param({"_raw": None}, "no_text", id="null"),
        pytest.param({"_raw": 7}, "no_text", id="a number"),
        pytest.param({}, "no_text", id="no text"),
        pytest.param({"_raw": "<!DOCTYPE a>" + event_1(1)}, "unreadable", id="a DOCTYPE"),
        pytest.param({"_raw": event_1(1)[:300]}, "unreadable", id="cut off"),
    ],
)
def test_what_was_not_asked_for_is_counted_and_left(message: dict[str, object], why: str) -> None:
    assert read_processes([message], {(HOST, GUID)}) == ((), {why: 1})


def test_the_same_record_twice_is_one_start() -> None:
    starts = read_processes([{"_RAW": event_1(1)}, {"_raw": event_1(1)}], {(HOST, GUID)})
    assert [(one.guid, one.row, one.origin) for one in starts.events] == [(GUID, -1, "search")]
    assert starts.ignored == {}


@given(
    st.dictionaries(st.text(max_size=12) | st.just("_raw"), st.text(max_size=200) | st.none() | st.integers(), max_size=4)
)
def test_no_message_makes_reading_fail(message: dict[str, object]) -> None:
    assert read_processes([message], {(HOST, GUID)}).events == ()


# --- when -----------------------------------------------------------------------------------------------------------


def test_a_guid_says_when_its_process_started() -> None:
    assert started_at(CMD).isoformat() == "2026-03-11T09:13:58+00:00"


@pytest.mark.parametrize(
    ("began", "begins", "ends"),
    [
        pytest.param(timedelta(minutes=10), timedelta(hours=24), timedelta(hours=-3), id="of today"),
        pytest.param(timedelta(days=20), timedelta(days=20, hours=1), timedelta(days=20, hours=-1), id="running for weeks"),
        pytest.param(timedelta(days=31), timedelta(hours=24), timedelta(hours=-3), id="older than is believed"),
        pytest.param(timedelta(days=-400), timedelta(hours=24), timedelta(hours=-3), id="in the future"),
    ],
)
def test_the_window(began: timedelta, begins: timedelta, ends: timedelta) -> None:
    assert window([guid(1, NOW - began)], NOW, LOOKBACK) == (NOW - begins, NOW - ends)


def test_the_window_of_several_processes_holds_them_all() -> None:
    old = guid(2, NOW - timedelta(days=3))
    assert window([GUID, old], NOW, LOOKBACK) == (NOW - timedelta(days=3, hours=1), NOW + timedelta(hours=3))
