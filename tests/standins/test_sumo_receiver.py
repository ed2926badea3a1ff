"""The stand-in for an HTTP Source keeps to the rules of the real one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx2
import pytest

from enricher.standins import running
from enricher.standins.sumo.receiver import SumoSource
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow


@pytest.fixture
def source() -> Iterator[SumoSource]:
    with running(SumoSource(declared=frozenset({"known"}))) as service:
        yield service


def post(source: SumoSource, body: bytes, **headers: str) -> httpx2.Response:
    with connect(source.url) as client:
        return client.post(
            source.address(), content=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )


def test_a_line_is_a_message_and_undeclared_fields_are_dropped_without_a_word(source: SumoSource) -> None:
    answer = post(source, gzip.compress(b"a\nb\n"), Content_Encoding="gzip", X_Sumo_Fields="known=1, other=2")
    assert (answer.status_code, answer.content) == (200, b"")
    assert [(one["_raw"], one.get("known"), one.get("other")) for one in source.store()["messages"]] == [
        ("a", "1", None),
        ("b", "1", None),
    ]


def test_a_bad_token_is_refused(source: SumoSource) -> None:
    with connect(source.url) as client:
        assert client.post("/receiver/v1/http/another", content=b"a").status_code == 401
    assert source.store()["messages"] == []


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        pytest.param(b"no gzip", "gzip", 400, id="packed as it says"),
        pytest.param(b"a\n" * 600_000, "", 413, id="a megabyte"),
        pytest.param(b"a" * 70_000, "", 400, id="a line that would be split"),
    ],
)
def test_what_no_caller_of_ours_may_send_is_refused(source: SumoSource, body: bytes, encoding: str, status: int) -> None:
    assert post(source, body, **({"Content_Encoding": encoding} if encoding else {})).status_code == status
    assert source.store()["messages"] == []


def test_half_of_a_call_that_is_not_done_in_time_is_kept(source: SumoSource) -> None:
    source.half = True
    assert post(source, b"a\nb\n").status_code == 408
    assert [one["_raw"] for one in source.store()["messages"]] == ["a"]


def test_a_source_over_its_budget_says_200_and_keeps_nothing(source: SumoSource) -> None:
    source.stopped = True
    assert post(source, b"a\n").status_code == 200
    assert source.store()["messages"] == []
