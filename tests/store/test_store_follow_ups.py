"""What cases wait for: opened once, claimed under a lease, settled with the case; and the book of search jobs."""

from __future__ import annotations

import os
import platform
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from enricher.core.memory import Group
from enricher.errors import Outdated
from enricher.model import Connection, ProcessCreate
from enricher.ports import ClaimedFollowUp, FollowUp, LeftJob
from enricher.store import Store, schema
from enricher.store.cases import NEIGHBOURS_AFTER_S
from tests.store.fakes import Estate, deliver, document, seen, settle, settlement, sighting

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
LOOKUPS = FollowUp(case_key="case-1", kind="lookups", after_s=15)
LINEAGE = FollowUp(case_key="case-1", kind="lineage", subject="ws-1|G1")
CONTACT = Connection(computer="ws-1", row=0, guid="G1", at=AT)


def opened(store: Store, *wanted: FollowUp, name: str = "a") -> None:
    settle(store, name, document(), events=[seen(CONTACT, "case-1")], follow_ups=wanted)


def claimed(store: Store) -> ClaimedFollowUp:
    [claim] = store.follow_ups.claim(5)
    return claim


def test_a_follow_up_is_due_in_its_time_and_settles_with_the_case(estate: Estate, store: Store) -> None:
    opened(store, LOOKUPS, LOOKUPS)
    early = store.follow_ups.claim(5)
    waiting = store.reader.backlog().follow_ups_waiting
    estate.advance(15)
    claim = claimed(store)
    again = store.follow_ups.claim(5)

    assert store.follow_ups.settle(claim, settlement(document(severity="critical")))

    record = store.reader.case("case-1")
    assert (early, waiting, again) == ([], 1, [])
    assert (claim.case_key, claim.kind, claim.subject, claim.attempts) == ("case-1", "lookups", "", 1)
    assert record is not None
    assert (record.document["severity"], [news["kind"] for news in record.news]) == ("critical", ["opened", "severity"])
    assert len(record.alerts) == 1
    assert [news["kind"] for news in deliver(store, "jira").news] == ["opened", "severity"]
    assert store.reader.backlog().follow_ups_waiting == 0


def test_a_part_of_what_it_waits_for_is_stored_while_it_waits_on(estate: Estate, store: Store) -> None:
    opened(store, LOOKUPS)
    estate.advance(15)

    assert store.follow_ups.settle(claimed(store), settlement(document(severity="critical")), again_s=120)

    record = store.reader.case("case-1")
    assert record is not None
    assert [news["kind"] for news in record.news] == ["opened", "severity"]
    early = store.follow_ups.claim(5)
    estate.advance(120)
    assert (early, claimed(store).attempts) == ([], 2)


def test_events_that_were_asked_for_are_remembered_with_it(estate: Estate, store: Store) -> None:
    opened(store, LINEAGE)
    found = seen(Connection(computer="ws-1", row=0, guid="G1", at=AT, ip="192.0.2.2"), "case-1", searched=True, count=0)

    assert store.follow_ups.settle(claimed(store), settlement(document(), events=[found]))

    assert sorted(origin for one in store.history.around([CONTACT]).events if (origin := one.event.origin)) == [
        "history",
        "search",
    ]
    assert estate.rows("SELECT count(*) FROM case_alerts") == [(1,)]


def test_a_start_that_an_alert_brings_overtakes_the_search_for_it(store: Store) -> None:
    opened(store, LINEAGE)
    claim = claimed(store)
    before = store.follow_ups.overtaken(claim)
    elsewhere = ProcessCreate(computer="ws-2", row=0, guid="G1", at=AT)
    settle(store, "b", events=[seen(elsewhere, None)])
    of_another_host = store.follow_ups.overtaken(claim)
    settle(store, "c", events=[seen(ProcessCreate(computer="ws-1", row=0, guid="G1", at=AT), None)])

    assert (before, of_another_host, store.follow_ups.overtaken(claim)) == (False, False, True)


def test_what_is_outdated_is_not_stored_and_stays_ours(store: Store) -> None:
    opened(store, LINEAGE)
    claim = claimed(store)
    marks = store.history.around([CONTACT]).marks
    settle(store, "b", events=[seen(Connection(computer="ws-1", row=0, guid="G2"))])

    with pytest.raises(Outdated):
        store.follow_ups.settle(claim, settlement(document(severity="low"), marks=marks))

    assert store.follow_ups.settle(claim, settlement(document(severity="low")))


def test_a_late_holder_stores_nothing(estate: Estate, store: Store) -> None:
    opened(store, LINEAGE)
    late = claimed(store)
    estate.advance(61)
    heir = claimed(estate.open())

    assert heir.attempts == 2
    assert not store.follow_ups.settle(late, settlement(document(severity="low")))
    store.follow_ups.retry(late, "late", 0)
    store.follow_ups.drop(late)
    assert store.reader.backlog().follow_ups_waiting == 1
    assert store.follow_ups.settle(heir, settlement(document()))


def test_a_heartbeat_keeps_what_is_worked_on(estate: Estate, store: Store) -> None:
    opened(store, LINEAGE)
    claim = claimed(store)
    for _ in range(4):
        estate.advance(40)
        store.heartbeat([claim.follow_up_id])

    assert estate.open().follow_ups.claim(5) == []
    assert store.follow_ups.settle(claim, settlement(document()))


@pytest.mark.parametrize(
    ("kind", "opens_again"),
    [
        pytest.param("lookups", True, id="look-ups"),
        pytest.param("neighbours", True, id="neighbours"),
        pytest.param("again", True, id="again"),
        pytest.param("lineage", False, id="Sumo Logic is asked once"),
    ],
)
@pytest.mark.parametrize("given_up", [None, "not found"], ids=["done", "given up"])
def test_what_has_ended_is_wanted_again(
    store: Store,
    kind: str,
    opens_again: bool,  # noqa: FBT001 - a parameter
    given_up: str | None,
) -> None:
    wanted = FollowUp(case_key="case-1", kind=kind)
    opened(store, wanted)
    assert store.follow_ups.settle(claimed(store), settlement(document(), follow_ups=(wanted,)), given_up=given_up)
    own_wish = store.follow_ups.claim(5)

    opened(store, wanted, name="b")

    assert own_wish == []
    assert [claim.attempts for claim in store.follow_ups.claim(5)] == ([1] if opens_again else [])


def test_what_is_wanted_while_it_is_worked_on_is_due_again_afterwards(estate: Estate, store: Store) -> None:
    opened(store, FollowUp(case_key="case-1", kind="neighbours"))
    claim = claimed(store)

    opened(store, FollowUp(case_key="case-1", kind="neighbours", after_s=2), name="b")
    meanwhile = store.follow_ups.claim(5)
    ours = store.follow_ups.settle(claim, settlement(document()))
    at_once = store.follow_ups.claim(5)
    estate.advance(2)

    assert (meanwhile, ours, at_once) == ([], True, [])
    assert claimed(store).attempts == 1


def test_one_that_waits_is_not_put_off(estate: Estate, store: Store) -> None:
    opened(store, LOOKUPS)
    estate.advance(10)
    opened(store, LOOKUPS, name="b")
    estate.advance(5)

    assert claimed(store).kind == "lookups"


def test_memory_says_how_the_question_stands(estate: Estate, store: Store) -> None:
    def asked() -> dict[tuple[str, str], str]:
        return dict(store.history.around([CONTACT]).asked)

    opened(store)
    said = [asked()]
    opened(store, LINEAGE, name="b")
    said.append(asked())
    claim = claimed(store)
    said.append(asked())
    store.follow_ups.retry(claim, "the search was too early", 60)
    said.append(asked())
    estate.advance(60)
    assert store.follow_ups.settle(claimed(store), settlement(document()), given_up="Sumo Logic does not have it")
    said.append(asked())

    assert said == [
        {},
        {("ws-1", "G1"): "waiting"},
        {("ws-1", "G1"): "waiting"},
        {("ws-1", "G1"): "the search was too early"},
        {("ws-1", "G1"): "Sumo Logic does not have it"},
    ]


def test_one_whose_case_is_gone_is_forgotten(estate: Estate, store: Store) -> None:
    opened(store, LINEAGE)

    store.follow_ups.drop(claimed(store))

    assert estate.count(schema.follow_ups) == 0


def test_purge_forgets_what_has_ended(estate: Estate, store: Store) -> None:
    opened(store, LINEAGE, LOOKUPS)
    assert store.follow_ups.settle(claimed(store), settlement(document()))

    purged = store.purge(datetime(2999, 1, 1, tzinfo=UTC))

    assert purged["follow_ups"] == 1
    assert estate.rows("SELECT kind FROM follow_ups") == [("lookups",)]


def test_two_processes_never_claim_the_same(estate: Estate) -> None:
    wanted = [FollowUp(case_key="case-1", kind="lineage", subject=f"ws-1|G{number}") for number in range(20)]
    stores = [estate.open(), estate.open()]
    opened(stores[0], *wanted)
    begin, found = threading.Barrier(4), list[str]()

    def work(store: Store) -> None:
        begin.wait()
        while claims := store.follow_ups.claim(2):
            found.extend(claim.subject for claim in claims)

    threads = [threading.Thread(target=work, args=(stores[number % 2],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == sorted(one.subject for one in wanted)


# --- neighbours -------------------------------------------------------------------------------------------------------


def joins(store: Store, host: str, name: str, target: str = "lab.workers.dev", **more: Any) -> None:
    """A host contacts a target, in a case of its own."""
    key = f"case of {host}"
    group = Group.of(host, "anna", "a.exe", target)
    fields: dict[str, Any] = {"host": host, "tenant": target, "last_seen": None} | more
    settle(store, name, document(key, **fields), sightings=(sighting(name, AT, group),))


def test_the_cases_of_other_hosts_learn_of_a_new_one(estate: Estate, store: Store) -> None:
    joins(store, "ws-1", "a")
    joins(store, "ws-9", "elsewhere", "other.workers.dev")
    joins(store, "ws-2", "b")
    at_once = store.follow_ups.claim(5)
    estate.advance(NEIGHBOURS_AFTER_S)
    told = [(claim.case_key, claim.kind) for claim in store.follow_ups.claim(5)]
    joins(store, "ws-2", "c")
    estate.advance(NEIGHBOURS_AFTER_S)

    assert at_once == []
    assert told == [("case of ws-1", "neighbours")]
    assert store.follow_ups.claim(5) == []


@pytest.mark.parametrize(
    ("fields", "learns"),
    [
        pytest.param({}, True, id="open"),
        pytest.param({"disposition": "suppressed"}, False, id="suppressed"),
        pytest.param({"last_seen": "2026-11-20T00:00:00Z"}, False, id="seen too long ago"),
        pytest.param({"last_seen": "2999-01-01T00:00:00Z"}, True, id="seen at a time to come"),
        pytest.param({"tenant": None, "platform": {"family": "lab.workers.dev"}}, True, id="of a platform without tenants"),
    ],
)
def test_only_cases_that_somebody_looks_at_learn(
    estate: Estate,
    store: Store,
    fields: dict[str, Any],
    learns: bool,  # noqa: FBT001 - a parameter
) -> None:
    joins(store, "ws-1", "a", **fields)
    joins(store, "ws-2", "b")
    estate.advance(NEIGHBOURS_AFTER_S)

    assert [claim.case_key for claim in store.follow_ups.claim(5)] == (["case of ws-1"] if learns else [])


def test_a_crowd_is_not_told_one_by_one(estate: Estate, store: Store) -> None:
    for number in range(60):
        joins(store, f"ws-{number}", f"a{number}")
    assert store.access.write(lambda tx: tx.conn.exec_driver_sql("DELETE FROM follow_ups").rowcount)

    joins(store, "late", "late")

    assert estate.count(schema.follow_ups) == 50


# --- search jobs ------------------------------------------------------------------------------------------------------


def test_the_book_of_search_jobs(estate: Estate, store: Store) -> None:
    store.job_book.opened("1A", {"AWSALB": "x"})
    store.job_book.opened("2B", {})
    store.job_book.closed("2B")
    store.job_book.closed("never opened")

    assert estate.open().job_book.left_behind() == []
    assert estate.rows("SELECT job_id FROM search_jobs") == [("1A",)]


@pytest.mark.parametrize(
    ("holder", "is_left"),
    [
        pytest.param(f"{platform.node()}:{os.getpid()}:ab", False, id="a process of this machine that runs"),
        pytest.param(f"{platform.node()}:{2**22 + 1}:ab", True, id="a process of this machine that does not"),
        pytest.param(f"{platform.node()}:1:ab", False, id="a process of somebody else"),
        pytest.param(f"elsewhere:{2**22 + 1}:ab", False, id="a process of another machine"),
    ],
)
def test_jobs_of_holders_that_are_gone_are_left_behind(estate: Estate, store: Store, holder: str, is_left: bool) -> None:  # noqa: FBT001 - a parameter
    store.job_book.opened("1A", {"AWSALB": "x"})
    update = schema.search_jobs.update().values(holder=holder)
    assert store.access.write(lambda tx: tx.conn.execute(update).rowcount) == 1

    assert store.job_book.left_behind() == ([LeftJob(job_id="1A", cookies={"AWSALB": "x"})] if is_left else [])


def test_a_job_older_than_any_search_is_left_behind_wherever_it_was(estate: Estate, store: Store) -> None:
    store.job_book.opened("1A", {})
    estate.advance(119)
    young = store.job_book.left_behind()
    estate.advance(1)

    assert young == []
    assert [job.job_id for job in store.job_book.left_behind()] == ["1A"]
