"""Faults do what they say: they commit or they do not, and the client sees what it would see of the real thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import httpx2
import pytest

from enricher.standins import Fault, FaultKind, FaultPlan, Jira, ServiceNow, Slack, random_faults, running
from enricher.standins.faults import DROPS, ELSEWHERE, PASSING, _drops
from enricher.standins.jira.fields import NOT_ON_SCREEN
from enricher.standins.jira.site import HIDDEN
from enricher.standins.jira.trouble import NO_AUTH, NO_RIGHT
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

ISSUE = "/rest/api/3/issue"
BODY = {"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "a case"}}
PATIENCE_S = 10.0
IMPATIENCE_S = 0.3
"""For what is meant to time out."""


@pytest.fixture
def jira() -> Iterator[Jira]:
    with running(Jira()) as standin:
        yield standin


@pytest.fixture
def client(jira: Jira) -> Iterator[httpx2.Client]:
    with connect(jira.url, auth=(jira.email, jira.token), timeout=PATIENCE_S) as client:
        yield client


def outcome(client: httpx2.Client, timeout: float = PATIENCE_S) -> str:
    """How one create ends for the client."""
    try:
        response = client.post(ISSUE, json=BODY, timeout=timeout)
        response.json()
    except (httpx2.HTTPError, json.JSONDecodeError) as error:
        return type(error).__name__
    return str(response.status_code)


@pytest.mark.parametrize(
    ("fault", "seen", "committed"),
    [
        pytest.param(Fault(kind=FaultKind.REFUSE), "RemoteProtocolError", 0, id="refuse"),
        pytest.param(Fault(kind=FaultKind.DROP), "RemoteProtocolError", 1, id="drop"),
        pytest.param(Fault(kind=FaultKind.RESET), "ReadError", 0, id="reset"),
        pytest.param(Fault(kind=FaultKind.RESET, commits=True), "ReadError", 1, id="reset after the commit"),
        pytest.param(Fault(kind=FaultKind.DENY, status=400), "400", 0, id="400"),
        pytest.param(Fault(kind=FaultKind.SAYS_NO), "200", 0, id="an error in a 200"),
        pytest.param(Fault(kind=FaultKind.REDIRECT), "JSONDecodeError", 0, id="redirect"),
        pytest.param(Fault(kind=FaultKind.HANG), "ReadTimeout", 1, id="hang"),
        pytest.param(Fault(kind=FaultKind.HANG, commits=False), "ReadTimeout", 0, id="hang before the commit"),
        pytest.param(Fault(kind=FaultKind.ERROR), "500", 1, id="500"),
        pytest.param(Fault(kind=FaultKind.ERROR, status=502), "JSONDecodeError", 1, id="502"),
        pytest.param(
            Fault(kind=FaultKind.ERROR, status=503, commits=False), "JSONDecodeError", 0, id="503 before the commit"
        ),
        pytest.param(Fault(kind=FaultKind.LIMIT), "429", 0, id="429"),
        pytest.param(Fault(kind=FaultKind.TRUNCATE), "JSONDecodeError", 1, id="truncated JSON"),
        pytest.param(Fault(kind=FaultKind.HTML), "JSONDecodeError", 0, id="HTML in a 200"),
        pytest.param(Fault(kind=FaultKind.HTML, commits=True), "JSONDecodeError", 1, id="HTML after the commit"),
        pytest.param(Fault(kind=FaultKind.TRICKLE, seconds=0.1), "201", 1, id="trickle"),
    ],
)
def test_each_fault(jira: Jira, client: httpx2.Client, fault: Fault, seen: str, committed: int) -> None:
    jira.fail(fault)
    assert outcome(client, IMPATIENCE_S if fault.kind is FaultKind.HANG else PATIENCE_S) == seen
    jira.fail()
    store = jira.store()
    assert len(store["issues"]) == committed
    (request,) = store["requests"]
    assert (request["method"], request["path"], request["fault"]) == ("POST", ISSUE, fault.kind)
    assert request["answer"] == (201 if committed else None)
    assert outcome(client) == "201"


def test_a_trickle_outlasts_no_reader_that_gets_bytes(jira: Jira, client: httpx2.Client) -> None:
    """Each byte comes within the time-out, all of them do not: only a deadline over the whole call would notice."""
    jira.fail(Fault(kind=FaultKind.TRICKLE, seconds=2 * IMPATIENCE_S))
    response = client.post(ISSUE, json=BODY, timeout=IMPATIENCE_S)
    assert response.json()["key"] == "SEC-1"
    assert response.elapsed.total_seconds() > 1.5 * IMPATIENCE_S


@pytest.mark.parametrize(
    ("length", "pieces"),
    [
        pytest.param(0, 0, id="nothing"),
        pytest.param(10, 10, id="a short answer byte by byte"),
        pytest.param(DROPS + 1, DROPS // 2 + 1, id="two bytes at a time"),
        pytest.param(1000 * DROPS, DROPS, id="a long one in no more pieces"),
    ],
)
def test_a_trickle_costs_no_more_for_a_long_answer(length: int, pieces: int) -> None:
    body = bytes(n % 251 for n in range(length))

    drops = list(_drops(body, 0, Event()))

    assert len(drops) == pieces
    assert b"".join(drops) == body


def test_a_hang_ends_when_released(jira: Jira) -> None:
    jira.fail(Fault(kind=FaultKind.HANG, seconds=60))
    ended: list[str] = []

    def post() -> None:
        with connect(jira.url, auth=(jira.email, jira.token), timeout=60) as client:
            ended.append(outcome(client))

    thread = Thread(target=post)
    thread.start()
    while thread.is_alive():
        httpx2.post(f"{jira.url}/_faults/release")
        thread.join(0.05)
    assert ended == ["RemoteProtocolError"]
    assert len(jira.store()["issues"]) == 1


def test_stopping_ends_what_hangs() -> None:
    jira = Jira()
    jira.start()
    jira.fail(Fault(kind=FaultKind.HANG, seconds=60))
    with connect(jira.url, auth=(jira.email, jira.token), timeout=PATIENCE_S) as client:
        assert outcome(client, IMPATIENCE_S) == "ReadTimeout"
    jira.stop()
    with pytest.raises(RuntimeError, match="not running"):
        assert jira.url


def test_a_stopped_standin_refuses_connections_and_comes_back_on_its_port(jira: Jira) -> None:
    url, port = jira.url, int(jira.url.rpartition(":")[2])
    jira.stop()
    with connect(url, auth=(jira.email, jira.token)) as client:
        assert outcome(client) == "ConnectError"
        jira.start(port)
        assert outcome(client) == "201"


def test_connections_are_kept(jira: Jira) -> None:
    ends = set()
    with connect(jira.url, auth=(jira.email, jira.token)) as client:
        for _ in range(3):
            with client.stream("GET", "/rest/api/3/myself") as response:
                response.read()
                ends.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ends) == 1


# --- which requests -------------------------------------------------------------------------------------------------


def hit(plan: FaultPlan, count: int, method: str = "POST", path: str = ISSUE) -> list[int]:
    return [n for n in range(1, count + 1) if plan.next(method, path)]


def test_only_the_calls_that_are_named() -> None:
    plan = FaultPlan([Fault(kind=FaultKind.DROP, method="POST", path="*/issue", calls=(1, 3))])
    assert hit(plan, 1, "GET") == hit(plan, 1, path="/other") == []
    assert hit(plan, 5) == [1, 3]


def test_the_first_fault_that_is_due_wins() -> None:
    plan = FaultPlan([Fault(kind=FaultKind.DROP, calls=(2,)), Fault(kind=FaultKind.HANG)])
    kinds = [fault.kind for _ in range(3) if (fault := plan.next("POST", ISSUE))]
    assert kinds == [FaultKind.HANG, FaultKind.DROP, FaultKind.HANG]


def test_until_its_time_has_come() -> None:
    plan = FaultPlan([Fault(kind=FaultKind.DROP, until=100.0, calls=(1, 2))])
    assert plan.next("POST", ISSUE, now=99.0)
    assert plan.next("POST", ISSUE, now=100.0) is None


def test_the_seed_decides() -> None:
    def kinds(seed: int) -> list[FaultKind | None]:
        plan = FaultPlan(random_faults(0.5), seed)
        return [fault.kind if fault else None for fault in (plan.next("POST", ISSUE) for _ in range(300))]

    first = kinds(7)
    assert first == kinds(7)
    assert first != kinds(8)
    assert set(first) == {None, *PASSING}
    assert 100 < sum(kind is not None for kind in first) < 200


def test_random_faults_leave_reads_alone() -> None:
    plan = FaultPlan(random_faults(1.0))
    assert hit(plan, 20, "GET") == []
    assert hit(plan, 20) == list(range(1, 21))


def test_a_rate_of_zero_fails_nothing() -> None:
    assert hit(FaultPlan(random_faults(0.0)), 50) == []


def test_a_spoilt_answer_needs_an_answer() -> None:
    with pytest.raises(ValueError, match="must have given one"):
        Fault(kind=FaultKind.TRUNCATE, commits=False)


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_the_plan_and_the_store_over_http(jira: Jira, client: httpx2.Client) -> None:
    plan = {"seed": 1, "faults": [{"kind": "drop", "method": "POST", "path": ISSUE, "calls": [1]}]}
    assert httpx2.post(f"{jira.url}/_faults", json=plan).json() == {"faults": 1}
    assert [outcome(client), outcome(client)] == ["RemoteProtocolError", "201"]
    store = httpx2.get(f"{jira.url}/_store").json()
    assert [issue["key"] for issue in store["issues"]] == ["SEC-1", "SEC-2"]
    assert [(request["status"], request["answer"]) for request in store["requests"]] == [(None, 201), (201, 201)]
    assert httpx2.post(f"{jira.url}/_faults", json={}).json() == {"faults": 0}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"faults": [{}]}', id="no kind"),
        pytest.param(b'{"faults": [{"kind": "magic"}]}', id="unknown kind"),
        pytest.param(b'{"faults": [{"kind": "drop", "colour": 1}]}', id="unknown key"),
        pytest.param(b'{"seed": "x"}', id="seed that is no number"),
    ],
)
def test_a_plan_that_is_none_is_refused(jira: Jira, plan: bytes) -> None:
    assert httpx2.post(f"{jira.url}/_faults", content=plan).status_code == 400


# --- in each service's words ----------------------------------------------------------------------------------------


def test_an_outage_says_when_to_come_again(jira: Jira, client: httpx2.Client) -> None:
    jira.fail(Fault(kind=FaultKind.ERROR, status=503, retry_after=120))
    assert client.post(ISSUE, json=BODY).headers["Retry-After"] == "120"
    jira.fail(Fault(kind=FaultKind.ERROR, status=503))
    assert "Retry-After" not in client.post(ISSUE, json=BODY).headers


def test_a_redirect_leads_to_another_host(jira: Jira, client: httpx2.Client) -> None:
    jira.fail(Fault(kind=FaultKind.REDIRECT))
    response = client.post(ISSUE, json=BODY)
    assert (response.status_code, response.headers["Location"]) == (302, ELSEWHERE)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, {"errorMessages": [], "errors": {"priority": NOT_ON_SCREEN.format("priority")}}),
        (401, {"message": NO_AUTH, "status-code": 401}),
        (403, {"errorMessages": [NO_RIGHT], "errors": {}}),
        (404, {"errorMessages": [HIDDEN], "errors": {}}),
    ],
)
def test_jira_words_its_refusals(jira: Jira, client: httpx2.Client, status: int, said: dict[str, Any]) -> None:
    jira.fail(Fault(kind=FaultKind.DENY, status=status, field="priority"))
    response = client.post(ISSUE, json=BODY)
    assert (response.status_code, response.json(), jira.store()["issues"]) == (status, said, [])


def test_a_search_in_jira_that_finds_what_nobody_asked_for(jira: Jira, client: httpx2.Client) -> None:
    client.post(ISSUE, json=BODY)
    query = {"jql": 'project = "SEC" AND labels = "a"', "fields": ["labels"]}
    assert client.post("/rest/api/3/search/jql", json=query).json()["issues"] == []
    jira.fail(Fault(kind=FaultKind.UNRELATED))
    assert len(client.post("/rest/api/3/search/jql", json=query).json()["issues"]) == 1


def test_a_query_in_servicenow_that_finds_what_nobody_asked_for() -> None:
    with running(ServiceNow()) as servicenow:
        table = f"{servicenow.url}/api/now/v2/table/incident"
        login = (servicenow.user, servicenow.password)
        httpx2.post(table, json={"short_description": "a"}, auth=login)
        asked = {"sysparm_query": "correlation_id=b", "sysparm_fields": "correlation_id"}
        assert httpx2.get(table, params=asked, auth=login).json()["result"] == []
        servicenow.fail(Fault(kind=FaultKind.UNRELATED))
        assert httpx2.get(table, params=asked, auth=login).json()["result"] == [{"correlation_id": ""}]


def test_servicenow_says_no_in_a_200_and_turns_away_in_its_words() -> None:
    with running(ServiceNow()) as servicenow:
        table = f"{servicenow.url}/api/now/v2/table/incident"
        servicenow.fail(Fault(kind=FaultKind.SAYS_NO))
        said = httpx2.post(table, json={})
        assert (said.status_code, said.json()["status"]) == (200, "failure")
        servicenow.fail(Fault(kind=FaultKind.DENY, status=401))
        assert httpx2.post(table, json={}).headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault(kind=FaultKind.SAYS_NO), "internal_error"),
        (Fault(kind=FaultKind.DENY, status=400), "invalid_arguments"),
        (Fault(kind=FaultKind.DENY, status=401), "invalid_auth"),
        (Fault(kind=FaultKind.DENY, status=403), "missing_scope"),
        (Fault(kind=FaultKind.DENY, status=404), "channel_not_found"),
    ],
)
def test_slack_says_no_in_a_200(fault: Fault, word: str) -> None:
    with running(Slack()) as slack:
        slack.fail(fault)
        said = httpx2.post(f"{slack.api_url}chat.postMessage", json={"channel": slack.channel, "text": "a"})
        assert (said.status_code, said.json()["ok"], said.json()["error"]) == (200, False, word)


def test_jira_words_its_limit(jira: Jira, client: httpx2.Client) -> None:
    jira.fail(Fault(kind=FaultKind.LIMIT, retry_after=1_800))
    response = client.post(ISSUE, json=BODY)
    assert (response.headers["Retry-After"], response.headers["RateLimit-Reason"]) == ("1800", "jira-burst-based")


def test_servicenow_words_its_failures() -> None:
    def call(kind: FaultKind) -> httpx2.Response:
        servicenow.fail(Fault(kind=kind, retry_after=60))
        return httpx2.post(
            f"{servicenow.url}/api/now/v2/table/incident", json={}, auth=(servicenow.user, servicenow.password)
        )

    with running(ServiceNow(clock=lambda: 1_000_000.0)) as servicenow:
        limited = call(FaultKind.LIMIT)
        assert (limited.json()["status"], limited.headers["X-RateLimit-Reset"]) == ("failure", "1000060")
        assert "Transaction cancelled" in call(FaultKind.ERROR).json()["error"]["message"]
        malformed = call(FaultKind.TRUNCATE)
        assert malformed.status_code == 201
        assert malformed.text.startswith('{"result":')
        assert '"error":{"message":"Transaction cancelled' in malformed.text
        with pytest.raises(json.JSONDecodeError):
            malformed.json()
        assert len(servicenow.store()["incidents"]) == 2


def test_slack_words_its_failures() -> None:
    def call(kind: FaultKind) -> httpx2.Response:
        slack.fail(Fault(kind=kind, retry_after=30))
        body: dict[str, Any] = {"channel": slack.channel, "text": "a"}
        return httpx2.post(
            f"{slack.api_url}chat.postMessage", json=body, headers={"Authorization": f"Bearer {slack.token}"}
        )

    with running(Slack()) as slack:
        limited = call(FaultKind.LIMIT)
        assert (limited.status_code, limited.headers["Retry-After"], limited.json()["error"]) == (429, "30", "ratelimited")
        assert (call(FaultKind.ERROR).json()["error"], len(slack.store()["messages"])) == ("internal_error", 1)
