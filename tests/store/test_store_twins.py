"""Twins: told on the case once, and the delivery goes on with the ticket that is kept."""

from __future__ import annotations

from dataclasses import replace

from enricher.ports import Delivery, Ticket
from enricher.store import Store
from tests.store.fakes import SEC_12, Estate, deliver, document, settle

SEC_9 = Ticket("10009", "SEC-9", "https://jira.example/browse/SEC-9")
SEC_13 = Ticket("10013", "SEC-13", "https://jira.example/browse/SEC-13")


def with_a_ticket(store: Store, ticket: Ticket = SEC_12) -> Delivery:
    """A case with two pieces of news, both told to this ticket."""
    settle(store, "a", document())
    settle(store, "b", document(severity="critical"))
    delivery = deliver(store, "jira")
    store.outbox.ticket_created(delivery, ticket)
    store.outbox.delivered(delivery, 2)
    return delivery


def told(store: Store) -> list[tuple[str, tuple[str, ...]]]:
    case = store.reader.case("case-1")
    assert case is not None
    return [(news["text"], tuple(news["lines"])) for news in case.news if news["kind"] == "twin"]


def test_they_are_told_once_and_the_kept_one_is_named(store: Store) -> None:
    with_a_ticket(store, SEC_9)
    assert [store.outbox.twins("case-1", "jira", [SEC_9, SEC_12]) for _ in range(2)] == [1, 0]
    assert told(store) == [
        (
            "Jira has 2 tickets of this case; SEC-9 is kept",
            ("SEC-9 https://jira.example/browse/SEC-9", "SEC-12 https://jira.example/browse/SEC-12"),
        )
    ]


def test_a_third_counts_as_one_more(store: Store) -> None:
    with_a_ticket(store, SEC_9)
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    assert store.outbox.twins("case-1", "jira", [SEC_9, SEC_12, SEC_13]) == 1
    assert len(told(store)) == 2


def test_one_ticket_and_a_case_that_is_gone_are_no_twins(store: Store) -> None:
    with_a_ticket(store)
    assert store.outbox.twins("case-1", "jira", [SEC_12]) == 0
    assert store.outbox.twins("no-case", "jira", [SEC_9, SEC_12]) == 0
    assert told(store) == []


def test_a_delivery_that_knows_the_closed_one_goes_on_with_the_kept_one(estate: Estate, store: Store) -> None:
    with_a_ticket(store)
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    again = deliver(store, "jira")
    assert (again.ticket, again.sent_seq, again.in_doubt) == (SEC_9, 1, True)
    noted = estate.rows("SELECT action, detail FROM audit")
    assert noted == [("kept ticket", "SEC-12 is closed; goes on with SEC-9")]


def test_one_that_knows_the_kept_one_has_nothing_to_do(store: Store) -> None:
    with_a_ticket(store, SEC_9)
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    assert store.outbox.claim("jira", 5) == []


def test_a_later_ticket_of_the_case_is_left_alone(store: Store) -> None:
    """The next generation: twins of the one before it are no business of its."""
    with_a_ticket(store, SEC_13)
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    case = store.reader.case("case-1")
    assert case is not None
    assert [one.label for one in case.deliveries if one.destination == "jira"] == ["SEC-13"]


def test_whoever_is_at_it_holds_a_claim_that_is_over(store: Store) -> None:
    with_a_ticket(store)
    settle(store, "c", document(severity="critical", news=1))
    busy = deliver(store, "jira")
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    store.outbox.delivered(busy, 4)
    again = deliver(store, "jira")
    assert (again.ticket, again.sent_seq) == (SEC_9, 1)
    assert again.fence > busy.fence
    store.outbox.progressed(replace(again, fence=busy.fence), 3)
    store.outbox.delivered(again, 4)
    case = store.reader.case("case-1")
    assert case is not None
    assert [(one.label, one.state) for one in case.deliveries if one.destination == "jira"] == [("SEC-9", "delivered")]


def test_a_dead_letter_stays_one(store: Store) -> None:
    with_a_ticket(store)
    settle(store, "c", document(severity="critical", news=1))
    store.outbox.bury(deliver(store, "jira"), "forbidden", "HTTP 403")
    store.outbox.twins("case-1", "jira", [SEC_9, SEC_12])
    case = store.reader.case("case-1")
    assert case is not None
    assert [(one.label, one.state) for one in case.deliveries if one.destination == "jira"] == [("SEC-9", "dead")]
