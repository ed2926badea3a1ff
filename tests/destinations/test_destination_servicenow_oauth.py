"""OAuth: one token for all, renewed in time and once when it is refused, and no storm when there is none to be had."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from enricher.destinations.servicenow import Credentials, ServiceNow
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from tests.destinations.cases import LOW, RECOVERY, delivery
from tests.destinations.fakes import FakeServiceNow, answering, ok, raising

CLIENT_SECRET = "cl1ent-s3cret"
PASSWORD = "p4ssw0rd-of-bot"
CLIENT = Credentials(client_id="client-1", client_secret=CLIENT_SECRET)
BOTH = Credentials("bot", PASSWORD, "client-1", CLIENT_SECRET)


@dataclass
class Instance:
    """A table behind OAuth. `good` are the tokens it takes; `next_answers` go before what it would say itself."""

    table: FakeServiceNow = field(default_factory=FakeServiceNow)
    lifetime: object = 1800
    good: set[str] = field(default_factory=set)
    grants: list[dict[str, str]] = field(default_factory=list)
    next_answers: list[Any] = field(default_factory=list)
    hands_out_again: bool = False
    now: float = 1000.0
    inserts: int = 0

    def destination(self, credentials: Credentials = CLIENT) -> ServiceNow:
        transport = httpx2.MockTransport(self.handle)
        return ServiceNow("https://acme.service-now.com", credentials, transport=transport, clock=lambda: self.now)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        if request.url.path == "/oauth_token.do":
            return self.token(request)
        self.inserts += request.method == "POST"
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.good:
            said = {"message": "User Not Authenticated", "detail": f"token {request.headers.get('authorization')}"}
            return ok({"error": said, "status": "failure"}, 401)
        return self.table.handle(request)

    def token(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        self.grants.append(dict(parse_qsl(request.content.decode())))
        if self.next_answers:
            answer: httpx2.Response = self.next_answers.pop(0)(request)
            return answer
        token = "token-1" if self.hands_out_again else f"token-{len(self.grants)}"
        self.good.add(token)
        return ok({"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime})


@pytest.mark.parametrize(
    ("credentials", "grant"),
    [
        pytest.param(
            CLIENT,
            {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": CLIENT_SECRET},
            id="client credentials",
        ),
        pytest.param(
            BOTH,
            {
                "grant_type": "password",
                "client_id": "client-1",
                "client_secret": CLIENT_SECRET,
                "username": "bot",
                "password": PASSWORD,
            },
            id="password grant",
        ),
    ],
)
def test_the_grant_follows_from_what_is_given(credentials: Credentials, grant: dict[str, str]) -> None:
    instance = Instance()
    instance.destination(credentials).create(delivery())
    assert instance.grants == [grant]
    assert instance.table.tickets() == 1


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"user": "bot"}, id="no password"),
        pytest.param({"client_id": "client-1"}, id="no client secret"),
        pytest.param(
            {"user": "bot", "client_id": "client-1", "client_secret": "x"}, id="half of a pair beside a whole one"
        ),
    ],
)
def test_half_of_a_pair_is_no_way_in(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Credentials(**given)


def test_one_token_serves_every_call() -> None:
    instance = Instance()
    servicenow = instance.destination()
    made = servicenow.create(delivery())
    servicenow.update(delivery(), made, RECOVERY)
    servicenow.create(delivery(LOW))
    assert len(instance.grants) == 1


@pytest.mark.parametrize(
    ("lifetime", "fresh_until"),
    [
        pytest.param(1800, 1740, id="a minute before its end"),
        pytest.param("1800", 1740, id="a number as text"),
        pytest.param(40, 20, id="half of a short life"),
        pytest.param(None, 1740, id="half an hour where nothing is said"),
        pytest.param(-5, 1740, id="and where nonsense is said"),
    ],
)
def test_a_token_is_renewed_before_its_end(lifetime: object, fresh_until: float) -> None:
    instance = Instance(lifetime=lifetime)
    servicenow = instance.destination()
    servicenow.create(delivery())
    instance.now += fresh_until - 1
    servicenow.find(delivery())
    assert len(instance.grants) == 1
    instance.now += 1
    servicenow.find(delivery())
    assert len(instance.grants) == 2


def test_a_token_that_is_refused_is_renewed_once_and_the_call_goes_out_again() -> None:
    instance = Instance()
    servicenow = instance.destination()
    servicenow.create(delivery())
    instance.good.clear()
    servicenow.create(delivery(LOW))
    assert (instance.table.tickets(), len(instance.grants), instance.inserts) == (2, 2, 3)


def test_a_second_refusal_is_believed() -> None:
    instance = Instance(next_answers=[answering(200, json.dumps({"access_token": f"bad-{n}"})) for n in range(5)])
    with pytest.raises(DeliveryError) as caught:
        instance.destination().create(delivery())
    assert caught.value.reason is Reason.AUTH
    assert (instance.inserts, len(instance.grants)) == (2, 2)


def test_a_token_that_is_handed_out_again_is_not_tried_again() -> None:
    instance = Instance(hands_out_again=True)
    servicenow = instance.destination(BOTH)
    servicenow.create(delivery())
    instance.good.clear()
    instance.next_answers = [answering(200, json.dumps({"access_token": "token-1"}))]
    with pytest.raises(DeliveryError) as caught:
        servicenow.create(delivery(LOW))
    assert caught.value.reason is Reason.AUTH
    assert instance.inserts == 2


@pytest.mark.parametrize(
    ("answer", "reason", "outcome"),
    [
        (answering(401, {"error": "server_error", "error_description": "access_denied"}), Reason.AUTH, Outcome.NOT_SENT),
        (answering(400, {"error": "invalid_client"}), Reason.AUTH, Outcome.NOT_SENT),
        (answering(403, {"error": "unauthorized_client"}), Reason.AUTH, Outcome.NOT_SENT),
        (answering(302, "", {"Location": "https://sso.example/"}), Reason.CONFIGURATION, Outcome.REJECTED),
        (answering(429, {"error": "slow down"}, {"Retry-After": "90"}), Reason.RATE_LIMITED, Outcome.NOT_SENT),
        (answering(500, {"error": "oops"}), Reason.CONNECT, Outcome.NOT_SENT),
        (answering(200, "<html>hibernating</html>"), Reason.CONNECT, Outcome.NOT_SENT),
        (answering(200, {"token_type": "Bearer"}), Reason.CONNECT, Outcome.NOT_SENT),
        (raising(httpx2.ReadTimeout), Reason.CONNECT, Outcome.NOT_SENT),
        (raising(httpx2.ConnectError), Reason.CONNECT, Outcome.NOT_SENT),
    ],
    ids=["401", "400", "403", "redirect", "429", "500", "html", "no token", "read time-out", "refused"],
)
def test_without_a_token_nothing_was_sent(answer: Any, reason: Reason, outcome: Outcome) -> None:
    instance = Instance(next_answers=[answer])
    with pytest.raises(DeliveryError) as caught:
        instance.destination(BOTH).create(delivery())
    error = caught.value
    assert (error.reason, error.outcome, error.__cause__) == (reason, outcome, None)
    assert error.detail.startswith("no OAuth token: ")
    assert error.retry_after >= (90 if reason is Reason.RATE_LIMITED else 2)
    assert instance.inserts == 0


def test_refused_credentials_are_not_tried_again_for_a_minute() -> None:
    instance = Instance(next_answers=[answering(401, {"error": "invalid_client"})])
    servicenow = instance.destination()
    for _ in range(20):
        with pytest.raises(DeliveryError) as caught:
            servicenow.create(delivery())
        assert caught.value.reason is Reason.AUTH
    assert len(instance.grants) == 1
    instance.now += 60
    servicenow.create(delivery())
    assert (len(instance.grants), instance.table.tickets()) == (2, 1)


def test_a_rate_limit_on_tokens_is_kept_for_as_long_as_was_asked() -> None:
    instance = Instance(next_answers=[answering(429, "{}", {"Retry-After": "90"})])
    servicenow = instance.destination()
    for passed in (0, 89):
        instance.now += passed
        with pytest.raises(DeliveryError):
            servicenow.create(delivery())
    assert len(instance.grants) == 1
    instance.now += 1
    servicenow.create(delivery())
    assert len(instance.grants) == 2


@pytest.mark.parametrize("secret", [CLIENT_SECRET, PASSWORD])
def test_no_secret_is_in_the_error_of_the_token(secret: str) -> None:
    instance = Instance(next_answers=[answering(401, {"error": f"bad credentials {secret}"})])
    with pytest.raises(DeliveryError) as caught:
        instance.destination(BOTH).create(delivery())
    assert secret not in f"{caught.value!r} {caught.value.detail}"
    assert "[masked]" in caught.value.detail


def test_a_token_that_the_instance_repeats_is_masked() -> None:
    instance = Instance(next_answers=[answering(200, json.dumps({"access_token": f"bad-{n}"})) for n in range(2)])
    with pytest.raises(DeliveryError) as caught:
        instance.destination().create(delivery())
    assert "bad-" not in str(caught.value)
    assert "Bearer [masked]" in caught.value.detail


def test_threads_that_need_a_token_at_once_share_one_request() -> None:
    instance, another = Instance(), Event()

    def slow(_: httpx2.Request) -> httpx2.Response:
        if len(instance.grants) > 1:
            another.set()
        another.wait(0.2)  # a second request, were there one, would come in now
        instance.good.add("shared")
        return ok({"access_token": "shared", "expires_in": 1800})

    instance.next_answers = [slow] * 8
    servicenow = instance.destination()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: servicenow.find(delivery()), range(8)))
    assert found == [None] * 8
    assert len(instance.grants) == 1
