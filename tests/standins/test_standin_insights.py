"""The stand-in for Insights: its own rules, spoken to as any client would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from enricher.standins import KEY, running
from enricher.standins.sumo.insights import INSIGHTS, CloudSiem
from tests.standins.standin_client import Clock, transport

pytestmark = pytest.mark.slow

ONE = f"{INSIGHTS}/i-1"


@pytest.fixture
def siem() -> Iterator[CloudSiem]:
    with running(CloudSiem(clock=Clock())) as service:
        service.added("i-1", "INSIGHT-1")
        yield service


@pytest.fixture
def client(siem: CloudSiem) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=siem.url, auth=("id", KEY), transport=transport()) as made:
        yield made


@pytest.fixture
def held(siem: CloudSiem) -> dict[str, Any]:
    return siem.insights[0]


def test_the_key_is_asked_for(siem: CloudSiem) -> None:
    with httpx2.Client(base_url=siem.url, auth=("id", "another"), transport=transport()) as client:
        assert client.get(INSIGHTS).status_code == 401


def test_one_is_found_by_either_id_and_no_other(client: httpx2.Client) -> None:
    assert client.get(f"{INSIGHTS}/INSIGHT-1").json()["data"]["id"] == "i-1"
    assert client.get(f"{INSIGHTS}/INSIGHT-2").status_code == 404


def test_a_fifth_request_in_a_second_is_refused(client: httpx2.Client) -> None:
    assert [client.get(INSIGHTS).status_code for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("POST", "comments", {"body": "seen"}, 200, id="a comment"),
        pytest.param("POST", "comments", {"body": ""}, 400, id="an empty comment"),
        pytest.param("POST", "tags", {"tagName": "t"}, 200, id="a tag"),
        pytest.param("POST", "tags", {"tag": "t"}, 400, id="a tag by another word"),
        pytest.param("PUT", "severity", {"severity": "HIGH"}, 200, id="a severity"),
        pytest.param("PUT", "severity", {"severity": "high"}, 400, id="a severity in small letters"),
        pytest.param("PUT", "status", {"status": "inprogress"}, 200, id="a status"),
        pytest.param("PUT", "status", {"status": "inprogress", "resolution": "Resolved"}, 400, id="resolved and open"),
        pytest.param("PUT", "status", {"status": "closed"}, 400, id="closed for no reason"),
        pytest.param("PUT", "status", {"status": "closed", "resolution": "Resolved"}, 200, id="closed"),
    ],
)
def test_what_is_written(client: httpx2.Client, method: str, path: str, body: dict[str, str], status: int) -> None:
    assert client.request(method, f"{ONE}/{path}", json=body).status_code == status


def test_a_tag_is_taken_once(client: httpx2.Client, held: dict[str, Any]) -> None:
    assert [client.post(f"{ONE}/tags", json={"tagName": "t"}).status_code for _ in range(2)] == [200, 400]
    assert held["tags"] == ["t"]


def test_a_refused_write_changes_nothing(client: httpx2.Client, held: dict[str, Any]) -> None:
    client.put(f"{ONE}/severity", json={"severity": "worst"})
    client.put(f"{ONE}/status", json={"status": "closed"})
    assert (held["severity"], held["status"]) == ("LOW", {"name": "new"})
