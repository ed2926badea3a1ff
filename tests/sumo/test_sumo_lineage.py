"""Ancestors by search: upwards level by level, whatever the answers hold; and what is left when the process is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from enricher.ports import LeftJob
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo import Behaviour, Message, SumoLogic
from enricher.sumo.api import Api
from enricher.sumo.lineage import Searched
from enricher.sumo.pace import Pace, Patience
from enricher.sumo.search_job import SearchJobs
from tests.sumo.fakes import HOST, NOW, Bench, Book, bench, chain, event_1, guid
from tests.sumo.searching import store_at

pytestmark = pytest.mark.slow

ELSEWHERE = "dc-01.corp.example"


def search(hall: Bench, *numbers: int, host: str = HOST) -> Searched:
    found = hall.search.ancestors(host, [guid(n) for n in numbers], NOW)
    assert hall.sumo.left_open() == []
    assert hall.book.open == {}
    assert hall.endings[-1:] == [found.status]
    return found


def images(found: Searched) -> list[str]:
    return [(event.image or "").rpartition("\\")[2] for event in found.events]


# --- upwards --------------------------------------------------------------------------------------------------------


def test_the_process_and_four_above_it_one_job_a_level() -> None:
    with bench(*chain(9)) as hall:
        found = search(hall, 1)
        assert (found.status, images(found)) == ("done", ["1.exe", "2.exe", "3.exe", "4.exe", "5.exe"])
        assert len(hall.sumo.store()["jobs"]) == 5
        assert {event.origin for event in found.events} == {"search"}


def test_a_process_and_its_parent_in_one_job() -> None:
    with bench(*chain(2)) as hall:
        found = search(hall, 1, 2)
        assert (found.status, sorted(images(found))) == ("done", ["1.exe", "2.exe"])
        first, second = hall.sumo.store()["jobs"]
        assert (first["found"], second["found"]) == (2, 0)


def test_it_ends_where_nothing_is_known() -> None:
    with bench(Message(raw=event_1(1))) as hall:
        assert (search(hall, 1).status, len(hall.sumo.store()["jobs"])) == ("done", 1)
        assert search(hall, 7) == Searched(status="done")


def test_the_whole_of_an_event_1_comes_back() -> None:
    said = {
        "CommandLine": '"C:\\p\\1.exe" -x &lt;y&gt;',
        "CurrentDirectory": "C:\\Users\\m\\",
        "User": "CORP\\m.alvarez",
        "IntegrityLevel": "High",
        "Hashes": "MD5=0A,SHA256=0B",
        "Company": "Contoso",
        "Product": "P",
        "Description": "D",
        "OriginalFileName": "One.EXE",
        "ParentProcessId": "44",
        "ParentCommandLine": "2.exe -k",
        "ParentUser": "NT AUTHORITY\\SYSTEM",
    }
    with bench(Message(raw=event_1(1, 2, **said))) as hall:
        (start,) = search(hall, 1).events
    assert (start.computer, start.guid, start.pid, start.user) == (HOST, guid(1), 1001, "CORP\\m.alvarez")
    assert (start.command_line, start.current_directory, start.integrity) == (
        '"C:\\p\\1.exe" -x <y>',
        "C:\\Users\\m\\",
        "High",
    )
    assert start.hashes == {"md5": "0a", "sha256": "0b"}
    assert start.version_info == {
        "company": "Contoso",
        "product": "P",
        "description": "D",
        "original_file_name": "One.EXE",
    }
    assert (start.parent_guid, start.parent_pid, start.parent_image) == (guid(2), 44, "C:\\p\\2.exe")
    assert (start.parent_command_line, start.parent_user) == ("2.exe -k", "NT AUTHORITY\\SYSTEM")
    assert start.at is not None


def test_where_and_when_it_looks() -> None:
    """In its scope, and from a day before the alert."""
    at = NOW.timestamp()
    messages = [
        Message(raw=event_1(1, CommandLine="in time"), at=at - 80_000),
        Message(raw=event_1(1, CommandLine="too old"), at=at - 90_000),
        Message(raw=event_1(1, CommandLine="elsewhere"), category="os/linux", at=at - 60),
    ]
    with bench(*messages) as hall:
        assert [event.command_line for event in search(hall, 1).events] == ["in time"]
        (job,) = hall.sumo.store()["jobs"]
        assert (job["from"], job["to"]) == (at - 86_400, at + 3 * 3_600)


def test_a_service_that_has_run_for_weeks_is_found_around_its_start() -> None:
    began = NOW - timedelta(days=20)
    old = guid(1, began)
    raw = event_1(1).replace(guid(1), old)
    with bench(Message(raw=raw, at=began.timestamp() + 2)) as hall:
        found = hall.search.ancestors(HOST, [old], NOW)
        assert [event.guid for event in found.events] == [old]
        (job,) = hall.sumo.store()["jobs"]
        assert job["to"] - job["from"] == timedelta(hours=2).total_seconds()


# --- hostile --------------------------------------------------------------------------------------------------------


def test_a_cycle_ends() -> None:
    ring = [Message(raw=event_1(1, 2)), Message(raw=event_1(2, 3)), Message(raw=event_1(3, 1))]
    with bench(*ring) as hall:
        found = search(hall, 1)
        assert (found.status, images(found)) == ("done", ["1.exe", "2.exe", "3.exe"])
        assert len(hall.sumo.store()["jobs"]) == 3


def test_a_process_that_is_its_own_parent_is_asked_for_once() -> None:
    with bench(Message(raw=event_1(1, 1))) as hall:
        assert images(search(hall, 1)) == ["1.exe"]
        assert len(hall.sumo.store()["jobs"]) == 1


def test_the_same_guid_on_another_host_is_another_process() -> None:
    """Machines cloned from one image share the first part of their GUIDs."""
    with bench(Message(raw=event_1(1, 2, host=ELSEWHERE)), Message(raw=event_1(1, 3))) as hall:
        found = search(hall, 1)
        assert [(event.computer, event.parent_guid) for event in found.events] == [(HOST, guid(3))]
        assert hall.ignored == {"other_computer": 1}


def test_a_pid_joins_nothing() -> None:
    """The wanted process's PID had been another's, whose GUID nobody asked for."""
    with bench(Message(raw=event_1(1)), Message(raw=event_1(2, ProcessId="1001"))) as hall:
        assert images(search(hall, 1)) == ["1.exe"]


def test_answers_that_were_not_asked_for_are_counted_and_left() -> None:
    rubbish = ("", "\x00\xff", "<Event>", event_1(8), event_1(1, host=ELSEWHERE), event_1(1, CommandLine="x" * 300_000))
    with bench() as hall:
        hall.sumo.behaviour = Behaviour(instead=tuple(Message(raw=raw) for raw in rubbish))
        assert search(hall, 1) == Searched(status="done")
        assert hall.ignored == {"no_text": 1, "unreadable": 2, "other_process": 1, "other_computer": 1, "too_long": 1}


def test_many_forged_starts_with_many_parents_make_no_query_longer() -> None:
    forged = [Message(raw=event_1(1, n, CommandLine=str(n))) for n in range(2, 40)]
    with bench(*forged) as hall:
        found = search(hall, 1)
        assert (found.status, len(found.events)) == ("done", 38)
        assert len(hall.sumo.store()["jobs"]) <= 5


@pytest.mark.parametrize("value", [f'{guid(1)}" | delete', "*", f"{guid(1)}\n", f'{guid(1)}" OR "x', ""])
def test_a_hostile_guid_sends_nothing(value: str) -> None:
    with bench(*chain(1)) as hall:
        found = hall.search.ancestors(HOST, [guid(1), value], NOW)
        assert (found.status, found.reason) == ("refused", "not asked for: a ProcessGuid that is none")
        assert hall.sumo.store()["requests"] == []
        assert hall.endings == ["refused"]


@pytest.mark.parametrize("host", ["", 'a" | delete', "WS 1", "a\nb"])
def test_a_hostile_host_sends_nothing(host: str) -> None:
    with bench(*chain(1)) as hall:
        assert search(hall, 1, host=host).status == "refused"
        assert hall.sumo.store()["requests"] == []


# --- foul weather ---------------------------------------------------------------------------------------------------


def test_what_lower_levels_found_holds_when_a_higher_one_fails() -> None:
    with bench(*chain(4)) as hall:
        hall.sumo.fail(Fault(kind=FaultKind.LIMIT, method="POST", calls=(3,), retry_after=120))
        found = search(hall, 1)
        assert (found.status, found.retry_after, images(found)) == ("pending", 120, ["1.exe", "2.exe"])


def test_a_minute_is_for_all_levels_together() -> None:
    with bench(*chain(9)) as hall:
        hall.sumo.behaviour = Behaviour(polls=8)
        begun = hall.patience.clock()
        found = search(hall, 1)
        assert (found.status, images(found)) == ("pending", ["1.exe", "2.exe"])
        assert hall.patience.clock() - begun < 63


def test_a_search_that_was_paused_but_found_the_start_goes_on() -> None:
    with bench(*chain(2)) as hall:
        hall.sumo.behaviour = Behaviour(pauses=True)
        found = search(hall, 1)
        assert (found.status, images(found)) == ("partial", ["1.exe", "2.exe"])


def test_jobs_of_a_process_that_is_gone_are_deleted_first() -> None:
    book = Book()
    with bench(*chain(1), book=book) as hall:
        left = hall.api.create('"x"', NOW, NOW)
        book.gone[left.job_id] = LeftJob(job_id=left.job_id, cookies=left.cookies)
        search(hall, 1)
        assert book.gone == {}


@pytest.mark.parametrize(
    ("behaviour", "later", "reason"),
    [
        pytest.param(Behaviour(), True, "it has no start of this process", id="perhaps too early"),
        pytest.param(Behaviour(never_ends=True), True, "timeout: not finished within 60 s", id="not now"),
        pytest.param(Behaviour(pauses=True), False, "Sumo Logic paused the search: too many messages", id="never"),
    ],
)
def test_the_port_says_whether_to_ask_again(behaviour: Behaviour, reason: str, *, later: bool) -> None:
    with bench() as hall:
        hall.sumo.behaviour = behaviour
        found = hall.search.starts(HOST, guid(1), NOW)
        assert (found.events, found.later, found.reason) == ((), later, reason)


def test_the_port_gives_what_was_found_at_once() -> None:
    with bench(*chain(2)) as hall:
        hall.sumo.fail(Fault(kind=FaultKind.LIMIT, method="POST", calls=(2,)))
        found = hall.search.starts(HOST, guid(1), NOW)
        assert (len(found.events), found.later) == (1, False)


def test_a_shutdown_ends_a_search() -> None:
    with bench(*chain(9)) as hall:
        hall.sumo.behaviour = Behaviour(never_ends=True)
        hall.patience.at.append((hall.patience.clock() + 5, hall.search.stop))
        assert search(hall, 1).status == "pending"


def test_nothing_is_left_after_a_kill(tmp_path: Path) -> None:
    """A process is killed while it waits for its search; the next one finds the job in the store and deletes it."""
    database = f"sqlite:///{tmp_path}/enricher.db"
    with running(SumoLogic()) as sumo:
        sumo.behaviour = Behaviour(never_ends=True)
        command = [sys.executable, "-m", "tests.sumo.searching", sumo.url, database]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            while not any(job["polls"] for job in sumo.store()["jobs"]):
                assert killed.stdout.readline().startswith("waits ")
            killed.kill()
        patience = Patience()
        with closing(store_at(database)) as store, closing(Api(sumo.url, "su1", KEY, Pace(patience))) as api:
            (left,) = store.job_book.left_behind()
            assert [left.job_id] == sumo.left_open()
            SearchJobs(api, store.job_book, patience).sweep()
            assert store.job_book.left_behind() == []
        assert sumo.left_open() == []
