"""PagerDuty: what calls somebody, what ends the call, and what does neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from enricher import standins
from enricher.core.document import CaseDocument, News
from enricher.core.work import CaseWork
from enricher.destinations.pagerduty import PagerDuty, render
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.standins import Fault, FaultKind, running
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, EMPTY, LOW, RAISED, RECOVERY, delivery, hostile
from tests.destinations.test_destination_standins import deliver
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow


@pytest.fixture
def service() -> Iterator[standins.PagerDuty]:
    with running(standins.PagerDuty()) as running_service:
        yield running_service


@pytest.fixture
def pager(service: standins.PagerDuty) -> Iterator[PagerDuty]:
    made = PagerDuty(service.routing_key, name="soc-pager", url=service.url, transport=transport())
    yield made
    made.close()


def news(kind: str, seq: int = 2) -> News:
    return News(seq=seq, kind=kind, at="2026-11-24T03:00:00Z", text="Something", lines=["more of it"])


def graded(severity: str) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, "severity": severity})


@pytest.mark.parametrize(
    ("severity", "word"), [("critical", "critical"), ("high", "error"), ("medium", "warning"), ("low", "info")]
)
def test_each_severity_in_pagerdutys_words(severity: str, word: str, pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery(graded(severity)))
    (alert,) = service.store()["alerts"]
    assert (alert["severity"], alert["dedup_key"], ticket.external_id, ticket.url) == (
        word,
        CRITICAL_KEY,
        CRITICAL_KEY,
        None,
    )


def test_an_informational_case_calls_nobody_until_it_rises(pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery(graded("informational")))
    assert "nobody is called" in ticket.label
    pager.update(delivery(graded("informational")), ticket, news("reopened"))
    assert service.store()["alerts"] == []
    pager.update(delivery(graded("high")), ticket, RAISED)
    assert [alert["severity"] for alert in service.store()["alerts"]] == ["error"]


def test_recovery_ends_the_call(pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    pager.update(delivery(), ticket, RECOVERY)
    (alert,) = service.store()["alerts"]
    assert (alert["status"], [entry["action"] for entry in alert["log"]]) == ("resolved", ["trigger", "resolve"])


def test_a_case_that_is_part_of_another_calls_nobody_any_more(pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    joined = News(seq=2, kind="joined", at="2026-11-24T03:00:00Z", text="Part of another case: it goes on there", lines=[])
    pager.update(delivery(), ticket, joined)
    assert [alert["status"] for alert in service.store()["alerts"]] == ["resolved"]


def test_a_recovery_told_twice_is_dropped_the_second_time(pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    for _ in range(2):
        pager.update(delivery(in_doubt=True), ticket, RECOVERY)
    assert (len(service.store()["alerts"]), service.store()["dropped"]) == (1, 1)


def test_a_case_told_twice_is_one_alert(pager: PagerDuty, service: standins.PagerDuty) -> None:
    assert pager.find(delivery(in_doubt=True)) is None
    assert pager.create(delivery()) == pager.create(delivery(in_doubt=True))
    assert len(service.store()["alerts"]) == 1


@pytest.mark.parametrize(
    ("kind", "calls"),
    [("severity", 2), ("reopened", 2), ("evidence", 1), ("seen", 1), ("ticket", 1), ("twin", 1), ("opened", 1)],
)
def test_what_calls_again(kind: str, calls: int, pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    pager.update(delivery(), ticket, news(kind))
    (alert,) = service.store()["alerts"]
    assert len(alert["log"]) == calls


def test_nobody_acknowledges_but_a_person(pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    for kind in ("severity", "evidence", "reopened", "recovery", "ticket"):
        pager.update(delivery(), ticket, news(kind))
    actions = {entry["action"] for alert in service.store()["alerts"] for entry in alert["log"]}
    assert actions == {"trigger", "resolve"}


def test_a_person_who_acknowledges_the_case_acknowledges_the_alert(pager: PagerDuty, service: standins.PagerDuty) -> None:
    pager.update(delivery(), pager.create(delivery()), news("acknowledged"))
    (alert,) = service.store()["alerts"]
    assert (alert["status"], [entry["action"] for entry in alert["log"]]) == ("acknowledged", ["trigger", "acknowledge"])


@pytest.mark.parametrize("kind", ["severity", "reopened", "muted", "assigned"])
def test_a_muted_case_calls_nobody_again(kind: str, pager: PagerDuty, service: standins.PagerDuty) -> None:
    ticket = pager.create(delivery())
    muted = CaseWork(muted_by="ana", muted_until=datetime(2026, 11, 25, tzinfo=UTC), mute_reason="patch night")
    pager.update(delivery(work=muted), ticket, news(kind))
    (alert,) = service.store()["alerts"]
    assert [entry["action"] for entry in alert["log"]] == ["trigger"]


@pytest.mark.parametrize("document", [CRITICAL, LOW, {**EMPTY, "severity": "low"}, {**hostile(), "severity": "low"}])
def test_every_case_is_taken_whatever_it_holds(document: Any, pager: PagerDuty, service: standins.PagerDuty) -> None:
    pager.create(delivery(document))
    assert len(service.store()["alerts"]) == 1


def test_a_title_without_end_is_cut_to_what_pagerduty_takes() -> None:
    body = render(cast("CaseDocument", {**CRITICAL, "title": "x" * 5000, "next_steps": ["y" * 100_000] * 50}))
    assert len(body["payload"]["summary"]) <= 1024
    assert len(json.dumps(body)) < 512 * 1024


def test_names_of_the_suspect_are_no_links() -> None:
    assert "example-lab.workers.dev" not in json.dumps(render(CRITICAL))


def test_the_case_page_is_the_clients_address() -> None:
    assert render(CRITICAL, base_url="https://enricher.example")["client_url"].endswith(f"/cases/{CRITICAL_KEY}")
    assert "client_url" not in render(CRITICAL)


def test_a_wrong_key_is_for_a_person_and_is_not_repeated(service: standins.PagerDuty) -> None:
    pager = PagerDuty("w" * 32, url=service.url, transport=transport())
    for act in (pager.check, lambda: pager.create(delivery())):
        with pytest.raises(DeliveryError) as caught:
            act()
        assert (caught.value.reason, caught.value.outcome) == (Reason.INVALID, Outcome.REJECTED)
        assert "routing_key" in caught.value.detail
        assert "w" * 32 not in caught.value.detail
    pager.close()


def test_a_check_leaves_nothing_behind(pager: PagerDuty, service: standins.PagerDuty) -> None:
    assert pager.check() == ()
    assert (service.store()["alerts"], service.store()["dropped"]) == ([], 1)


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP, FaultKind.ERROR, FaultKind.TRUNCATE, FaultKind.HTML, FaultKind.LIMIT, FaultKind.REFUSE]
)
def test_whatever_call_fails_one_alert_is_open(kind: FaultKind, pager: PagerDuty, service: standins.PagerDuty) -> None:
    service.fail(Fault(kind=kind, method="POST", calls=(1, 3, 5)))
    assert deliver(pager, CRITICAL, (RECOVERY, RAISED))
    # Recovery has ended the first; PagerDuty opens another for what rises after that.
    assert [alert["status"] for alert in service.store()["alerts"]] == ["resolved", "triggered"]
