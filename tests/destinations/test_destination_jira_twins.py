"""Second issues of one case, as a look at the case finds them and as the sweep over the project does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from enricher.core.document import Json
from enricher.destinations import jira_twins
from enricher.destinations.jira import Jira
from enricher.errors import DeliveryError, Reason
from enricher.standins import Fault, FaultKind
from enricher.standins import Jira as JiraStandIn
from enricher.standins.jira import Layout
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, LOW_KEY, delivery
from tests.destinations.jira_sites import Clock, jira_of, sites

pytestmark = pytest.mark.slow

KINDS = ("cloud", "datacenter")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, clock: Clock) -> JiraStandIn:
    return sites(clock=clock)[request.param]


@pytest.fixture
def jira(site: JiraStandIn) -> Iterator[Jira]:
    with jira_of(site) as jira:
        yield jira


def state(site: JiraStandIn) -> dict[str, tuple[str, int, list[str]]]:
    """Status, number of comments and links of each issue."""
    return {
        one["key"]: (one["status"], len(one["comments"]), [f"{link['type']} {link['key']}" for link in one["links"]])
        for one in site.store()["issues"]
    }


def before(clock: Clock, **ago: float) -> datetime:
    return datetime.fromtimestamp(clock.now, UTC) - timedelta(**ago)


def labels(tickets: object) -> list[str]:
    return [ticket.label for ticket in tickets]  # type: ignore[attr-defined]  # tickets


OPEN: tuple[str, int, list[str]] = ("To Do", 0, [])


def test_the_sweep_joins_what_belongs_together_and_nothing_else(site: JiraStandIn, jira: Jira, clock: Clock) -> None:
    jira.create(delivery())
    jira.create(delivery(LOW))
    jira.create(delivery())
    jira.create(delivery(generation=2))
    found = jira.sweep(before(clock, days=1))
    assert {key: labels(tickets) for key, tickets in found.items()} == {CRITICAL_KEY: ["SEC-1", "SEC-3"]}
    assert state(site) == {
        "SEC-1": ("To Do", 0, ["Duplicate SEC-3"]),
        "SEC-2": OPEN,
        "SEC-3": ("Done", 1, ["Duplicate SEC-1"]),
        "SEC-4": OPEN,
    }
    once = state(site)
    assert labels(jira.sweep(before(clock, days=1))[CRITICAL_KEY]) == ["SEC-1", "SEC-3"]
    assert state(site) == once


def test_twins_of_a_later_generation_are_joined_among_themselves(site: JiraStandIn, jira: Jira) -> None:
    jira.create(delivery())
    for _ in range(2):
        jira.create(delivery(generation=2))
    assert labels(jira.twins(CRITICAL_KEY)) == ["SEC-2", "SEC-3"]
    assert {key: status for key, (status, _, _) in state(site).items()} == {
        "SEC-1": "To Do",
        "SEC-2": "To Do",
        "SEC-3": "Done",
    }


def test_a_case_with_one_issue_has_no_twins(jira: Jira, clock: Clock) -> None:
    assert list(jira.twins(CRITICAL_KEY)) == []
    jira.create(delivery())
    assert labels(jira.twins(CRITICAL_KEY)) == ["SEC-1"]
    assert jira.sweep(before(clock, days=1)) == {}


def test_a_later_issue_is_the_one_that_counts(jira: Jira) -> None:
    jira.create(delivery())
    jira.create(delivery(generation=2))
    assert labels(jira.twins(CRITICAL_KEY)) == ["SEC-2"]


def test_the_sweep_turns_every_page(site: JiraStandIn, jira: Jira, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jira_twins, "PAGE", 2)
    keys = [f"enricher-{n:016x}" for n in range(5)]
    for key in (*keys, keys[0], keys[4]):
        jira.create(delivery({**CRITICAL, "key": key}))
    assert sorted(jira.sweep(before(clock, days=1))) == [keys[0], keys[4]]
    assert [status for status, _, _ in state(site).values()] == ["To Do"] * 5 + ["Done"] * 2


def test_the_sweep_looks_no_further_back_than_it_must(site: JiraStandIn, jira: Jira, clock: Clock) -> None:
    for _ in range(2):
        jira.create(delivery())
    clock.now += 10 * 86_400
    for _ in range(2):
        jira.create(delivery(LOW))
    assert list(jira.sweep(before(clock, hours=1))) == [LOW_KEY]
    assert state(site)["SEC-2"] == OPEN


def test_what_a_person_has_cloned_is_that_persons(site: JiraStandIn, jira: Jira, clock: Clock) -> None:
    made = jira.create(delivery())
    site.people.clone(made.external_id)
    assert jira.sweep(before(clock, days=1)) == {}
    assert jira.find(delivery(in_doubt=True)) == made
    assert set(map(str, state(site).values())) == {str(OPEN)}


def test_a_twin_that_the_search_shows_late_is_found_by_the_sweep(clock: Clock) -> None:
    site = JiraStandIn(search_lag=600.0, clock=clock)
    with jira_of(site) as jira:
        site.fail(Fault(kind=FaultKind.DROP, method="POST", path="/rest/api/3/issue", calls=(1,)))
        with pytest.raises(DeliveryError):
            jira.create(delivery())
        clock.now += 300
        assert jira.find(delivery(in_doubt=True, doubt_age_s=300.0)) is None, "believed, and wrong"
        jira.create(delivery())
        assert jira.sweep(before(clock, days=1)) == {}
        clock.now += 600
        assert labels(jira.sweep(before(clock, days=1))[CRITICAL_KEY]) == ["SEC-1", "SEC-2"]
        assert state(site)["SEC-2"] == ("Done", 1, ["Duplicate SEC-1"])


@pytest.mark.parametrize("path", ["*/issueLink", "*/comment", "*/transitions"])
@pytest.mark.parametrize("kind", [FaultKind.REFUSE, FaultKind.DROP])
def test_a_join_that_was_interrupted_is_finished_the_next_time(
    site: JiraStandIn, jira: Jira, clock: Clock, path: str, kind: FaultKind
) -> None:
    for _ in range(2):
        jira.create(delivery())
    site.fail(Fault(kind=kind, method="POST", path=path, calls=(1,)))
    for _ in range(2):
        assert labels(jira.sweep(before(clock, days=1))[CRITICAL_KEY]) == ["SEC-1", "SEC-2"]
    status, comments, _ = state(site)["SEC-2"]
    assert (status, comments) == ("Done", 1)


def test_a_site_without_the_type_of_link_still_closes_the_twin(clock: Clock) -> None:
    site = JiraStandIn(layout=Layout(link_types=()), clock=clock)
    with jira_of(site) as jira:
        for _ in range(2):
            jira.create(delivery())
        jira.sweep(before(clock, days=1))
        (twin,) = (one for one in site.store()["issues"] if one["key"] == "SEC-2")
        assert (twin["status"], twin["links"]) == ("Done", [])
        assert "Duplicate of SEC-1" in json.dumps(twin["comments"])


def test_each_pair_is_reported_once(site: JiraStandIn, clock: Clock) -> None:
    reported: list[Json] = []
    with jira_of(site, on_twins=lambda key, tickets: reported.append({key: labels(tickets)})) as jira:
        for _ in range(2):
            jira.create(delivery())
        for _ in range(2):
            jira.sweep(before(clock, days=1))
            jira.twins(CRITICAL_KEY)
    assert reported == [{CRITICAL_KEY: ["SEC-1", "SEC-2"]}]


def test_a_sweep_that_nobody_answers_says_so(site: JiraStandIn, jira: Jira, clock: Clock) -> None:
    site.fail(Fault(kind=FaultKind.ERROR, path="*/search*", status=503, commits=False))
    with pytest.raises(DeliveryError) as caught:
        jira.sweep(before(clock, days=1))
    assert caught.value.reason is Reason.SERVER_ERROR
