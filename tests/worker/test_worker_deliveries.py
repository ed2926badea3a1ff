"""One delivery: what is looked up, created and told, and what the outbox hears of how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from enricher.core.retry import MAX_ATTEMPTS
from enricher.errors import OUTCOME_OF, Outcome, Reason, StoreUnavailable
from enricher.ports import Ticket
from enricher.worker.deliveries import DeliveryJob
from tests.worker.fakes import NO_STORE, SEC_12, Call, FakeDestination, FakeOutbox, delivery, failure


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
    assert do(FakeDestination(errors={"find": failure(Reason.AUTH)}), in_doubt=True) == [("bury", "case-1", "auth")]


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
        Outcome.NOT_SENT: ("retry", "case-1", reason.value, 7.0, False),
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
