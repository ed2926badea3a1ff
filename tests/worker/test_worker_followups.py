"""One follow-up: asked, the case judged anew and stored; tried again, given up or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from enricher.errors import StoreUnavailable
from enricher.model import Event
from enricher.ports import FollowUp, FoundStarts, Searcher, Settlement
from enricher.worker.followups import AGAIN_S, MAX_CRASHES, FollowUpJob
from tests.fakes import CMD, HOST, guid, started
from tests.worker.fakes import NO_STORE, NOW, FakeFollowUps, follow_up, settlement

AMENDED = settlement("case-1")
SUBJECT = f"{HOST}|{guid(1)}"
PARENT = started(CMD, guid=guid(2))


@dataclass
class Amending:
    """Judges as it is told, and notes what it was given."""

    settlement: Settlement | None = AMENDED
    given: list[tuple[Sequence[Event], Mapping[tuple[str, str], str]]] = field(default_factory=list)

    def __call__(
        self, case: str, now: datetime, *, found: Sequence[Event] = (), asked: Mapping[tuple[str, str], str] | None = None
    ) -> Settlement | None:
        assert (case, now) == ("case-1", NOW)
        self.given.append((found, dict(asked or {})))
        return self.settlement


@dataclass
class Sumo:
    """A Sumo Logic that has this."""

    has: FoundStarts
    asked: list[tuple[str, str, datetime]] = field(default_factory=list)
    swept: int = 0

    def starts(self, computer: str, guid: str, until: datetime) -> FoundStarts:
        self.asked.append((computer, guid, until))
        return self.has

    def sweep(self) -> None:
        self.swept += 1

    def stop(self) -> None:
        raise NotImplementedError


def job(follow_ups: FakeFollowUps, amend: Amending | None = None, search: Searcher | None = None) -> FollowUpJob:
    return FollowUpJob(follow_ups, amend or Amending(), search, lambda: NOW)


@pytest.mark.parametrize("kind", ["lookups", "neighbours", "again"])
def test_the_case_is_judged_anew_and_stored(kind: str) -> None:
    desk = FakeFollowUps()
    job(desk).do(follow_up(kind))
    assert desk.calls == [("settle", "F1", AMENDED, None)]


def test_found_starts_are_judged_with_the_case() -> None:
    desk, amend, sumo = FakeFollowUps(), Amending(), Sumo(FoundStarts(events=(PARENT,)))
    job(desk, amend, sumo).do(follow_up("lineage", SUBJECT))
    assert sumo.asked == [(HOST, guid(1), NOW)]
    assert amend.given == [((PARENT,), {})]
    assert desk.calls == [("settle", "F1", AMENDED, None)]


def test_no_start_yet_is_asked_for_again_and_at_last_given_up() -> None:
    desk, amend = FakeFollowUps(), Amending()
    sumo = Sumo(FoundStarts(reason="no event 1 of it", later=True))
    tries = len(AGAIN_S["lineage"])
    for attempt in range(1, tries + 2):
        job(desk, amend, sumo).do(follow_up("lineage", SUBJECT, attempts=attempt))
    assert desk.calls == [
        *(("retry", "F1", "no event 1 of it", pause) for pause in AGAIN_S["lineage"]),
        ("settle", "F1", AMENDED, "no event 1 of it"),
    ]
    assert amend.given == [((), {(HOST, guid(1)): "no event 1 of it"})], "the case says why"


def test_a_refusal_for_good_is_given_up_at_once() -> None:
    desk = FakeFollowUps()
    job(desk, search=Sumo(FoundStarts(reason="the access key is refused"))).do(follow_up("lineage", SUBJECT))
    assert desk.calls == [("settle", "F1", AMENDED, "the access key is refused")]


def test_access_that_was_taken_away_is_said() -> None:
    desk = FakeFollowUps()
    job(desk).do(follow_up("lineage", SUBJECT))
    assert desk.calls == [("settle", "F1", AMENDED, "access to Sumo Logic is not set up any more")]


def test_what_has_come_is_stored_and_look_ups_without_answers_are_tried_again_and_at_last_left() -> None:
    waiting = replace(AMENDED, follow_ups=(FollowUp(case_key="case-1", kind="lookups"),))
    desk = FakeFollowUps()
    for attempt in range(1, len(AGAIN_S["lookups"]) + 2):
        job(desk, Amending(waiting)).do(follow_up("lookups", attempts=attempt))
    assert desk.calls == [
        *(("settle", "F1", AMENDED, None, pause) for pause in AGAIN_S["lookups"]),
        ("settle", "F1", AMENDED, None),
    ]


def test_what_else_the_case_waits_for_is_kept() -> None:
    other = FollowUp(case_key="case-1", kind="lineage", subject="h|g")
    desk = FakeFollowUps()
    job(desk, Amending(replace(AMENDED, follow_ups=(other,)))).do(follow_up("again"))
    assert desk.calls[0][2].follow_ups == (other,)


@pytest.mark.parametrize("gone", [None, replace(AMENDED, cases=())])
def test_a_case_that_is_gone_waits_for_nothing(gone: Settlement | None) -> None:
    desk = FakeFollowUps()
    job(desk, Amending(gone)).do(follow_up())
    assert desk.calls == [("drop", "F1")]


def test_what_came_meanwhile_is_judged_with_it() -> None:
    desk, amend = FakeFollowUps(outdated=2), Amending()
    job(desk, amend).do(follow_up())
    assert len(amend.given) == 3
    assert desk.names() == ["settle"]


def test_a_host_that_never_rests_is_left_for_later() -> None:
    desk = FakeFollowUps(outdated=1_000)
    job(desk).do(follow_up())
    assert desk.names() == ["retry"]


def test_a_store_that_refuses_leaves_it_to_the_lease() -> None:
    desk = FakeFollowUps(errors={"settle": NO_STORE})
    with pytest.raises(StoreUnavailable):
        job(desk).do(follow_up())
    assert desk.calls == []


def test_a_crash_delays_and_at_last_drops() -> None:
    desk = FakeFollowUps()
    last = MAX_CRASHES + len(AGAIN_S["lookups"])
    for attempts in (1, last):
        job(desk).crashed(follow_up(attempts=attempts), KeyError("a bug"))
    assert desk.names() == ["retry", "drop"]


def test_what_was_not_begun_is_given_back() -> None:
    desk = FakeFollowUps()
    job(desk).release(follow_up())
    assert desk.calls == [("retry", "F1", "waiting", 0.0)]


def test_what_others_left_behind_is_swept_once_before_the_first_claim() -> None:
    sumo = Sumo(FoundStarts())
    one = job(FakeFollowUps(), search=sumo)
    one.claim(1)
    one.claim(1)
    assert sumo.swept == 1


def test_a_start_that_an_alert_has_brought_meanwhile_is_not_asked_for() -> None:
    desk, sumo = FakeFollowUps(has_start=True), Sumo(FoundStarts(reason="never asked"))
    job(desk, search=sumo).do(follow_up("lineage", SUBJECT))
    assert sumo.asked == []
    assert desk.calls == [("settle", "F1", AMENDED, None)]
