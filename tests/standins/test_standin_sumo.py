"""The Sumo Logic stand-in: strict where the documents are strict, and searching truly."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Thread
from typing import Any

import httpx2
import pytest

from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo import Behaviour, Message, SumoLogic
from enricher.standins.sumo.language import QueryError, parse
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

JOBS = "/api/v1/search/jobs"
AUTH = ("su1", KEY)
MESSAGES = [
    Message(raw="alpha one", at=100.0, host="a"),
    Message(raw="alpha two <Data>", at=200.0, category="OS/Windows/Sysmon"),
    Message(raw="beta alphabet", at=300.0, category="os/linux"),
]


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sumo(clock: Clock) -> Iterator[SumoLogic]:
    with running(SumoLogic(MESSAGES, clock=clock)) as standin:
        yield standin


@pytest.fixture
def client(sumo: SumoLogic, clock: Clock) -> Iterator[httpx2.Client]:
    """Sends a request every second of the stand-in's time."""

    def tick(_: httpx2.Request) -> None:
        clock.now += 1

    with connect(sumo.url, auth=AUTH, event_hooks={"request": [tick]}) as made:
        yield made


def asked(query: str = "alpha", **more: Any) -> dict[str, Any]:
    return {"query": query, "from": "1970-01-01T00:00:00", "to": "1970-01-01T01:00:00", "timeZone": "UTC"} | more


def finished(client: httpx2.Client, query: str = "alpha", **more: Any) -> str:
    """The address of a job that is done."""
    created = client.post(JOBS, json=asked(query, **more))
    assert created.status_code == 202, created.text
    address = f"{JOBS}/{created.json()['id']}"
    assert created.headers["Location"].endswith(address)
    assert [client.get(address).json()["state"] for _ in range(2)] == ["GATHERING RESULTS", "DONE GATHERING RESULTS"]
    return address


def found(client: httpx2.Client, query: str, **more: Any) -> list[str]:
    page = client.get(f"{finished(client, query, **more)}/messages", params={"offset": 0, "limit": 10}).json()
    return [one["map"]["_raw"] for one in page["messages"]]


# --- what it finds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "raws"),
    [
        ("alpha", ["alpha two <Data>", "alpha one"]),
        ("ALPHA one", ["alpha one"]),
        ("alpha AND (one OR two)", ["alpha two <Data>", "alpha one"]),
        ("alpha NOT one", ["alpha two <Data>"]),
        ('"alpha one"', ["alpha one"]),
        ('"one alpha"', []),
        ("alph*", ["beta alphabet", "alpha two <Data>", "alpha one"]),
        ('"alph*"', []),
        ("_sourceCategory=*sysmon*", ["alpha two <Data>", "alpha one"]),
        ('_sourceCategory="*sysmon*"', []),
        ("(_sourceHost=a OR _sourceCategory=os/linux)", ["beta alphabet", "alpha one"]),
        ('alpha | parse regex "<(?<tag>[A-Z]\\w+)"', ["alpha two <Data>"]),
        ('alpha | parse regex "<(?<tag>[A-Z]\\w+)" nodrop', ["alpha two <Data>", "alpha one"]),
        ('alpha | parse regex "(?<n>one|two)" | parse regex "(?i)(?<tag>DATA)"', ["alpha two <Data>"]),
    ],
)
def test_it_searches_newest_first(client: httpx2.Client, query: str, raws: list[str]) -> None:
    assert found(client, query) == raws


def test_it_keeps_to_the_window(client: httpx2.Client) -> None:
    begins_within = {"from": "1970-01-01T00:01:40", "to": "1970-01-01T00:03:20"}
    assert found(client, "alpha", **begins_within) == ["alpha one"]
    assert found(client, "alpha", **{"from": 150_000, "to": "250000"}) == ["alpha two <Data>"]
    assert found(client, "alpha", **begins_within, timeZone="Europe/Berlin") == []


def test_every_value_is_text_and_every_name_in_lower_case(client: httpx2.Client) -> None:
    page = client.get(f"{finished(client)}/messages", params={"offset": 1, "limit": 1}).json()
    (message,) = page["messages"]
    assert (message["map"]["_messagetime"], message["map"]["_sourcehost"]) == ("100000", "a")
    assert {type(value) for value in message["map"].values()} == {str}
    assert [name for name in message["map"] if name != name.lower()] == []
    assert {field["name"] for field in page["fields"]} == set(message["map"])


def test_some_messages_are_there_before_the_end(client: httpx2.Client, sumo: SumoLogic) -> None:
    sumo.behaviour = Behaviour(polls=9)
    address = f"{JOBS}/{client.post(JOBS, json=asked()).json()['id']}"
    assert client.get(address).json()["messageCount"] == 1
    assert len(client.get(f"{address}/messages", params={"offset": 0, "limit": 10}).json()["messages"]) == 1


def test_messages_may_come_later(client: httpx2.Client) -> None:
    logged = client.post("/_messages", json=[{"raw": "gamma", "host": "c", "at": 5.0}])
    assert (logged.status_code, logged.json()) == (200, {"messages": 4})
    assert found(client, "gamma") == ["gamma"]
    assert client.post("/_messages", json=[{"text": "gamma"}]).status_code == 400


# --- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": ""}, "no.query"),
        ({"query": 7}, "no.query"),
        ({"query": "alpha | delete"}, "parse.error"),
        ({"from": "yesterday"}, "searchjob.invalid.timestamp.from"),
        ({"to": None}, "searchjob.invalid.timestamp.to"),
        ({"to": "1969-01-01T00:00:00"}, "to.smaller.than.from"),
        ({"timeZone": ""}, "empty.timezone"),
        ({"timeZone": "Mars/Olympus"}, "unknown.timezone"),
    ],
)
def test_a_search_that_makes_no_sense(client: httpx2.Client, sumo: SumoLogic, body: dict[str, Any], code: str) -> None:
    refused = client.post(JOBS, json=asked() | body)
    assert (refused.status_code, refused.json()["code"], refused.json()["status"]) == (400, code, 400)
    assert sumo.store()["jobs"] == []


@pytest.mark.parametrize(
    "query",
    [
        'a "b',
        "a)",
        "(a",
        "a OR",
        "a | parse regex (?<b>c)",
        'a | parse regex "(b)(?<c>d)"',
        'a | parse regex "b"',
        'a | parse regex "(?<b>["',
        "a | save as b",
        "",
        "a | ",
        'a | parse regex "(?<b>c)" maybe',
    ],
)
def test_a_query_that_it_does_not_understand(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)


def test_who_may_ask(sumo: SumoLogic) -> None:
    with connect(sumo.url) as stranger:
        for refused in (stranger.post(JOBS, json=asked()), stranger.post(JOBS, json=asked(), auth=("su1", "wrong"))):
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


def test_a_body_must_say_that_it_is_json(client: httpx2.Client) -> None:
    refused = client.post(JOBS, content=b'{"query": "alpha"}', headers={"Content-Type": "text/plain"})
    assert (refused.status_code, refused.json()["code"]) == (415, "contenttype.invalid")
    assert client.put(JOBS, json={}).json()["code"] == "method.unsupported"
    assert client.get("/api/v1/other").json()["code"] == "notfound"


def test_without_its_cookie_a_job_is_not_known(client: httpx2.Client, sumo: SumoLogic) -> None:
    address = finished(client)
    with connect(sumo.url, auth=AUTH) as other:
        for method in ("GET", "DELETE"):
            refused = other.request(method, address)
            assert (refused.status_code, refused.json()["code"]) == (404, "jobid.invalid")
    assert len(sumo.left_open()) == 1
    assert client.delete(address).status_code == 200
    assert sumo.left_open() == []
    assert client.get(address).status_code == client.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ({"limit": 1}, "offset.missing"),
        ({"offset": 0}, "limit.missing"),
        ({"offset": -1, "limit": 1}, "offset.negative"),
        ({"offset": 0, "limit": -1}, "limit.negative"),
        ({"offset": 0, "limit": 0}, "limit.zero"),
    ],
)
def test_a_page_has_an_offset_and_a_limit(client: httpx2.Client, page: dict[str, int], code: str) -> None:
    refused = client.get(f"{finished(client)}/messages", params=page)
    assert (refused.status_code, refused.json()["code"]) == (400, code)


def test_only_an_aggregation_has_records(client: httpx2.Client) -> None:
    page = {"offset": 0, "limit": 10}
    refused = client.get(f"{finished(client)}/records", params=page)
    assert (refused.status_code, refused.json()["code"]) == (400, "no.records.not.an.aggregation.query")
    told = client.get(f"{finished(client, 'alpha* OR beta | count by _sourceHost')}/records", params=page).json()
    assert told["records"] == [{"map": {"_sourcehost": "", "_count": "2"}}, {"map": {"_sourcehost": "a", "_count": "1"}}]
    assert {field["name"] for field in told["fields"]} == {"_sourcehost", "_count"}


def test_records_come_in_pages_and_are_counted_at_the_end(client: httpx2.Client) -> None:
    address = f"{JOBS}/{client.post(JOBS, json=asked('* | count by _messageTime | sort by _messagetime asc')).json()['id']}"
    assert [client.get(address).json()["recordCount"] for _ in range(2)] == [0, 3]
    pages = [client.get(f"{address}/records", params={"offset": n, "limit": 2}).json()["records"] for n in (0, 2)]
    assert [one["map"]["_messagetime"] for page in pages for one in page] == ["100000", "200000", "300000"]


def test_a_message_has_what_was_parsed_of_it(client: httpx2.Client) -> None:
    address = finished(client, 'alpha | parse regex "(?<n>one|two)"')
    page = client.get(f"{address}/messages", params={"offset": 0, "limit": 10}).json()
    assert [one["map"]["n"] for one in page["messages"]] == ["two", "one"]
    assert {field["name"] for field in page["fields"]} == set(page["messages"][0]["map"])


# --- limits ---------------------------------------------------------------------------------------------------------


def test_four_requests_a_second(sumo: SumoLogic, clock: Clock) -> None:
    with connect(sumo.url, auth=AUTH) as hasty:
        statuses = [hasty.get(f"{JOBS}/x").status_code for _ in range(5)]
        refused = hasty.get(f"{JOBS}/x")
        assert (statuses, refused.json()["code"]) == ([404, 404, 404, 404, 429], "rate.limit.exceeded")
        clock.now += 1.01
        assert hasty.get(f"{JOBS}/x").status_code == 404


def test_ten_requests_at_once() -> None:
    """Eleven that none has answered yet: one of them is refused without waiting."""
    answered: Queue[int] = Queue()

    def ask(url: str) -> None:
        with connect(url, auth=AUTH) as one_of_many:
            answered.put(one_of_many.get(f"{JOBS}/x").status_code)

    with running(SumoLogic(limits=False)) as sumo:
        threads = [Thread(target=ask, args=[sumo.url]) for _ in range(11)]
        with sumo.lock:
            for thread in threads:
                thread.start()
            assert answered.get(timeout=30) == 429
        for thread in threads:
            thread.join()
    assert [answered.get() for _ in range(10)] == [404] * 10


def test_so_many_open_jobs_and_no_more(client: httpx2.Client, sumo: SumoLogic) -> None:
    sumo.open_jobs = 1
    address = finished(client)
    refused = client.post(JOBS, json=asked())
    assert (refused.status_code, refused.json()["code"]) == (429, "rate.limit.exceeded")
    client.delete(address)
    assert client.post(JOBS, json=asked()).status_code == 202


def test_a_job_that_nobody_asks_about_is_cancelled(client: httpx2.Client, sumo: SumoLogic, clock: Clock) -> None:
    address = finished(client)
    clock.now += 18
    assert client.get(address).status_code == 200
    clock.now += 20
    assert client.get(address).status_code == 404
    (job,) = sumo.store()["jobs"]
    assert (job["state"], job["cancelled"], job["deleted"]) == ("CANCELLED", True, False)


# --- how it goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "states"),
    [
        (Behaviour(never_ends=True), ["GATHERING RESULTS"] * 4),
        (Behaviour(pauses=True, polls=1), ["FORCE PAUSED"] * 4),
        (Behaviour(cancels=True), ["GATHERING RESULTS", "CANCELLED", None, None]),
        (Behaviour(cookie_lost_at=2, polls=9), ["GATHERING RESULTS", "GATHERING RESULTS", None, None]),
    ],
    ids=["never ends", "paused", "cancelled", "loses its cookie"],
)
def test_how_a_search_goes(client: httpx2.Client, sumo: SumoLogic, behaviour: Behaviour, states: list[str | None]) -> None:
    sumo.behaviour = behaviour
    address = f"{JOBS}/{client.post(JOBS, json=asked()).json()['id']}"
    assert [client.get(address).json().get("state") for _ in range(4)] == states


def test_errors_are_told_once(client: httpx2.Client, sumo: SumoLogic) -> None:
    sumo.behaviour = Behaviour(errors=("a",), warnings=("b",))
    address = f"{JOBS}/{client.post(JOBS, json=asked()).json()['id']}"
    told = [client.get(address).json() for _ in range(2)]
    assert [(one["pendingErrors"], one["pendingWarnings"]) for one in told] == [(["a"], ["b"]), ([], [])]


def test_it_fails_as_it_is_told(client: httpx2.Client, sumo: SumoLogic) -> None:
    sumo.fail(Fault(kind=FaultKind.LIMIT, retry_after=9, calls=(1,)), Fault(kind=FaultKind.ERROR, status=503))
    limited, broken = client.post(JOBS, json=asked()), client.post(JOBS, json=asked())
    assert (limited.json()["code"], limited.headers["Retry-After"], broken.status_code) == ("rate.limit.exceeded", "9", 503)
    sumo.fail()
    sumo.behaviour = Behaviour(instead=(Message(raw="hostile"),))
    assert found(client, "alpha") == ["hostile"]
