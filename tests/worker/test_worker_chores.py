"""Chores: canaries are sent and their destinations checked, second tickets are looked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from enricher.core.canary import Canary, Proof, Proved
from enricher.errors import ConfigurationError, DeliveryError, Reason
from enricher.ports import Chore, ClaimedChore, Destination, Outbox, Ticket
from enricher.telemetry import TWINS
from enricher.worker.chores import AGAIN_S, MAX_TRIES, ChoreJob, Round, watch_for_twins
from tests.worker.fakes import NOW, SEC_12, FakeDestination, FakeOutbox, delivery, failure, running, soon
from tests.worker.fakes import FakeInbox as Inbox

SEC_13 = Ticket("10013", "SEC-13")
SENT = "01JDFXT5S0ABCDEFGHJKMNPQRS"


@dataclass
class FakeChores:
    """Hands out what was queued and notes what it is told."""

    queued: list[ClaimedChore] = field(default_factory=list)
    kept: list[Chore] = field(default_factory=list)
    planned: list[Chore] = field(default_factory=list)
    ended: list[tuple[Any, ...]] = field(default_factory=list)

    def keep(self, recurring: Sequence[Chore]) -> None:
        self.kept = list(recurring)

    def plan(self, once: Sequence[Chore]) -> None:
        self.planned += once

    def claim(self, limit: int) -> list[ClaimedChore]:
        taken, self.queued[:] = self.queued[:limit], self.queued[limit:]
        return taken

    def done(self, claim: ClaimedChore, outcome: str) -> None:
        self.ended.append(("done", claim.name, outcome))

    def later(self, claim: ClaimedChore, outcome: str, delay_s: float) -> None:
        self.ended.append(("later", claim.name, outcome, delay_s))


@dataclass
class FakeCanaries:
    """Canaries that wait for a proof, and how one stands."""

    waiting: list[str] = field(default_factory=lambda: [SENT])
    stands: Canary | None = None
    away: Mapping[str, str] = field(default_factory=dict)
    proofs: list[tuple[str, str, Proof, str]] = field(default_factory=list)

    def sent(self) -> str:
        return SENT

    def noted(self, canary: str, destination: str, state: Proof, detail: str) -> None:
        self.proofs.append((canary, destination, state, detail))

    def unproved(self, destination: str) -> list[str]:
        del destination
        return self.waiting

    def recent(self) -> list[Canary]:
        return [self.stands] if self.stands else []

    def get(self, canary: str) -> Canary | None:
        assert canary == SENT
        return self.stands

    def paused(self, destination: str) -> str | None:
        return self.away.get(destination)


@dataclass
class Saying(FakeDestination):
    """A destination whose check says this."""

    lines: Sequence[str] = ()

    def check(self) -> Sequence[str]:
        super().check()
        return self.lines


@dataclass
class Sweepable(FakeDestination):
    """A destination whose search shows these tickets of `case-1`."""

    tickets: Sequence[Ticket] = ()
    since: datetime | None = None

    def twins(self, case_key: str) -> Sequence[Ticket]:
        self._note("twins", case_key)
        return self.tickets

    def sweep(self, since: datetime) -> Mapping[str, Sequence[Ticket]]:
        self._note("sweep", since)
        return {"case-1": self.tickets} if len(self.tickets) > 1 else {}


class TwinOutbox(FakeOutbox):
    """An outbox to which twins are news once."""

    def twins(self, case_key: str, destination: str, tickets: Sequence[Ticket]) -> int:
        said = ("twins", case_key, destination, [ticket.label for ticket in tickets])
        new = said not in self.calls
        self.note(*said)
        return len(tickets) - 1 if new else 0

    def begin_anew(self, _delivery: object) -> None:
        raise NotImplementedError


def chore(kind: str, *, every_s: float | None = None, tries: int = 1, **subject: str) -> ClaimedChore:
    return ClaimedChore(name=kind, kind=kind, subject=subject, every_s=every_s, tries=tries, fence=1)


class Desk:
    """A job and all that it is given."""

    def __init__(self, *destinations: FakeDestination, **canaries: Any) -> None:
        self.chores, self.canaries, self.outbox = FakeChores(), FakeCanaries(**canaries), TwinOutbox()
        self.given: dict[str, Any] = {
            "chores": self.chores,
            "canaries": self.canaries,
            "outbox": self.outbox,
            "destinations": {one.name: one for one in destinations},
            "send_canary": self.canaries.sent,
            "canary_every_s": 3600.0,
            "clock": lambda: NOW,
        }

    def job(self, **other: Any) -> ChoreJob:
        return ChoreJob(Round(**(self.given | other)))

    def do(self, claim: ClaimedChore) -> None:
        self.job().do(claim)


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "asked", "planned"),
    [
        pytest.param(3, ["", "1", "2"], [], id="all in one go"),
        pytest.param(30, ["", *map(str, range(1, 10))], ["words:10"], id="some at a time"),
    ],
)
def test_cases_are_made_findable_from_where_it_stopped(last: int, asked: list[str], planned: list[str]) -> None:
    desk, seen = Desk(), list[str]()

    def fill(after: str) -> str | None:
        seen.append(after)
        following = int(after or 0) + 1
        return str(following) if following < last else None

    desk.job(fill_words=fill).do(chore("words"))
    assert (seen, [one.name for one in desk.chores.planned]) == (asked, planned)

    seen.clear()
    desk.job(fill_words=fill).do(chore("words", after="2"))
    assert seen[0] == "2"


# --- what recurs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param({}, {"sweep:jira": (86_400.0, 3600.0), "canary": (3600.0, 60.0)}, id="canaries each hour"),
        pytest.param({"canary_every_s": 30.0}, {"sweep:jira": (86_400.0, 3600.0), "canary": (30.0, 30.0)}, id="more often"),
        pytest.param({"canary_every_s": 0.0}, {"sweep:jira": (86_400.0, 3600.0)}, id="never"),
        pytest.param({"send_canary": None}, {"sweep:jira": (86_400.0, 3600.0)}, id="nobody to send them"),
        pytest.param(
            {"send_canary": None, "fill_words": lambda _: None},
            {"sweep:jira": (86_400.0, 3600.0), "words": (86_400.0, 30.0)},
            id="words",
        ),
    ],
)
def test_what_recurs_is_said_before_the_first_claim_and_once(
    other: dict[str, Any], expected: dict[str, tuple[float, float]]
) -> None:
    desk = Desk(Sweepable(), FakeDestination("slack"))
    job = desk.job(**other)
    job.claim(1)
    assert {one.name: (one.every_s, one.after_s) for one in desk.chores.kept} == expected
    desk.chores.kept = []
    job.claim(1)
    assert desk.chores.kept == []


# --- canaries -------------------------------------------------------------------------------------------------------


def test_a_canary_is_sent_and_looked_for_five_minutes_later() -> None:
    desk = Desk()
    desk.do(chore("canary", every_s=3600.0))
    assert [(one.kind, one.subject, one.after_s) for one in desk.chores.planned] == [("arrival", {"canary": SENT}, 300.0)]
    assert desk.chores.ended == [("done", "canary", "sent")]


ARRIVED = {"jira": Proved(Proof.FAILED, "auth", NOW), "slack": Proved(Proof.PROVED, "", NOW)}


@pytest.mark.parametrize(
    ("stands", "alarm"),
    [
        pytest.param(Canary(canary=SENT, sent_at=NOW, settled_at=NOW, proofs=ARRIVED), None, id="proved, or refused"),
        pytest.param(
            Canary(canary=SENT, sent_at=NOW, settled_at=NOW, proofs={"jira": ARRIVED["jira"]}),
            ["slack"],
            id="one destination is missing",
        ),
        pytest.param(Canary(canary=SENT, sent_at=NOW), ["jira", "slack"], id="it never came through"),
        pytest.param(None, None, id="it is forgotten by now"),
    ],
)
def test_one_that_has_not_arrived_is_an_alarm(stands: Canary | None, alarm: list[str] | None) -> None:
    desk = Desk(FakeDestination("jira"), FakeDestination("slack"), stands=stands)
    with capture_logs() as logs:
        desk.do(chore("arrival", canary=SENT))
    missing = [line for line in logs if line["event"] == "canary_missing"]
    assert [(line["log_level"], line["destinations"]) for line in missing] == ([("error", alarm)] if alarm else [])


def test_one_that_never_came_through_is_an_alarm_without_any_destination_too() -> None:
    desk = Desk(stands=Canary(canary=SENT, sent_at=NOW))
    with capture_logs() as logs:
        desk.do(chore("arrival", canary=SENT))
    assert [line["event"] for line in logs] == ["canary_missing"]


def test_each_destination_is_checked_on_its_own() -> None:
    desk = Desk(FakeDestination("jira"), FakeDestination("slack"))
    desk.do(chore("checks"))
    planned = [(one.name, one.kind, one.subject, one.after_s) for one in desk.chores.planned]
    assert planned == [(f"check:{name}", "check", {"destination": name}, 0.0) for name in ("jira", "slack")]


@pytest.mark.parametrize(
    ("lines", "error", "expected"),
    [
        pytest.param([], None, (Proof.PROVED, ""), id="all is well"),
        pytest.param(["warning: no component"], None, (Proof.WARNED, "no component"), id="a warning"),
        pytest.param(["no such project"], None, (Proof.FAILED, "no such project"), id="a fault"),
        pytest.param([], failure(Reason.AUTH), (Proof.FAILED, "auth: HTTP 4xx"), id="it is not let in"),
        pytest.param([], ConfigurationError(["no group"]), (Proof.FAILED, "no group"), id="it is set up wrong"),
    ],
)
def test_a_check_proves_by_reading_and_opens_nothing(
    lines: Sequence[str], error: Exception | None, expected: tuple[Proof, str]
) -> None:
    jira = Saying(lines=lines, errors={"check": error} if error else {})
    desk = Desk(jira, waiting=[SENT, "another"])
    desk.do(chore("check", destination="jira"))
    assert desk.canaries.proofs == [(SENT, "jira", *expected), ("another", "jira", *expected)]
    assert jira.calls == [("check",)]


def test_a_destination_that_is_left_alone_is_not_checked() -> None:
    jira = FakeDestination()
    desk = Desk(jira, away={"jira": "paused until 09:00:00 UTC: rate_limited"})
    desk.do(chore("check", destination="jira"))
    assert desk.canaries.proofs == [(SENT, "jira", Proof.FAILED, "paused until 09:00:00 UTC: rate_limited")]
    assert jira.calls == []


@pytest.mark.parametrize(
    ("age_s", "asked"), [pytest.param(4.9, False, id="just now"), pytest.param(5.0, True, id="five seconds ago")]
)
def test_many_canaries_are_no_way_to_use_up_a_destination_s_limits(age_s: float, *, asked: bool) -> None:
    jira = FakeDestination()
    before = Proved(Proof.WARNED, "no component", NOW - timedelta(seconds=age_s))
    desk = Desk(jira, stands=Canary(canary="earlier", sent_at=NOW, settled_at=NOW, proofs={"jira": before}))
    desk.do(chore("check", destination="jira"))
    assert bool(jira.calls) is asked
    assert desk.canaries.proofs == [
        (SENT, "jira", Proof.PROVED, "") if asked else (SENT, "jira", Proof.WARNED, "no component")
    ]


@pytest.mark.parametrize(
    ("name", "waiting"),
    [pytest.param("jira", [], id="proved by another"), pytest.param("teams", [SENT], id="not set up any more")],
)
def test_nothing_is_checked_for_nothing(name: str, waiting: list[str]) -> None:
    jira = FakeDestination()
    desk = Desk(jira, waiting=waiting)
    desk.do(chore("check", destination=name))
    assert (jira.calls, desk.canaries.proofs) == ([], [])
    assert desk.chores.ended == [("done", "check", "nothing to prove")]


# --- twins ----------------------------------------------------------------------------------------------------------


def test_a_create_in_doubt_has_its_case_searched_again_three_times() -> None:
    chores = FakeChores()
    watch_for_twins(chores, "jira")(delivery("case-1"))
    assert [(one.name, one.after_s) for one in chores.planned] == [
        ("twins:jira:case-1:1", 900.0),
        ("twins:jira:case-1:2", 3600.0),
        ("twins:jira:case-1:3", 86_400.0),
    ]
    assert all(one.subject == {"destination": "jira", "case": "case-1"} for one in chores.planned)


@pytest.mark.parametrize(
    ("in_doubt", "sweepable", "expected"),
    [
        pytest.param(True, True, 3, id="in doubt, where a search lags"),
        pytest.param(False, True, 0, id="a first attempt"),
        pytest.param(True, False, 0, id="where nothing lags"),
    ],
)
def test_a_worker_has_it_watched(*, in_doubt: bool, sweepable: bool, expected: int) -> None:
    destination = Sweepable() if sweepable else FakeDestination()
    desk, outbox = Desk(destination), FakeOutbox(queued=[delivery(in_doubt=in_doubt, doubt_age_s=300.0)])
    with running(Inbox(), outbox, destination, chores=Round(**desk.given)):
        outbox.until(lambda: "delivered" in outbox.names())
    assert len(desk.chores.planned) == expected


def counted() -> float:
    return float(TWINS.labels("jira")._value.get())


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param(chore("twins", destination="jira", case="case-1"), id="of one case"),
        pytest.param(chore("sweep", every_s=86_400.0, destination="jira"), id="of all"),
    ],
)
def test_twins_are_told_and_counted_once(claim: ClaimedChore) -> None:
    desk, before = Desk(Sweepable(tickets=[SEC_12, SEC_13])), counted()
    with capture_logs() as logs:
        desk.do(claim)
        desk.do(claim)
    assert desk.outbox.calls[0] == ("twins", "case-1", "jira", ["SEC-12", "SEC-13"])
    assert counted() - before == 1
    said = [(line["log_level"], line["kept"], line["closed"]) for line in logs if line["event"] == "ticket_twins"]
    assert said == [("error", "SEC-12", ["SEC-13"])]


def test_one_ticket_is_no_news() -> None:
    desk = Desk(Sweepable(tickets=[SEC_12]))
    desk.do(chore("twins", destination="jira", case="case-1"))
    assert desk.outbox.calls == []


def test_a_sweep_looks_back_two_days() -> None:
    jira = Sweepable()
    Desk(jira).do(chore("sweep", every_s=86_400.0, destination="jira"))
    assert jira.calls == [("sweep", NOW - timedelta(hours=48))]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        pytest.param(
            chore("sweep", every_s=86_400.0, tries=99, destination="jira"),
            ("later", "sweep", "timeout", AGAIN_S),
            id="a sweep is tried again for ever",
        ),
        pytest.param(
            chore("twins", tries=MAX_TRIES - 1, destination="jira", case="case-1"),
            ("later", "twins", "timeout", AGAIN_S),
            id="a search is tried again",
        ),
        pytest.param(
            chore("twins", tries=MAX_TRIES, destination="jira", case="case-1"),
            ("done", "twins", "timeout"),
            id="and left to the sweep in the end",
        ),
    ],
)
def test_what_a_destination_refuses_is_tried_again(claim: ClaimedChore, expected: tuple[Any, ...]) -> None:
    trouble: dict[str, Exception] = {"twins": failure(Reason.TIMEOUT), "sweep": failure(Reason.TIMEOUT)}
    desk = Desk(Sweepable(errors=trouble))
    desk.do(claim)
    assert desk.chores.ended == [expected]


def test_a_destination_that_is_left_alone_is_not_searched() -> None:
    jira = Sweepable(tickets=[SEC_12, SEC_13])
    desk = Desk(jira, away={"jira": "paused until 09:00:00 UTC: auth"})
    desk.do(chore("twins", destination="jira", case="case-1"))
    assert jira.calls == []
    assert desk.chores.ended == [("later", "twins", "rate_limited", AGAIN_S)]


# --- the lane -------------------------------------------------------------------------------------------------------


def test_a_chore_of_another_version_ends() -> None:
    desk = Desk()
    desk.do(chore("dance"))
    assert desk.chores.ended == [("done", "dance", "unknown")]


def test_what_crashes_is_tried_again_and_what_was_not_begun_is_given_back() -> None:
    desk = Desk()
    job = desk.job()
    job.crashed(chore("check", destination="jira"), ValueError("x"))
    job.release(chore("sweep", every_s=1.0))
    assert desk.chores.ended == [("later", "check", "crashed: ValueError", AGAIN_S), ("later", "sweep", "released", 0.0)]


def test_a_check_that_hangs_keeps_no_other_waiting() -> None:
    go, proved = threading.Event(), threading.Event()

    class Noting(FakeCanaries):
        def noted(self, canary: str, destination: str, state: Proof, detail: str) -> None:
            super().noted(canary, destination, state, detail)
            if destination == "slack":
                proved.set()

    desk = Desk()
    desk.chores.queued = [
        ClaimedChore(name=f"check:{name}", kind="check", subject={"destination": name}, every_s=None, tries=1, fence=1)
        for name in ("jira", "slack")
    ]
    destinations: dict[str, Destination] = {"jira": FakeDestination("jira", go=go), "slack": FakeDestination("slack")}
    outbox: Outbox = desk.outbox
    given = desk.given | {"canaries": Noting(), "destinations": destinations, "outbox": outbox}
    with running(Inbox(), FakeOutbox(), chores=Round(**given)):
        soon(proved)
        go.set()
    assert {name for _, name, *_ in desk.chores.ended} == {"check:jira", "check:slack"}


def test_what_the_chores_had_opened_is_let_go_when_the_worker_ends() -> None:
    closed: list[str] = []
    with running(Inbox(), FakeOutbox(), chores=Round(**Desk().given, close=lambda: closed.append("closed"))):
        assert closed == []
    assert closed == ["closed"]


def test_an_error_that_is_none_of_ours_is_not_swallowed() -> None:
    jira = FakeDestination(errors={"check": ValueError("a bug")})
    with pytest.raises(ValueError, match="a bug"):
        Desk(jira).do(chore("check", destination="jira"))


def test_a_refusal_that_says_more_than_it_should_is_cut() -> None:
    jira = FakeDestination(errors={"check": DeliveryError("jira", Reason.INVALID, detail="x" * 5000)})
    desk = Desk(jira)
    desk.do(chore("check", destination="jira"))
    assert len(desk.canaries.proofs[0][3]) == 300
