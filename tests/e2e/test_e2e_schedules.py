"""Whatever goes wrong in whatever order: one ticket for the case in each destination, and nothing told twice.

The real store, the real worker's jobs and the real destinations, over loopback to the stand-ins, all by one clock that the
schedule moves. A schedule says of each attempt which of its calls fails and how, or that the process dies before or after it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from enricher.content import load
from enricher.core.document import Json, News
from enricher.core.merge import merge
from enricher.core.programs import Programs
from enricher.destinations.jira import Jira
from enricher.destinations.servicenow import Credentials, ServiceNow
from enricher.destinations.slack import Slack
from enricher.lookups import NoLookups
from enricher.ports import Delivery, Destination, Ticket
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins import Jira as JiraStandIn
from enricher.standins import ServiceNow as ServiceNowStandIn
from enricher.standins import Slack as SlackStandIn
from enricher.standins.service import Service
from enricher.store import Store, open_store
from enricher.wiring.flow import Flow, submission
from enricher.worker.deliveries import DeliveryJob
from tests.e2e import alerts
from tests.e2e.judge import held, problems
from tests.standins.standin_client import transport

pytestmark = pytest.mark.slow

LEASE_S, QUIET_S, SEARCH_LAG_S = 60.0, 300.0, 200.0
STEPS_TO_THE_END = 200
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FAILURES = (FaultKind.REFUSE, FaultKind.DROP, FaultKind.ERROR, FaultKind.LIMIT, FaultKind.TRUNCATE, FaultKind.HTML)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Death(BaseException):
    """The process is gone: nobody hears of anything that comes after."""


@dataclass
class Mortal:
    """A destination whose process dies before or after one of its calls, counted from 1."""

    inner: Destination
    name: str
    dies_at: int = 0
    after: bool = False
    calls: int = 0

    def check(self) -> Sequence[str]:
        return self.inner.check()

    def close(self) -> None:
        self.inner.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        self._may_die(False)
        found = self.inner.find(delivery)
        self._may_die(True)
        return found

    def create(self, delivery: Delivery) -> Ticket:
        self._may_die(False)
        made = self.inner.create(delivery)
        self._may_die(True)
        return made

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        self._may_die(False)
        self.inner.update(delivery, ticket, news)
        self._may_die(True)

    def _may_die(self, after: bool) -> None:  # noqa: FBT001 - said twice in each method above
        self.calls += not after
        if self.calls == self.dies_at and self.after is after:
            raise Death


@dataclass(frozen=True, slots=True)
class Attempt:
    """What becomes of one attempt: `fails` names the request that fails, `dies` the call at which the process does."""

    fails: int
    how: FaultKind
    dies: int
    after: bool
    chance: float
    waits: float


ATTEMPTS = st.builds(
    Attempt,
    fails=st.integers(0, 4),
    how=st.sampled_from(FAILURES),
    dies=st.sampled_from([0, 0, 0, 1, 2]),
    after=st.booleans(),
    chance=st.sampled_from([0.0, 0.5]),
    waits=st.sampled_from([0.0, 1.0, 100.0, 301.0]),
)
PROGRAMS = Programs(load(None))


class World:
    """One case, opened by an alert and recovered by another, and everything that is to learn of it."""

    def __init__(self, stack: ExitStack, tables: Callable[[Path], str]) -> None:
        self.clock = Clock()
        seconds = self.clock.seconds
        standins: list[Service] = [
            stack.enter_context(running(JiraStandIn(limits=False, search_lag=SEARCH_LAG_S, clock=seconds))),
            stack.enter_context(running(ServiceNowStandIn(clock=seconds))),
            stack.enter_context(running(SlackStandIn(rate=0.0, clock=seconds))),
        ]
        jira, servicenow, slack = standins
        self.standins = {"jira": jira, "servicenow": servicenow, "slack": slack}
        destinations: list[Jira | ServiceNow | Slack] = [
            Jira(jira.url, "enricher@corp.example", KEY, project="SEC", quiet_s=QUIET_S, transport=transport()),
            ServiceNow(servicenow.url, Credentials("enricher", KEY), transport=transport()),
            Slack(KEY, "C0SOCALERT1", url=f"{slack.url}/api", transport=transport()),
        ]
        for destination in destinations:
            stack.callback(destination.close)
        self.destinations = {one.name: Mortal(one, one.name) for one in destinations}
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.database: Store = open_store(
            tables(Path(folder) / "enricher.db"),
            clock=self.clock,
            merge=merge,
            deliver_to=lambda _case: tuple(self.destinations),
            lease_s=LEASE_S,
        )
        stack.callback(self.database.close)
        self._flow = Flow(lambda: PROGRAMS, NoLookups(), self.database.history, owner=False)

    def store(self, name: str) -> Json:
        return self.standins[name].store()

    def take(self, body: bytes) -> None:
        inbox = self.database.inbox
        accepted = submission(body, "sumo")
        assert accepted is not None
        inbox.accept(accepted)
        [claim] = inbox.claim(1)
        assert inbox.settle(claim, self._flow.settlement(claim.body, claim.received_at))

    def attempt(self, name: str, what: Attempt) -> None:
        """One attempt at this destination, if one is due."""
        destination = self.destinations[name]
        destination.calls, destination.dies_at, destination.after = 0, what.dies, what.after
        self.standins[name].fail(*([Fault(kind=what.how, calls=(what.fails,))] if what.fails else []))
        job = DeliveryJob(self.database.outbox, destination, lambda: what.chance)
        for delivery in job.claim(1):
            try:
                job.do(delivery)
            except Death:
                self.clock.advance(LEASE_S)
        self.clock.advance(what.waits)

    def finish(self) -> None:
        """Nothing fails any more, and time passes, until all is delivered."""
        calm = Attempt(fails=0, how=FaultKind.DROP, dies=0, after=False, chance=0.0, waits=0.0)
        for _ in range(STEPS_TO_THE_END):
            for name in self.destinations:
                self.attempt(name, calm)
            self.clock.advance(30)
            [case] = self.cases()
            if all(one["state"] == "delivered" for one in case["deliveries"]):
                return
        raise AssertionError(f"never delivered: {case['deliveries']}")

    def cases(self) -> list[Json]:
        return [
            {
                "key": record.key,
                "news": record.news,
                "deliveries": [
                    {"state": one.state, "destination": one.destination, "reason": one.reason} for one in record.deliveries
                ],
            }
            for record in self.database.reader.cases(limit=10).items
        ]


def fails(request: int, how: FaultKind, *, waits: float = 0.0) -> Attempt:
    return Attempt(fails=request, how=how, dies=0, after=False, chance=0.0, waits=waits)


def dies(call: int, *, waits: float = 0.0) -> Attempt:
    return Attempt(fails=0, how=FaultKind.DROP, dies=call, after=True, chance=0.0, waits=waits)


FINE = fails(0, FaultKind.DROP)
SECOND_CREATE_UNKNOWN = [
    ("jira", fails(1, FaultKind.REFUSE, waits=301)),
    ("jira", fails(2, FaultKind.DROP)),
    ("jira", FINE),
]
"""Nothing was found after the quiet period, so a second create: its quiet period is not over when the first one's is."""
SECOND_CREATE_DIED = [("jira", fails(1, FaultKind.REFUSE, waits=301)), ("jira", dies(2)), ("jira", FINE)]
REPLY_UNKNOWN_THEN_LIMITED = [
    ("slack", fails(4, FaultKind.TRUNCATE)),
    ("slack", fails(1, FaultKind.LIMIT, waits=5)),
    ("slack", FINE),
]
"""A call that surely was not sent does not settle the doubt about the reply before it."""


@example(schedule=SECOND_CREATE_UNKNOWN, recovers_after=9)
@example(schedule=SECOND_CREATE_DIED, recovers_after=9)
@example(schedule=REPLY_UNKNOWN_THEN_LIMITED, recovers_after=0)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    schedule=st.lists(st.tuples(st.sampled_from(["jira", "servicenow", "slack"]), ATTEMPTS), min_size=1, max_size=14),
    recovers_after=st.integers(0, 14),
)
def test_one_ticket_and_nothing_twice(
    tables_in_sqlite: Callable[[Path], str], schedule: list[tuple[str, Attempt]], recovers_after: int
) -> None:
    with ExitStack() as opened:
        world = World(opened, tables_in_sqlite)
        world.take(alerts.trigger("schedule"))
        for number, (name, attempt) in enumerate(schedule):
            if number == recovers_after:
                world.take(alerts.recovery("schedule"))
            world.attempt(name, attempt)

        world.finish()

        assert list(problems(world.cases(), held(world))) == []
