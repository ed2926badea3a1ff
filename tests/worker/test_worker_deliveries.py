"""One delivery: what is looked up, created and told, and what the outbox hears of how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from enricher.core.breaker import WIDE, Trouble
from enricher.core.retry import MAX_ATTEMPTS
from enricher.errors import OUTCOME_OF, Outcome, Reason, StoreUnavailable, TicketClosed
from enricher.ports import Delivery, Ticket
from enricher.worker.deliveries import DeliveryJob
from tests.worker.fakes import NO_STORE, SEC_12, Call, FakeDestination, FakeDigests, FakeOutbox, delivery, failure


def do(destination: FakeDestination, *, outbox: FakeOutbox | None = None, **more: Any) -> list[Call]:
    """Do one delivery; what the outbox was told."""
    outbox = outbox or FakeOutbox()
    DeliveryJob(outbox, destination, lambda: 0.5).do(delivery(**more))
    return outbox.calls


CREATED = ("ticket_created", "case-1", "SEC-12")


def done(seq: int, *made: str) -> Call:
    """`made` is the ticket's label where it is stored together with "delivered": nothing was left to tell it."""
    return ("delivered", "case-1", seq, *made)


# --- create or adopt ------------------------------------------------------------------------------------------------


def test_a_new_delivery_creates_without_a_look_up() -> None:
    destination = FakeDestination()

    assert do(destination) == [done(1, "SEC-12")]
    assert destination.calls == [("create",)]


def test_what_is_in_doubt_is_looked_up_and_adopted() -> None:
    """Creating here would be the second ticket."""
    destination = FakeDestination(found=SEC_12)

    assert do(destination, in_doubt=True) == [done(1, "SEC-12")]
    assert destination.calls == [("find",)]


def test_what_is_in_doubt_and_not_there_for_certain_is_created() -> None:
    destination = FakeDestination()

    assert do(destination, in_doubt=True) == [done(1, "SEC-12")]
    assert destination.calls == [("find",), ("create",)]


@pytest.mark.parametrize("reason", [Reason.SETTLING, Reason.CONNECT, Reason.TIMEOUT, Reason.SERVER_ERROR])
def test_a_look_up_that_says_nothing_certain_creates_nothing(reason: Reason) -> None:
    """Nor does it begin a doubt of its own: a search that fails for an hour does not begin the quiet period anew each time."""
    destination = FakeDestination(errors={"find": failure(reason)})

    assert do(destination, in_doubt=True) == [("retry", "case-1", reason.value, 1.0, False)]
    assert destination.calls == [("find",)]


def test_a_search_that_lags_is_looked_at_when_it_is_believed_however_often_others_failed() -> None:
    lagging = failure(Reason.SETTLING, retry_after=1.5)
    assert do(FakeDestination(errors={"find": lagging}), in_doubt=True, attempts=9) == [
        ("retry", "case-1", "settling", 1.5, False)
    ]
    busy = failure(Reason.SERVER_ERROR, retry_after=1.5)
    assert do(FakeDestination(errors={"find": busy}), in_doubt=True, attempts=9)[0][3] > 1.5


def test_a_look_up_that_is_refused_is_a_dead_letter() -> None:
    refused = failure(Reason.FORBIDDEN)
    assert do(FakeDestination(errors={"find": refused}), in_doubt=True) == [("bury", "case-1", "forbidden")]


def test_a_known_ticket_is_neither_looked_up_nor_created() -> None:
    destination = FakeDestination()

    calls = do(destination, in_doubt=True, ticket=SEC_12, sent_seq=1, kinds=("opened", "recovery"))

    assert calls == [done(2)]
    assert destination.calls == [("update", "SEC-12", 2)]


# --- news -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        pytest.param(("opened",), [], id="the opening is the ticket"),
        pytest.param(("opened", "severity", "evidence"), [], id="its body holds what the case is by now"),
        pytest.param(("opened", "ticket"), [], id="and where its other tickets are"),
        pytest.param(("opened", "recovery"), [2], id="a recovery is no part of it"),
        pytest.param(("opened", "recovery", "reopened", "evidence"), [2, 3, 4], id="in order from there"),
    ],
)
def test_news_older_than_its_ticket(kinds: Sequence[str], told: list[int]) -> None:
    destination = FakeDestination()

    calls = do(destination, kinds=kinds)

    assert destination.calls == [("create",), *[("update", "SEC-12", seq) for seq in told]]
    assert calls[-1] == (done(len(kinds)) if told else done(len(kinds), "SEC-12"))
    assert (CREATED in calls) is bool(told), "stored before anything else is sent"


def test_an_adopted_ticket_is_told_everything_after_its_opening() -> None:
    """It was made by an attempt that is lost: which news it held is not known."""
    destination = FakeDestination(found=SEC_12)

    do(destination, in_doubt=True, kinds=("opened", "severity", "recovery"))

    assert destination.calls == [("find",), ("update", "SEC-12", 2), ("update", "SEC-12", 3)]


@pytest.mark.parametrize(("found", "held"), [(None, 2), (SEC_12, 1)])
def test_what_a_ticket_holds_is_stored_before_it_is_told_more(found: Ticket | None, held: int) -> None:
    """The call that may end in doubt is then always about the news after what is stored, and that is what is looked for."""
    destination = FakeDestination(found=found, errors={"update": failure(Reason.DROPPED)})

    calls = do(destination, in_doubt=True, kinds=("opened", "severity", "recovery"))

    assert calls == [CREATED, ("progressed", "case-1", held), ("retry", "case-1", "dropped", 1.0, True)]


def test_each_piece_of_news_is_noted_when_it_is_told() -> None:
    calls = do(FakeDestination(), ticket=SEC_12, sent_seq=1, kinds=("opened", "evidence", "severity", "recovery"))

    assert calls == [("progressed", "case-1", 2), ("progressed", "case-1", 3), done(4)]


def test_nothing_new_is_just_done() -> None:
    destination = FakeDestination()

    assert do(destination, ticket=SEC_12, sent_seq=1) == [done(1)]
    assert destination.calls == []


# --- outcomes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["create", "update"])
@pytest.mark.parametrize("reason", Reason)
def test_what_the_outbox_hears_of_a_failure(reason: Reason, method: str) -> None:
    destination = FakeDestination(errors={method: failure(reason, retry_after=7.0)})
    expected = {
        Outcome.REJECTED: ("bury", "case-1", reason.value),
        # An update may be several calls, of which those before may have got through.
        Outcome.NOT_SENT: ("retry", "case-1", reason.value, 7.0, method == "update"),
        Outcome.UNKNOWN: ("retry", "case-1", reason.value, 7.0, True),
    }

    calls = do(destination, kinds=("opened", "recovery"))

    assert calls[-1] == expected[OUTCOME_OF[reason]]
    assert [call[0] for call in calls[:-1]] == (["ticket_created", "progressed"] if method == "update" else [])


def test_a_wait_that_was_asked_for_is_never_shortened() -> None:
    [(_, _, _, delay, _)] = do(FakeDestination(errors={"create": failure(Reason.RATE_LIMITED, retry_after=3600.0)}))
    assert delay == 3600.0


@pytest.mark.parametrize("reason", [Reason.CONNECT, Reason.TIMEOUT])
def test_after_the_last_attempt_it_is_a_dead_letter(reason: Reason) -> None:
    destination = FakeDestination(errors={"create": failure(reason)})

    assert do(destination, attempts=MAX_ATTEMPTS) == [("bury", "case-1", reason.value)]
    assert do(destination, attempts=MAX_ATTEMPTS - 1)[0][0] == "retry"


@pytest.mark.parametrize("method", ["ticket_created", "delivered", "retry"])
def test_a_store_that_refuses_leaves_it_to_the_lease(method: str) -> None:
    """The outbox hears nothing more: the claim comes back in doubt, and the look-up finds what was sent."""
    outbox = FakeOutbox(errors={method: NO_STORE})
    failing: dict[str, Exception] = {"create": failure(Reason.TIMEOUT)} if method == "retry" else {}

    destination = FakeDestination(errors=failing)
    kinds = ("opened", "recovery") if method == "ticket_created" else ("opened",)
    with pytest.raises(StoreUnavailable):
        do(destination, outbox=outbox, kinds=kinds)

    assert outbox.calls == []
    assert ("update", "SEC-12", 2) not in destination.calls


@pytest.mark.parametrize("method", ["find", "create", "update"])
@pytest.mark.parametrize("reason", Reason)
def test_the_destination_s_own_trouble_is_told(reason: Reason, method: str) -> None:
    """Whatever the call: of a case's own the outbox hears no trouble."""
    outbox = FakeOutbox()
    destination = FakeDestination(
        errors={method: failure(reason, retry_after=7.0)}, found=SEC_12 if method == "update" else None
    )

    do(destination, outbox=outbox, in_doubt=True, kinds=("opened", "recovery"))

    expected = [Trouble(reason, retry_after=7.0, chance=0.5)] if reason in WIDE else []
    assert outbox.troubles == expected


def test_a_limit_of_one_ticket_is_not_the_destination_s() -> None:
    outbox = FakeOutbox()
    limited = failure(Reason.RATE_LIMITED, retry_after=30.0, of_one=True)

    calls = do(FakeDestination(errors={"update": limited}), outbox=outbox, ticket=SEC_12, kinds=("opened", "recovery"))

    assert calls[-1] == ("retry", "case-1", "rate_limited", 30.0, True)
    assert outbox.troubles == []


def test_nothing_is_given_up_while_its_destination_is_left_alone() -> None:
    outbox = FakeOutbox(paused=True)
    destination = FakeDestination(errors={"create": failure(Reason.TIMEOUT)})

    assert do(destination, outbox=outbox, attempts=MAX_ATTEMPTS) == [("retry", "case-1", "timeout", 450.0, True)]


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.AUTH])
def test_waiting_is_never_given_up(reason: Reason) -> None:
    destination = FakeDestination(errors={"create": failure(reason)})

    assert do(destination, attempts=MAX_ATTEMPTS)[0][0] == "retry"


# --- a ticket that is closed -----------------------------------------------------------------------------------------


def test_a_closed_ticket_is_followed() -> None:
    destination = FakeDestination(errors={"update": TicketClosed("SEC-12 was closed long ago")})

    assert do(destination, ticket=SEC_12, sent_seq=1, kinds=("opened", "evidence")) == [("begin_anew", "case-1")]
    assert destination.calls == [("update", "SEC-12", 2)]


def test_a_ticket_that_is_closed_the_moment_it_is_made_is_not_followed_without_an_end() -> None:
    destination = FakeDestination(errors={"update": TicketClosed("a rule closes them all")})

    calls = do(destination, sent_seq=1, generation=2, previous=SEC_12, kinds=("opened", "reopened"))

    assert calls == [CREATED, ("progressed", "case-1", 1), done(2)]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        pytest.param(("opened", "recovery", "evidence"), [], id="what it holds in its body is not told again"),
        pytest.param(("opened", "recovery", "reopened", "evidence"), [3, 4], id="what the old one was not told, it is"),
    ],
)
def test_the_next_ticket_is_told_what_the_old_one_was_not(kinds: Sequence[str], told: list[int]) -> None:
    destination = FakeDestination()

    do(destination, sent_seq=2, generation=2, previous=SEC_12, kinds=kinds)

    assert destination.calls == [("create",), *[("update", "SEC-12", seq) for seq in told]]


# --- the residual ----------------------------------------------------------------------------------------------------


def counted(destination: str) -> float:
    return REGISTRY.get_sample_value("enricher_creates_after_doubt_total", {"destination": destination}) or 0.0


@pytest.mark.parametrize(
    ("claim", "found", "watched"),
    [
        pytest.param(delivery(), None, [], id="a first create is none"),
        pytest.param(delivery(in_doubt=True), SEC_12, [], id="nor is one that is adopted"),
        pytest.param(delivery(in_doubt=True), None, ["case-1"], id="a create after a look-up that found nothing is"),
    ],
)
def test_a_create_that_may_be_the_second_is_counted_and_watched(
    claim: Delivery, found: Ticket | None, watched: list[str]
) -> None:
    seen: list[str] = []
    destination = FakeDestination("residual", found=found)
    job = DeliveryJob(FakeOutbox(), destination, lambda: 0.5, watch=lambda one: seen.append(one.case["key"]))
    before = counted("residual")

    job.do(claim)

    assert seen == watched
    assert counted("residual") - before == len(watched)


# --- many at once ----------------------------------------------------------------------------------------------------

MANY = tuple(delivery(f"case-{n}", kinds=("opened", "severity")) for n in range(1, 4))


def test_a_burst_is_one_claim_and_one_ticket() -> None:
    outbox, destination = FakeOutbox(units=[list(MANY), [delivery("case-9")]]), FakeDigests()
    job = DeliveryJob(outbox, destination, lambda: 0.5)

    claims = job.claim(8)
    for claim in claims:
        job.do(claim)

    assert [list(job.keys(claim)) for claim in claims] == [["D-case-1", "D-case-2", "D-case-3"], ["D-case-9"]]
    assert outbox.bursts == [3]
    assert destination.calls == [("create_together",), ("create",)]
    together = [("delivered", f"case-{n}", 2, "digest") for n in range(1, 4)]
    assert outbox.calls == [*together, ("delivered", "case-9", 1, "SEC-12")]


def test_where_digests_are_off_none_are_claimed() -> None:
    outbox = FakeOutbox(queued=[delivery()])

    assert len(DeliveryJob(outbox, FakeDigests(digest_at=0), lambda: 0.5).claim(8)) == 1
    assert outbox.bursts == []


@pytest.mark.parametrize(
    ("reason", "given_back", "troubles"),
    [
        pytest.param(Reason.TIMEOUT, (1.0, True), 1, id="unknown: each is in doubt, and the destination has failed once"),
        pytest.param(Reason.CONNECT, (1.0, False), 1, id="not sent: each waits"),
        pytest.param(Reason.INVALID, (0.0, False), 0, id="refused: each is tried alone, for one may be the reason"),
    ],
)
def test_a_failure_of_many(reason: Reason, given_back: tuple[float, bool], troubles: int) -> None:
    outbox, destination = FakeOutbox(), FakeDigests(errors={"create_together": failure(reason)})

    DeliveryJob(outbox, destination, lambda: 0.5).do(MANY)

    assert outbox.calls == [("retry", f"case-{n}", reason.value, *given_back) for n in range(1, 4)]
    assert len(outbox.troubles) == troubles


def test_many_that_crash_are_all_in_doubt_and_those_not_begun_are_all_given_back() -> None:
    outbox = FakeOutbox()
    job = DeliveryJob(outbox, FakeDigests(), lambda: 0.5)

    job.crashed(MANY, KeyError("a bug"))
    job.release(MANY)

    assert [call[2:] for call in outbox.calls] == [("crashed", 1.0, True)] * 3 + [("released", 0.0, False)] * 3


# --- the points that a test may stop at ------------------------------------------------------------------------------


def test_the_points_of_a_delivery_in_order() -> None:
    reached: list[str] = []
    job = DeliveryJob(FakeOutbox(), FakeDestination(), lambda: 0.5, at=reached.append)

    job.do(delivery(in_doubt=True, kinds=("opened", "recovery")))

    assert reached == [
        "claimed",
        "looked_up",
        "before_create",
        "created",
        "ticket_stored",
        "before_update",
        "updated",
        "before_delivered",
    ]


# --- what nobody foresaw --------------------------------------------------------------------------------------------


def test_after_a_crash_what_was_sent_is_unknown() -> None:
    outbox = FakeOutbox()
    job = DeliveryJob(outbox, FakeDestination(), lambda: 0.5)

    job.crashed(delivery(), KeyError("a bug"))
    job.crashed(delivery("case-2", attempts=MAX_ATTEMPTS), KeyError("a bug"))

    assert outbox.calls == [("retry", "case-1", "crashed", 1.0, True), ("bury", "case-2", "crashed")]


def test_what_was_not_begun_is_given_back_without_a_doubt() -> None:
    outbox = FakeOutbox()

    DeliveryJob(outbox, FakeDestination(), lambda: 0.5).release(delivery())

    assert outbox.calls == [("retry", "case-1", "released", 0.0, False)]
