"""What every destination promises, whatever it talks to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import httpx2
import pytest

from enricher.core.document import CaseDocument
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.ports import Delivery, Destination, Ticket
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, RAISED, RECOVERY, TICKET
from tests.destinations.cases import delivery as delivery_of
from tests.destinations.fakes import FAKES as OTHERS
from tests.destinations.fakes import SECRET, Fake, Fault, answering, raising
from tests.destinations.fakes_sumo import FakeHttpSource, FakeInsights

FAKES: dict[str, Callable[[], Fake]] = {**OTHERS, "sumo": FakeHttpSource, "insight": FakeInsights}
SENT_AGAIN = {"pagerduty", "webhook", "sumo"}
SHOW_TICKETS = {"sumo", "insight"}
"""Who is told of tickets elsewhere, as news."""

LEAK = {"error": {"message": f"bad token {SECRET}"}, "errorMessages": [f"bad token {SECRET} " * 100]}
PAGE = "<html><body>Your instance is hibernating</body></html>"

FAULTS = {
    "refused": (Fault(raising(httpx2.ConnectError)), Reason.CONNECT),
    "connect time-out": (Fault(raising(httpx2.ConnectTimeout)), Reason.CONNECT),
    "pool time-out": (Fault(raising(httpx2.PoolTimeout)), Reason.CONNECT),
    "read time-out": (Fault(raising(httpx2.ReadTimeout), after=True), Reason.TIMEOUT),
    "write time-out": (Fault(raising(httpx2.WriteTimeout), after=True), Reason.TIMEOUT),
    "write error": (Fault(raising(httpx2.WriteError), after=True), Reason.DROPPED),
    "read error": (Fault(raising(httpx2.ReadError), after=True), Reason.DROPPED),
    "dropped": (Fault(raising(httpx2.RemoteProtocolError), after=True), Reason.DROPPED),
    "500": (Fault(answering(500, LEAK), after=True), Reason.SERVER_ERROR),
    "502 from a gateway": (Fault(answering(502, PAGE), after=True), Reason.SERVER_ERROR),
    "503": (Fault(answering(503, "", {"Retry-After": "30"}), after=True), Reason.SERVER_ERROR),
    "200 with HTML": (Fault(answering(200, PAGE), after=True), Reason.NOT_JSON),
    "200 cut short": (Fault(answering(200, '{"result": {"sys_id": "02a'), after=True), Reason.NOT_JSON),
    "200 with a list": (Fault(answering(200, "[1]"), after=True), Reason.NOT_JSON),
    "200 with nothing": (Fault(answering(200, ""), after=True), Reason.NOT_JSON),
    "200 of another shape": (Fault(answering(200, {"ok": True, "hello": []}), after=True), Reason.NOT_JSON),
    "200 nested too deep": (Fault(answering(200, "[" * 100_000), after=True), Reason.NOT_JSON),
    "404 from a gateway": (Fault(answering(404, PAGE)), Reason.NOT_JSON),
    "401": (Fault(answering(401, LEAK)), Reason.AUTH),
    "403": (Fault(answering(403, LEAK)), Reason.FORBIDDEN),
    "404": (Fault(answering(404, LEAK)), Reason.NOT_FOUND),
    "400": (Fault(answering(400, LEAK)), Reason.INVALID),
    "409": (Fault(answering(409, LEAK)), Reason.CONFLICT),
    "429": (Fault(answering(429, LEAK, {"Retry-After": "1800"})), Reason.RATE_LIMITED),
    "redirect": (Fault(answering(302, "", {"Location": f"https://evil.example/?t={SECRET}"})), Reason.CONFIGURATION),
}
_ANY_BODY = {name for name in FAULTS if name.startswith("200 ")} - {"200 with HTML"}
TAKEN = {"webhook": _ANY_BODY, "sumo": _ANY_BODY, "insight": {"200 with nothing", "200 of another shape"}}
"""What is no failure to whom: any answer of a receiver but a web page is one of success; what an Insight answers a write is described
nowhere.
"""
FAILING = [
    pytest.param(kind, name, id=f"{kind}-{name}") for kind in FAKES for name in FAULTS if name not in TAKEN.get(kind, ())
]
UNKNOWN = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in FAKES
    for name, (fault, _) in FAULTS.items()
    if fault.after and name not in TAKEN.get(kind, ())
]


OF_THE_ADDRESS = {"sumo": {Reason.FORBIDDEN: Reason.AUTH, Reason.NOT_FOUND: Reason.AUTH}}
"""What is said of a token in an address, and not of a case."""
INSIGHT = {
    "id": "0f0a1b2c-3d4e-5f60-7182-93a4b5c6d7e8",
    "readable_id": None,
    "severity": "LOW",
    "entity": None,
    "url": None,
}


def delivery(document: CaseDocument = CRITICAL, **changes: Any) -> Delivery:
    """Of a case that came in with an Insight, so that it concerns everybody."""
    return delivery_of(cast("CaseDocument", {**document, "insight": INSIGHT}), **changes)


@pytest.fixture(params=FAKES)
def fake(request: pytest.FixtureRequest) -> Fake:
    return FAKES[request.param]()


@pytest.fixture
def destination(fake: Fake) -> Destination:
    return fake.destination()


@pytest.fixture
def ticket(destination: Destination, fake: Fake) -> Ticket:
    made = destination.create(delivery())
    fake.requests.clear()
    return made


def said_by(destination: Destination, reason: Reason) -> Reason:
    return OF_THE_ADDRESS.get(destination.name, {}).get(reason, reason)


def settled(fake: Fake, destination: Destination, doubtful: Delivery) -> Ticket:
    """As the worker does: look first. Who cannot be asked is told again, and knows by our key that it is the same."""
    found = destination.find(doubtful)
    assert (found is not None) == fake.looks_up
    return found or destination.create(doubtful)


def test_create_makes_one_ticket_that_is_found_again(fake: Fake, destination: Destination) -> None:
    made = destination.create(delivery())
    assert fake.tickets() == 1
    assert settled(fake, destination, delivery(in_doubt=True, doubt_age_s=5.0)) == made
    assert (fake.tickets(), fake.writes()) == (1, 1 if fake.looks_up else 2)


def test_another_case_is_not_adopted(destination: Destination) -> None:
    destination.create(delivery())
    other = delivery({**CRITICAL, "key": "enricher-0000000000000000"}, in_doubt=True, doubt_age_s=10_000.0)
    assert destination.find(other) is None


@pytest.mark.parametrize(("fake", "name"), FAILING, indirect=["fake"])
def test_a_failed_create_says_what_may_happen_next(fake: Fake, destination: Destination, name: str) -> None:
    fault, reason = FAULTS[name]
    fake.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        destination.create(delivery())
    error = caught.value
    assert (error.reason, error.destination) == (said_by(destination, reason), destination.name)
    assert fake.writes() == 1, "sent again inside one call"
    assert SECRET not in f"{error} {error.detail} {error!r}"
    assert error.__cause__ is None
    assert len(error.detail) <= 300
    assert error.retry_after == {"429": 1800.0, "503": 30.0}.get(name, 0.0)
    assert (error.outcome is Outcome.UNKNOWN) or not fault.after, "a ticket may be there, and nobody would look for it"


@pytest.mark.parametrize(("fake", "name"), UNKNOWN, indirect=["fake"])
def test_after_an_unknown_create_the_ticket_is_adopted(fake: Fake, destination: Destination, name: str) -> None:
    fake.faults.append(FAULTS[name][0])
    with pytest.raises(DeliveryError):
        destination.create(delivery())
    settled(fake, destination, delivery(in_doubt=True, doubt_age_s=1.0))
    assert (fake.tickets(), fake.writes()) == (1, 1 if fake.looks_up else 2)


@pytest.mark.parametrize(("fake", "name"), FAILING, indirect=["fake"])
def test_a_failed_update_says_what_may_happen_next(fake: Fake, destination: Destination, ticket: Ticket, name: str) -> None:
    fault, reason = FAULTS[name]
    fake.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        destination.update(delivery(), ticket, RECOVERY)
    gone = reason is Reason.NOT_FOUND and destination.name in {"jira", "servicenow", "insight"}
    assert caught.value.reason == (Reason.GONE if gone else said_by(destination, reason))
    assert fake.writes() == 1
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("fake", "name"), UNKNOWN, indirect=["fake"])
def test_after_an_unknown_update_the_news_is_not_told_twice(
    fake: Fake, destination: Destination, ticket: Ticket, name: str
) -> None:
    fake.faults.append(FAULTS[name][0])
    with pytest.raises(DeliveryError):
        destination.update(delivery(), ticket, RECOVERY)
    destination.update(delivery(in_doubt=True), ticket, RECOVERY)
    assert fake.told(f"{CRITICAL_KEY}-02") == 1


def test_news_in_doubt_that_never_arrived_is_told(fake: Fake, destination: Destination, ticket: Ticket) -> None:
    destination.update(delivery(in_doubt=True), ticket, RECOVERY)
    assert fake.told(f"{CRITICAL_KEY}-02") == 1


def test_every_piece_of_news_is_told_once(fake: Fake, destination: Destination, ticket: Ticket) -> None:
    for news in (RECOVERY, RAISED):
        destination.update(delivery(), ticket, news)
    assert [fake.told(f"{CRITICAL_KEY}-{seq:02d}") for seq in (2, 3)] == [1, 1]


@pytest.mark.parametrize("fake", [kind for kind in FAKES if kind not in SHOW_TICKETS], indirect=True)
def test_a_ticket_elsewhere_is_no_news_to_tell(fake: Fake, destination: Destination, ticket: Ticket) -> None:
    destination.update(delivery(), ticket, TICKET)
    assert (fake.told(f"{CRITICAL_KEY}-04"), fake.writes()) == (0, 0)


@pytest.mark.parametrize("fake", [kind for kind in FAKES if kind not in SENT_AGAIN], indirect=True)
def test_a_look_up_that_fails_is_not_taken_for_absence(fake: Fake) -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text=PAGE)

    fake.handle = broken  # type: ignore[attr-defined]  # every fake has it; the contract does not need it
    with pytest.raises(DeliveryError) as caught:
        fake.destination().find(delivery(in_doubt=True, doubt_age_s=10_000.0))
    assert caught.value.outcome is Outcome.UNKNOWN
