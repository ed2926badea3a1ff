"""The rows of our own searches: pages of records, several searches as one answer, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest

from enricher.sumo.api import Api
from enricher.sumo.pace import Pace
from enricher.sumo.rows import Rows
from enricher.sumo.search_job import MOST_RECORDS, RECORDS_PAGE, SearchJobs
from tests.sumo.fakes import NOW, Book, Hours

FROM, TO = NOW - timedelta(minutes=15), NOW


@dataclass
class Account:
    """Answers as the Search Job API does. `counts` says how many rows a query finds; `states` and `refused` how it goes wrong."""

    counts: Mapping[str, int]
    states: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: list[tuple[int, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        rest = request.url.path.removeprefix("/api/v1/search/jobs").strip("/").split("/")
        if request.method == "POST":
            return self._create(orjson.loads(request.content))
        query = self.jobs[rest[0]]["query"]
        if request.method == "DELETE":
            self.deleted.append(query)
            return httpx2.Response(200, json={"id": rest[0]})
        if rest[1:] == ["records"]:
            offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
            self.pages.append((offset, limit))
            numbers = range(self.counts[query])[offset : offset + limit]
            return httpx2.Response(200, json={"records": [{"map": {"_count": str(n), "query": query}} for n in numbers]})
        state = self.states.get(query, "DONE GATHERING RESULTS")
        said = {"state": state, "messageCount": 10 * self.counts[query], "recordCount": self.counts[query]}
        return httpx2.Response(200, json=said)

    def _create(self, asked: dict[str, Any]) -> httpx2.Response:
        if (refusal := self.refused.get(asked["query"])) is not None:
            status, headers = refusal
            return httpx2.Response(status, json={"code": "some.code", "message": "no"}, headers=headers)
        job_id = str(len(self.jobs))
        self.jobs[job_id] = asked
        return httpx2.Response(202, json={"id": job_id})


@dataclass
class Hall:
    """A searcher of one account."""

    account: Account
    rows: Rows
    endings: list[str]


@pytest.fixture
def hall() -> Iterator[Hall]:
    account, patience, endings = Account({}), Hours(), list[str]()
    api = Api("https://api.sumo.example", "su1", "key", Pace(patience), transport=httpx2.MockTransport(account))
    yield Hall(account, Rows(SearchJobs(api, Book(), patience), patience, endings.append), endings)
    api.close()


def test_several_searches_are_one_answer(hall: Hall) -> None:
    hall.account.counts = {"a": 2, "b": 0, "c": 1}
    found = hall.rows.rows(("a", "b", "c"), FROM, TO)
    assert (found.status, found.reason) == ("done", None)
    assert [(row["query"], row["_count"]) for row in found.rows] == [("a", "0"), ("a", "1"), ("c", "0")]
    assert hall.account.deleted == ["a", "b", "c"]
    assert hall.endings == ["done"] * 3


def test_records_come_in_pages(hall: Hall) -> None:
    hall.account.counts = {"a": 2 * RECORDS_PAGE + 1}
    found = hall.rows.rows(("a",), FROM, TO)
    assert len({row["_count"] for row in found.rows}) == len(found.rows) == 2 * RECORDS_PAGE + 1
    assert hall.account.pages == [(page * RECORDS_PAGE, RECORDS_PAGE) for page in range(3)]


def test_no_more_than_it_can_bear(hall: Hall) -> None:
    hall.account.counts = {"a": MOST_RECORDS + 1}
    found = hall.rows.rows(("a",), FROM, TO)
    assert (found.status, len(found.rows)) == ("partial", MOST_RECORDS)
    assert found.reason == f"{MOST_RECORDS} of {MOST_RECORDS + 1} rows read"


def test_nor_of_all_searches_together(hall: Hall) -> None:
    hall.account.counts = dict.fromkeys("abc", MOST_RECORDS // 2 + 1)
    found = hall.rows.rows(("a", "b", "c"), FROM, TO)
    assert (found.status, len(found.rows)) == ("partial", MOST_RECORDS)
    assert hall.account.deleted == ["a", "b"]


def test_what_one_search_lacks_the_answer_lacks(hall: Hall) -> None:
    hall.account.counts, hall.account.states = {"a": 1, "b": 1}, {"a": "FORCE PAUSED"}
    found = hall.rows.rows(("a", "b"), FROM, TO)
    assert (found.status, len(found.rows)) == ("partial", 2)
    assert found.reason == "Sumo Logic paused the search: too many messages"


@pytest.mark.parametrize(
    ("refusal", "status", "retry_after"),
    [
        pytest.param((429, {"Retry-After": "40"}), "pending", 40.0, id="too often"),
        pytest.param((503, {}), "pending", 0.0, id="down"),
        pytest.param((401, {}), "failed", 0.0, id="keys"),
        pytest.param((400, {}), "failed", 0.0, id="query"),
    ],
)
def test_the_first_without_an_answer_ends_it(
    hall: Hall, refusal: tuple[int, dict[str, str]], status: str, retry_after: float
) -> None:
    hall.account.counts, hall.account.refused = dict.fromkeys("abc", 1), {"b": refusal}
    found = hall.rows.rows(("a", "b", "c"), FROM, TO)
    assert (found.status, found.rows, found.retry_after) == (status, (), retry_after)
    assert hall.account.deleted == ["a"], "and c was never begun"


def test_times_are_exact(hall: Hall) -> None:
    hall.account.counts = {"a": 0}
    hall.rows.rows(("a",), FROM + timedelta(milliseconds=42), TO)
    (asked,) = hall.account.jobs.values()
    assert (asked["from"], asked["to"]) == (str(int(FROM.timestamp()) * 1000 + 42), "2026-11-24T02:00:00")
