"""Search jobs against the stand-in, in fair weather and foul. In every test the stand-in's store says that no job is left."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, Thread

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.sumo_search import lineage_query
from enricher.errors import StoreUnavailable
from enricher.ports import LeftJob
from enricher.standins import Fault, FaultKind
from enricher.standins.sumo import Behaviour, Message
from enricher.sumo.api import Api
from enricher.sumo.pace import Pace
from enricher.sumo.search_job import LONGEST_SILENCE_S, PAGE, WALL_S, JobResult, SearchJobs
from tests.sumo.fakes import NOW, SCOPE, Bench, Book, Hours, bench, chain, event_1, guid

pytestmark = pytest.mark.slow

JOBS = "/api/v1/search/jobs"
QUERY = lineage_query([guid(1)], SCOPE)


@pytest.fixture
def hall() -> Iterator[Bench]:
    with bench(*chain(6)) as made:
        yield made


def run(hall: Bench, query: str = QUERY) -> JobResult:
    result = hall.jobs.run(query, NOW - timedelta(hours=24), NOW, hall.patience.clock() + WALL_S)
    assert hall.sumo.left_open() == []
    assert hall.book.open == {}
    return result


def jobs(hall: Bench) -> list[dict[str, object]]:
    return list(hall.sumo.store()["jobs"])


def statuses(hall: Bench, method: str) -> list[int]:
    return [one["status"] for one in hall.sumo.store()["requests"] if one["method"] == method]


# --- fair weather ---------------------------------------------------------------------------------------------------


def test_a_search_finds_and_deletes(hall: Bench) -> None:
    result = run(hall)
    assert (result.status, result.reason) == ("done", None)
    assert [event_1(1, 2)] == [row["_raw"] for row in result.rows]
    assert [(one["state"], one["deleted"]) for one in jobs(hall)] == [("DONE GATHERING RESULTS", True)]
    assert hall.book.opened_in_all == [jobs(hall)[0]["id"]]


def test_it_asks_after_a_second_and_then_ever_more_seldom(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(polls=12)
    run(hall)
    polls = [one["at"] for one in hall.sumo.store()["requests"] if one["path"].count("/") == 5 and one["method"] == "GET"]
    gaps = [later - earlier for earlier, later in pairwise(polls)]
    assert gaps[0] == pytest.approx(1.5)
    assert gaps == sorted(gaps)
    assert max(gaps) == pytest.approx(5.0)


def test_messages_come_in_pages() -> None:
    many = [Message(raw=event_1(1, 2, CommandLine=str(n))) for n in range(2 * PAGE + 1)]
    with bench(*many) as hall:
        result = run(hall)
        assert (result.status, len({row["_raw"] for row in result.rows})) == ("done", 2 * PAGE + 1)


def test_no_more_pages_than_it_needs_to_bear() -> None:
    many = [Message(raw=event_1(1, 2, CommandLine=str(n))) for n in range(1_100)]
    with bench(*many) as hall:
        result = run(hall)
        assert (result.status, len(result.rows), result.reason) == ("partial", 1_000, "1000 of 1100 messages read")


def test_eight_threads_take_turns() -> None:
    """At most one request a third of a second between them all, so that no second has more than four."""

    class Standing(Hours):
        def wait(self, seconds: float) -> bool:
            self.waits.append(seconds)
            return True

    patience = Standing()
    pace, barrier = Pace(patience), Barrier(8)

    def take() -> None:
        barrier.wait()
        for _ in range(10):
            pace.take()

    in_threads([take] * 8)
    assert sorted(patience.waits) == pytest.approx([n / 3 for n in range(80)])


def test_eight_threads_search_at_once_and_leave_nothing() -> None:
    with bench(*chain(2), limits=False) as hall:
        barrier, results = Barrier(8), list[JobResult]()

        def ask() -> None:
            barrier.wait()
            results.append(hall.jobs.run(QUERY, NOW - timedelta(hours=24), NOW, hall.patience.clock() + 6_000))

        in_threads([ask] * 8)
        busy = [result.retry_after for result in results if result.status == "pending"]
        assert [len(result.rows) for result in results if result.status == "done"] == [1] * (8 - len(busy))
        assert busy == [5.0] * len(busy)
        assert len(jobs(hall)) == 8 - len(busy) >= 5
        assert hall.sumo.left_open() == []
        assert hall.book.open == {}


def in_threads(work: Sequence[Callable[[], None]]) -> None:
    threads = [Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_sixth_search_is_told_to_come_again() -> None:
    class Held(Book):
        inner: list[JobResult]

        def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
            super().opened(job_id, cookies)
            if len(self.opened_in_all) <= 5:
                self.inner.append(house.jobs.run(QUERY, NOW - timedelta(hours=1), NOW, house.patience.clock() + WALL_S))

    book = Held()
    book.inner = []
    with bench(*chain(2), book=book) as house:
        assert run(house).status == "done"
    assert [result.status for result in book.inner] == ["pending", "done", "done", "done", "done"]


# --- foul weather ---------------------------------------------------------------------------------------------------


def test_one_that_never_ends_is_given_up_within_a_minute(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(never_ends=True)
    begun = hall.patience.clock()
    result = run(hall)
    assert (result.status, result.reason) == ("pending", "timeout: not finished within 60 s")
    assert WALL_S - 10 < hall.patience.clock() - begun <= WALL_S + 1


def test_one_that_loses_its_cookie_is_deleted_with_the_one_it_came_with(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(polls=4, cookie_lost_at=2)
    result = run(hall)
    assert (result.status, result.reason) == ("pending", "not_found: HTTP 404: jobid.invalid: Job ID is invalid.")
    assert statuses(hall, "DELETE") == [404, 200]


def test_one_that_sumo_cancels_is_for_later(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(cancels=True)
    result = hall.jobs.run(QUERY, NOW - timedelta(hours=1), NOW, hall.patience.clock() + WALL_S)
    assert (result.status, result.reason) == ("pending", "not_found: Sumo Logic has cancelled the search")
    assert [(one["cancelled"], one["state"]) for one in jobs(hall)] == [(True, "CANCELLED")]
    assert hall.book.open == {}


def test_one_that_is_paused_gives_what_it_has(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(pauses=True)
    result = run(hall)
    assert (result.status, len(result.rows)) == ("partial", 1)
    assert result.reason == "Sumo Logic paused the search: too many messages"


def test_an_error_that_is_told_only_once_is_not_forgotten(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(polls=5, errors=("a partition\nis\x1b[31m away su1 " + "x" * 500,), warnings=("slow",))
    result = run(hall)
    assert (result.status, len(result.rows)) == ("partial", 1)
    assert result.reason is not None
    assert result.reason.startswith("Sumo Logic reports: a partition is[31m away [masked] xxx")
    assert len(result.reason) < 250


def test_too_many_requests_are_waited_out(hall: Bench) -> None:
    hall.sumo.fail(Fault(kind=FaultKind.LIMIT, method="GET", calls=(1, 2), retry_after=7))
    assert run(hall).status == "done"
    assert [wait for wait in hall.patience.waits if wait == 7] == [7, 7]


def test_a_wait_that_the_job_would_not_outlive_is_not_begun(hall: Bench) -> None:
    hall.sumo.fail(Fault(kind=FaultKind.LIMIT, method="GET", retry_after=300))
    result = run(hall)
    assert (result.status, result.retry_after) == ("pending", 300)
    assert max(hall.patience.waits) <= LONGEST_SILENCE_S


def test_who_asks_to_be_left_alone_is(hall: Bench) -> None:
    hall.sumo.fail(Fault(kind=FaultKind.LIMIT, method="POST", calls=(1,), retry_after=100))
    assert run(hall).retry_after == 100
    hall.patience.wait(60)
    waiting = run(hall)
    assert (waiting.status, waiting.retry_after, hall.requests("POST")) == ("pending", 40, 1)
    hall.patience.wait(41)
    assert run(hall).status == "done"


def test_too_many_jobs_are_for_later(hall: Bench) -> None:
    hall.sumo.open_jobs = 0
    result = run(hall)
    assert result.status == "pending"
    assert result.reason == (
        "rate_limited: HTTP 429: rate.limit.exceeded: Your organization has exceeded the active concurrent search job limit."
    )
    assert jobs(hall) == []


FAULTS = {
    "500": Fault(kind=FaultKind.ERROR, status=500, calls=(1,)),
    "503 of a gateway": Fault(kind=FaultKind.ERROR, status=503, calls=(1,)),
    "a dropped connection": Fault(kind=FaultKind.DROP, calls=(1,)),
    "a refused connection": Fault(kind=FaultKind.REFUSE, calls=(1,)),
    "429 without a time": Fault(kind=FaultKind.LIMIT, calls=(1,), retry_after=0),
}


@pytest.mark.parametrize("path", [f"{JOBS}/*", f"{JOBS}/*/messages"], ids=["while asking", "while paging"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_fault_is_passed_over(hall: Bench, fault: Fault, path: str) -> None:
    hall.sumo.fail(Fault(kind=fault.kind, method="GET", path=path, calls=(1,), status=fault.status, retry_after=0))
    result = run(hall)
    assert (result.status, len(result.rows)) == ("done", 1)


@pytest.mark.parametrize("kind", [FaultKind.TRUNCATE, FaultKind.HTML], ids=["half an answer", "a web page"])
def test_an_answer_that_cannot_be_read_is_for_later(hall: Bench, kind: FaultKind) -> None:
    hall.sumo.fail(Fault(kind=kind, method="GET"))
    result = run(hall)
    assert (result.status, (result.reason or "").partition(":")[0]) == ("pending", "not_json")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_create_that_fails_is_for_later_and_not_sent_twice(hall: Bench, fault: Fault) -> None:
    """Where the answer was lost there may be a job whose id nobody knows: Sumo Logic cancels it, for nobody asks about it."""
    hall.sumo.fail(Fault(kind=fault.kind, method="POST", calls=(1,), status=fault.status, retry_after=1))
    result = hall.jobs.run(QUERY, NOW - timedelta(hours=24), NOW, hall.patience.clock() + WALL_S)
    assert result.status == "pending"
    assert hall.requests("POST") == 1
    hall.patience.wait(21)
    assert [one for one in jobs(hall) if not one["cancelled"]] == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "_sourceCategory=a | delete",
            "invalid: HTTP 400: parse.error: Unable to parse query: line 1: no operator 'delete'",
        ),
        (" ", "invalid: HTTP 400: no.query: No 'query' parameter was provided."),
    ],
)
def test_a_query_that_is_refused_is_for_a_person(hall: Bench, query: str, reason: str) -> None:
    result = run(hall, query)
    assert (result.status, result.reason) == ("failed", reason)


def test_a_wrong_key_is_for_a_person_and_is_not_repeated() -> None:
    with bench(key="wrong-key") as hall:
        result = run(hall)
        assert (result.status, result.reason) == (
            "failed",
            "auth: HTTP 401: unauthorized: Credential could not be verified.",
        )
        assert hall.requests("POST") == 1


# --- deletion -------------------------------------------------------------------------------------------------------


def test_a_delete_is_tried_again(hall: Bench) -> None:
    hall.sumo.fail(Fault(kind=FaultKind.ERROR, method="DELETE", status=500, calls=(1, 2), commits=False))
    assert run(hall).status == "done"


def test_one_that_could_not_be_deleted_is_deleted_before_the_next_search(hall: Bench) -> None:
    hall.sumo.fail(Fault(kind=FaultKind.REFUSE, method="DELETE"))
    result = hall.jobs.run(QUERY, NOW - timedelta(hours=24), NOW, hall.patience.clock() + WALL_S)
    assert result.status == "done"
    assert len(hall.sumo.left_open()) == len(hall.book.open) == 1
    hall.jobs.sweep()
    assert len(hall.sumo.left_open()) == 1, "still refused"
    hall.sumo.fail()
    hall.jobs.sweep()
    assert hall.sumo.left_open() == []
    assert hall.book.open == {}


def test_what_others_left_behind_is_swept_with_their_cookies() -> None:
    book = Book()
    with bench(*chain(1), book=book) as hall:
        left = [hall.api.create(QUERY, NOW - timedelta(hours=1), NOW) for _ in range(3)]
        book.gone = {job.job_id: LeftJob(job_id=job.job_id, cookies=job.cookies) for job in left}
        hall.jobs.sweep()
        assert hall.sumo.left_open() == []
        assert book.gone == {}


def test_one_that_is_gone_already_is_crossed_out() -> None:
    book = Book(LeftJob(job_id="0123456789ABCDEF", cookies={"JSESSIONID": "x"}))
    with bench(book=book) as hall:
        hall.jobs.sweep()
        assert statuses(hall, "DELETE") == [404]
        assert book.gone == {}


def test_a_shutdown_ends_the_wait_and_still_deletes(hall: Bench) -> None:
    hall.sumo.behaviour = Behaviour(never_ends=True)
    hall.patience.at.append((hall.patience.clock() + 8, hall.patience.stop))
    result = run(hall)
    assert (result.status, result.reason) == ("pending", "timeout: ended by a shutdown")


def test_a_store_that_is_away_leaves_no_job_either() -> None:
    class Away(Book):
        def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
            raise StoreUnavailable("disk full", retry_after=9)

        def left_behind(self) -> list[LeftJob]:
            raise StoreUnavailable("disk full")

    with bench(*chain(1), book=Away()) as hall:
        result = run(hall)
        assert (result.status, result.retry_after) == ("pending", 9)
        hall.jobs.sweep()


def test_a_bug_leaves_no_job_either(hall: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hall.api, "state", broken)
    with pytest.raises(ZeroDivisionError):
        run(hall)
    assert hall.sumo.left_open() == []
    assert hall.book.open == {}
    monkeypatch.undo()
    assert run(hall).status == "done", "its place among the searches is free again"


# --- the client -----------------------------------------------------------------------------------------------------

Handler = Callable[[httpx2.Request], httpx2.Response]
CREATED = httpx2.Response(202, json={"id": "A1"}, headers=[("Set-Cookie", "S=1; Path=/"), ("Set-Cookie", 'bad="a;b"')])


def scripted(answers: Sequence[httpx2.Response], url: str = "https://api.sumo.example") -> tuple[Api, list[httpx2.Request]]:
    """A client that gets these answers, one after the other."""
    waiting, sent = list(answers), list[httpx2.Request]()

    def handle(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return waiting.pop(0)

    return Api(url, "su1", "secret-key", Pace(Hours()), transport=httpx2.MockTransport(handle)), sent


def with_book(api: Api, book: Book | None = None) -> JobResult:
    patience = Hours()
    return SearchJobs(api, book or Book(), patience).run(QUERY, NOW, NOW, patience.clock() + WALL_S)


@pytest.mark.parametrize(
    "url", ["https://api.sumo.example", "https://api.sumo.example/api/", "https://api.sumo.example/api/v1"]
)
def test_the_address_may_be_written_as_the_pages_have_it(url: str) -> None:
    api, sent = scripted([CREATED], url)
    api.create(QUERY, NOW, NOW)
    assert str(sent[0].url) == f"https://api.sumo.example{JOBS}"


def test_each_job_sends_its_own_cookies_and_no_other() -> None:
    other = httpx2.Response(202, json={"id": "B2"}, headers={"Set-Cookie": "S=2"})
    said = httpx2.Response(200, json={"state": "NOT STARTED", "messageCount": 0}, headers={"Set-Cookie": "S=3"})
    api, sent = scripted([CREATED, other, said, said])
    first, second = api.create(QUERY, NOW, NOW), api.create(QUERY, NOW, NOW)
    api.state(first)
    api.state(second)
    assert [request.headers.get("Cookie") for request in sent] == [None, None, "S=1", "S=2"]
    assert (first.cookies, first.born_with) == ({"S": "3"}, {"S": "1"})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(
            httpx2.Response(301, headers={"Location": "https://api.us2.sumologic.com/api/v1/search/jobs"}),
            "configuration: HTTP 301: this account is elsewhere (api.us2.sumologic.com)",
            id="another deployment",
        ),
        pytest.param(
            httpx2.Response(302, headers={"Location": "https://a@evil.example/"}),
            "configuration: HTTP 302: this account is elsewhere (unnamed)",
            id="a redirect to nowhere",
        ),
        pytest.param(
            httpx2.Response(404, json={"code": "notfound"}),
            "configuration: no Search Job API at this address: HTTP 404: notfound",
            id="no such address",
        ),
        pytest.param(
            httpx2.Response(403, json={"code": "forbidden", "message": "Not secret-key's"}),
            "forbidden: HTTP 403: forbidden: Not [masked]'s",
            id="a plan without the API, and a key that is repeated",
        ),
        pytest.param(
            httpx2.Response(415, json={"code": "contenttype.invalid"}), "invalid: HTTP 415: contenttype.invalid", id="415"
        ),
    ],
)
def test_what_a_person_must_see_to(answer: httpx2.Response, reason: str) -> None:
    api, sent = scripted([answer])
    result = with_book(api)
    assert (result.status, result.reason, len(sent)) == ("failed", reason, 1)


@pytest.mark.parametrize("job_id", ["", "../../x", "a b", "A" * 65, None, 7])
def test_an_id_that_is_none_never_enters_an_address(job_id: object) -> None:
    api, sent = scripted([httpx2.Response(202, json={"id": job_id})])
    result = with_book(api)
    assert (result.status, result.reason, len(sent)) == ("pending", "not_json: a new job without an id", 1)


def test_an_answer_without_end_is_cut_off() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 65_536

    api, _ = scripted([CREATED, httpx2.Response(200, content=endless()), httpx2.Response(200)])
    result = with_book(api)
    assert (result.status, result.reason) == ("pending", "not_json: an answer of more than 16777216 bytes")


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20)
ANSWERS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
NAMED = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["DONE GATHERING RESULTS", "FORCE PAUSED", "CANCELLED", "NEW"]) | ANSWERS,
        "messageCount": st.integers(-5, 10**9) | ANSWERS,
        "pendingErrors": ANSWERS,
        "pendingWarnings": ANSWERS,
        "messages": st.lists(st.fixed_dictionaries({"map": ANSWERS}) | ANSWERS, max_size=3) | ANSWERS,
        "code": ANSWERS,
        "message": ANSWERS,
    },
)
STATUSES = st.sampled_from([200, 200, 200, 202, 301, 400, 401, 404, 418, 429, 500, 503])


@given(st.lists(st.tuples(STATUSES, NAMED | ANSWERS, st.text(max_size=9)), min_size=1, max_size=12))
def test_no_answer_makes_a_search_fail(said: list[tuple[int, object, str]]) -> None:
    answers = [
        httpx2.Response(
            status, content=orjson.dumps(body), headers={"Retry-After": word.encode("ascii", "ignore").decode()}
        )
        for status, body, word in said
    ]
    last = httpx2.Response(200, json={"state": "NEW"})
    sent = itertools.chain([CREATED], answers, itertools.repeat(last))
    api = Api("https://a.example", "su1", "key", Pace(Hours()), transport=httpx2.MockTransport(lambda _: next(sent)))
    result = with_book(api, book := Book())
    assert result.status in {"done", "partial", "pending", "failed"}
    assert (result.reason is None) == (result.status == "done")
    assert (result.reason or "").isprintable()
    assert len(book.opened_in_all) == 1


def test_its_key_is_sent_as_basic_authentication() -> None:
    api, sent = scripted([CREATED])
    api.create(QUERY, NOW, NOW)
    assert sent[0].headers["Authorization"] == "Basic " + b64encode(b"su1:secret-key").decode()
