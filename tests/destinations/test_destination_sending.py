"""A process that is put to sleep between two calls of one delivery sends nothing more once its claim is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest

from enricher import standins
from enricher.destinations.jira import Jira
from enricher.destinations.servicenow import Credentials, ServiceNow
from enricher.destinations.slack import Slack
from enricher.errors import StoreUnavailable
from enricher.ports import Delivery, Destination
from enricher.ports.sending import sending_for
from enricher.worker.keeping import Keeping
from tests.destinations.cases import CRITICAL, OPENED, RECOVERY, delivery
from tests.standins.standin_client import transport

LEASE_S = 60.0


class Sleeper:
    """A clock that jumps beyond the lease once it was read `after` times; from then on the claim is another's."""

    def __init__(self, after: int) -> None:
        self.left, self.seconds = after, 0.0

    def __call__(self) -> float:
        if self.left == 0:
            self.seconds += 10 * LEASE_S
        self.left -= 1
        return self.seconds


@contextmanager
def jira() -> Iterator[tuple[Destination, Any]]:
    with standins.running(standins.Jira(limits=False)) as service:
        adapter = Jira(
            service.url, service.email, service.token, project="SEC", issue_type="Incident", transport=transport()
        )
        with closing(adapter):
            yield adapter, lambda: [len(one["comments"]) for one in service.store()["issues"]]


@contextmanager
def servicenow() -> Iterator[tuple[Destination, Any]]:
    with standins.running(standins.ServiceNow()) as service:
        adapter = ServiceNow(service.url, Credentials(user="enricher", password=standins.KEY), transport=transport())
        with closing(adapter):
            yield adapter, lambda: [len(one["work_notes"]) for one in service.store()["incidents"]]


@contextmanager
def slack() -> Iterator[tuple[Destination, Any]]:
    with standins.running(standins.Slack(rate=0.0)) as service:
        adapter = Slack(service.token, service.channel, url=f"{service.url}/api", transport=transport())
        with closing(adapter):
            yield adapter, lambda: [len(one["thread"]) for one in service.store()["messages"]]


def claimed(one: Delivery, sleeper: Sleeper) -> Keeping:
    keeping = Keeping(lambda _: sleeper.left > 0, LEASE_S / 3, sleeper)
    keeping.taken([one], 0.0)
    return keeping


@pytest.mark.slow
@pytest.mark.parametrize("made", [jira, servicenow, slack], ids=lambda made: made.__name__)
def test_no_call_leaves_after_the_claim_is_lost(made: Any) -> None:
    """Asleep before each of the steps in turn: whatever was not sent by then is not sent, until the news is told whole."""
    told: list[Sequence[int]] = []
    for step in range(40):
        with made() as (adapter, held):
            ticket = adapter.create(delivery(CRITICAL, news=(OPENED,)))
            one = delivery(CRITICAL, news=(OPENED, RECOVERY), ticket=ticket, sent_seq=OPENED["seq"])
            before = held()
            sleeper = Sleeper(step)
            keeping = claimed(one, sleeper)
            try:
                with sending_for(lambda: keeping.check([one])):  # noqa: B023 - called within
                    adapter.update(one, ticket, RECOVERY)
            except StoreUnavailable:
                assert sleeper.left < 0
                assert held() == before
                told.append(held())
            else:
                assert [after - was for after, was in zip(held(), before, strict=True)] == [1]
                break
    else:
        pytest.fail("never told at all")
    assert len(told) >= 2, "the question was put before the headers and before the body"
