"""The life of a record, judged by what the instance holds in the end, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from enricher import standins
from enricher.core.document import News
from enricher.destinations.servicenow import Credentials, Form, ServiceNow, sys_id_of
from enricher.errors import DeliveryError, Outcome, Reason, TicketClosed
from enricher.standins.faults import Fault, FaultKind
from enricher.standins.servicenow.records import Rules
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, delivery
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow

RESOLVED = {"state": "6", "close_code": "Solution provided", "close_notes": "the host was reimaged"}
CONTACT = ("severity", "evidence", "reopened", "seen")
SIR = Form("sn_si_incident")


class Instance:
    """A stand-in whose clock the test moves, the adapter that talks to it, and one record of ours in it."""

    def __init__(self, rules: Rules | None = None, **settings: Any) -> None:
        self.now = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
        self.service = standins.ServiceNow(rules=rules, clock=self._seconds)
        self.service.start()
        credentials = Credentials(self.service.user, self.service.password)
        self.adapter = ServiceNow(self.service.url, credentials, transport=transport(), **settings)
        self.ticket = self.adapter.create(delivery())

    def _seconds(self) -> float:
        return self.now.timestamp()

    def close(self) -> None:
        self.adapter.close()
        self.service.stop()

    def update(self, kind: str, document: Any = CRITICAL, **changes: Any) -> None:
        news: News = {"seq": 2, "kind": kind, "at": f"{self.now:%Y-%m-%dT%H:%M:%SZ}", "text": f"News: {kind}.", "lines": []}
        self.adapter.update(delivery(document, **changes), self.ticket, news)

    def by_hand(self, **fields: str) -> None:
        self.service.by_hand(self.ticket.external_id, **fields)

    @property
    def records(self) -> list[dict[str, Any]]:
        store = self.service.store()
        return [*store["incidents"], *store["security_incidents"]]

    @property
    def record(self) -> dict[str, Any]:
        return self.records[0]

    @property
    def told(self) -> int:
        """Notes that tell the news."""
        return sum(f"{CRITICAL_KEY}-02" in note for note in self.record["work_notes"])


@contextmanager
def instance(rules: Rules | None = None, **settings: Any) -> Iterator[Instance]:
    made = Instance(rules, **settings)
    try:
        yield made
    finally:
        made.close()


# --- closed by people -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONTACT)
def test_contact_opens_a_resolved_incident_again_and_says_why(kind: str) -> None:
    with instance() as one:
        one.by_hand(**RESOLVED)
        one.now += timedelta(days=6)
        one.update(kind)
        assert (one.record["state"], one.record["active"], one.told) == ("2", "true", 1)
        assert one.record["close_notes"] == "the host was reimaged", "what a person wrote stays"


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        pytest.param(Rules(reopen_to=frozenset({"1"})), "1", id="only to new"),
        pytest.param(Rules(reopen_to=frozenset({"1", "2"})), "2", id="in progress where that is allowed"),
    ],
)
def test_the_state_that_the_instance_allows(rules: Rules, state: str) -> None:
    with instance(rules) as one:
        one.by_hand(**RESOLVED)
        one.update("reopened")
        assert (one.record["state"], one.told) == (state, 1)


@pytest.mark.parametrize("kind", CONTACT)
@pytest.mark.parametrize(
    ("fields", "days", "rules", "form"),
    [
        pytest.param(RESOLVED, 8, Rules(), Form(), id="resolved too long ago"),
        pytest.param({"state": "7"}, 0, Rules(), Form(), id="closed"),
        pytest.param({"state": "8"}, 0, Rules(), Form(), id="cancelled"),
        pytest.param(RESOLVED, 0, Rules(reopen_to=frozenset()), Form(), id="a rule keeps it resolved"),
        pytest.param(RESOLVED, 0, Rules(unwritable=frozenset({"state"})), Form(), id="its state is not ours to write"),
        pytest.param({"state": "3"}, 0, Rules(), SIR, id="security incident closed"),
        pytest.param({"state": "7"}, 0, Rules(), SIR, id="security incident cancelled"),
    ],
)
def test_contact_leaves_a_closed_record_as_it_is(
    kind: str, fields: dict[str, str], days: int, rules: Rules, form: Form
) -> None:
    with instance(rules, form=form) as one:
        one.by_hand(**fields)
        before = one.record
        one.now += timedelta(days=days)
        with pytest.raises(TicketClosed):
            one.update(kind)
        assert one.record == before


def test_the_days_are_a_setting_and_count_to_the_news_not_to_its_delivery() -> None:
    with instance(reopen_days=1.0) as one:
        one.by_hand(**RESOLVED)
        late = {"seq": 2, "kind": "evidence", "at": "2026-11-25T01:59:00Z", "text": "Late.", "lines": []}
        one.now += timedelta(days=3)
        one.adapter.update(delivery(), one.ticket, late)  # type: ignore[arg-type]  # a literal
        assert one.record["state"] == "2"
        one.by_hand(**RESOLVED)
        one.now += timedelta(days=1, minutes=1)
        with pytest.raises(TicketClosed):
            one.update("evidence")


def test_no_days_means_always_in_a_new_one() -> None:
    with instance(reopen_days=0.0) as one:
        one.by_hand(**RESOLVED)
        one.now -= timedelta(hours=1)
        with pytest.raises(TicketClosed):
            one.update("evidence")
        assert one.record["state"] == "6"


@pytest.mark.parametrize("state", ["1", "2", "3"])
def test_seen_again_is_no_news_to_an_open_incident(state: str) -> None:
    with instance() as one:
        one.by_hand(state=state)
        one.update("seen")
        assert (one.record["state"], one.told) == (state, 0)


@pytest.mark.parametrize("kind", CONTACT)
def test_a_note_that_was_lost_after_opening_again_is_told_once(kind: str) -> None:
    with instance() as one:
        one.by_hand(**RESOLVED)
        one.service.fail(Fault(kind=FaultKind.DROP, method="PATCH", calls=(2,)))
        with pytest.raises(DeliveryError) as caught:
            one.update(kind)
        assert caught.value.outcome is Outcome.UNKNOWN
        one.update(kind, in_doubt=True)
        one.update(kind, in_doubt=True)
        assert (one.record["state"], one.told) == ("2", 1)


@pytest.mark.parametrize("kind", [*CONTACT, "recovery"])
def test_a_deleted_record_is_gone(kind: str) -> None:
    with instance() as one:
        one.service.delete(one.ticket.external_id)
        with pytest.raises(DeliveryError) as caught:
            one.update(kind)
        assert (caught.value.reason, caught.value.outcome) == (Reason.GONE, Outcome.REJECTED)
        assert one.ticket.label in caught.value.detail
        assert one.records == []
        assert one.adapter.find(delivery(in_doubt=True)) is None
        assert one.adapter.create(delivery()).external_id == one.ticket.external_id, "a person asked for another"
        assert len(one.records) == 1


@pytest.mark.parametrize(("state", "told"), [("1", 1), ("6", 1), ("7", 0)], ids=["open", "resolved", "closed"])
def test_that_the_case_is_part_of_another_is_told_and_is_no_contact(state: str, told: int) -> None:
    with instance() as one:
        one.by_hand(**{**RESOLVED, "state": state})
        joined: News = {
            "seq": 2,
            "kind": "evidence",
            "at": "2026-11-24T02:00:00Z",
            "text": "Part of another case: x",
            "lines": [],
        }
        one.adapter.update(delivery(), one.ticket, joined)
        assert (one.record["state"], one.told) == (state, told)


# --- the next generation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [Rules(), Rules(honour_sys_id=False)], ids=["own keys kept", "own keys ignored"])
@pytest.mark.parametrize("form", [Form(), SIR], ids=["incident", "security incident"])
def test_the_next_ticket_follows_the_closed_one_and_neither_is_taken_for_the_other(rules: Rules, form: Form) -> None:
    with instance(rules, form=form) as one:
        following = delivery(in_doubt=True, generation=2, previous=one.ticket)
        assert one.adapter.find(following) is None
        second = one.adapter.create(following)
        assert one.adapter.find(following) == second
        assert one.adapter.find(delivery(in_doubt=True)) == one.ticket
        first, follower = one.records
        assert [first["correlation_id"], follower["correlation_id"]] == [CRITICAL_KEY, f"{CRITICAL_KEY}-g2"]
        if rules.honour_sys_id:
            assert follower["sys_id"] == sys_id_of(f"{CRITICAL_KEY}-g2", form.table)
        assert follower["description"].split("\n")[2] == f"Follows {one.ticket.label}, which is closed."
        assert f"Follows {one.ticket.label}" in follower["work_notes"][0]
        assert follower.get("parent_incident", "") == ("" if form is SIR else one.ticket.external_id)


def test_a_lost_answer_to_the_next_ticket_makes_no_third() -> None:
    with instance() as one:
        one.service.fail(Fault(kind=FaultKind.DROP, method="POST", calls=(1,)))
        following = delivery(in_doubt=True, generation=2, previous=one.ticket)
        with pytest.raises(DeliveryError):
            one.adapter.create(following)
        assert one.adapter.find(following) == one.adapter.create(following)
        assert len(one.records) == 2


# --- recovery -------------------------------------------------------------------------------------------------------


def test_a_recovery_is_a_note_by_default() -> None:
    with instance() as one:
        one.update("recovery")
        assert (one.record["state"], one.told) == ("1", 1)


@pytest.mark.parametrize("state", ["7", "8"])
def test_a_recovery_has_nothing_to_say_to_a_closed_incident(state: str) -> None:
    with instance(on_recovery="resolve") as one:
        one.by_hand(state=state)
        one.update("recovery")
        assert (one.record["state"], one.told) == (state, 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(None, "No resolution provided", id="the first that fits"),
        pytest.param("Known error", "Known error", id="the one that is set"),
    ],
)
def test_a_recovery_resolves_where_that_is_wanted(given: str | None, code: str) -> None:
    with instance(on_recovery="resolve", close_code=given) as one:
        one.update("recovery")
        one.update("recovery", in_doubt=True)
        assert (one.record["state"], one.told, one.record["close_code"]) == ("6", 1, code)
        assert one.record["close_notes"].startswith("News: recovery. Resolved by Enricher.")


def test_what_a_person_has_resolved_is_left_alone() -> None:
    with instance(on_recovery="resolve") as one:
        one.by_hand(**RESOLVED)
        one.update("recovery")
        assert {name: one.record[name] for name in RESOLVED} == RESOLVED
        assert one.told == 1


def test_close_fields_that_a_person_has_begun_stay() -> None:
    with instance(on_recovery="resolve") as one:
        one.by_hand(close_notes="see the change", close_code="User error")
        one.update("recovery")
        assert [one.record[name] for name in ("state", "close_code", "close_notes")] == [
            "6",
            "User error",
            "see the change",
        ]


@pytest.mark.parametrize(
    ("rules", "attempts"),
    [
        pytest.param(Rules(resolve_needs=("u_cause",), custom={"u_cause": 40}), 1, id="403"),
        pytest.param(Rules(resolve_needs=("u_cause",), custom={"u_cause": 40}, resolve_status=500), 5, id="500"),
        pytest.param(Rules(unwritable=frozenset({"state"})), 1, id="dropped without a word"),
    ],
)
def test_where_it_may_not_be_resolved_the_note_stays_and_the_log_says_so(rules: Rules, attempts: int) -> None:
    with instance(rules, on_recovery="resolve") as one, capture_logs() as logs:
        one.update("recovery", attempts=attempts)
        assert (one.record["state"], one.told) == ("1", 1)
        assert [line["ticket"] for line in logs if line["event"] == "ticket_not_resolved"] == [one.ticket.label]


def test_a_500_to_a_resolve_is_tried_again_before_it_is_believed() -> None:
    with instance(on_recovery="resolve") as one:
        one.service.fail(Fault(kind=FaultKind.ERROR, method="PATCH", calls=(2,)))
        with pytest.raises(DeliveryError) as caught:
            one.update("recovery")
        assert caught.value.outcome is Outcome.UNKNOWN
        one.update("recovery", in_doubt=True, attempts=2)
        assert (one.record["state"], one.told) == ("6", 1)


def test_without_a_close_code_that_fits_nothing_is_resolved() -> None:
    with instance(on_recovery="resolve") as one, capture_logs() as logs:
        one.service.tables["sys_choice"] = [
            row for row in one.service.tables["sys_choice"] if "provided" not in row["value"]
        ]
        one.update("recovery")
        assert (one.record["state"], one.told) == ("1", 1)
        assert "ticket_not_resolved" in {line["event"] for line in logs}
        assert one.adapter.check()[-1].startswith("no close code that fits is offered")


def test_a_security_incident_is_told_of_a_recovery_and_not_closed() -> None:
    with instance(form=SIR, on_recovery="resolve") as one:
        one.update("recovery")
        assert (one.record["state"], one.told) == ("10", 1)
        assert one.adapter.check()[-1].startswith("warning: a recovery resolves incidents only")


def test_a_close_code_that_is_no_choice_is_reported() -> None:
    with instance(on_recovery="resolve", close_code="Fixed") as one:
        assert one.adapter.check()[-1].startswith("close_code has no choice 'Fixed'; it has ")


def test_where_notes_may_not_be_read_the_log_says_that_one_may_be_told_twice() -> None:
    with instance() as one, capture_logs() as logs:
        assert not any("work notes may not be read" in line for line in one.adapter.check())
        one.service.hidden.add("sys_journal_field")
        one.update("recovery", in_doubt=True)
        assert one.told == 1
        assert "notes_not_readable" in {line["event"] for line in logs}
        assert any("work notes may not be read" in line for line in one.adapter.check())


# --- people ---------------------------------------------------------------------------------------------------------


def test_what_people_have_set_is_never_overwritten() -> None:
    theirs = {
        "short_description": "Beacon from finance, mine",
        "description": "rewritten",
        "assignment_group": "a" * 32,
        "assigned_to": "b" * 32,
        "category": "software",
        "impact": "1",
        "urgency": "1",
    }
    with instance() as one:
        one.by_hand(**theirs, state="3")
        for kind in (*CONTACT, "recovery", "ticket", "opened", "twin"):
            one.update(kind, LOW)
        assert {name: one.record[name] for name in theirs} == theirs
        assert one.record["state"] == "3", "on hold is open"


def test_impact_and_urgency_only_rise() -> None:
    with instance() as one:
        one.by_hand(impact="3", urgency="1")
        one.update("severity")
        assert [one.record[name] for name in ("impact", "urgency", "priority")] == ["1", "1", "1"]


def test_the_short_description_rises_with_the_case_while_it_is_still_ours() -> None:
    with instance() as one:
        one.update("severity", {**CRITICAL, "score": 100})
        assert one.record["short_description"].startswith("[Critical 100] T1583.007 powershell.exe")
        one.by_hand(short_description=f"{one.record['short_description']} (finance)")
        one.update("severity", {**CRITICAL, "score": 99})
        assert one.record["short_description"].startswith("[Critical 100]")
        assert one.record["short_description"].endswith(" (finance)")
