from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from enricher.destinations.slack_words import REASONS
from enricher.errors import DeliveryError, Outcome, Reason
from tests.destinations.cases import CRITICAL_KEY, ELSEWHERE, LOW, RECOVERY, TICKET, delivery
from tests.destinations.fakes import FakeSlack


@pytest.mark.parametrize(
    ("word", "reason"), [*REASONS.items(), ("restricted_action", Reason.FORBIDDEN), ("whatever", Reason.INVALID)]
)
def test_slacks_words(word: str, reason: Reason) -> None:
    fake = FakeSlack(errors={"chat.postMessage": [word]})
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert (caught.value.reason, caught.value.detail, fake.writes()) == (reason, word, 1)


@pytest.mark.parametrize("word", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
def test_an_error_that_may_have_posted_is_unknown(word: str) -> None:
    fake = FakeSlack(errors={"chat.postMessage": [word]})
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"])
def test_refused_blocks_become_plain_text_once(word: str) -> None:
    fake = FakeSlack(errors={"chat.postMessage": [word]})
    fake.destination().create(delivery())
    (message,) = fake.messages
    assert (message["blocks"], message["attachments"]) == ([], [])
    assert message["text"].startswith("Critical 98/100: ")
    assert message["metadata"]["event_payload"]["delivery_key"] == CRITICAL_KEY
    again = FakeSlack(errors={"chat.postMessage": [word, word, word]})
    with pytest.raises(DeliveryError):
        again.destination().create(delivery())
    assert again.writes() == 2


def test_the_message_is_found_pages_back_in_the_history() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    for number in range(7):
        slack.create(delivery({**LOW, "key": f"enricher-{number:016x}"}))
    fake.requests.clear()
    assert slack.find(delivery(in_doubt=True)) == made
    pages = [request for request in fake.requests if request.url.path.endswith("conversations.history")]
    assert len(pages) == 4
    assert b"oldest=1795485000" in pages[0].content, "five minutes before the case opened"


def test_the_history_is_read_around_the_doubt_from_the_inside_out() -> None:
    """Where thousands wait in one channel, whole days of it would be read for each that is in doubt."""
    fake = FakeSlack()
    tried_at = datetime.fromtimestamp(1_795_500_000.7, UTC)
    fake.destination().find(delivery(in_doubt=True, tried_at=tried_at, doubt_since=tried_at + timedelta(seconds=30)))
    asked = [parse_qs(request.content.decode()) for request in fake.requests]
    assert [(one["oldest"], one["latest"], one["inclusive"]) for one in asked] == [
        (["1795499980"], ["1795500050"], ["true"]),
        (["1795500050"], ["1795500330"], ["true"]),
        (["1795499700"], ["1795499980"], ["true"]),
    ]


def test_a_history_too_long_for_one_look_is_read_on_by_the_next() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    began = datetime.fromtimestamp(float(fake.messages[0]["ts"]), UTC)
    fake.messages += [{"ts": f"{began.timestamp() + 1:.0f}.{number:06}", "text": "chatter"} for number in range(120)]
    doubtful = delivery(in_doubt=True, tried_at=began, doubt_since=began + timedelta(seconds=5))
    with pytest.raises(DeliveryError) as caught:
        slack.find(doubtful)
    assert caught.value.reason is Reason.SETTLING
    assert slack.find(doubtful) == made


def test_a_reply_is_not_taken_for_the_message() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    slack.update(delivery(), made, RECOVERY)
    fake.messages.pop(0)
    fake.messages[0].pop("thread_ts")
    fake.messages[0]["thread_ts"] = "1795480000.000100"
    assert slack.find(delivery(in_doubt=True)) is None


def test_a_history_without_end_is_no_proof_of_absence() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    for number in range(120):
        fake.messages.append({"ts": f"{number}.0", "text": "chatter"})
    with pytest.raises(DeliveryError) as caught:
        slack.find(delivery(in_doubt=True))
    assert caught.value.reason is Reason.SETTLING


def test_a_critical_case_whose_history_cannot_be_read_is_posted_as_possible_repeat() -> None:
    fake = FakeSlack(errors={"conversations.history": ["missing_scope"]})
    slack = fake.destination()
    doubtful = delivery(in_doubt=True)
    assert slack.find(doubtful) is None
    slack.create(doubtful)
    assert fake.messages[0]["text"].startswith("Possible repeat. ")
    assert "*possible repeat*" in json.dumps(fake.messages[0]["blocks"])


def test_a_lesser_case_whose_history_cannot_be_read_is_not_posted_again() -> None:
    fake = FakeSlack(errors={"conversations.history": ["missing_scope"]})
    with pytest.raises(DeliveryError) as caught:
        fake.destination().find(delivery(LOW, in_doubt=True))
    assert caught.value.reason is Reason.FORBIDDEN


def test_tickets_elsewhere_are_edited_in_without_a_reply() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    assert "SEC-12" not in json.dumps(fake.messages)
    slack.update(delivery(tickets=ELSEWHERE), made, TICKET)
    (message,) = fake.messages
    context = message["blocks"][-1]["elements"][0]["text"]
    assert "Jira <https://acme.atlassian.net/browse/SEC-12|SEC-12>" in context
    assert "ServiceNow INC0010042" in context, "a link that is not http is only its label"


def test_news_goes_into_the_thread_and_the_message_stays_current() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery(LOW))
    slack.update(delivery({**LOW, "severity": "high", "score": 61}), made, RECOVERY)
    message, reply = fake.messages
    assert message["text"].startswith("High 61/100")
    assert reply["thread_ts"] == message["ts"]
    assert reply["metadata"]["event_payload"]["event_id"].endswith("-02")


@pytest.mark.parametrize("word", ["edit_window_closed", "cant_update_message"])
def test_where_messages_cannot_be_edited_the_thread_still_tells(word: str) -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    fake.errors["chat.update"] = [word]
    slack.update(delivery(), made, RECOVERY)
    assert fake.told(f"{CRITICAL_KEY}-02") == 1


def test_a_lost_thread_is_started_again_once() -> None:
    fake = FakeSlack()
    slack = fake.destination()
    made = slack.create(delivery())
    fake.messages.clear()
    slack.update(delivery(), made, TICKET)
    assert fake.messages == [], "a ticket key alone is not worth a message"
    fake.messages.append({"ts": "1.0", "text": "somebody else's"})
    slack.update(delivery(), made, RECOVERY)
    slack.update(delivery(), made, {**RECOVERY, "seq": 3})
    parents = [m["ts"] for m in fake.messages if "metadata" in m and "thread_ts" not in m]
    replies = [m["thread_ts"] for m in fake.messages if "thread_ts" in m]
    assert len(parents) == 1
    assert replies == parents * 2


def test_a_permalink_is_only_a_convenience() -> None:
    fake = FakeSlack(errors={"auth.test": ["internal_error"]})
    slack = fake.destination()
    made = slack.create(delivery())
    assert made.url is None
    assert made.external_id.startswith("C0SOC:")
    again = slack.create(delivery())
    assert again.url == f"https://acme.slack.com/archives/C0SOC/p{again.external_id.partition(':')[2].replace('.', '')}"
