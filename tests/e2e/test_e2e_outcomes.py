"""What a destination may do to a call, and that each case has one ticket all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enricher.core.document import Json
from tests.e2e import alerts
from tests.e2e.harness import CREATE, DESTINATIONS, Service, Standins, until
from tests.e2e.judge import held

pytestmark = pytest.mark.slow

Faults = Callable[..., None]


def first_create(name: str, **fault: object) -> Json:
    return {"method": "POST", "path": CREATE[name], "calls": [1], **fault}


def creates(standins: Standins, name: str) -> list[Json]:
    """The requests that would make a ticket, in order."""
    return [one for one in standins.store(name)["requests"] if (one["method"], one["path"]) == ("POST", CREATE[name])]


def tickets(standins: Standins, key: str) -> dict[str, int]:
    return {name: len(one.tickets.get(key, ())) for name, one in held(standins).items()}


ONE_EACH = dict.fromkeys(DESTINATIONS, 1)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param("drop", {"kind": "drop"}, id="it acts, and the connection ends"),
        pytest.param("refuse", {"kind": "refuse"}, id="it does not act, and the connection ends"),
        pytest.param("error500", {"kind": "error", "status": 500}, id="it acts, and says 500"),
        pytest.param("error502", {"kind": "error", "status": 502, "commits": False}, id="a gateway says 502"),
        pytest.param("truncate", {"kind": "truncate"}, id="it acts, and half an answer comes"),
        pytest.param("html", {"kind": "html"}, id="a web page comes with 200"),
        pytest.param("hang", {"kind": "hang", "seconds": 11}, id="it acts, and nothing comes"),
    ],
)
def test_an_unknown_outcome_ends_in_one_ticket(
    name: str, fault: Json, service: Service, standins: Standins, faults: Faults
) -> None:
    """Slack's time-out is 10 s; the others' are longer, so to them the hanging connection is one that ends at last."""
    before = {destination: len(creates(standins, destination)) for destination in DESTINATIONS}
    for destination in DESTINATIONS:
        faults(destination, first_create(destination, **fault))

    case = service.case(service.accept(alerts.trigger(f"unknown-{name}")))
    service.delivered(case["key"])

    assert tickets(standins, case["key"]) == ONE_EACH
    for destination in DESTINATIONS:
        assert creates(standins, destination)[before[destination]]["fault"] == fault["kind"]


def test_a_wait_that_is_asked_for_is_kept(service: Service, standins: Standins, faults: Faults) -> None:
    before = {destination: len(creates(standins, destination)) for destination in DESTINATIONS}
    for destination in DESTINATIONS:
        faults(destination, first_create(destination, kind="limit", retry_after=3))

    case = service.case(service.accept(alerts.trigger("limited")))
    service.delivered(case["key"])

    assert tickets(standins, case["key"]) == ONE_EACH
    for destination in DESTINATIONS:
        first, second = creates(standins, destination)[before[destination] :]
        assert first["status"] == 429
        assert second["at"] - first["at"] >= 3


def test_what_hangs_in_one_destination_holds_up_no_other(service: Service, standins: Standins, faults: Faults) -> None:
    """More cases than Jira has threads, all of them hanging; they are let go at the end."""
    faults("jira", {"kind": "hang", "method": "POST", "path": CREATE["jira"], "seconds": 25})

    ids = [service.accept(alerts.trigger(f"held-up-{number}")) for number in range(6)]
    keys = [service.case(alert_id)["key"] for alert_id in ids]
    for key in keys:
        service.delivered(key, "servicenow", "slack", timeout_s=10)

    assert {service.delivery(key, "jira")["state"] for key in keys} <= {"sending", "pending"}
    faults("jira")
    standins.release("jira")
    for key in keys:
        service.delivered(key)
        assert tickets(standins, key) == ONE_EACH


def test_what_is_refused_is_a_dead_letter_until_somebody_mends_it(
    service: Service, standins: Standins, faults: Faults
) -> None:
    for name in DESTINATIONS:
        faults(name, {"kind": "error", "status": 400, "commits": False, "method": "POST", "path": CREATE[name]})

    case = service.case(service.accept(alerts.trigger("refused")))

    def dead() -> list[Json] | None:
        letters = [one for one in service.listed("dead-letters", "dead_letters") if one.get("case") == case["key"]]
        return letters if len(letters) == len(DESTINATIONS) else None

    letters = until(dead, "three dead letters")
    assert {(one["destination"], one["state"]) for one in letters} == {(name, "dead") for name in DESTINATIONS}
    assert {one["reason"] for one in letters} == {"invalid"}
    assert tickets(standins, case["key"]) == dict.fromkeys(DESTINATIONS, 0)

    for name in DESTINATIONS:
        faults(name)
    for letter in letters:
        service.client.post(f"/api/v1/dead-letters/{letter['id']}/retry").raise_for_status()
    service.delivered(case["key"])

    assert tickets(standins, case["key"]) == ONE_EACH
    assert dead() is None
