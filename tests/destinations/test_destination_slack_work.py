"""What people do about a case, in its message: who did what, the buttons that make sense, and whom it calls, once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from slack_sdk.models.blocks import Block

from enricher.core.document import CaseDocument
from enricher.core.work import NOBODY, CaseWork
from enricher.destinations import slack_body
from enricher.destinations.slack_work import why_form
from enricher.errors import DeliveryError, Outcome
from enricher.standins import Fault, FaultKind
from tests.destinations.cases import CRITICAL, hostile
from tests.destinations.test_destination_slack_life import Workspace, case, events, news, of, together, workspace

BASE = "https://enricher.corp.example"
UNTIL = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
MUTED = CaseWork(muted_by="ana (account)", muted_until=UNTIL, mute_reason="patch night")
WHOM = {"critical": "S0CRIT", "high": "S0HIGH", "medium": "U0MED"}


def rendered(work: CaseWork = NOBODY, document: CaseDocument = CRITICAL, **more: Any) -> dict[str, Any]:
    return slack_body.render(document, channel="C1", base_url=BASE, buttons=True, work=work, **more)


def labels(body: dict[str, Any]) -> list[str]:
    found = [block["elements"] for block in body["blocks"] if block["type"] == "actions"]
    return [button["text"]["text"] for elements in found for button in elements]


def calls(one: Workspace) -> list[tuple[str, str]]:
    """(news, severity) of each message and reply that was posted with a call; an edit leaves what was posted."""
    posted = [message for parent in one.messages for message in (parent, *parent["thread"])]
    return [
        (m["metadata"]["event_payload"]["event_id"][-2:], m["metadata"]["event_payload"]["called"])
        for m in posted
        if "called" in m["metadata"]["event_payload"]
    ]


@pytest.mark.parametrize(
    ("work", "shown"),
    [
        (NOBODY, ["Acknowledge", "Assign to me", "False positive", "Mute 24 h", "Open case"]),
        (CaseWork(acknowledged_by="ana"), ["Assign to me", "False positive", "Mute 24 h", "Open case"]),
        (MUTED, ["Acknowledge", "Assign to me", "False positive", "Unmute", "Open case"]),
    ],
)
def test_buttons_are_those_that_make_sense_now(work: CaseWork, shown: list[str]) -> None:
    assert labels(rendered(work)) == shown


def test_the_message_says_who_did_what() -> None:
    work = CaseWork(
        acknowledged_by="ana (account)", assignee="@bo (slack)", muted_until=UNTIL, muted_by="bo", mute_reason="x"
    )
    said = json.dumps(rendered(work))
    for line in ("Acknowledged by ana (account)", "Assigned to @bo (slack)", "by bo: x", "2026-11-25 02:00 UTC"):
        assert line in said
    low = json.dumps(rendered(work, cast("CaseDocument", {**CRITICAL, "severity": "low"})))
    assert "Assigned to @bo" in low
    assert "case_ack" not in low


@pytest.mark.parametrize("document", [CRITICAL, hostile()])
def test_hostile_names_and_reasons_call_nobody_and_fit(document: CaseDocument) -> None:
    bad = "<!channel> <@U1> & `x` \u202e" + "y" * 10_000
    work = CaseWork(acknowledged_by=bad, assignee=bad, muted_by=bad, muted_until=UNTIL, mute_reason=bad)
    body = rendered(work, document)
    shown = json.dumps(body, ensure_ascii=False)
    assert "<!channel" not in shown
    assert "<@U1" not in shown
    assert "\u202e" not in shown
    assert slack_body.blocks_size(body) < 10_000
    for block in Block.parse_all(body["blocks"]):
        assert block is not None
        block.validate_json()


def test_the_form_is_within_slacks_limits() -> None:
    view = why_form("enricher-" + "0" * 200, "C1")
    assert len(view["title"]["text"]) <= 24
    assert len(view["private_metadata"]) <= 3000
    assert view["blocks"][1]["element"]["max_length"] == 500


def test_a_severity_calls_those_who_are_set_and_an_edit_keeps_it() -> None:
    with workspace(mentions=WHOM) as one:
        ticket = one.slack.create(of(case(1, "high", 70)))
        one.slack.update(of(case(1, "high", 70), news("acknowledged", 2)), ticket, news("acknowledged", 2))
        (message,) = one.messages
        assert message["mentions"] == ["!subteam^S0HIGH"]
        assert message["edited"]
        assert calls(one) == [("01", "high")]
        assert [reply["mentions"] for reply in message["thread"]] == [[]]


def test_a_person_may_be_called_and_a_severity_without_a_name_calls_nobody() -> None:
    with workspace(mentions=WHOM) as one:
        one.slack.create(of(case(1, "medium", 45)))
        one.slack.create(of(case(2, "low", 25)))
        assert sorted(message["mentions"] for message in one.messages) == [[], ["@U0MED"]]


def test_who_is_called_is_called_once_for_each_rise() -> None:
    with workspace(mentions=WHOM) as one:
        ticket = one.slack.create(of(case(1, "medium", 45)))
        first, second = news("severity", 2), news("severity", 3)
        one.slack.update(of(case(1, "high", 70), first), ticket, first)
        one.slack.update(of(case(1, "high", 70), first, second), ticket, second)
        third = news("severity", 4)
        one.slack.update(of(case(1, "critical", 90), first, second, third), ticket, third)
        assert calls(one) == [("01", "medium"), ("02", "high"), ("04", "critical")]


def test_a_message_that_was_made_after_the_rise_has_called_for_it() -> None:
    with workspace(mentions=WHOM) as one:
        told = (news("acknowledged", 2), news("severity", 3))
        ticket = one.slack.create(of(case(1, "critical", 90), *told))
        for item in told:
            one.slack.update(of(case(1, "critical", 90), *told), ticket, item)
        assert calls(one) == [("01", "critical")]


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.ERROR, FaultKind.TRUNCATE])
@pytest.mark.parametrize("call", range(1, 5))
def test_nobody_is_called_twice_whatever_answer_is_lost(kind: FaultKind, call: int) -> None:
    with workspace(mentions=WHOM) as one:
        ticket = one.slack.create(of(case(1, "medium", 45)))
        rose, doubt = news("severity", 2), False
        one.service.fail(Fault(kind=kind, method="POST", calls=(call,)))
        for _ in range(4):
            try:
                one.slack.update(of(case(1, "critical", 90), rose, in_doubt=doubt), ticket, rose)
                break
            except DeliveryError as error:
                doubt = doubt or error.outcome is Outcome.UNKNOWN
        assert calls(one) == [("01", "medium"), ("02", "critical")]


def test_a_muted_case_is_shown_and_calls_nobody() -> None:
    with workspace(mentions=WHOM) as one:
        ticket = one.slack.create(of(case(1, "high", 70)))
        for kind in ("muted", "evidence", "recovery"):
            one.slack.update(of(case(1, "high", 70), news(kind, 2), work=MUTED), ticket, news(kind, 2))
        (message,) = one.messages
        assert message["thread"] == []
        assert message["mentions"] == []
        assert "Muted until" in json.dumps(message["blocks"])


def test_a_muted_case_of_a_digest_is_not_told_there() -> None:
    with workspace(mentions=WHOM) as one:
        documents = [case(n) for n in range(1, 4)]
        ticket = together(one, documents)
        one.slack.update(of(documents[0], news("evidence", 2), work=MUTED), ticket, news("evidence", 2))
        assert events(one.messages[0]) == []
        assert one.messages[0]["mentions"] == []


def test_a_case_that_rises_out_of_a_digest_calls_once() -> None:
    with workspace(mentions=WHOM) as one:
        ticket = together(one, [case(n) for n in range(1, 4)])
        rose = news("severity", 2)
        one.slack.update(of(case(2, "critical", 90), rose), ticket, rose)
        assert calls(one) == [("01", "critical")]


def test_a_message_that_is_begun_again_calls_nobody() -> None:
    with workspace(mentions=WHOM) as one:
        ticket = one.slack.create(of(case(1, "high", 70)))
        one.service.delete(one.messages[0]["ts"])
        one.slack.update(of(case(1, "high", 70), news("evidence", 2)), ticket, news("evidence", 2))
        assert calls(one) == []


def test_where_blocks_are_refused_it_still_calls() -> None:
    with workspace(mentions=WHOM, longest=10) as one:
        one.slack.create(of(case(1, "critical", 90)))
        assert one.messages[0]["mentions"] == ["!subteam^S0CRIT"]
