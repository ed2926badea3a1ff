"""The adapters against services that somebody else wrote from the same documents, over real sockets.

The judge is what the service holds in the end: one ticket a case, every piece of news in it once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import pytest

from enricher import standins
from enricher.core.document import CaseDocument, News
from enricher.destinations.http import Service as Client
from enricher.destinations.jira import Jira
from enricher.destinations.jira_flavour import CLOUD, DATA_CENTER
from enricher.destinations.servicenow import Credentials, Form, ServiceNow
from enricher.destinations.slack import Slack
from enricher.destinations.webhook import Webhook
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.ports import Destination, Ticket
from enricher.standins.faults import Fault, FaultKind
from enricher.standins.jira import Layout
from enricher.standins.service import Service
from tests.destinations.cases import CRITICAL, ELSEWHERE, EMPTY, LOW, RAISED, RECOVERY, TICKET, delivery, hostile
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow

BASE = "https://enricher.corp.example"
NEWS = (RECOVERY, RAISED, TICKET)
DOCUMENTS = {
    "critical": CRITICAL,
    "low": LOW,
    "empty": {**EMPTY, "key": "enricher-1111111111111111"},
    "hostile": {**hostile(), "key": "enricher-2222222222222222"},
}


@dataclass
class Pair:
    """A stand-in that runs and the adapter that talks to it; `held` are its tickets, each as one text."""

    service: Service
    destination: Destination
    held: Callable[[], list[str]]


def jira_pair(service: standins.Jira | None = None) -> Pair:
    service = service or standins.Jira()
    service.start()
    flavour = DATA_CENTER if service.layout.data_center else CLOUD
    destination = Jira(
        service.url,
        service.email,
        service.token,
        project=service.project,
        flavour=flavour,
        base_url=BASE,
        transport=transport(),
    )
    return Pair(service, destination, lambda: [json.dumps(issue) for issue in service.store()["issues"]])


def servicenow_pair() -> Pair:
    service = standins.ServiceNow()
    service.start()
    destination = ServiceNow(service.url, Credentials(service.user, service.password), base_url=BASE, transport=transport())
    return Pair(service, destination, lambda: [json.dumps(record) for record in service.store()["incidents"]])


def security_pair() -> Pair:
    service = standins.ServiceNow()
    service.start()
    account = service.account
    credentials = Credentials(client_id=account.client_id, client_secret=account.client_secret)
    destination = ServiceNow(
        service.url,
        credentials,
        form=Form("sn_si_incident"),
        group="SOC",
        cmdb=True,
        base_url=BASE,
        clock=count(0.0, 10.0).__next__,  # so that a token that could not be had is asked for again
    )
    return Pair(service, destination, lambda: [json.dumps(record) for record in service.store()["security_incidents"]])


def slack_pair() -> Pair:
    service = standins.Slack(rate=1e6, burst=1e6)
    service.start()
    destination = Slack(
        service.token, service.channel, url=f"{service.url}/api", base_url=BASE, buttons=True, transport=transport()
    )
    return Pair(service, destination, lambda: [json.dumps(message) for message in service.store()["messages"]])


def receiver_pair() -> Pair:
    service = standins.Receiver()
    service.start()
    destination = Webhook(f"{service.url}/hook", [service.secret], transport=transport())

    def held() -> list[str]:
        cases: dict[str, list[Any]] = {}
        for message in service.store()["messages"]:
            cases.setdefault(message["key"], []).append(message)
        return [json.dumps({"thread": messages}) for messages in cases.values()]

    return Pair(service, destination, held)


SERVICE_DESK = Layout(service_desk=True)
PAIRS = {
    "jira-cloud": jira_pair,
    "jira-datacenter": lambda: jira_pair(standins.JiraDataCenter()),
    "jira-jsm": lambda: jira_pair(standins.Jira(layout=SERVICE_DESK)),
    "jira-jsm-datacenter": lambda: jira_pair(standins.JiraDataCenter(layout=SERVICE_DESK)),
    "servicenow": servicenow_pair,
    "servicenow-sir": security_pair,
    "slack": slack_pair,
    "webhook": receiver_pair,
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = PAIRS[request.param]()
    yield made
    made.service.stop()
    made.destination.close()


def deliver(destination: Destination, document: CaseDocument, news: tuple[News, ...]) -> list[Reason]:
    """What a worker does with one case, without its clock: try until all is told; look first when in doubt."""
    ticket: Ticket | None = None
    told, doubt, reasons = 0, False, cast("list[Reason]", [])
    for _ in range(50):
        now = delivery(document, in_doubt=doubt, doubt_age_s=1e6, tickets=ELSEWHERE)
        try:
            ticket = ticket or (destination.find(now) if doubt else None) or destination.create(now)
            while told < len(news):
                destination.update(
                    delivery(document, in_doubt=doubt, doubt_age_s=1e6, tickets=ELSEWHERE), ticket, news[told]
                )
                told, doubt = told + 1, False
        except DeliveryError as error:
            if error.outcome is Outcome.REJECTED:
                raise
            doubt = doubt or error.outcome is Outcome.UNKNOWN
            reasons.append(error.reason)
        else:
            return reasons
    raise AssertionError(f"not delivered after 50 attempts: {reasons}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_case_is_accepted_whatever_it_holds(pair: Pair, name: str) -> None:
    document = cast("CaseDocument", DOCUMENTS[name])
    assert deliver(pair.destination, document, NEWS) == []
    (ticket,) = pair.held()
    assert document["key"] in ticket
    assert not pair.service.store().get("pings")


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP, FaultKind.ERROR, FaultKind.TRUNCATE, FaultKind.HTML, FaultKind.LIMIT, FaultKind.REFUSE]
)
def test_whatever_write_fails_there_is_one_ticket_with_each_news_once(pair: Pair, kind: FaultKind) -> None:
    # The first call of each kind fails, and the third: creates, comments, edits.
    pair.service.fail(Fault(kind=kind, method="P*", calls=(1, 3, 5)))
    unread = (pair.destination.name, kind) == ("webhook", FaultKind.TRUNCATE)  # any answer of a receiver will do
    assert bool(deliver(pair.destination, CRITICAL, NEWS)) is not unread
    (ticket,) = pair.held()
    assert copies(pair, CRITICAL, ticket) == [1, 1]


@pytest.mark.parametrize("seed", range(10))
def test_under_random_faults_too(pair: Pair, seed: int) -> None:
    kinds = (FaultKind.DROP, FaultKind.ERROR, FaultKind.TRUNCATE, FaultKind.HTML, FaultKind.REFUSE)
    pair.service.fail(*(Fault(kind=kind, rate=0.1) for kind in kinds), seed=seed)
    for document in (CRITICAL, LOW):
        deliver(pair.destination, document, NEWS)
    held = pair.held()
    assert len(held) == 2
    for document in (CRITICAL, LOW):
        (ticket,) = [text for text in held if document["key"] in text]
        assert copies(pair, document, ticket) == [1, 1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind=FaultKind.HANG), Reason.TIMEOUT),
        (Fault(kind=FaultKind.TRICKLE, seconds=30.0), Reason.TIMEOUT),
        (Fault(kind=FaultKind.DROP), Reason.DROPPED),
        (Fault(kind=FaultKind.REFUSE), Reason.DROPPED),
    ],
)
def test_the_client_really_times_out_and_really_tells_a_drop(fault: Fault, reason: Reason) -> None:
    with standins.running(standins.Jira()) as jira:
        jira.fail(fault)
        client = Client("jira", jira.url, read_s=0.2, secrets=[], auth=(jira.email, jira.token))
        with pytest.raises(DeliveryError) as caught:
            client.call("GET", "/rest/api/3/serverInfo")
        client.close()
    assert caught.value.reason is reason


def test_a_connection_that_nobody_takes_was_never_sent() -> None:
    with standins.running(standins.Jira()) as jira:
        url = jira.url
    client = Client("jira", url, read_s=0.2, secrets=[])
    with pytest.raises(DeliveryError) as caught:
        client.call("POST", "/rest/api/3/issue", json={})
    client.close()
    assert (caught.value.reason, caught.value.outcome) == (Reason.CONNECT, Outcome.NOT_SENT)


def copies(pair: Pair, document: CaseDocument, ticket: str) -> list[int]:
    """How many comments, notes or replies tell news 2 and news 3."""
    body: dict[str, Any] = json.loads(ticket)
    replies = body.get("comments") or body.get("work_notes") or body.get("thread")
    assert isinstance(replies, list), pair.destination.name
    return [sum(f"{document['key']}-{seq:02d}" in json.dumps(reply) for reply in replies) for seq in (2, 3)]
