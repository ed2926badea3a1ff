from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from enricher.ports import Delivery, DeliveryRecord, Ticket
from enricher.store import Store
from enricher.store.outbox import TOGETHER_S
from enricher.store.schema import audit
from tests.store.fakes import SEC_12, Estate, deliver, document, settle


@pytest.fixture
def opened(store: Store) -> Store:
    """A store with one case that waits for its three deliveries."""
    settle(store, "a", document())
    return store


def record(store: Store, destination: str = "jira") -> DeliveryRecord:
    case = store.reader.case("case-1")
    assert case is not None
    return next(delivery for delivery in case.deliveries if delivery.destination == destination)


def test_a_claim_brings_all_a_destination_needs(opened: Store) -> None:
    opened.outbox.ticket_created(deliver(opened, "jira"), SEC_12)

    delivery = deliver(opened, "slack")

    assert delivery.case["key"] == "case-1"
    assert [news["kind"] for news in delivery.news] == ["opened", "ticket"]
    assert (delivery.ticket, delivery.tickets) == (None, {"jira": SEC_12})
    assert (delivery.sent_seq, delivery.attempts, delivery.fence) == (0, 1, 1)
    assert opened.outbox.claim("slack", 10) == []
    assert record(opened, "slack").state == "sending"


def test_destinations_do_not_wait_for_each_other(opened: Store) -> None:
    opened.outbox.bury(deliver(opened, "jira"), "invalid", "no such project")

    assert deliver(opened, "servicenow").tickets == {}
    assert record(opened, "servicenow").state == "sending"
    assert (record(opened).state, record(opened).reason, record(opened).detail) == ("dead", "invalid", "no such project")


def test_a_ticket_is_kept_before_the_delivery_is_done(estate: Estate, opened: Store) -> None:
    opened.outbox.ticket_created(deliver(opened, "jira"), SEC_12)

    kept = record(opened)
    estate.advance(61)
    again = deliver(opened, "jira")

    assert (kept.state, kept.external_id, kept.label, kept.url) == ("sending", *_fields(SEC_12))
    assert (again.ticket, again.sent_seq) == (SEC_12, 0)


def _fields(ticket: Ticket) -> tuple[str, str, str | None]:
    return ticket.external_id, ticket.label, ticket.url


def test_a_delivered_ticket_rests(estate: Estate, opened: Store) -> None:
    delivery = deliver(opened, "jira")
    opened.outbox.ticket_created(delivery, SEC_12)
    opened.outbox.delivered(delivery, 1)

    estate.advance(1000)

    assert opened.outbox.claim("jira", 10) == []
    assert (record(opened).state, record(opened).attempts, record(opened).due_at) == ("delivered", 1, None)


def test_a_ticket_elsewhere_is_news_for_slack_only(opened: Store, estate: Estate) -> None:
    opened.outbox.delivered(deliver(opened, "slack"), 1)
    opened.outbox.delivered(deliver(opened, "servicenow"), 1)
    jira = deliver(opened, "jira")

    opened.outbox.ticket_created(jira, SEC_12)
    opened.outbox.ticket_created(jira, SEC_12)
    opened.outbox.delivered(jira, 1)

    assert opened.outbox.claim("slack", 1) == [], "the next ticket is often right behind: one edit shows both"
    estate.advance(TOGETHER_S)
    slack = deliver(opened, "slack")
    assert [(news["seq"], news["kind"], news["text"]) for news in slack.news][1:] == [(2, "ticket", "Jira SEC-12")]
    assert (slack.sent_seq, slack.tickets) == (1, {"jira": SEC_12})
    opened.outbox.delivered(slack, 2)
    assert [record(opened, name).state for name in ("jira", "servicenow", "slack")] == ["delivered"] * 3


def test_a_ticket_may_come_with_its_delivery(opened: Store, estate: Estate) -> None:
    opened.outbox.delivered(deliver(opened, "slack"), 1)
    opened.outbox.delivered(deliver(opened, "jira"), 1, SEC_12)

    assert (record(opened, "jira").state, record(opened, "jira").label) == ("delivered", "SEC-12")
    estate.advance(TOGETHER_S)
    assert deliver(opened, "slack").tickets == {"jira": SEC_12}


def test_slacks_own_message_is_no_news(opened: Store) -> None:
    opened.outbox.ticket_created(deliver(opened, "slack"), Ticket("C1:1.2", "thread"))

    assert len(deliver(opened, "jira").news) == 1


def test_news_that_came_meanwhile_makes_it_due_again_at_once(opened: Store) -> None:
    delivery = deliver(opened, "jira")
    settle(opened, "b", document(severity="critical"))

    opened.outbox.delivered(delivery, 1)

    again = deliver(opened, "jira")
    assert (again.sent_seq, again.attempts, again.in_doubt, len(again.news)) == (1, 1, False, 2)
    opened.outbox.delivered(again, 2)
    assert opened.outbox.claim("jira", 1) == []


def test_progress_survives_a_failure_after_it(estate: Estate, opened: Store) -> None:
    settle(opened, "b", document(severity="critical"))
    delivery = deliver(opened, "jira")

    opened.outbox.progressed(delivery, 1)
    opened.outbox.retry(delivery, "rate_limited", "429", 30, unknown=False)

    assert opened.outbox.claim("jira", 1) == []
    estate.advance(31)
    assert deliver(opened, "jira").sent_seq == 1


def test_retry_shows_why_and_when(opened: Store) -> None:
    opened.outbox.retry(deliver(opened, "jira"), "timeout", "no answer in 10 s", 30, unknown=True)

    shown = record(opened)

    assert (shown.state, shown.reason, shown.detail, shown.attempts) == ("unknown", "timeout", "no answer in 10 s", 1)
    assert shown.due_at is not None
    assert (shown.due_at - shown.updated_at).total_seconds() == 30


def test_a_lost_claim_changes_nothing(estate: Estate, opened: Store) -> None:
    lost = deliver(opened, "jira")
    estate.advance(61)
    other = estate.open()
    taken = deliver(other, "jira")

    opened.outbox.progressed(lost, 1)
    opened.outbox.delivered(lost, 1)
    opened.outbox.retry(lost, "late", "", 0, unknown=False)
    opened.outbox.bury(lost, "late", "")

    assert (record(opened).state, record(opened).reason) == ("sending", None)
    other.outbox.delivered(taken, 1)
    assert record(opened).state == "delivered"


def test_a_late_holders_ticket_is_not_forgotten_and_a_second_one_is_noted(estate: Estate, opened: Store) -> None:
    lost = deliver(opened, "jira")
    estate.advance(61)
    taken = deliver(opened, "jira")

    opened.outbox.ticket_created(lost, SEC_12)
    assert record(opened).label == "SEC-12"
    opened.outbox.ticket_created(taken, Ticket("10013", "SEC-13"))

    assert record(opened).label == "SEC-13"
    assert estate.rows("SELECT action, detail FROM audit") == [("second ticket", "10012, 10013")]


Attempt = Callable[[Store, Delivery], None]


def died(store: Store, delivery: Delivery) -> None:
    """The holder said nothing more."""


def unknown(store: Store, delivery: Delivery) -> None:
    store.outbox.retry(delivery, "timeout", "", 0, unknown=True)


def not_sent(store: Store, delivery: Delivery) -> None:
    store.outbox.retry(delivery, "connect", "", 0, unknown=False)


def created(store: Store, delivery: Delivery) -> None:
    store.outbox.ticket_created(delivery, SEC_12)


def updated(store: Store, delivery: Delivery) -> None:
    store.outbox.progressed(delivery, 1)


def done(store: Store, delivery: Delivery) -> None:
    store.outbox.delivered(delivery, 1)
    settle(store, f"news-{delivery.fence}", document(severity=f"s{delivery.fence}"))


def buried_and_opened_again(store: Store, delivery: Delivery) -> None:
    store.outbox.bury(delivery, "invalid", "")
    assert store.operator.retry_dead(delivery.delivery_id)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([], False, id="never tried"),
        pytest.param([[not_sent]], False, id="known not to be sent"),
        pytest.param([[done]], False, id="delivered"),
        pytest.param([[died]], True, id="the holder died"),
        pytest.param([[unknown]], True, id="ended unknown"),
        pytest.param([[unknown], [not_sent]], True, id="not sent does not clear what was unknown before"),
        pytest.param([[unknown], [not_sent], [not_sent]], True, id="nor does it twice"),
        pytest.param([[unknown], [created, not_sent]], False, id="a ticket clears it"),
        pytest.param([[unknown], [updated, not_sent]], False, id="so does news that got through"),
        pytest.param([[died], [done]], False, id="so does the delivery"),
        pytest.param([[created, died]], True, id="died after the ticket, perhaps in the next call"),
        pytest.param([[created, unknown]], True, id="ticket, then an unknown update"),
        pytest.param([[updated, unknown]], True, id="news, then an unknown update"),
        pytest.param([[not_sent], [unknown]], True, id="known, then unknown"),
        pytest.param([[unknown], [done], [not_sent]], False, id="cleared for good"),
        pytest.param([[buried_and_opened_again]], True, id="opened again by a person"),
    ],
)
def test_in_doubt(estate: Estate, opened: Store, claims: list[list[Attempt]], expected: object) -> None:
    for steps in claims:
        delivery = deliver(opened, "jira")
        for step in steps:
            step(opened, delivery)
        estate.advance(61)

    assert deliver(opened, "jira").in_doubt is expected


def test_doubt_ages_from_the_last_attempt_that_may_have_acted(estate: Estate, opened: Store) -> None:
    first = deliver(opened, "jira")
    assert first.doubt_age_s == 0.0
    estate.advance(5)
    opened.outbox.retry(first, "timeout", "", 10, unknown=True)
    estate.advance(15)
    second = deliver(opened, "jira")
    opened.outbox.retry(second, "settling", "", 20, unknown=False)  # it only looked
    estate.advance(40)
    third = deliver(opened, "jira")
    opened.outbox.retry(third, "timeout", "", 0, unknown=True)  # it found nothing, and created again
    estate.advance(7)

    fourth = deliver(opened, "jira")

    assert [d.in_doubt for d in (first, second, third, fourth)] == [False, True, True, True]
    assert [d.doubt_age_s for d in (second, third, fourth)] == pytest.approx([15, 55, 7], abs=2)
    opened.outbox.ticket_created(fourth, SEC_12)
    opened.outbox.retry(fourth, "rate_limited", "", 0, unknown=False)
    assert deliver(opened, "jira").doubt_age_s == 0.0


def test_doubt_left_by_a_dead_holder_ages_from_the_end_of_its_lease(estate: Estate, opened: Store) -> None:
    """It may have acted until then: also where an earlier attempt is long past."""
    opened.outbox.retry(deliver(opened, "jira"), "timeout", "", 0, unknown=True)
    estate.advance(500)
    deliver(opened, "jira")
    estate.advance(67)

    delivery = deliver(opened, "jira")

    assert delivery.in_doubt
    assert delivery.doubt_age_s == pytest.approx(7, abs=2)


def test_the_first_attempt_is_remembered(estate: Estate, opened: Store) -> None:
    first = deliver(opened, "jira")
    opened.outbox.retry(first, "timeout", "", 0, unknown=True)
    estate.advance(100)

    second = deliver(opened, "jira")

    assert first.doubt_since is None
    assert first.tried_at is not None
    assert second.tried_at == first.tried_at
    assert second.doubt_since is not None
    assert second.doubt_since - first.tried_at < timedelta(seconds=50)


# --- a ticket that follows another ------------------------------------------------------------------------------------


def test_a_closed_ticket_is_followed_by_the_next_generation(estate: Estate, opened: Store) -> None:
    opened.outbox.delivered(deliver(opened, "jira"), 1, SEC_12)
    settle(opened, "b", document(severity="critical"))
    closed = deliver(opened, "jira")

    opened.outbox.begin_anew(closed)

    again = deliver(opened, "jira")
    assert (again.generation, again.previous, again.ticket) == (2, SEC_12, None)
    assert (again.sent_seq, again.attempts, again.in_doubt) == (1, 1, False), "the new one is told what the old one was not"
    opened.outbox.ticket_created(again, Ticket("10013", "SEC-13"))
    shown = record(opened)
    assert (shown.label, shown.generation, shown.previous) == ("SEC-13", 2, SEC_12)
    assert estate.count(audit) == 0


def test_a_ticket_may_be_followed_again(opened: Store) -> None:
    opened.outbox.delivered(deliver(opened, "jira"), 1, SEC_12)
    for n in (13, 14):
        settle(opened, f"b{n}", document(severity=f"s{n}"))
        opened.outbox.begin_anew(deliver(opened, "jira"))
        opened.outbox.delivered(deliver(opened, "jira"), n, Ticket(f"100{n}", f"SEC-{n}"))

    shown = record(opened)
    assert (shown.generation, shown.label, shown.previous) == (3, "SEC-14", Ticket("10013", "SEC-13"))


def test_who_has_lost_its_claim_begins_nothing_anew(estate: Estate, opened: Store) -> None:
    opened.outbox.ticket_created(deliver(opened, "jira"), SEC_12)
    estate.advance(61)
    lost = deliver(opened, "jira")
    estate.advance(61)
    deliver(opened, "jira")

    opened.outbox.begin_anew(lost)

    assert (record(opened).generation, record(opened).label) == (1, "SEC-12")


@pytest.mark.parametrize(
    ("late", "noted"),
    [
        pytest.param(SEC_12, [], id="the closed one is no second ticket"),
        pytest.param(Ticket("10099", "SEC-99"), [("second ticket", "10012, 10099")], id="another one is"),
    ],
)
def test_a_late_holder_of_a_ticket_that_is_followed_changes_nothing(
    estate: Estate, opened: Store, late: Ticket, noted: list[tuple[str, str]]
) -> None:
    lost = deliver(opened, "jira")
    estate.advance(61)
    taken = deliver(opened, "jira")
    opened.outbox.ticket_created(taken, SEC_12)
    opened.outbox.begin_anew(taken)

    opened.outbox.ticket_created(lost, late)

    assert (record(opened).label, record(opened).generation) == (None, 2)
    assert estate.rows("SELECT action, detail FROM audit") == noted


def test_a_dead_holder_of_the_next_generation_leaves_a_doubt(estate: Estate, opened: Store) -> None:
    opened.outbox.ticket_created(deliver(opened, "jira"), SEC_12)
    estate.advance(61)
    opened.outbox.begin_anew(deliver(opened, "jira"))
    assert not deliver(opened, "jira").in_doubt
    estate.advance(61)

    again = deliver(opened, "jira")

    assert (again.in_doubt, again.generation) == (True, 2)
