"""A case's life, told to every destination: opened, joined, recovered, back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.core.document import Json
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, Service, Standins
from tests.e2e.judge import held, problems

pytestmark = pytest.mark.slow

PAYLOADS = Path(__file__).parents[1] / "data" / "sumo-payloads"


def told(standins: Standins, key: str) -> dict[str, list[list[str]]]:
    """For each destination, for each ticket of the case, the event ids in its comments."""
    return {name: one.tickets[key] for name, one in held(standins).items()}


def events(case: Json, *kinds: str) -> list[str]:
    """The event ids of the case's news of these kinds."""
    return [f"{case['key']}-{news['seq']:02}" for news in case["news"] if news["kind"] in kinds]


def settle(service: Service, content: bytes) -> Json:
    """Send it, and wait until its case is delivered everywhere."""
    return service.delivered(service.case(service.accept(content))["key"])


def each(*comments: str) -> dict[str, list[list[str]]]:
    """One ticket everywhere, with these comments."""
    return {name: [list(comments)] for name in DESTINATIONS}


def test_a_recovery_is_told_once(service: Service, standins: Standins) -> None:
    settle(service, alerts.trigger("recovers"))

    case = settle(service, alerts.recovery("recovers"))
    again = service.post(alerts.recovery("recovers"))

    assert again.json()["status"] == "duplicate"
    assert case["state"] == "recovered"
    assert told(standins, case["key"]) == each(*events(case, "recovery"))


def test_a_recovery_that_overtakes_its_alert_still_ends_it(service: Service, standins: Standins) -> None:
    early = service.accept(alerts.recovery("overtaken"))
    assert service.settled(early)["cases"] == []

    case = settle(service, alerts.trigger("overtaken"))

    assert case["state"] == "recovered"
    assert told(standins, case["key"]) == each(*events(case, "recovery"))
    assert service.settled(early)["cases"] == [case["key"]]


def test_the_same_alert_twice_is_one(service: Service, standins: Standins) -> None:
    """Sent again after a lost answer, as Sumo Logic does it."""
    body = alerts.trigger("twice")
    first = service.accept(body)

    answer = service.post(body)

    assert (answer.status_code, answer.json()) == (200, {"status": "duplicate", "alert_id": first})
    case = service.delivered(service.case(first)["key"])
    assert case["count"] == 1
    assert told(standins, case["key"]) == each()


def test_what_has_been_seen_adds_nothing(service: Service, standins: Standins) -> None:
    """Another alert with the same records: Sumo Logic's next run over an overlapping window."""
    case = settle(service, alerts.trigger("overlap"))

    again = settle(service, alerts.trigger("overlap-next", alerts.contact("overlap")))

    assert again["key"] == case["key"]
    assert again["count"] == case["count"]
    assert len(again["alerts"]) == 2
    assert told(standins, case["key"]) == each()


def test_new_evidence_raises_the_case_and_is_told(service: Service, standins: Standins) -> None:
    first = settle(service, alerts.trigger("rises"))
    record = alerts.creation("rises", "powershell -w hidden -enc SQBFAFgA")

    case = settle(service, alerts.trigger("rises-later", [record, *alerts.contact("rises")]))

    assert case["key"] == first["key"]
    assert case["score"] > first["score"]
    assert case["severity"] != first["severity"]
    news = events(case, "severity", "evidence")
    assert len(news) >= 1
    assert told(standins, case["key"]) == each(*news)
    [issue] = [one for one in standins.store("jira")["issues"] if case["key"] in one["fields"]["labels"]]
    assert f"severity-{case['severity']}" in issue["fields"]["labels"]


def test_contact_after_recovery_opens_the_case_again(service: Service, standins: Standins) -> None:
    settle(service, alerts.trigger("returns"))
    settle(service, alerts.recovery("returns"))

    case = settle(service, alerts.trigger("returns-later", [alerts.query("returns", second=600)]))

    assert case["state"] == "open"
    assert told(standins, case["key"]) == each(*events(case, "recovery", "reopened"))


def test_a_connection_test_opens_nothing(service: Service) -> None:
    answer = service.post((PAYLOADS / "connection-test.json").read_bytes())

    assert (answer.status_code, answer.json()) == (200, {"status": "test"})


def test_nothing_of_all_this_is_out_of_order(service: Service, standins: Standins) -> None:
    """Whatever ran before this in the module."""
    settle(service, alerts.trigger("last"))

    assert list(problems(service.listed("cases", "cases"), held(standins))) == []
