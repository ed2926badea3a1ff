"""The webhook: signed by Standard Webhooks, the same id however often it is sent, and short."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, cast

import httpx2
import orjson
import pytest

from enricher import standins
from enricher.core.document import News
from enricher.destinations.webhook import MOST_BYTES, Webhook, signature, signing_key
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from enricher.standins import running
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, ELSEWHERE, EMPTY, LOW, RECOVERY, TICKET, delivery, hostile
from tests.standins.standin_client import Clock, transport

pytestmark = pytest.mark.slow

OTHER = "whsec_" + b64encode(b"x" * 32).decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver(clock: Clock) -> Iterator[standins.Receiver]:
    with running(standins.Receiver(clock=clock)) as service:
        yield service


@pytest.fixture
def hook(receiver: standins.Receiver, clock: Clock) -> Iterator[Webhook]:
    made = webhook(receiver, clock, receiver.secret)
    yield made
    made.close()


def webhook(receiver: standins.Receiver, clock: Clock, *secrets: str) -> Webhook:
    return Webhook(f"{receiver.url}/hook", secrets, name="soar", transport=transport(), clock=clock)


def test_the_signature_of_the_published_example() -> None:
    key = signing_key("soar", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("whsec_" + b64encode(b"x" * 23).decode(), id="too short"),
        pytest.param("whsec_" + b64encode(b"x" * 65).decode(), id="too long"),
        pytest.param("whsec_not base64!", id="no base64"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        signing_key("soar", secret)
    assert secret not in str(caught.value)


def test_a_receiver_takes_our_signature(hook: Webhook, receiver: standins.Receiver) -> None:
    hook.create(delivery())
    hook.update(delivery(tickets=ELSEWHERE), hook.create(delivery()), RECOVERY)
    opened, updated = receiver.store()["messages"]
    assert (opened["type"], opened["event"], opened["news"]) == ("case.opened", f"{CRITICAL_KEY}-01", None)
    assert (updated["type"], updated["event"]) == ("case.updated", f"{CRITICAL_KEY}-02")
    assert (updated["news"]["kind"], updated["case"]["severity"]) == ("recovery", "critical")
    assert sorted(updated["tickets"]) == sorted(ELSEWHERE)


def test_a_message_sent_again_has_its_id_and_a_time_of_its_own(
    hook: Webhook, receiver: standins.Receiver, clock: Clock
) -> None:
    hook.create(delivery())
    clock.now += 3600.0
    hook.create(delivery(in_doubt=True))
    assert (len(receiver.store()["messages"]), receiver.store()["repeats"]) == (1, 1)


@pytest.mark.parametrize("known", [0, 1])
def test_while_secrets_are_changed_a_receiver_may_know_either(known: int, clock: Clock) -> None:
    with running(standins.Receiver(secret=(standins.Receiver().secret, OTHER)[known], clock=clock)) as receiver:
        hook = webhook(receiver, clock, standins.Receiver().secret, OTHER)
        hook.create(delivery())
        hook.close()
        assert len(receiver.store()["messages"]) == 1


def test_a_receiver_with_another_secret_parks_us(receiver: standins.Receiver, clock: Clock) -> None:
    hook = webhook(receiver, clock, OTHER)
    with pytest.raises(DeliveryError) as caught:
        hook.create(delivery())
    hook.close()
    assert caught.value.reason is Reason.AUTH


def test_a_receiver_that_wants_no_more_is_for_a_person(hook: Webhook, receiver: standins.Receiver) -> None:
    receiver.gone = True
    with pytest.raises(DeliveryError) as caught:
        hook.create(delivery())
    assert (caught.value.reason, caught.value.outcome) == (Reason.CONFIGURATION, Outcome.REJECTED)


def test_a_ticket_elsewhere_and_a_repeat_are_no_message(hook: Webhook, receiver: standins.Receiver) -> None:
    ticket = hook.create(delivery())
    for untold in (TICKET, cast("News", {**RECOVERY, "kind": "seen"})):
        hook.update(delivery(), ticket, untold)
    assert len(receiver.store()["messages"]) == 1


BIG: Any = {
    **hostile(),
    "ledger": CRITICAL["ledger"] * 200,
    "next_steps": ["y" * 5_000] * 100,
    "process": {**CRITICAL["process"], "hashes": {f"h{n}": "0" * 64 for n in range(1_000)}},
    "lineage": CRITICAL["lineage"] * 50,
}


@pytest.mark.parametrize("document", [CRITICAL, LOW, EMPTY, hostile(), BIG])
def test_a_message_is_short_whatever_the_case_holds(document: Any, hook: Webhook, receiver: standins.Receiver) -> None:
    hook.create(delivery(document))
    (message,) = receiver.store()["messages"]
    assert len(orjson.dumps(message)) <= MOST_BYTES
    assert message["case"]["key"] == document["key"]


def test_what_was_cut_is_said(hook: Webhook, receiver: standins.Receiver) -> None:
    hook.create(delivery(BIG))
    hook.create(delivery(LOW))
    assert [message["trimmed"] for message in receiver.store()["messages"]] == [True, False]


def test_secrets_in_command_lines_are_masked(hook: Webhook, receiver: standins.Receiver) -> None:
    process: Any = {**CRITICAL["process"], "command_line": "tool --password hunter2secret"}
    document: Any = {**CRITICAL, "process": process, "evidence": [{"raw": "hunter2secret"}]}
    hook.create(delivery(document))
    assert "hunter2secret" not in json.dumps(receiver.store()["messages"])


def test_its_own_secret_never_stands_in_an_error() -> None:
    secret = OTHER
    echo = httpx2.MockTransport(lambda _: httpx2.Response(400, json={"error": f"no {secret}"}))
    hook = Webhook("https://soar.corp.example/hook", [secret], transport=echo)
    with pytest.raises(DeliveryError) as caught:
        hook.create(delivery())
    assert secret not in caught.value.detail


@pytest.mark.parametrize("status", [200, 204, 404, 405, 400, 401])
def test_a_check_is_content_with_any_answer_and_says_what_it_cannot_see(status: int) -> None:
    answering = httpx2.MockTransport(lambda _: httpx2.Response(status))
    hook = Webhook("https://soar.corp.example/hook", [OTHER], transport=answering)
    if status == 401:
        with pytest.raises(DeliveryError):
            hook.check()
    else:
        (line,) = hook.check()
        assert line.startswith("warning: ")


@pytest.mark.parametrize(
    "url", ["https://soar.corp.example/hook", "https://soar.corp.example/hook/", "https://soar.corp.example"]
)
def test_a_message_goes_to_the_very_address(url: str) -> None:
    asked: list[httpx2.URL] = []

    def answering(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url)
        return httpx2.Response(204)

    hook = Webhook(url, [OTHER], transport=httpx2.MockTransport(answering))
    hook.create(delivery())
    assert asked == [httpx2.URL(url)]
