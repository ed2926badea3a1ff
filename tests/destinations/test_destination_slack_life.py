"""The life of a message, alone and in a digest, judged by what the channel holds in the end, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import getsource
from typing import Any, cast

import orjson
import pytest
from slack_sdk.models.blocks import Block

from enricher import standins
from enricher.core.document import CaseDocument, Json, News
from enricher.destinations import slack_digest
from enricher.destinations.slack import Slack
from enricher.destinations.slack_body import blocks_size
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.ports import Delivery, Digests, Ticket
from enricher.standins.faults import Fault, FaultKind
from enricher.store.cases import Cases
from tests.destinations.cases import CRITICAL, ELSEWHERE, LOW, OPENED, RECOVERY, delivery, hostile
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow

BASE = "https://enricher.corp.example"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC).timestamp()


def news(kind: str, seq: int, text: str = "") -> News:
    return {"seq": seq, "kind": kind, "at": "2026-11-24T02:00:00Z", "text": text or f"News {seq}: {kind}.", "lines": []}


def case(number: int, severity: str = "low", score: int = 28, **changes: Any) -> CaseDocument:
    named = {"key": f"enricher-{number:016x}", "host": f"wk-dev-{number:04}.corp.example"}
    return cast("CaseDocument", {**LOW, **named, "severity": severity, "score": score, **changes})


def of(document: CaseDocument, *told: News, **changes: Any) -> Delivery:
    return delivery(document, news=(OPENED, *told), **changes)


class Workspace:
    """A stand-in without a rate that takes blocks of `longest` characters, and the adapter that talks to it."""

    def __init__(self, *, longest: int = 11_340, **settings: Any) -> None:
        self.service = standins.Slack(rate=0, total_block_characters=longest, clock=lambda: NOW)
        self.service.start()
        self.slack = Slack(
            self.service.token,
            self.service.channel,
            url=f"{self.service.url}/api",
            base_url=BASE,
            transport=transport(),
            **settings,
        )

    def close(self) -> None:
        self.slack.close()
        self.service.stop()

    @property
    def messages(self) -> list[Json]:
        """Of the channel itself, each with its thread."""
        found: list[Json] = self.service.store()["messages"]
        return found


@contextmanager
def workspace(**settings: Any) -> Iterator[Workspace]:
    made = Workspace(**settings)
    try:
        yield made
    finally:
        made.close()


def events(message: Json) -> list[str]:
    """What the replies of its thread tell."""
    return [reply["metadata"]["event_payload"]["event_id"] for reply in message["thread"]]


# --- one case -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "text", "mark"),
    [
        pytest.param((), "Critical 98/100: ", ":rotating_light: Critical 98: ", id="open"),
        pytest.param(
            (RECOVERY,), "Recovered. Critical 98/100: ", ":white_check_mark: Recovered · Critical 98: ", id="recovered"
        ),
        pytest.param(
            (RECOVERY, news("reopened", 3)), "Reopened. Critical", ":arrows_counterclockwise: Reopened · ", id="reopened"
        ),
        pytest.param(
            (RECOVERY, news("evidence", 3, "Part of another case: what it was about goes on in enricher-1")),
            "Joined. Critical",
            ":link: Joined to another case · ",
            id="joined",
        ),
    ],
)
def test_the_message_shows_what_has_become_of_the_case(told: tuple[News, ...], text: str, mark: str) -> None:
    with workspace() as one:
        ticket = one.slack.create(of(CRITICAL))
        for item in told:
            one.slack.update(of(CRITICAL, *told), ticket, item)
        (message,) = one.messages
        assert message["text"].startswith(text)
        assert message["blocks"][0]["text"]["text"].startswith(mark)
        assert events(message) == [f"{CRITICAL['key']}-{item['seq']:02d}" for item in told]


def test_a_joined_case_is_known_by_the_stores_words() -> None:
    assert "Part of another case" in getsource(Cases._end)


def test_the_message_of_a_lesser_case_shows_it_too() -> None:
    with workspace() as one:
        ticket = one.slack.create(of(LOW))
        one.slack.update(of(LOW, RECOVERY), ticket, RECOVERY)
        assert ":white_check_mark: Recovered · *Low 28*" in one.messages[0]["blocks"][0]["text"]["text"]


def test_a_recovered_case_that_was_severe_fits_still() -> None:
    with workspace() as one:
        document = hostile()
        ticket = one.slack.create(of(document))
        one.slack.update(of(document, RECOVERY), ticket, RECOVERY)
        (message,) = one.messages
        assert message["edited"]
        assert len(message["blocks"][0]["text"]["text"]) <= 150


@pytest.mark.parametrize("kind", ["seen", "ticket"])
def test_what_the_message_shows_is_no_reply(kind: str) -> None:
    with workspace() as one:
        ticket = one.slack.create(of(LOW))
        later = cast("CaseDocument", {**LOW, "last_seen": "2026-11-24T11:59:59Z"})
        one.slack.update(of(later, tickets=ELSEWHERE), ticket, news(kind, 2))
        (message,) = one.messages
        assert message["thread"] == []
        assert "2026-11-24T11:59:59" in json.dumps(message["blocks"])
        assert "SEC-12" in json.dumps(message["blocks"])


def test_a_name_of_its_own_hides_only_its_own_ticket() -> None:
    with workspace(name="soc-record") as one:
        assert one.slack.name == "soc-record"
        tickets = {"soc-record": Ticket("C1:1", "Slack thread 1"), "slack": Ticket("C2:2", "Slack thread 2")}
        one.slack.create(of(LOW, tickets=tickets))
        shown = json.dumps(one.messages)
        assert "Slack thread 2" in shown
        assert "Slack thread 1" not in shown


def test_a_deleted_message_is_begun_again_once_and_news_goes_there() -> None:
    with workspace() as one:
        ticket = one.slack.create(of(LOW))
        one.service.delete(one.messages[0]["ts"])
        for seq in (2, 3):
            one.slack.update(of(LOW, RECOVERY), ticket, news("evidence", seq))
        (message,) = one.messages
        assert events(message) == [f"{LOW['key']}-02", f"{LOW['key']}-03"]


# --- many cases in one message --------------------------------------------------------------------------------------

BURST = [case(n, *(("medium", 40 + n) if n % 4 == 0 else ("low", 28))) for n in range(1, 41)]


def together(one: Workspace, documents: list[CaseDocument] = BURST) -> Ticket:
    return one.slack.create_together([of(document) for document in documents])


def test_slack_makes_digests() -> None:
    with workspace(digest_at=50) as one:
        digests: Digests = one.slack
        assert digests.digest_at == 50


def test_forty_cases_are_one_message_in_which_each_is_found() -> None:
    with workspace() as one:
        ticket = together(one)
        assert slack_digest.is_digest(ticket.external_id)
        assert ticket.url
        assert ticket.url.startswith(f"{one.service.url}/archives/")
        (message,) = one.messages
        assert message["blocks"][0]["text"]["text"] == "40 new cases: 10 medium, 30 low"
        assert {one.slack.find(of(document, in_doubt=True)) for document in BURST} == {ticket}
        assert one.slack.find(of(case(41), in_doubt=True)) is None
        assert "delivery_key" not in message["metadata"]["event_payload"], "it is no case's own"


def test_a_digest_says_of_each_case_how_severe_where_towards_whom_and_links_it() -> None:
    with workspace() as one:
        together(one)
        lines = "\n".join(block["text"]["text"] for block in one.messages[0]["blocks"][1:-1]).split("\n")
        assert len(lines) == 40
        assert lines[0] == (
            ":large_yellow_circle: *Medium 80* · wk-dev-0040.corp.example → z9y8x7w6v5[.]execute-api[.]us-east-1[.]amazonaws[.]com"
            f" · <{BASE}/cases/enricher-{40:016x}|enricher-{40:016x}>"
        )
        assert [line.split()[0] for line in lines] == [":large_yellow_circle:"] * 10 + [":large_blue_circle:"] * 30


LONG = "x" * 200
ODD = '<!channel> & "quoted" \\ ' + "\u202e" + "é" * 300
AWKWARD = {
    "long names": [case(n, host=f"{LONG}{n}", tenant=f"{LONG}.workers.dev") for n in range(40)],
    "hostile names": [case(n, host=f"{ODD}{n}", tenant=f"{ODD}.workers.dev") for n in range(40)],
    "no tenant": [case(n, tenant=None) for n in range(40)],
    "one case": [case(1)],
    "all hostile": [
        cast("CaseDocument", {**hostile(), "key": f"enricher-{n:016x}", "severity": "medium"}) for n in range(40)
    ],
}


@pytest.mark.parametrize(
    "base_url", [None, BASE, f"https://{'long.' * 40}example"], ids=["no links", "links", "long links"]
)
@pytest.mark.parametrize("name", AWKWARD)
def test_a_digest_fits_whatever_its_cases_hold(name: str, base_url: str | None) -> None:
    body = slack_digest.render(AWKWARD[name], channel="C1", base_url=base_url)
    assert blocks_size(body) < 10_000
    assert len(body["blocks"]) <= 50
    for block in Block.parse_all(body["blocks"]):
        assert block is not None
        block.validate_json()
    assert len(orjson.dumps(body["metadata"])) < 4_000
    shown = json.dumps(body, ensure_ascii=False)
    assert shown.count("enricher-0") >= 2 * len(AWKWARD[name]), "each key in its line and in the metadata"
    assert "<!" not in shown
    assert "\u202e" not in shown
    with workspace() as one:
        one.slack.create_together([of(document) for document in AWKWARD[name]])
        assert one.service.store()["pings"] == []
        assert len(one.messages[0]["blocks"]) == len(
            slack_digest.render(AWKWARD[name], channel="C1", base_url=BASE)["blocks"]
        )


def test_news_of_a_case_in_a_digest_is_a_reply_that_names_it() -> None:
    with workspace() as one:
        ticket = together(one)
        before = one.messages[0]["blocks"]
        for document in BURST[:2]:
            for item in (news("evidence", 2), news("recovery", 3), news("ticket", 4), news("seen", 5)):
                one.slack.update(of(document, item), ticket, item)
        (message,) = one.messages
        assert message["blocks"] == before, "the digest is not one case's to change"
        assert events(message) == [f"{document['key']}-{seq:02d}" for document in BURST[:2] for seq in (2, 3)]
        for reply, document in zip(message["thread"], [BURST[0]] * 2 + [BURST[1]] * 2, strict=True):
            assert document["host"] in reply["blocks"][0]["text"]["text"]
            assert document["key"] in reply["text"]


@pytest.mark.parametrize("severity", ["high", "critical"])
def test_a_case_that_rises_gets_a_thread_of_its_own(severity: str) -> None:
    with workspace() as one:
        ticket = together(one)
        risen = case(7, severity, 90)
        rose, later = news("severity", 2), news("evidence", 3)
        for item in (rose, later):
            one.slack.update(of(risen, rose, later), ticket, item)
        digest, own = one.messages
        assert events(digest) == [slack_digest.leaving_id(risen)]
        assert "goes on in <http" in digest["thread"][0]["blocks"][0]["text"]["text"]
        assert events(own) == [f"{risen['key']}-02", f"{risen['key']}-03"]
        assert own["text"].startswith(severity.capitalize())
        found = one.slack.find(of(risen, in_doubt=True))
        assert found is not None
        assert not slack_digest.is_digest(found.external_id)
        assert one.slack.find(of(BURST[0], in_doubt=True)) == ticket, "the others stay"


def test_a_thread_of_its_own_is_kept_when_the_severity_falls_again() -> None:
    with workspace() as one:
        ticket = together(one)
        rose, fell = news("severity", 2), news("evidence", 3)
        one.slack.update(of(case(7, "high", 70), rose), ticket, rose)
        one.slack.update(of(case(7, "medium", 45), rose, fell), ticket, fell)
        _, own = one.messages
        assert own["text"].startswith("Medium 45")
        assert events(own) == [f"enricher-{7:016x}-02", f"enricher-{7:016x}-03"]


def test_a_case_that_rises_less_high_stays_in_the_digest() -> None:
    with workspace() as one:
        ticket = together(one)
        rose = news("severity", 2)
        one.slack.update(of(case(7, "medium", 45), rose), ticket, rose)
        (digest,) = one.messages
        assert events(digest) == [f"enricher-{7:016x}-02"]


@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.LIMIT, FaultKind.HTML])
def test_whatever_is_lost_a_rising_case_has_one_thread_and_is_told_once(kind: FaultKind, call: int) -> None:
    with workspace() as one:
        ticket = together(one)
        risen, rose = case(7, "high", 70), news("severity", 2)
        one.service.fail(Fault(kind=kind, method="POST", calls=(call,)))
        doubt = False
        for _ in range(4):
            try:
                one.slack.update(of(risen, rose, in_doubt=doubt), ticket, rose)
                break
            except DeliveryError as error:
                doubt = doubt or error.outcome is Outcome.UNKNOWN
        digest, own = one.messages
        assert events(digest) == [slack_digest.leaving_id(risen)]
        assert events(own) == [f"{risen['key']}-02"]


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.ERROR, FaultKind.TRUNCATE])
def test_after_a_lost_answer_each_case_is_found_in_the_digest(kind: FaultKind) -> None:
    with workspace() as one:
        one.service.fail(Fault(kind=kind, method="POST", path="/api/chat.postMessage", calls=(1,)))
        with pytest.raises(DeliveryError) as caught:
            together(one)
        assert caught.value.outcome is Outcome.UNKNOWN
        tickets = {one.slack.find(of(document, in_doubt=True)) for document in BURST}
        assert len(tickets) == len(one.messages) == 1


def test_a_digest_that_was_deleted_leaves_its_case_a_message_of_its_own() -> None:
    with workspace() as one:
        ticket = together(one)
        one.service.delete(one.messages[0]["ts"])
        for seq in (2, 3):
            one.slack.update(of(BURST[0], news("evidence", seq)), ticket, news("evidence", seq))
        (own,) = one.messages
        assert events(own) == [f"{BURST[0]['key']}-02", f"{BURST[0]['key']}-03"]


def test_where_the_history_cannot_be_read_a_risen_case_is_told_in_the_digest() -> None:
    with workspace() as one:
        ticket = together(one)
        one.service.scopes = frozenset({"chat:write"})
        rose = news("severity", 2)
        one.slack.update(of(case(7, "critical", 95), rose), ticket, rose)
        (digest,) = one.messages
        assert events(digest) == [f"enricher-{7:016x}-02"]


def test_blocks_that_slack_refuses_become_text_that_names_the_cases() -> None:
    with workspace(longest=10) as one:
        together(one, BURST[:5])
        (message,) = one.messages
        assert message["blocks"] == []
        assert f"case enricher-{4:016x}" in message["text"]
        assert one.slack.find(of(BURST[0], in_doubt=True)) is not None


def test_a_check_says_whether_messages_could_be_found_again() -> None:
    with workspace() as one:
        assert list(one.slack.check()) == []
        one.service.scopes = one.service.scopes - {"channels:history"}
        (line,) = one.slack.check()
        assert line.startswith("the channel's history may not be read (missing_scope)")


def test_a_limited_channel_says_when_to_come_again() -> None:
    with workspace() as one:
        one.service.fail(Fault(kind=FaultKind.LIMIT, method="POST", retry_after=7.0))
        with pytest.raises(DeliveryError) as caught:
            together(one)
        assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, 7.0)
        assert one.messages == []
