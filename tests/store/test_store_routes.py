"""A case that comes to fit more routes gets the deliveries that it lacks, and keeps those that it has."""

from __future__ import annotations

from collections.abc import Sequence

from enricher.core.document import CaseDocument
from enricher.store import Store
from tests.store.fakes import SEC_12, Estate, deliver, document, settle


def by_severity(case: CaseDocument) -> Sequence[str]:
    return ("jira", "soc-pager") if case["severity"] == "critical" else ("jira",)


def destinations(store: Store) -> dict[str, str]:
    record = store.reader.case("case-1")
    assert record is not None
    return {one.destination: one.state for one in record.deliveries}


def test_a_case_that_rises_gets_the_delivery_that_it_lacks(estate: Estate, store: Store) -> None:
    estate.routes = by_severity
    settle(store, "a", document(severity="high"))
    store.outbox.ticket_created(claimed := deliver(store, "jira"), SEC_12)
    store.outbox.delivered(claimed, 1)
    assert destinations(store) == {"jira": "delivered"}
    settle(store, "b", document(severity="critical"))
    assert destinations(store) == {"jira": "pending", "soc-pager": "pending"}
    again, first = deliver(store, "jira"), deliver(store, "soc-pager")
    assert (again.ticket, again.sent_seq) == (SEC_12, 1)
    assert (first.ticket, first.sent_seq) == (None, 0)
    assert [item["kind"] for item in first.news] == ["opened", "ticket", "severity"]


def test_a_case_that_falls_keeps_the_deliveries_that_it_has(estate: Estate, store: Store) -> None:
    estate.routes = by_severity
    settle(store, "a", document(severity="critical"))
    settle(store, "b", document(severity="low"))
    assert sorted(destinations(store)) == ["jira", "soc-pager"]


def test_a_case_that_no_route_fits_is_kept_and_waits_for_nothing(estate: Estate, store: Store) -> None:
    estate.routes = lambda _: ()
    settle(store, "a", document())
    assert destinations(store) == {}


def test_a_ticket_is_shown_in_every_channel(estate: Estate) -> None:
    estate.routes = lambda _: ("jira", "slack", "oncall")
    store = estate.open(show_tickets=("slack", "oncall"))
    settle(store, "a", document())
    for channel in ("slack", "oncall"):
        store.outbox.delivered(deliver(store, channel), 1, SEC_12)
    store.outbox.ticket_created(deliver(store, "jira"), SEC_12)
    assert {name: state for name, state in destinations(store).items() if name != "jira"} == {
        "slack": "pending",
        "oncall": "pending",
    }
