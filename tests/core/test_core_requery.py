"""What is asked again: by which search, over which time, and what of the answer is one more alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher import content
from enricher.core.drift import query_digest
from enricher.core.kit.queries import SEARCHES, detection_queries, process_queries
from enricher.core.payload import glance, read
from enricher.core.requery import (
    LONGEST,
    MOST_BYTES,
    MOST_ROWS,
    OpenAlert,
    Searches,
    Window,
    bodies,
    first_since,
    ms,
    next_window,
    own_window,
    owned,
    part_digest,
    records_of,
    rest_line,
    without,
)
from enricher.model import Alert, Kind, Row

RULES = content.load(None)
SCOPE = "_sourceCategory=*sysmon*"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
REF = "0000000001A2B3C4"
ALERT = Alert(
    kind=Kind.MONITOR,
    name="T1583.007",
    trigger="Critical",
    alert_ref=REF,
    alert_url=f"https://service.sumologic.com/ui/#/alert/{REF}",
)


def record(host: str = "ws-1", **more: str) -> dict[str, str]:
    columns = {"_sourcehost": host, "event_id": "22", "computer": f"{host}.corp.example", "dest_hostname": "a.workers.dev"}
    return {**columns, "process_guid": "{7c1e2b40-96d1-65f0-3b12-000000000001}", "_count": "1", **more}


# --- which search ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", SEARCHES)
def test_a_query_of_ours_is_known_in_any_form_and_however_it_is_laid_out(form: Any) -> None:
    searches = Searches(RULES, SCOPE, "xml")
    for query in (*detection_queries(RULES, SCOPE, form), *process_queries(RULES, SCOPE, form)):
        assert searches.chosen(query_digest(query.text.replace("\n", "  \r\n "))) == (query,)


@pytest.mark.parametrize(
    "query",
    [
        None,
        "",
        "_index=sumologic_audit | count",
        *(query.text + " or true" for query in detection_queries(RULES, SCOPE, "xml")[:1]),
        *(query.text for query in detection_queries(RULES, "_sourceCategory=prod/payroll", "xml")[:1]),
    ],
)
def test_any_other_is_not_run(query: str | None) -> None:
    assert Searches(RULES, SCOPE, "json").chosen(query_digest(query)) == detection_queries(RULES, SCOPE, "json")


# --- which time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended_at", "expected"),
    [
        pytest.param(NOON - timedelta(minutes=3), NOON - timedelta(minutes=3), id="where its own search ended"),
        pytest.param(None, NOON, id="it does not say"),
        pytest.param(NOON + timedelta(days=300), NOON, id="the future"),
        pytest.param(datetime(1970, 1, 2, tzinfo=UTC), NOON, id="long ago"),
    ],
)
def test_where_the_first_stretch_begins(ended_at: datetime | None, expected: datetime) -> None:
    assert first_since(ended_at, NOON) == expected


def test_the_alerts_own_time_is_at_most_a_day() -> None:
    assert own_window(NOON - QUARTER, NOON) == (NOON - QUARTER, NOON)
    assert own_window(datetime(1970, 1, 2, tzinfo=UTC), NOON) == (NOON - timedelta(days=1), NOON)
    assert [own_window(*span) for span in ((None, NOON), (NOON, None), (NOON, NOON), (NOON, NOON - QUARTER))] == [None] * 4


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds have none


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=1)), st.timedeltas(timedelta(0), LONGEST))
def test_stretches_follow_each_other_to_the_end(since: datetime, every: timedelta, lasts: timedelta) -> None:
    """Without gap or overlap, each of a length of its own, and no further than the minute in which the alert ended."""
    ended_at, at = since + lasts, since
    for _ in range(20):
        window = next_window(at, every, ended_at)
        if window is None:
            assert at >= ended_at
            return
        assert window.begins == at < window.ends < ended_at + timedelta(minutes=1)
        assert window.ends - window.begins <= max(every, timedelta(minutes=1)) + timedelta(minutes=1)
        assert window == next_window(at, every, ended_at), "whoever asks"
        at = window.ends


def test_open_alerts_come_to_share_their_stretches() -> None:
    firsts = {next_window(NOON + timedelta(seconds=s), QUARTER, None) for s in (5, 300, 800)}
    assert {window.ends for window in firsts if window} == {NOON + QUARTER}


# --- which rows -----------------------------------------------------------------------------------------------------


def test_rows_are_text_and_hold_no_message() -> None:
    found = [{"_COUNT": 3, "first_seen": 1.5, "_raw": "<Event/>", "Message": "x", "gone": None, "list": [1], "yes": True}]
    assert records_of(found) == [{"_count": "3", "first_seen": "1.5"}]


def alert_of(ref: str, *hosts: str, grouped: bool = False) -> OpenAlert:
    return OpenAlert(ref=ref, alert_id=ref, hosts=frozenset(f"{host}.corp.example" for host in hosts), grouped=grouped)


def hosts_of(own: OpenAlert, *others: OpenAlert, group: str | None = None) -> list[str]:
    alert = Alert(kind=Kind.MONITOR, group=group)
    return [one["_sourcehost"] for one in owned([record(f"ws-{n}") for n in range(1, 5)], alert, own, others)]


def test_each_row_belongs_to_one_open_alert() -> None:
    a, b = alert_of("A", "ws-1"), alert_of("B", "ws-1", "ws-2")
    assert hosts_of(a) == ["ws-1", "ws-2", "ws-3", "ws-4"]
    assert hosts_of(a, a, b) == ["ws-1", "ws-3", "ws-4"]
    assert hosts_of(b, a, b) == ["ws-2"]


def test_a_monitor_with_groups_takes_its_own_only() -> None:
    a, b = alert_of("A", "ws-1", grouped=True), alert_of("B", "ws-2", grouped=True)
    assert hosts_of(a, a, b, group="_sourceHost=ws-1") == ["ws-1"]
    assert hosts_of(a, a, b, group="_sourceHost=ws-3") == ["ws-1", "ws-3"], "what it says, and what it has had"
    assert hosts_of(b, a, b) == ["ws-2"]


def test_what_an_alert_has_brought_is_taken_off() -> None:
    had = Alert(kind=Kind.MONITOR, rows=(Row(index=0, columns={"sourcehost": "ws-1", **_folded(record(_count="3"))}),))
    same, grown, other = record(_count="3"), record(_count="5"), record("ws-2")
    assert without([same, other], had) == [other]
    assert without([grown], had) == [record(_count="2")]
    unreadable = {"nothing": "said"}
    assert without([unreadable], had) == [unreadable], "to be dropped with a reason, not in silence"


def _folded(row: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", ""): value for name, value in row.items()}


# --- one more alert -------------------------------------------------------------------------------------------------


def test_a_body_shares_the_alert_and_is_read_as_its_rows() -> None:
    window = Window(NOON - QUARTER, NOON)
    [body] = bodies(ALERT, [record(), record("ws-2")], window)
    alert = read(body)
    assert (alert.kind, alert.alert_ref, alert.trigger, alert.name) == (Kind.MONITOR, REF, "Critical", "T1583.007")
    assert (len(alert.rows), alert.rows_total, alert.truncated) == (2, 2, False)
    assert (alert.started_at, alert.ended_at) == window
    assert glance(body).alert_ref == REF


@pytest.mark.parametrize("rows", [0, 1, 10, 199, 200, 201, MOST_ROWS, MOST_ROWS + 200, 3 * MOST_ROWS + 1])
def test_no_row_is_lost_and_none_looks_cut(rows: int) -> None:
    found = [record(f"ws-{n}") for n in range(rows)]
    parts = [read(body) for body in bodies(ALERT, found, Window(NOON - QUARTER, NOON))]
    hosts = [row.columns["sourcehost"] for part in parts for row in part.rows]
    assert sorted(hosts) == sorted(one["_sourcehost"] for one in found)
    assert not any(part.truncated or len(part.rows) > MOST_ROWS for part in parts)


def test_the_rows_of_a_computer_stay_together() -> None:
    found = [record(f"ws-{n % 6}", dest_hostname=f"h{n}.workers.dev") for n in range(900)]
    parts = [read(body) for body in bodies(ALERT, found, Window(NOON - QUARTER, NOON))]
    hosts = [{row.columns["sourcehost"] for row in part.rows} for part in parts]
    assert len(hosts) == 2
    assert not hosts[0] & hosts[1]


def test_long_rows_make_more_bodies_and_none_too_large() -> None:
    found = [record("ws-1", dest_hostname=f"{n}" + "\u0001" * 8_000) for n in range(300)]
    made = bodies(ALERT, found, Window(NOON - QUARTER, NOON))
    assert len(made) > 1
    assert max(map(len, made)) < 2 * MOST_BYTES
    assert sum(len(orjson.loads(body)["results"]) for body in made) == 300


def test_the_same_rows_in_another_order_make_the_same_bodies() -> None:
    found = [record(f"ws-{n}") for n in range(600)]
    window = Window(NOON - QUARTER, NOON)
    assert bodies(ALERT, found, window) == bodies(ALERT, found[::-1], window)
    assert len({part_digest(part) for part in range(100)}) == 100


def test_milliseconds_count_from_the_epoch() -> None:
    assert ms(datetime(2021, 7, 13, 15, 21, 32, 42_000, tzinfo=UTC)) == 1_626_189_692_042


def test_what_a_case_says_of_the_rest() -> None:
    cut = Alert(kind=Kind.MONITOR, rows=(Row(index=0),), rows_total=45, truncated=True)
    unknown = Alert(kind=Kind.MONITOR, rows=(Row(index=0),), truncated=True)
    assert rest_line(cut, fetched=44) == "rows: 1 of 45 received; a search has found 44 more"
    assert rest_line(unknown, fetched=0) == "rows: 1 of an unknown number of received; a search has found 0 more"
    assert (
        rest_line(cut, fetched=3, why="too many")
        == "rows: 1 of 45 received; a search has found 3 more, but not all: too many"
    )
    assert rest_line(cut, why="auth", again=True).endswith("has not ended well, and is run again: auth")
