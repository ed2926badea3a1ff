"""Nothing stays hidden: an open alert is searched again and once more at its end; the rest of a cut one is fetched; each row once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enricher.core.requery import SOURCE
from enricher.ports import Chore, FoundRows
from enricher.worker.requery import FAILED_AGAIN_S
from tests.store.fakes import Clock, Estate
from tests.worker.searched import OURS, SEARCHES, Contact, Counting, Desk, counted, recovery, trigger

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
BEGINS = START - timedelta(minutes=15)
OTHER = "0000000001A2B3C5"


@pytest.fixture
def desk(tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> Iterator[Desk]:
    estate = Estate(tables_in_sqlite(tmp_path / "enricher.db"), Clock(START))
    yield Desk(estate)
    estate.close()


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def opened(desk: Desk, *hosts: str, **more: object) -> str:
    """An alert of one contact of each of these hosts, two minutes before it was sent."""
    contacts = [Contact(host, at(-2)) for host in hosts]
    desk.sumo.contacts += contacts
    return desk.send(trigger(counted(contacts), BEGINS, START, **more))  # type: ignore[arg-type] # as given


# --- an open alert --------------------------------------------------------------------------------------------------


def test_a_new_host_of_an_open_alert_arrives_by_the_timer(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-2", at(5)))
    desk.pass_time(14)
    assert set(desk.cases()) == {"ws-1"}, "not before what was received can be found"
    desk.pass_time(4)
    assert set(desk.cases()) == {"ws-1", "ws-2"}
    [(queries, begins, ends)] = desk.sumo.asked
    assert (queries, begins, ends) == ((OURS.text,), START, at(15))


def test_a_new_host_of_an_open_alert_is_one_comment_on_the_open_ticket(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-2", at(5)))
    desk.pass_time(20)
    case = desk.store.reader.case(desk.cases()["ws-1"]["key"])
    assert case is not None
    assert [item["text"] for item in case.news[1:]] == ["Further hosts that contact the same tenant: ws-2.corp.example"]


def test_stretches_have_no_gap_and_no_overlap(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts += [Contact("ws-1", at(minute)) for minute in range(61)]
    desk.pass_time(63)
    assert [(begins, ends) for _, begins, ends in desk.sumo.asked] == [(at(n), at(n + 15)) for n in range(0, 60, 15)]
    assert desk.cases()["ws-1"]["count"] == 61, "one of the alert, sixty since; none twice"


def test_what_brings_nothing_new_is_told_to_nobody(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-1", at(3)))
    desk.pass_time(18)
    assert desk.news("ws-1") == ["opened"]


def test_a_new_process_of_an_open_alert_is_one_comment(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts += [Contact("ws-1", at(3), guid=2, image=r"C:\Temp\powershell.exe"), Contact("ws-1", at(4))]
    desk.pass_time(18)
    assert len(desk.news("ws-1")) == 2


def test_nothing_found_is_submitted_nowhere(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.pass_time(40)
    assert [claim.source for claim, _ in desk.settled] == ["sumo"]
    assert len(desk.sumo.asked) == 2


def test_what_we_have_searched_plans_no_search(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts += [Contact(f"ws-{n:03}", at(5)) for n in range(200)]
    desk.pass_time(18)
    ours = [settlement for claim, settlement in desk.settled if claim.source == SOURCE]
    assert [(one.chores, one.cut) for one in ours] == [((), False)] * 2, "not even of exactly two hundred rows"
    assert list(desk.planned()) == ["requery:0000000001A2B3C4"]


def test_a_further_trigger_leaves_out_nothing(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-2", at(1)))
    desk.pass_time(12)
    desk.send(trigger(counted([Contact("ws-1", at(11))]), at(10), at(12), triggerType="Warning"))
    desk.pass_time(6)
    assert desk.sumo.asked[0][1:] == (START, at(15))
    assert "ws-2" in desk.cases()


def test_zero_minutes_never_asks(desk: Desk) -> None:
    desk.again = type(desk.again)(replace(desk.given, every=timedelta(0)))
    opened(desk, "ws-1")
    assert desk.planned() == {}


def test_a_query_that_a_payload_brings_is_not_run(desk: Desk) -> None:
    opened(desk, "ws-1", query='_index=sumologic_audit "password" | count')
    desk.pass_time(18)
    [(queries, _, _)] = desk.sumo.asked
    assert queries == tuple(query.text for query in SEARCHES.chosen(None))


# --- beside each other ----------------------------------------------------------------------------------------------


def test_alerts_that_are_open_beside_each_other_share_one_search(desk: Desk) -> None:
    opened(desk, "ws-1", alertGroup="_sourceHost=ws-1")
    opened(desk, "ws-2", ref=OTHER, alertGroup="_sourceHost=ws-2")
    desk.sumo.contacts += [Contact("ws-1", at(3)), Contact("ws-2", at(4)), Contact("ws-3", at(5))]
    desk.pass_time(18)
    assert len(desk.sumo.asked) == 1
    assert {host: case["count"] for host, case in desk.cases().items()} == {"ws-1": 2, "ws-2": 2}, "ws-3 has its own alert"


def test_without_a_group_the_eldest_takes_what_is_nobodys(desk: Desk) -> None:
    opened(desk, "ws-1")
    opened(desk, "ws-2", ref=OTHER)
    desk.sumo.contacts += [Contact("ws-2", at(4)), Contact("ws-3", at(5))]
    desk.pass_time(18)
    assert {host: case["count"] for host, case in desk.cases().items()} == {"ws-1": 1, "ws-2": 2, "ws-3": 1}


def test_what_has_ended_takes_nothing_of_what_comes_after(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.again._given = replace(desk.given, search=OnlyLate(desk.sumo))
    desk.pass_time(1)
    desk.send(recovery())
    desk.pass_time(1)
    desk.send(trigger(counted([Contact("ws-1", at(1.5))]), at(1), at(2), ref=OTHER))
    desk.sumo.contacts.append(Contact("ws-1", at(5)))
    desk.pass_time(16)
    assert [one.ended_at for one in desk.store.open_alerts.asked_about()] == [at(1), None], "its last search has not ended"
    assert desk.cases()["ws-1"]["count"] == 3


class OnlyLate:
    """Answers for what is after the start only."""

    def __init__(self, sumo: Counting) -> None:
        self._sumo = sumo

    def rows(self, queries: tuple[str, ...], begins: datetime, ends: datetime) -> FoundRows:
        if begins < at(1):
            return FoundRows(status="pending", reason="down")
        return self._sumo.rows(queries, begins, ends)


# --- its end --------------------------------------------------------------------------------------------------------


def test_a_recovery_is_searched_once_and_ends_it(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.pass_time(6)
    desk.sumo.contacts += [Contact("ws-1", at(5)), Contact("ws-2", at(5.5))]
    desk.send(recovery())
    desk.pass_time(3)
    assert desk.sumo.asked[-1][1:] == (START, at(6))
    states = dict(desk.estate.rows("SELECT host, state FROM cases"))
    assert set(states.values()) == {"recovered"}, "what was before the end reopens nothing"
    assert "reopened" not in desk.news("ws-1")
    assert desk.news("ws-2") == ["opened", "recovery"]
    assert desk.planned() == {}
    desk.pass_time(30)
    assert len(desk.sumo.asked) == 1


def test_a_recovery_without_a_search_plans_none(desk: Desk) -> None:
    desk.send(recovery())
    assert desk.planned() == {}


def test_an_alert_that_never_recovers_is_asked_about_for_a_week(desk: Desk) -> None:
    opened(desk, "ws-1")
    for _ in range(8 * 24):
        desk.estate.advance(3600)
        desk.work()
    assert desk.planned() == {}
    assert desk.sumo.asked[-1][2] == START + timedelta(days=7)


# --- trouble --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "again_s"),
    [
        pytest.param(FoundRows(status="pending", reason="down"), FAILED_AGAIN_S, id="down"),
        pytest.param(FoundRows(status="pending", reason="429", retry_after=60.0), 60.0, id="told when"),
        pytest.param(FoundRows(status="failed", reason="auth"), FAILED_AGAIN_S, id="a person must see to it"),
    ],
)
def test_trouble_loses_nothing(desk: Desk, answer: FoundRows, again_s: float) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-2", at(5)))
    desk.sumo.answers += [answer] * 30
    desk.pass_time(17)
    assert len(desk.sumo.asked) == 1
    desk.pass_time(29 * again_s / 60)
    assert len(desk.sumo.asked) == 30
    desk.pass_time(again_s / 60)
    assert {begins for _, begins, _ in desk.sumo.asked[:31]} == {START}
    assert set(desk.cases()) == {"ws-1", "ws-2"}


def test_a_stretch_that_holds_too_much_is_halved_until_it_does_not(desk: Desk) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts += [Contact("ws-1", at(minute)) for minute in range(15)]
    desk.sumo.answers += [FoundRows(status="partial", rows=tuple(counted(desk.sumo.contacts)), reason="too many")] * 2
    desk.pass_time(30)
    assert [(begins, ends) for _, begins, ends in desk.sumo.asked][:4] == [
        (START, at(15)),
        (START, at(7.5)),
        (START, at(3.75)),
        (at(3.75), at(15)),
    ]
    assert desk.cases()["ws-1"]["count"] == 16


@pytest.mark.parametrize("grown", [0, 3])
def test_who_dies_between_the_rows_and_the_next_stretch_has_them_once(desk: Desk, grown: int) -> None:
    opened(desk, "ws-1")
    desk.sumo.contacts.append(Contact("ws-2", at(5)))

    class Dies:
        def __getattr__(self, name: str) -> object:
            return getattr(desk.store.chores, name)

        def plan(self, _once: list[Chore]) -> None:
            raise KeyboardInterrupt

    alive, desk.again._given = desk.given, replace(desk.given, chores=Dies())  # type: ignore[arg-type] # dies at once
    with pytest.raises(KeyboardInterrupt):
        desk.pass_time(18)
    desk.again._given = alive
    desk.sumo.contacts += [Contact("ws-2", at(6))] * grown  # found late: the same row has another count now
    desk.again._kept.clear()
    desk.pass_time(3)
    assert {begins for _, begins, _ in desk.sumo.asked} == {START}
    assert len(desk.sumo.asked) == 2, "the lease has ended, and another has done it again"
    assert desk.cases()["ws-2"]["count"] == 1
    assert desk.planned()["requery:0000000001A2B3C4"]["since"] == str(int(at(15).timestamp() * 1000))


# --- a cut alert ----------------------------------------------------------------------------------------------------


def cut(desk: Desk, sent: int, all_of_them: int) -> str:
    desk.sumo.contacts += [Contact(f"ws-{n:03}", at(-2)) for n in range(all_of_them)]
    return desk.send(trigger(counted(desk.sumo.contacts[:sent]), BEGINS, START, total=all_of_them))


def test_the_rest_of_a_cut_alert_completes_it(desk: Desk) -> None:
    cut(desk, 20, 45)
    assert desk.cases()["ws-000"]["missing"][0] == "rows: 20 of 45 received, Sumo Logic cut the rest"
    desk.pass_time(1)
    assert len(desk.cases()) == 45
    assert {case["count"] for case in desk.cases().values()} == {1}
    assert desk.cases()["ws-000"]["missing"][0] == "rows: 20 of 45 received; a search has found 25 more"
    assert not [line for line in desk.cases()["ws-044"]["missing"] if line.startswith("rows:")]
    assert [asked[1:] for asked in desk.sumo.asked] == [(BEGINS, START)]
    assert desk.news("ws-000") == ["opened"], "it is no news"


def test_the_rest_of_messages_is_counted_less_what_they_were(desk: Desk) -> None:
    """Ten raw messages, of a query that counts nothing, completed by counted rows."""
    desk.sumo.contacts += [Contact("ws-1", at(-3 + n / 100)) for n in range(40)]
    events = [
        "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>22</EventID>"
        "<Computer>ws-1.corp.example</Computer></System><EventData>"
        f"<Data Name='UtcTime'>{one.at:%Y-%m-%d %H:%M:%S.%f}</Data>"
        "<Data Name='ProcessGuid'>{7c1e2b40-96d1-65f0-3b12-000000000001}</Data><Data Name='ProcessId'>4001</Data>"
        f"<Data Name='Image'>{one.image}</Data><Data Name='User'>CORP\\ws-1</Data>"
        f"<Data Name='QueryName'>{one.name}</Data></EventData></Event>"
        for one in desk.sumo.contacts[:10]
    ]
    rows = [{"Message": event} for event in events]
    desk.send(trigger(rows, BEGINS, START, total=40, query="_sourceCategory=*sysmon*"))
    assert desk.cases()["ws-1"]["count"] == 10
    desk.pass_time(1)
    assert desk.cases()["ws-1"]["count"] == 40


def test_a_rest_that_cannot_be_fetched_says_why_and_is_tried_for_a_day(desk: Desk) -> None:
    cut(desk, 20, 45)
    desk.sumo.answers += [FoundRows(status="failed", reason="auth: HTTP 401")] * 1_000
    desk.pass_time(1)
    said = "rows: 20 of 45 received; a search for the rest has not ended well"
    assert desk.cases()["ws-000"]["missing"][0] == f"{said}, and is run again: auth: HTTP 401"
    for _ in range(26):
        desk.estate.advance(3600)
        desk.work()
    assert desk.cases()["ws-000"]["missing"][0] == f"{said}: auth: HTTP 401"
    assert not [name for name in desk.planned() if name.startswith("rest:")]
