"""What people do about cases: kept once, told to the tickets, and ended by what is more severe."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from enricher.core.work import NOBODY, CaseWork
from enricher.ports import CaseRecord
from enricher.store import Store
from tests.store.fakes import Clock, Estate, deliver, document, settle

ANNA, BO = "anna (account)", "@bo (slack)"
DAY = timedelta(hours=24)


def case(store: Store, key: str = "case-1") -> CaseRecord:
    record = store.reader.case(key)
    assert record is not None
    return record


def now(store: Store) -> datetime:
    """By the database's clock, which is the one that counts."""
    with store.access.read() as conn:
        return store.access.now(conn)


def told(store: Store) -> list[tuple[str, str]]:
    return [(item["kind"], item["text"]) for item in case(store).news[1:]]


def audited(estate: Estate) -> list[tuple[str, ...]]:
    return estate.rows('SELECT "by", action, item_id, detail FROM audit ORDER BY id')


@pytest.fixture
def opened(store: Store) -> Store:
    """With one case, whose ticket in Jira is up to date."""
    settle(store, "a", document(severity="medium"))
    store.outbox.delivered(deliver(store, "jira"), 1)
    return store


def test_the_first_who_acknowledges_stays_named(estate: Estate, opened: Store) -> None:
    assert opened.operator.acknowledge("case-1", ANNA, "U1")
    assert opened.operator.acknowledge("case-1", BO)

    work = case(opened).work
    assert work.acknowledged_by == ANNA
    assert work.acknowledged_at is not None
    assert told(opened) == [("acknowledged", f"Acknowledged by {ANNA}")]
    assert audited(estate) == [(ANNA, "acknowledge", "case-1", "U1")]


def test_tickets_learn_of_it_and_see_who_works_on_the_case(opened: Store) -> None:
    opened.operator.assign("case-1", ANNA, ANNA)

    delivery = deliver(opened, "jira")
    assert delivery.news[-1]["kind"] == "assigned"
    assert delivery.work.assignee == ANNA
    assert (delivery.work, case(opened).work) == (case(opened).work, delivery.work)


def test_a_case_changes_hands_and_is_given_back(estate: Estate, opened: Store) -> None:
    for to, by in ((ANNA, ANNA), (ANNA, BO), (BO, ANNA), (None, BO), (None, ANNA)):
        assert opened.operator.assign("case-1", to, by)

    assert case(opened).work == NOBODY
    assert [text for _, text in told(opened)] == [
        f"Assigned to {ANNA}",
        f"Assigned to {BO} by {ANNA}",
        f"Assigned to nobody, by {BO}; it was {BO}'s",
    ]
    assert [detail for *_, detail in audited(estate)] == [f"to {ANNA}", f"to {BO}", "to nobody"]


def test_a_mute_runs_out_by_itself(estate: Estate, opened: Store) -> None:
    until = now(opened) + DAY
    assert opened.operator.mute("case-1", until, ANNA, "patch night")

    muted = deliver(opened, "jira").work
    assert (muted.muted_by, muted.mute_reason) == (ANNA, "patch night")
    assert told(opened) == [("muted", f"Muted until {until:%Y-%m-%d %H:%M} UTC by {ANNA}: patch night")]
    estate.advance(DAY.total_seconds() + 120)
    assert deliver(opened, "jira").work == NOBODY, "its lease has ended, and the mute too"
    assert case(opened).work.is_muted(until + timedelta(seconds=1)) is False
    assert len(told(opened)) == 1, "nothing is told of it by itself"


def test_a_click_that_comes_twice_mutes_once(opened: Store) -> None:
    until = now(opened) + DAY
    for later in (0, 2):
        opened.operator.mute("case-1", until + timedelta(seconds=later), ANNA, "patch night")
    assert [kind for kind, _ in told(opened)] == ["muted"]
    opened.operator.mute("case-1", until + DAY, ANNA, "patch night")
    assert [kind for kind, _ in told(opened)] == ["muted", "muted"]


def test_who_unmutes_is_named_and_once_is_enough(opened: Store) -> None:
    assert opened.operator.unmute("case-1", BO), "there was nothing to do"
    opened.operator.mute("case-1", now(opened) + DAY, ANNA, "patch night")
    for _ in range(2):
        assert opened.operator.unmute("case-1", BO)
    assert [kind for kind, _ in told(opened)] == ["muted", "unmuted"]
    assert told(opened)[-1][1] == f"No longer muted, by {BO}"


def test_a_severity_that_rises_ends_the_mute(opened: Store) -> None:
    opened.operator.mute("case-1", now(opened) + DAY, ANNA, "patch night")
    settle(opened, "b", document(severity="medium", news=1))
    assert case(opened).work.mute_reason == "patch night", "more of the same is what was muted"

    settle(opened, "c", document(severity="critical"))

    assert told(opened)[-2:] == [
        ("unmuted", "No longer muted: the severity rose from medium to critical"),
        ("severity", "severity."),
    ]
    assert deliver(opened, "jira").work == NOBODY


def test_a_severity_that_falls_leaves_the_case_muted(opened: Store) -> None:
    opened.operator.mute("case-1", now(opened) + DAY, ANNA, "patch night")
    settle(opened, "b", document(severity="low"))
    assert case(opened).work.muted_until is not None


def test_a_mute_that_has_run_out_is_not_ended_once_more(estate: Estate, opened: Store) -> None:
    opened.operator.mute("case-1", now(opened) + DAY, ANNA, "patch night")
    estate.advance(DAY.total_seconds() + 1)
    settle(opened, "b", document(severity="critical"))
    assert [kind for kind, _ in told(opened)] == ["muted", "severity"]


def test_there_is_no_work_on_what_is_no_case(estate: Estate, opened: Store) -> None:
    until = now(opened) + DAY
    assert not opened.operator.acknowledge("nothing", ANNA)
    assert not opened.operator.assign("nothing", ANNA, ANNA)
    assert not opened.operator.mute("nothing", until, ANNA, "why")
    assert not opened.operator.unmute("nothing", ANNA)
    assert audited(estate) == []
    assert estate.rows("SELECT * FROM case_work") == []


def test_a_case_that_is_part_of_another_gets_no_work(opened: Store) -> None:
    settle(opened, "b", document("case-2"), joined={"case-1": "case-2"})
    assert not opened.operator.acknowledge("case-1", ANNA)
    assert case(opened, "case-1").key == "case-2"


def test_what_is_done_in_turn_adds_up(opened: Store, clock: Clock) -> None:
    del clock
    opened.operator.acknowledge("case-1", ANNA)
    opened.operator.assign("case-1", BO, BO)
    opened.operator.mute("case-1", now(opened) + DAY, BO, "known <!channel>")
    work = case(opened).work
    assert (work.acknowledged_by, work.assignee, work.muted_by, work.mute_reason) == (ANNA, BO, BO, "known <!channel>")
    assert isinstance(work, CaseWork)


def test_a_secret_in_a_reason_is_not_kept(opened: Store) -> None:
    opened.operator.mute("case-1", now(opened) + DAY, ANNA, "password=hunter2secret")
    assert "hunter2secret" not in str(case(opened))


def test_a_note_is_a_line_in_the_audit(estate: Estate, store: Store) -> None:
    store.operator.note(by=ANNA, action="draft", item_id="case-1", detail="TUN-0042")
    assert audited(estate) == [(ANNA, "draft", "case-1", "TUN-0042")]


def test_an_interaction_is_fresh_once(store: Store) -> None:
    assert store.replays.fresh("a" * 64)
    assert not store.replays.fresh("a" * 64)
    assert store.replays.fresh("b" * 64)


def test_interactions_are_forgotten_when_their_signature_is_worth_nothing(estate: Estate, store: Store) -> None:
    store.replays.fresh("a" * 64)
    estate.advance(3600)
    store.replays.fresh("b" * 64)
    assert estate.rows("SELECT digest FROM interactions") == [("b" * 64,)]
