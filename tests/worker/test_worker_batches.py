"""Many cases in one call: whatever becomes of it, each case arrives, and what came twice is one by its `event`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from prometheus_client import REGISTRY

from enricher.core.document import CaseDocument
from enricher.destinations.sumo_source import SumoSource
from enricher.errors import StoreUnavailable
from enricher.ports import Delivery
from enricher.standins import Fault, FaultKind, running
from enricher.standins.sumo.receiver import TOKEN
from enricher.standins.sumo.receiver import SumoSource as Receiver
from enricher.store import Store
from enricher.worker.deliveries import DeliveryJob
from enricher.worker.keeping import Keeping
from tests.destinations.cases import CRITICAL
from tests.destinations.cases import delivery as delivery_of
from tests.standins.standin_client import Clock as Ticks
from tests.standins.standin_client import transport
from tests.store.fakes import Clock, Estate, settle
from tests.worker.fakes import NO_STORE, FakeOutbox

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver(clock=Ticks())) as service:
        yield service


@pytest.fixture
def source(receiver: Receiver) -> Iterator[SumoSource]:
    made = SumoSource(receiver.address(), transport=transport())
    yield made
    made.close()


@pytest.fixture
def outbox() -> FakeOutbox:
    return FakeOutbox(queued=[delivery_of(case(n), delivery_id=f"d-{n}", destination="sumo") for n in range(4)])


def case(n: int) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, "key": f"enricher-{n:016x}"})


def done(n: int) -> tuple[Any, ...]:
    key = case(n)["key"]
    return ("delivered", key, 1, f"event {key}")


def work(outbox: FakeOutbox, source: SumoSource, **more: Any) -> list[tuple[Any, ...]]:
    job = DeliveryJob(outbox, source, lambda: 0.5, **more)
    for claim in job.claim(1):
        job.do(claim)
    return outbox.calls


def events(receiver: Receiver) -> list[str]:
    return [json.loads(message["_raw"])["event"] for message in receiver.store()["messages"]]


def counted(outcome: str, reason: str) -> float:
    labels = {"destination": "sumo", "outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("enricher_deliveries_total", labels) or 0.0


# --- one call -------------------------------------------------------------------------------------------------------


def test_all_that_is_due_is_one_call_and_each_is_settled(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver
) -> None:
    before = counted("delivered", "")
    assert work(outbox, source) == [done(n) for n in range(4)]
    assert (receiver.store()["posts"], outbox.limits) == ([4], [100])
    assert counted("delivered", "") == before + 4


def test_nothing_is_claimed_where_nothing_may_be(outbox: FakeOutbox, source: SumoSource) -> None:
    assert DeliveryJob(outbox, source, lambda: 0.5).claim(0) == ()
    assert outbox.limits == []


@pytest.mark.parametrize(
    ("fault", "reason", "unknown", "kept"),
    [
        pytest.param(Fault(kind=FaultKind.LIMIT, calls=(1,)), "rate_limited", False, 0, id="429"),
        pytest.param(Fault(kind=FaultKind.ERROR, status=408, calls=(1,)), "timeout", True, 4, id="408"),
        pytest.param(Fault(kind=FaultKind.ERROR, status=503, calls=(1,)), "server_error", True, 4, id="503"),
        pytest.param(Fault(kind=FaultKind.DROP, calls=(1,)), "dropped", True, 4, id="the answer is lost"),
        pytest.param(Fault(kind=FaultKind.DENY, status=401, calls=(1,)), "auth", False, 0, id="401"),
        pytest.param(Fault(kind=FaultKind.DENY, status=403, calls=(1,)), "auth", False, 0, id="403 is of the address"),
    ],
)
def test_a_call_that_fails_is_one_failure_and_all_wait(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver, fault: Fault, reason: str, *, unknown: bool, kept: int
) -> None:
    receiver.fail(fault)
    calls = work(outbox, source)
    assert [(call[0], call[2], call[4]) for call in calls] == [("retry", reason, unknown)] * 4
    assert [trouble.reason.value for trouble in outbox.troubles] == [reason], "one call, one trouble"
    assert len(events(receiver)) == kept


def test_a_call_that_is_refused_for_what_it_says_is_repeated_case_by_case(outbox: FakeOutbox) -> None:
    """One of them may be why: the others arrive, and only that one is a dead letter."""
    answers = iter([400, 200, 400, 200, 200])
    calls = work(outbox, answering(answers))
    assert calls == [done(0), ("bury", case(1)["key"], "invalid"), done(2), done(3)]
    assert next(answers, None) is None


def test_a_redirect_is_of_the_address_and_no_case_is_tried_alone(outbox: FakeOutbox) -> None:
    calls = work(outbox, answering(iter([302])))
    assert [call[0] for call in calls] == ["bury"] * 4


def answering(answers: Iterator[int]) -> SumoSource:
    url = f"https://collectors.example/receiver/v1/http/{TOKEN}"
    return SumoSource(url, transport=httpx2.MockTransport(lambda _: httpx2.Response(next(answers))))


# --- between the call and the store ---------------------------------------------------------------------------------


def test_a_process_that_ends_in_between_sends_the_same_events_again(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver
) -> None:
    queued = list(outbox.queued)

    def end(point: str) -> None:
        if point == "created":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(outbox, source, at=end)
    assert (outbox.calls, len(events(receiver))) == ([], 4)
    outbox.queued = [
        delivery_of(one.case, delivery_id=one.delivery_id, destination="sumo", in_doubt=True) for one in queued
    ]
    assert work(outbox, source) == [done(n) for n in range(4)]
    assert events(receiver) == [f"{case(n)['key']}-01" for n in range(4)] * 2


def test_a_store_that_is_gone_afterwards_is_told_to_whoever_runs_it(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver
) -> None:
    outbox.errors["delivered"] = NO_STORE
    with pytest.raises(StoreUnavailable):
        work(outbox, source)
    assert len(events(receiver)) == 4


def test_a_claim_that_is_lost_sends_nothing(outbox: FakeOutbox, source: SumoSource, receiver: Receiver) -> None:
    times = iter([0.0, 100.0])
    with pytest.raises(StoreUnavailable):
        work(outbox, source, keeping=Keeping(lambda one: one.delivery_id != "d-2", 20.0, lambda: next(times)))
    assert receiver.store()["requests"] == []


def test_a_claim_that_is_lost_while_the_connection_is_made_sends_nothing(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver
) -> None:
    times = iter([0.0, 1.0, 100.0])
    with pytest.raises(StoreUnavailable):
        work(outbox, source, keeping=Keeping(lambda _: False, 20.0, lambda: next(times)))
    assert receiver.store()["messages"] == []


def test_of_those_that_are_sent_alone_the_ones_that_are_done_are_not_asked_for(
    outbox: FakeOutbox, source: SumoSource, receiver: Receiver
) -> None:
    """They are settled, hence no longer ours: the rest must not wait for a lease because of them."""
    receiver.fail(Fault(kind=FaultKind.DENY, status=400, calls=(1,)))
    hours = iter(range(0, 10_000, 100))

    def holds(one: Delivery) -> bool:
        return ("delivered", one.case["key"]) not in [call[:2] for call in outbox.calls]

    calls = work(outbox, source, keeping=Keeping(holds, 20.0, lambda: float(next(hours))))
    assert calls == [done(n) for n in range(4)]


# --- over the real store --------------------------------------------------------------------------------------------


@pytest.fixture
def store(tables_in_sqlite: Callable[[Path], str], tmp_path: Path) -> Iterator[Store]:
    estate = Estate(tables_in_sqlite(tmp_path / "enricher.db"), Clock(START))
    estate.routes = lambda _: ("sumo",)
    yield estate.open(show_tickets=("sumo",))
    estate.close()


def test_250_cases_are_three_calls_and_each_arrives_once(store: Store, source: SumoSource, receiver: Receiver) -> None:
    settle(store, "a burst", *(case(n) for n in range(250)))
    job = DeliveryJob(store.outbox, source, lambda: 0.5)
    while claims := job.claim(1):
        for claim in claims:
            job.do(claim)
    assert receiver.store()["posts"] == [100, 100, 50]
    assert sorted(events(receiver)) == sorted(f"{case(n)['key']}-01" for n in range(250))
    found = store.reader.case(case(249)["key"])
    assert found is not None
    assert [(one.state, one.label) for one in found.deliveries] == [("delivered", f"event {case(249)['key']}")]


def test_what_is_new_of_a_case_is_one_more_line_of_it(store: Store, source: SumoSource, receiver: Receiver) -> None:
    job = DeliveryJob(store.outbox, source, lambda: 0.5)
    for severity in ("high", "critical"):
        settle(store, severity, cast("CaseDocument", {**case(1), "severity": severity}))
        for claim in job.claim(1):
            job.do(claim)
    assert events(receiver) == [f"{case(1)['key']}-01", f"{case(1)['key']}-02"]
    assert job.claim(1) == []
