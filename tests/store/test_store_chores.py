"""Chores: one process does each, when it is due, under a lease."""

from __future__ import annotations

import pytest

from enricher.ports import Chore, ClaimedChore
from enricher.store import Store
from enricher.store.database import CHORES
from enricher.store.schema_upkeep import chores
from tests.store.fakes import Estate

HOURLY = Chore(name="canary", kind="canary", every_s=3600.0, after_s=60.0)
ONCE = Chore(name="check:jira", kind="check", subject={"destination": "jira"}, after_s=10.0)


def take(store: Store) -> ClaimedChore:
    (claim,) = store.chores.claim(5)
    return claim


def test_one_that_is_planned_is_done_when_it_is_due_and_then_forgotten(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    assert store.chores.claim(5) == []
    estate.advance(10)
    claim = take(store)
    assert (claim.name, claim.kind, claim.subject, claim.tries) == ("check:jira", "check", {"destination": "jira"}, 1)
    store.chores.done(claim, "proved")
    assert estate.count(chores) == 0


def test_one_that_recurs_is_due_again_and_only_then(estate: Estate, store: Store) -> None:
    store.chores.keep([HOURLY])
    estate.advance(60)
    store.chores.done(take(store), "sent")
    estate.advance(3599)
    assert store.chores.claim(5) == []
    estate.advance(1)
    assert take(store).name == "canary"


def test_a_second_process_that_starts_puts_nothing_off(estate: Estate, store: Store) -> None:
    store.chores.keep([HOURLY])
    estate.advance(59)
    other = estate.open()
    other.chores.keep([HOURLY])
    estate.advance(1)
    assert take(other).name == "canary"


def test_another_interval_counts_from_now_on(estate: Estate, store: Store) -> None:
    store.chores.keep([HOURLY])
    store.chores.keep([Chore(name="canary", kind="canary", every_s=600.0)])
    estate.advance(599)
    assert store.chores.claim(5) == []
    estate.advance(1)
    assert take(store).every_s == 600.0


def keeping(after_s: float, **subject: str) -> Chore:
    return Chore(name="requery:A1", kind="requery", subject=subject, after_s=after_s, keeps=True)


def test_one_that_is_kept_is_as_it_was_and_done_by_then(estate: Estate, store: Store) -> None:
    store.chores.plan([keeping(60, since="1")])
    store.chores.plan([keeping(600, since="2")])
    store.chores.plan([keeping(30)])
    assert estate.count(chores) == 1
    estate.advance(29)
    assert store.chores.claim(5) == []
    estate.advance(1)
    assert take(store).subject == {"since": "1"}


def test_one_that_is_kept_is_not_taken_from_who_is_at_it(estate: Estate, store: Store) -> None:
    store.chores.plan([keeping(0, since="1")])
    claim = take(store)
    store.chores.plan([keeping(0, since="2")])
    assert store.chores.claim(5) == []
    store.chores.done(claim, "new")
    assert estate.count(chores) == 0


def test_without_a_subject_there_must_be_one_to_be_kept(estate: Estate, store: Store) -> None:
    store.chores.plan([keeping(0)])
    assert estate.count(chores) == 0


def test_what_does_not_recur_any_more_ends_and_what_is_planned_once_stays(estate: Estate, store: Store) -> None:
    store.chores.keep([HOURLY])
    store.chores.plan([ONCE])
    store.chores.keep([])
    estate.advance(60)
    assert take(store).name == "check:jira"


def test_only_one_of_two_processes_gets_it(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    estate.advance(10)
    assert [len(each.chores.claim(5)) for each in (store, estate.open())] == [1, 0]


def test_a_holder_that_died_is_followed_after_its_lease_and_cannot_end_it_any_more(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    estate.advance(10)
    dead = take(store)
    estate.advance(60)
    claim = take(estate.open())
    assert claim.tries == 2
    store.chores.done(dead, "too late")
    assert estate.count(chores) == 1


def test_one_that_is_worked_on_keeps_its_lease(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    estate.advance(10)
    claim = take(store)
    estate.advance(40)
    store.heartbeat([claim.name])
    estate.advance(40)
    assert estate.open().chores.claim(5) == []


def test_one_that_failed_is_due_later(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    estate.advance(10)
    store.chores.later(take(store), "timeout", 900.0)
    estate.advance(899)
    assert store.chores.claim(5) == []
    estate.advance(1)
    assert take(store).tries == 2


def test_planned_again_it_is_put_off_and_taken_from_whoever_is_at_it(estate: Estate, store: Store) -> None:
    store.chores.plan([ONCE])
    estate.advance(10)
    early = take(store)
    store.chores.plan([ONCE])
    store.chores.done(early, "proved")
    assert store.chores.claim(5) == []
    estate.advance(10)
    assert take(store).name == "check:jira"


def test_the_next_due_time_is_its_alarm_clock(store: Store) -> None:
    store.chores.plan([ONCE])
    assert store.access._until_due(CHORES) == pytest.approx(10, abs=1.5)
