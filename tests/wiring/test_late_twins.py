"""The one way to two issues that no client of Jira can close: seen late, joined, told and counted, and gone on with the older."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from enricher.core.document import CaseDocument
from enricher.destinations.jira import Jira
from enricher.ports import Ticket
from enricher.standins import Jira as JiraStandIn
from enricher.standins import running
from enricher.standins.faults import Fault, FaultKind
from enricher.telemetry import TWINS
from enricher.worker.chores import ChoreJob, Round, note_twins, watch_for_twins
from enricher.worker.deliveries import DeliveryJob
from tests.destinations.cases import CRITICAL, CRITICAL_KEY
from tests.store.fakes import Clock, Estate, settle

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LAG_S, QUIET_S = 800.0, 300.0


class House:
    """A store, a Jira whose search lags, and a worker's two lanes, all by one clock."""

    def __init__(self, url: str, site: JiraStandIn, clock: Clock, jira: Callable[..., Jira]) -> None:
        self.estate, self.site, self.clock = Estate(url, clock), site, clock
        self.estate.routes = lambda _: ["jira"]
        self.store = store = self.estate.open()

        def noted(case_key: str, tickets: Sequence[Ticket]) -> None:
            note_twins(store.outbox, "jira", case_key, tickets)

        self.jira = jira(on_twins=noted)
        self.deliveries = DeliveryJob(store.outbox, self.jira, lambda: 0.5, watch=watch_for_twins(store.chores, "jira"))
        given = Round(
            chores=store.chores,
            canaries=store.canaries,
            outbox=store.outbox,
            destinations={"jira": self.jira},
            send_canary=None,
            canary_every_s=0.0,
            clock=clock,
        )
        self.chores = ChoreJob(given)

    def pass_time(self, seconds: float, step_s: float = 60.0) -> None:
        """Let both lanes do what falls due meanwhile."""
        until = self.clock.now.timestamp() + seconds
        while self.clock.now.timestamp() < until:
            self.estate.advance(step_s)
            for delivery in self.deliveries.claim(5):
                self.deliveries.do(delivery)
            for chore in self.chores.claim(5):
                self.chores.do(chore)

    def issues(self) -> dict[str, dict[str, object]]:
        return {issue["key"]: issue for issue in self.site.store()["issues"]}


@pytest.fixture
def house(tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> Iterator[House]:
    clock = Clock(START)

    def seconds() -> float:
        return clock.now.timestamp()

    site = JiraStandIn(search_lag=LAG_S, limits=False, clock=seconds)
    with running(site):
        made: list[Jira] = []

        def jira(**more: object) -> Jira:
            made.append(
                Jira(site.url, site.email, site.token, project=site.project, quiet_s=QUIET_S, **more)  # type: ignore[arg-type] # passed on
            )
            return made[-1]

        house = House(tables_in_sqlite(tmp_path / "enricher.db"), site, clock, jira)
        with closing(house.estate):
            yield house
        for one in made:
            one.close()


def counted() -> float:
    return float(TWINS.labels("jira")._value.get())


def test_a_twin_that_the_search_shows_long_after_is_found_a_quarter_of_an_hour_after_the_second_create(
    house: House,
) -> None:
    before = counted()
    house.site.fail(Fault(kind=FaultKind.DROP, method="POST", path="/rest/api/3/issue", calls=(1,)))
    settle(house.store, "a", CRITICAL)
    house.pass_time(QUIET_S + 300)
    assert list(house.issues()) == ["SEC-1", "SEC-2"], (
        "the residual: the index did not show the first for the whole quiet period"
    )

    worse = cast("CaseDocument", {**CRITICAL, "severity": "high"})
    settle(house.store, "b", worse)
    house.pass_time(300)
    case = house.store.reader.case(CRITICAL_KEY)
    assert case is not None
    assert [delivery.label for delivery in case.deliveries] == ["SEC-2"]
    assert [news["kind"] for news in case.news] == ["opened", "ticket", "severity"]

    house.pass_time(600)
    older, twin = house.issues().values()
    assert (older["status"], twin["status"]) == ("To Do", "Done")
    case = house.store.reader.case(CRITICAL_KEY)
    assert case is not None
    assert [(delivery.label, delivery.state) for delivery in case.deliveries] == [("SEC-1", "delivered")]
    said = case.news[3]
    assert (said["kind"], said["text"]) == ("twin", "Jira has 2 tickets of this case; SEC-1 is kept")
    assert ("kept ticket", "SEC-2 is closed; goes on with SEC-1") in house.estate.rows("SELECT action, detail FROM audit")
    assert len(cast("list[object]", older["comments"])) == 1, "what only the other was told"
    assert counted() - before == 1

    house.pass_time(2 * 86_400, step_s=900.0)
    assert counted() - before == 1
    assert house.issues() == {"SEC-1": older, "SEC-2": twin}
    assert [chore for (chore,) in house.estate.rows("SELECT name FROM chores")] == ["sweep:jira"]


def test_the_daily_sweep_finds_what_nobody_watched_for(house: House) -> None:
    """A person's retry of a delivery that was held, say: nothing was in doubt then."""
    house.pass_time(60)
    settle(house.store, "a", CRITICAL)
    (delivery,) = house.store.outbox.claim("jira", 1)
    house.jira.create(delivery)
    house.store.outbox.delivered(delivery, 1, house.jira.create(replace(delivery, in_doubt=False)))

    house.pass_time(86_400, step_s=900.0)
    case = house.store.reader.case(CRITICAL_KEY)
    assert case is not None
    assert [news["kind"] for news in case.news] == ["opened", "ticket", "twin"]
    assert [(one.label, one.state) for one in case.deliveries] == [("SEC-1", "delivered")]
    assert [issue["status"] for issue in house.issues().values()] == ["To Do", "Done"]
