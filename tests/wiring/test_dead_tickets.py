"""A person's word on a ticket that is gone, or that may never have been made: store, worker and a real Jira adapter together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument
from enricher.ports import DeliveryRecord
from enricher.standins import Fault, FaultKind
from enricher.standins import Jira as JiraStandIn
from enricher.store import Store
from enricher.worker.deliveries import DeliveryJob
from tests.destinations.jira_sites import jira_of
from tests.store.fakes import Clock, Estate, settle
from tests.web.fakes import critical_document

pytestmark = pytest.mark.slow

QUIET_S = 300.0
KEY = critical_document()["key"]


class House:
    """One case, its only destination, and the work of its lane."""

    def __init__(self, estate: Estate, job: DeliveryJob, site: JiraStandIn) -> None:
        self.estate, self.store, self.site = estate, estate.stores[0], site
        self._job = job

    def news(self, name: str, severity: str = "critical") -> None:
        document = cast("CaseDocument", {**critical_document(), "severity": severity, "links": {}})
        settle(self.store, name, document)

    def work(self, *, later_s: float = 0.0) -> DeliveryRecord:
        """Everything that is due then; the delivery as it stands."""
        self.estate.advance(later_s)
        while claimed := self._job.claim(1):
            for claim in claimed:
                self._job.do(claim)
        [delivery] = self.store.reader.deliveries(limit=5).items
        return delivery

    def issues(self) -> list[str]:
        return [issue["key"] for issue in self.site.store()["issues"]]


@contextmanager
def house(url: str, **settings: Any) -> Iterator[House]:
    estate = Estate(url, Clock(datetime(2100, 1, 1, tzinfo=UTC)))
    estate.routes = lambda _: ("jira",)
    store: Store = estate.open()
    site = JiraStandIn()
    with jira_of(site, quiet_s=QUIET_S, **settings) as jira:
        yield House(estate, DeliveryJob(store.outbox, jira, lambda: 0.0), site)
    estate.close()


@pytest.fixture
def url(tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> str:
    return tables_in_sqlite(tmp_path / "enricher.db")


def test_a_deleted_ticket_is_noticed_and_a_new_one_made_on_a_persons_word_alone(url: str) -> None:
    with house(url) as at:
        at.news("a")
        first = str(at.work().label)
        at.site.people.delete(first)
        at.news("b", "high")

        gone = at.work()
        assert (gone.state, gone.reason, at.issues()) == ("dead", "gone", [])
        assert at.work(later_s=10 * QUIET_S).state == "dead"

        assert at.store.operator.retry_dead(gone.delivery_id, "anna")
        again = at.work()
        assert (again.state, len(at.issues())) == ("delivered", 1)
        assert again.label != first
        assert (again.attempts, again.reason) == (1, None)


def test_a_ticket_that_was_only_hidden_is_found_again_and_no_second_one_made(url: str) -> None:
    with house(url) as at:
        at.news("a")
        first = str(at.work().label)
        seen = at.site.site.issue(first)
        at.site.people.hide(first)
        at.news("b", "high")
        gone = at.work()
        assert gone.reason == "gone"

        at.site.site.save({**seen, "hidden": False})
        assert at.store.operator.retry_dead(gone.delivery_id, "anna")
        assert (at.work(later_s=QUIET_S).label, at.issues()) == (first, [first])


def test_what_is_held_is_made_once_a_person_has_said_that_there_is_none(url: str) -> None:
    with house(url, after_quiet="hold") as at:
        at.site.fail(Fault(kind=FaultKind.REFUSE, method="POST", path="/rest/api/3/issue", calls=(1,)))
        at.news("a")
        assert at.work().state == "unknown"
        held = at.work(later_s=2 * QUIET_S)
        assert (held.state, held.reason, at.issues()) == ("dead", "held", [])

        assert at.store.operator.retry_dead(held.delivery_id, "anna")
        assert (at.work().state, len(at.issues())) == ("delivered", 1)
