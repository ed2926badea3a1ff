"""Contact that goes on is said now and then, so that a ticket that was closed too early is opened again."""

from __future__ import annotations

import pytest

from enricher.store import Store
from tests.store.fakes import SEC_12, Estate, deliver, document, event, settle

HOUR = 3_600


def kinds(store: Store) -> list[str]:
    record = store.reader.case("case-1")
    assert record is not None
    return [news["kind"] for news in record.news]


@pytest.fixture
def ticketed(store: Store) -> Store:
    """A case with an issue in Jira, which has been told everything."""
    settle(store, "a", document(), events=[event("e1")], alert={"alert_ref": "R1"})
    store.outbox.delivered(deliver(store, "jira"), 1, SEC_12)
    return store


def told(store: Store) -> list[str]:
    """The news that Jira is still to be told."""
    waiting = [news["kind"] for one in store.outbox.claim("jira", 10) for news in one.news if news["seq"] > one.sent_seq]
    return [kind for kind in waiting if kind != "ticket"]


def test_once_an_hour_its_ticket_learns_that_it_goes_on(estate: Estate, ticketed: Store) -> None:
    before = kinds(ticketed)
    estate.advance(HOUR - 10)
    settle(ticketed, "b", document(), events=[event("e2")])
    assert (kinds(ticketed), told(ticketed)) == (before, [])
    estate.advance(10)
    settle(ticketed, "c", document(), events=[event("e3"), event("e4")])
    settle(ticketed, "d", document(), events=[event("e5")])
    assert (kinds(ticketed), told(ticketed)) == ([*before, "seen"], ["seen"])
    record = ticketed.reader.case("case-1")
    assert record is not None
    assert record.news[-1]["text"].startswith("Seen again: 2 contacts since 2026-")
    estate.advance(HOUR)
    settle(ticketed, "e", document(), events=[event("e6")])
    assert kinds(ticketed) == [*before, "seen", "seen"]


@pytest.mark.parametrize(
    ("severity", "name", "expected"),
    [
        pytest.param("critical", "e2", ["severity"], id="other news is said instead"),
        pytest.param("high", "e1", [], id="nothing new was seen"),
    ],
)
def test_what_is_said_is_what_there_is(
    estate: Estate, ticketed: Store, severity: str, name: str, expected: list[str]
) -> None:
    before = kinds(ticketed)
    estate.advance(HOUR)
    settle(ticketed, "b", document(severity=severity), events=[event(name)])
    assert kinds(ticketed) == [*before, *expected]


def test_the_hour_begins_with_whatever_was_said_last(estate: Estate, ticketed: Store) -> None:
    estate.advance(HOUR)
    settle(ticketed, "b", document(severity="critical"), events=[event("e2")])
    estate.advance(HOUR - 10)
    settle(ticketed, "c", document(severity="critical"), events=[event("e3")])
    assert kinds(ticketed)[-1] == "severity"


def test_without_a_ticket_there_is_nobody_to_tell(estate: Estate, store: Store) -> None:
    settle(store, "a", document(), events=[event("e1")])
    estate.advance(HOUR)
    settle(store, "b", document(), events=[event("e2")])
    assert kinds(store) == ["opened"]


def test_a_case_that_had_recovered_is_opened_again_and_no_more(estate: Estate, ticketed: Store) -> None:
    settle(ticketed, "r", alert={"kind": "recovery", "alert_ref": "R1"}, kind="recovery", recovers="R1")
    estate.advance(HOUR)
    settle(ticketed, "b", document(), events=[event("e2")])
    assert kinds(ticketed)[-2:] == ["recovery", "reopened"]


def test_a_case_of_an_older_version_waits_an_hour_from_its_last_change(estate: Estate, ticketed: Store) -> None:
    before = kinds(ticketed)
    ticketed.access.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET told_at = NULL"))
    for n in range(4):
        settle(ticketed, f"b{n}", document(), events=[event(f"more{n}")])
        assert kinds(ticketed) == before
        estate.advance(HOUR / 4)
    settle(ticketed, "c", document(), events=[event("e9")])
    assert kinds(ticketed) == [*before, "seen"]


@pytest.mark.parametrize(
    ("events", "kind"),
    [pytest.param(["e2"], "evidence", id="with contact"), pytest.param([], "amended", id="found out without")],
)
def test_evidence_says_whether_there_was_contact(ticketed: Store, events: list[str], kind: str) -> None:
    settle(ticketed, "b", document(news=1), events=[event(name) for name in events])
    assert kinds(ticketed)[-1] == kind
