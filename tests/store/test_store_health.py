"""A destination's health and rate, in one row for all processes: what claims may take, and when they are woken."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from enricher.core.breaker import OPENS_AT, Trouble
from enricher.errors import Reason
from enricher.ports import Delivery, Ticket
from enricher.store import Store
from enricher.store.access import LONGEST_SLEEP_S
from enricher.store.health import SET_BACK_S, Pace
from enricher.store.schema_upkeep import destination_health
from tests.store.fakes import SEC_12, Estate, deliver, document, settle

DOWN = Trouble(Reason.CONNECT, chance=1.0)
SLOWLY: dict[str, Any] = {"rates": {"jira": 0.01}, "bursts": {"jira": 3.0}}
"""A token each hundred seconds, so that the time that a test takes adds none."""


def cases(store: Store, *severities: str, first: int = 1) -> None:
    """One case each, with a delivery for each destination."""
    for n, severity in enumerate(severities, first):
        settle(store, f"alert-{n}", document(f"case-{n}", severity=severity))


def fail(store: Store, delivery: Delivery, trouble: Trouble | None = DOWN, **more: bool) -> bool:
    reason = trouble.reason.value if trouble else "invalid"
    return store.outbox.retry(delivery, reason, "", 0.0, unknown=False, trouble=trouble, **more)


def down(store: Store, times: int = OPENS_AT) -> None:
    """Let the one delivery that is due there fail so often."""
    for _ in range(times):
        fail(store, deliver(store, "jira"))


def keys(claimed: Sequence[Delivery]) -> list[str]:
    return [delivery.case["key"] for delivery in claimed]


# --- pauses ---------------------------------------------------------------------------------------------------------


def test_failures_in_a_row_pause_a_destination_for_all_and_no_other(estate: Estate, store: Store) -> None:
    cases(store, "high")
    down(store)
    cases(store, "high", first=2)
    other = estate.open()

    assert store.outbox.claim("jira", 10) == other.outbox.claim("jira", 10) == []
    assert len(store.outbox.claim("slack", 10)) == 2


def test_a_failure_of_a_case_pauses_nothing(store: Store) -> None:
    cases(store, "high")
    for _ in range(OPENS_AT):
        fail(store, deliver(store, "jira"), None)

    assert len(store.outbox.claim("jira", 10)) == 1


def test_an_answer_between_failures_is_an_answer(store: Store) -> None:
    """Also one that refuses a case: only failures in a row count."""
    cases(store, "high", "high")
    for _ in range(OPENS_AT - 1):
        first, second = store.outbox.claim("jira", 10)
        fail(store, first)
        fail(store, second, None)
    for _ in range(OPENS_AT - 1):
        first, second = store.outbox.claim("jira", 10)
        fail(store, first)
        store.outbox.retry(second, "released", "", 0.0, unknown=False)

    assert len(store.outbox.claim("jira", 10)) == 2


def test_after_a_pause_one_at_a_time_is_tried_until_one_gets_through(estate: Estate, store: Store) -> None:
    cases(store, "high", "high", "high")
    other = estate.open()
    [first, second, third] = store.outbox.claim("jira", 10)
    fail(store, first, Trouble(Reason.RATE_LIMITED, retry_after=600.0))
    fail(store, second, None)
    fail(store, third, None)
    estate.advance(599)
    assert store.outbox.claim("jira", 10) == []
    estate.advance(2)

    tried = deliver(store, "jira")
    assert other.outbox.claim("jira", 10) == [], "one at a time, in all processes"
    fail(store, tried)
    assert other.outbox.claim("jira", 10) == [], "it is left alone again"
    estate.advance(2)
    tried = deliver(other, "jira")
    other.outbox.delivered(tried, 1, SEC_12)

    assert len(store.outbox.claim("jira", 10)) == 2


@pytest.mark.parametrize("rates", [{}, {"jira": 100.0}], ids=["no rate", "a rate"])
def test_of_claims_at_the_same_time_one_tries_it(estate: Estate, store: Store, rates: dict[str, float]) -> None:
    cases(store, *["high"] * 8)
    fail(store, store.outbox.claim("jira", 1)[0], Trouble(Reason.RATE_LIMITED, retry_after=600.0))
    estate.advance(601)
    stores = [estate.open(rates=rates) for _ in range(4)]
    together, claimed = threading.Barrier(len(stores)), [0] * len(stores)

    def claim(n: int) -> None:
        together.wait()
        claimed[n] = len(stores[n].outbox.claim("jira", 10))

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == [0, 0, 0, 1]


def test_what_has_nothing_to_tell_proves_nothing(estate: Estate, store: Store) -> None:
    cases(store, "high", "high")
    first, second = store.outbox.claim("jira", 10)
    store.outbox.ticket_created(second, SEC_12)
    store.outbox.progressed(second, 1)
    store.outbox.retry(second, "released", "", 0.0, unknown=False)
    store.outbox.retry(first, "auth", "", 500.0, unknown=False, trouble=Trouble(Reason.AUTH))
    estate.advance(31)

    tried = deliver(store, "jira")
    assert tried.ticket == SEC_12
    store.outbox.delivered(tried, 1)

    assert store.reader.backlog().pauses["jira"] is not None


def test_a_dead_holder_of_the_one_that_is_tried_blocks_it_for_a_lease(estate: Estate, store: Store) -> None:
    cases(store, "high", "high")
    fail(store, store.outbox.claim("jira", 1)[0], Trouble(Reason.RATE_LIMITED, retry_after=600.0))
    estate.advance(601)
    died = deliver(store, "jira")

    estate.advance(59)
    assert store.outbox.claim("jira", 10) == []
    estate.advance(2)

    [tried] = store.outbox.claim("jira", 10)
    assert tried.case["key"] != died.case["key"], "the one that waits longest"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Trouble(Reason.RATE_LIMITED, retry_after=30.0), id="a limit that says for how long"),
        pytest.param(Trouble(Reason.RATE_LIMITED), id="a limit that does not"),
        pytest.param(Trouble(Reason.AUTH), id="refused credentials"),
    ],
)
def test_waiting_is_no_attempt(estate: Estate, store: Store, trouble: Trouble) -> None:
    cases(store, "high")
    for _ in range(5):
        assert fail(store, deliver(store, "jira"), trouble, last=True) is False
        estate.advance(301)

    assert deliver(store, "jira").attempts == 1


def test_a_limit_of_one_ticket_is_no_attempt_and_pauses_nobody(store: Store) -> None:
    cases(store, "high")
    store.outbox.retry(deliver(store, "jira"), "rate_limited", "", 0.0, unknown=False)

    assert deliver(store, "jira").attempts == 1


def test_a_destination_that_is_down_makes_no_dead_letter(estate: Estate, store: Store) -> None:
    """While it answers others, one that always fails is given up; while it does not, nothing is."""
    cases(store, "high", "high")
    assert fail(store, store.outbox.claim("jira", 1)[0], last=True)
    down(store, OPENS_AT - 2)
    assert not fail(store, deliver(store, "jira"), last=True)
    estate.advance(301)
    assert not fail(store, deliver(store, "jira"), last=True)

    assert sorted(one.state for one in store.reader.deliveries(limit=10).items if one.destination == "jira") == [
        "dead",
        "pending",
    ]


def test_while_all_is_well_nothing_is_written_of_it(estate: Estate, store: Store) -> None:
    cases(store, "high")
    store.outbox.delivered(deliver(store, "jira"), 1, SEC_12)

    assert estate.count(destination_health) == 0


def test_pauses_and_what_waits_are_shown(estate: Estate, store: Store) -> None:
    cases(store, "high", "high")
    assert store.reader.backlog().pauses == {}
    fail(store, store.outbox.claim("jira", 1)[0], Trouble(Reason.AUTH))
    estate.clock.now += timedelta(seconds=7)

    shown = store.reader.backlog()

    pause = shown.pauses["jira"]
    assert pause is not None
    assert pause.reason == "auth"
    assert pause.seconds == pytest.approx(7 if estate.url.startswith("sqlite") else 0, abs=2)
    assert set(shown.deliveries_oldest_s) == {"jira", "servicenow", "slack"}


# --- rates ----------------------------------------------------------------------------------------------------------


def test_a_rate_is_shared_by_all_processes(estate: Estate, store: Store) -> None:
    cases(store, *["high"] * 6)
    one, other = estate.open(**SLOWLY), estate.open(**SLOWLY)

    claimed = [len(one.outbox.claim("jira", 2)), len(other.outbox.claim("jira", 5)), len(one.outbox.claim("jira", 5))]
    estate.advance(201)

    assert claimed == [2, 1, 0]
    assert [len(other.outbox.claim("jira", 5)), len(one.outbox.claim("jira", 5))] == [2, 0]


def test_a_rest_saves_no_more_than_a_burst(estate: Estate, store: Store) -> None:
    cases(store, *["high"] * 6)
    paced = estate.open(**SLOWLY)
    assert len(paced.outbox.claim("jira", 1)) == 1
    estate.advance(86_400)

    assert len(paced.outbox.claim("jira", 10)) == 3


def test_the_worst_case_comes_first_where_the_rate_holds_it_up(estate: Estate, store: Store) -> None:
    cases(store, "low", "medium", "critical", "high", "informational")
    paced = estate.open(**SLOWLY)

    claimed = paced.outbox.claim("jira", 5)
    for delivery in claimed:
        paced.outbox.delivered(delivery, 1, SEC_12)
    estate.advance(101)

    assert keys(claimed) == ["case-3", "case-4", "case-2"]
    assert keys(paced.outbox.claim("jira", 5)) == ["case-1"]


def test_a_clock_that_was_set_back_stops_nobody() -> None:
    pace = Pace(per_second=1.0, burst=5.0)

    assert [pace.tokens(0.5, passed) for passed in (2.0, 100.0, -1.0, -SET_BACK_S - 1)] == [2.5, 5.0, 0.5, 5.0]


# --- waking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_lane_sleeps_until_a_pause_is_over(estate: Estate, store: Store) -> None:
    cases(store, "high")
    store.outbox.claim("jira", 0)
    fail(store, deliver(store, "jira"), Trouble(Reason.RATE_LIMITED, retry_after=600.0))

    assert store.access._until_due("jira") == pytest.approx(600, abs=2)
    estate.advance(601)
    assert store.access._until_due("jira") == 0
    assert store.access._until_due("jira") == LONGEST_SLEEP_S, "offered once"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_lane_sleeps_until_the_next_token(estate: Estate, store: Store) -> None:
    cases(store, *["high"] * 4)
    paced = estate.open(**SLOWLY)
    assert len(paced.outbox.claim("jira", 10)) == 3
    assert paced.outbox.claim("jira", 10) == []

    assert paced.access._until_due("jira") == pytest.approx(100, abs=2)
    estate.advance(100)
    assert paced.access._until_due("jira") == 0
    assert len(paced.outbox.claim("jira", 10)) == 1


def test_a_lane_with_nothing_to_do_is_not_woken_for_a_token(estate: Estate, store: Store) -> None:
    cases(store, *["high"] * 3)
    paced = estate.open(**SLOWLY)
    for delivery in paced.outbox.claim("jira", 10):
        paced.outbox.delivered(delivery, 1, Ticket(delivery.case["key"], "SEC"))

    assert paced.access._until_due("jira") == LONGEST_SLEEP_S


# --- bursts ---------------------------------------------------------------------------------------------------------


def units(store: Store, limit: int = 8, burst: int = 3) -> list[list[str]]:
    """The units of a claim, those of several cases by how many they are."""
    claimed = store.outbox.claim_units("slack", limit, burst)
    return [keys(unit) if len(unit) == 1 else [f"{len(unit)} cases"] for unit in claimed]


def test_a_burst_is_told_of_together_and_the_worst_alone_and_first(store: Store) -> None:
    cases(store, "low", "medium", "high", "low", "critical", "low")

    assert units(store) == [["case-5"], ["case-3"], ["4 cases"]]


@pytest.mark.parametrize(
    ("severities", "burst", "expected"),
    [
        pytest.param(["low"] * 3, 3, [["case-1"], ["case-2"], ["case-3"]], id="no more than that are no burst"),
        pytest.param(["low"] * 4, 0, [["case-1"], ["case-2"], ["case-3"], ["case-4"]], id="0 is never"),
        pytest.param(["low"] * 4, 3, [["4 cases"]], id="one more is a burst"),
        pytest.param(["low"] * 41, 3, [["40 cases"], ["case-41"]], id="forty at most in one"),
        pytest.param(["high"] * 4, 3, [[f"case-{n}"] for n in range(1, 5)], id="nothing below high"),
    ],
)
def test_what_is_a_burst(store: Store, severities: list[str], burst: int, expected: list[list[str]]) -> None:
    cases(store, *severities)

    assert units(store, burst=burst) == expected


def test_what_has_a_ticket_or_is_in_doubt_or_was_refused_goes_alone(store: Store) -> None:
    cases(store, *["low"] * 7)
    told, doubtful, refused, given_back, *_ = store.outbox.claim("slack", 4)
    store.outbox.ticket_created(told, Ticket("C1:1.1", "thread"))
    store.outbox.retry(told, "rate_limited", "", 0.0, unknown=False)
    store.outbox.retry(doubtful, "timeout", "", 0.0, unknown=True)
    store.outbox.retry(refused, "invalid", "", 0.0, unknown=False)
    store.outbox.retry(given_back, "rate_limited", "", 0.0, unknown=False)

    together, *alone = units(store)
    assert together == ["4 cases"]
    assert sorted(alone) == sorted(map(keys, ([told], [doubtful], [refused])))


def test_a_unit_takes_one_token(estate: Estate, store: Store) -> None:
    cases(store, *["low"] * 90, "high", "critical")
    paced = estate.open(rates={"slack": 0.01}, bursts={"slack": 4.0})

    assert units(paced) == [["case-92"], ["case-91"], ["40 cases"], ["40 cases"]]
    estate.advance(101)
    assert units(paced) == [["10 cases"]]


def test_one_ticket_for_many_is_kept_for_each(estate: Estate, store: Store) -> None:
    cases(store, *["low"] * 4)
    [unit] = store.outbox.claim_units("slack", 8, 3)
    settle(store, "more", document("case-2", severity="medium"))
    digest = Ticket("C1:1.1#digest", "digest")

    store.outbox.opened_together([(delivery, 1) for delivery in unit], digest)

    again = deliver(store, "slack")
    assert (again.case["key"], again.ticket, again.sent_seq, again.in_doubt) == ("case-2", digest, 1, False)
    states = {one.case_key: (one.state, one.label) for one in store.reader.deliveries(limit=50).items if one.label}
    assert states == {f"case-{n}": ("sending" if n == 2 else "delivered", "digest") for n in range(1, 5)}
    assert estate.rows("SELECT count(*) FROM news WHERE kind = 'ticket'") == [(0,)], (
        "Slack shows tickets, its own are no news"
    )


def test_a_try_after_a_pause_is_a_single_case(estate: Estate, store: Store) -> None:
    """What goes wrong then leaves one in doubt, not forty."""
    cases(store, *["low"] * 5)
    [first, *_] = store.outbox.claim("slack", 1)
    fail(store, first, Trouble(Reason.RATE_LIMITED, retry_after=60.0))
    estate.advance(61)

    assert [len(unit) for unit in store.outbox.claim_units("slack", 8, 3)] == [1]
