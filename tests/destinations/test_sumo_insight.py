"""The Insight a case came in with: one comment for one piece of news, and a severity that never falls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument
from enricher.destinations.sumo_insight import SumoInsight, insight_of, raised
from enricher.errors import DeliveryError, Reason
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo.insights import CloudSiem
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, ELSEWHERE, RAISED, RECOVERY, delivery
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow

INSIGHT = "0f0a1b2c-3d4e-5f60-7182-93a4b5c6d7e8"
OF_ONE = cast(
    "CaseDocument",
    {**CRITICAL, "insight": {"id": INSIGHT, "readable_id": "INSIGHT-7", "severity": "LOW", "entity": None, "url": None}},
)


@pytest.fixture
def siem() -> Iterator[CloudSiem]:
    with running(CloudSiem(limits=False)) as service:
        yield service


@pytest.fixture
def destination(siem: CloudSiem) -> Iterator[SumoInsight]:
    made = made_for(siem)
    yield made
    made.close()


def made_for(siem: CloudSiem, **more: Any) -> SumoInsight:
    return SumoInsight(
        f"{siem.url}/api/v1", ("id", KEY), base_url="https://enricher.example", transport=transport(), **more
    )


def test_an_insight_gets_comment_tags_and_a_higher_severity(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    destination.update(delivery(OF_ONE, tickets=ELSEWHERE), destination.create(delivery(OF_ONE)), RAISED)
    (held,) = siem.store()["insights"]
    assert held["severity"] == "CRITICAL"
    assert held["tags"] == [f"enricher:{CRITICAL_KEY.removeprefix('enricher-')}", "enricher-severity:critical"]
    first, second = (one["body"] for one in held["comments"])
    assert first.startswith("Enricher: critical (98), malicious\n")
    assert first.endswith(f"\n[{CRITICAL_KEY}-01]")
    assert "Ticket: jira SEC-12" in second
    assert held["status"] == {"name": "new"}


@pytest.mark.parametrize(
    ("theirs", "ours", "wanted"),
    [
        ("LOW", "critical", "CRITICAL"),
        ("CRITICAL", "low", None),
        ("HIGH", "high", None),
        ("HIGH", "medium", None),
        ("LOW", "informational", None),
        ("of their own", "medium", None),
        ("of their own", "high", "HIGH"),
        (None, "low", None),
    ],
)
def test_a_severity_only_rises(theirs: str | None, ours: str, wanted: str | None) -> None:
    assert raised(theirs, ours) == wanted


def test_a_case_from_elsewhere_is_not_sent(destination: SumoInsight, siem: CloudSiem) -> None:
    ticket = destination.create(delivery())
    destination.update(delivery(), ticket, RECOVERY)
    assert destination.find(delivery(in_doubt=True)) is None
    assert siem.store()["requests"] == []


@pytest.mark.parametrize("said", ["../../admin", "INSIGHT-7/../8", "INSIGHT-٧", "", 7, None, f"{INSIGHT}\n"])
def test_an_id_of_another_form_never_gets_into_an_address(said: Any) -> None:
    assert insight_of(cast("CaseDocument", {**CRITICAL, "insight": {"id": said, "readable_id": said}})) is None


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.RESET])
@pytest.mark.parametrize("call", ["GET ", "POST /tags", "PUT /severity", "POST /comments"])
def test_no_piece_of_news_has_two_comments(destination: SumoInsight, siem: CloudSiem, call: str, kind: FaultKind) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    method, _, tail = call.partition(" ")
    siem.fail(Fault(kind=kind, method=method, path=f"/api/sec/v1/insights/{INSIGHT}{tail}", calls=(1,)))
    with pytest.raises(DeliveryError):
        destination.create(delivery(OF_ONE))
    doubtful = delivery(OF_ONE, in_doubt=True)
    if destination.find(doubtful) is None:
        destination.create(doubtful)
    (held,) = siem.store()["insights"]
    assert (len(held["comments"]), len(held["tags"]), held["severity"]) == (1, 2, "CRITICAL")


def test_an_update_in_doubt_looks_first(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    ticket = destination.create(delivery(OF_ONE))
    for _ in range(2):
        destination.update(delivery(OF_ONE, in_doubt=True), ticket, RECOVERY)
    assert len(siem.store()["insights"][0]["comments"]) == 2


@pytest.mark.parametrize(("status", "expected"), [(None, "new"), ("closed", "closed"), ("inprogress", "inprogress")])
def test_an_insight_is_closed_only_where_that_is_asked_for(siem: CloudSiem, status: str | None, expected: str) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    destination = made_for(siem, status=status)
    destination.update(delivery(OF_ONE), destination.create(delivery(OF_ONE)), RECOVERY)
    destination.close()
    assert siem.store()["insights"][0]["status"]["name"] == expected


def test_an_insight_that_went_away_is_gone(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    ticket = destination.create(delivery(OF_ONE))
    siem.insights.clear()
    with pytest.raises(DeliveryError) as caught:
        destination.update(delivery(OF_ONE), ticket, RECOVERY)
    assert caught.value.reason is Reason.GONE


def test_a_wrong_key_is_seen_by_the_check_and_not_shown(siem: CloudSiem) -> None:
    destination = SumoInsight(siem.url, ("id-of-ours", "key-of-ours"), transport=transport())
    with pytest.raises(DeliveryError) as caught:
        destination.check()
    destination.close()
    assert caught.value.reason is Reason.AUTH
    assert "of-ours" not in str(caught.value)
