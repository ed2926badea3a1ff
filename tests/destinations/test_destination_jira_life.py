"""The life of an issue after it was made: closed by people, opened again, followed by another one, resolved, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument, Json, News, iso
from enricher.destinations.jira import OF_CONTACT, STAYS_CLOSED, Jira
from enricher.errors import DeliveryError, Reason, TicketClosed
from enricher.ports import Ticket
from enricher.standins import Fault, FaultKind
from enricher.standins import Jira as JiraStandIn
from enricher.standins.jira import Layout
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, delivery
from tests.destinations.jira_sites import Clock, jira_of, sites

pytestmark = pytest.mark.slow

DAY = 86_400.0
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


def news(site: JiraStandIn, kind: str, seq: int = 2) -> News:
    """News of now, by the site's clock."""
    at = iso(datetime.fromtimestamp(site.clock(), UTC))
    return {"seq": seq, "kind": kind, "at": at, "text": f"This is the {kind}.", "lines": []}


def issue(site: JiraStandIn, key: str = "SEC-1") -> Json:
    return next(one for one in site.store()["issues"] if one["key"] == key)


def said(site: JiraStandIn, key: str = "SEC-1") -> list[str]:
    return [json.dumps(comment["body"]) for comment in issue(site, key)["comments"]]


def writes(site: JiraStandIn) -> int:
    return sum(one["method"] != "GET" for one in site.store()["requests"])


# --- closed by people -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(OF_CONTACT))
def test_contact_opens_an_issue_that_was_closed_within_the_days(
    site: JiraStandIn, clock: Clock, jira: Jira, kind: str
) -> None:
    made = jira.create(delivery())
    site.people.move(made.external_id, "Done")
    clock.now += 7 * DAY
    jira.update(delivery(), made, news(site, kind))
    assert (issue(site)["status"], issue(site)["resolution"], issue(site)["resolved"]) == ("To Do", None, None)
    assert [f"This is the {kind}." in text for text in said(site)] == [True]


@pytest.mark.parametrize("kind", sorted(OF_CONTACT))
@pytest.mark.parametrize(
    "layout",
    [pytest.param(Layout(), id="with a resolution"), pytest.param(Layout(resolution_on_screen=False), id="without one")],
)
@pytest.mark.parametrize("flavour", KINDS)
def test_what_was_closed_longer_ago_is_left_as_it_is(flavour: str, layout: Layout, kind: str, clock: Clock) -> None:
    site = sites(clock=clock, layout=layout)[flavour]
    with jira_of(site) as jira:
        made = jira.create(delivery())
        site.people.move(made.external_id, "Done")
        clock.now += 7 * DAY + 1
        before = writes(site)
        with pytest.raises(TicketClosed, match="SEC-1"):
            jira.update(delivery(), made, news(site, kind))
        assert (issue(site)["status"], said(site), writes(site)) == ("Done", [], before)


def test_what_counts_is_when_the_news_was_and_not_when_it_is_told(site: JiraStandIn, clock: Clock, jira: Jira) -> None:
    made = jira.create(delivery())
    site.people.move(made.external_id, "Done")
    told = news(site, "evidence")
    clock.now += 30 * DAY
    jira.update(delivery(), made, told)
    assert issue(site)["status"] == "To Do"


def test_closed_again_counts_from_the_second_time(site: JiraStandIn, clock: Clock, jira: Jira) -> None:
    made = jira.create(delivery())
    for status in ("Done", "In Progress", "Done"):
        site.people.move(made.external_id, status)
        clock.now += 5 * DAY
    jira.update(delivery(), made, news(site, "evidence"))
    assert issue(site)["status"] == "To Do"


def test_no_days_is_never(site: JiraStandIn) -> None:
    with jira_of(site, reopen_days=0.0) as jira:
        made = jira.create(delivery())
        site.people.move(made.external_id, "Done")
        with pytest.raises(TicketClosed):
            jira.update(delivery(), made, news(site, "reopened"))


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(Layout(), id="to be taken away"),
        pytest.param(Layout(reopening_shows_resolution=False), id="taken away by the workflow"),
    ],
)
@pytest.mark.parametrize("flavour", KINDS)
def test_an_open_issue_has_no_resolution(flavour: str, layout: Layout, clock: Clock) -> None:
    site = sites(clock=clock, layout=layout)[flavour]
    with jira_of(site) as jira:
        made = jira.create(delivery())
        site.people.move(made.external_id, "Done")
        jira.update(delivery(), made, news(site, "seen"))
        assert (issue(site)["status"], issue(site)["resolution"]) == ("To Do", None)


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(Layout(done_is_final=True), id="no way out"),
        pytest.param(Layout(rights=Layout().rights - {"TRANSITION_ISSUES"}), id="no right"),
    ],
)
def test_a_workflow_that_keeps_it_closed_is_named_in_the_comment(flavour: str, layout: Layout, clock: Clock) -> None:
    site = sites(clock=clock, layout=layout)[flavour]
    with jira_of(site) as jira:
        made = jira.create(delivery())
        site.people.move(made.external_id, "Done")
        jira.update(delivery(), made, news(site, "evidence"))
        assert issue(site)["status"] == "Done"
        assert [STAYS_CLOSED in text for text in said(site)] == [True]


def test_an_open_issue_is_told_nothing_of_repeats(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    before = writes(site)
    jira.update(delivery(), made, news(site, "seen"))
    assert (said(site), writes(site)) == ([], before)


@pytest.mark.parametrize("kind", ["recovery", "amended", "joined", "ticket", "twin", "opened"])
def test_other_news_leaves_it_closed(site: JiraStandIn, jira: Jira, kind: str) -> None:
    made = jira.create(delivery())
    site.people.move(made.external_id, "Done")
    jira.update(delivery(), made, news(site, kind))
    assert issue(site)["status"] == "Done"
    assert len(said(site)) == (kind in {"recovery", "amended", "joined"})


# --- answers that are lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["*/transitions", "*/comment"])
@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.ERROR])
def test_reopened_once_and_told_once_whatever_answer_is_lost(
    site: JiraStandIn, jira: Jira, path: str, kind: FaultKind
) -> None:
    made = jira.create(delivery())
    site.people.move(made.external_id, "Done")
    told = news(site, "seen")
    site.fail(Fault(kind=kind, method="POST", path=path, calls=(1,)))
    with pytest.raises(DeliveryError):
        jira.update(delivery(), made, told)
    jira.update(delivery(in_doubt=True), made, told)
    assert issue(site)["status"] == "To Do"
    assert [f"{CRITICAL_KEY}-02" in text for text in said(site)] == [True]


def conflict(site: JiraStandIn, made: Ticket, *, commits: bool) -> None:
    site.people.move(made.external_id, "Done")
    site.fail(Fault(kind=FaultKind.ERROR, method="POST", path="*/transitions", status=409, calls=(1,), commits=commits))


def test_a_conflict_with_somebody_who_did_the_same_is_none(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    conflict(site, made, commits=True)
    jira.update(delivery(), made, news(site, "evidence"))
    assert (issue(site)["status"], len(said(site))) == ("To Do", 1)


def test_any_other_conflict_is_tried_again(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    conflict(site, made, commits=False)
    with pytest.raises(DeliveryError) as caught:
        jira.update(delivery(), made, news(site, "evidence"))
    assert (caught.value.reason, said(site)) == (Reason.CONFLICT, [])
    jira.update(delivery(in_doubt=True), made, news(site, "evidence"))
    assert (issue(site)["status"], len(said(site))) == ("To Do", 1)


# --- recovery -------------------------------------------------------------------------------------------------------


def test_a_recovery_is_a_comment_unless_it_is_to_resolve(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    jira.update(delivery(), made, news(site, "recovery"))
    assert (issue(site)["status"], len(said(site))) == ("To Do", 1)


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize(
    ("layout", "resolution"),
    [
        pytest.param(Layout(), "Done", id="one that fits"),
        pytest.param(Layout(resolutions={"1": "Erledigt"}), "Erledigt", id="the first that is offered"),
        pytest.param(Layout(resolution_on_screen=False), None, id="none on the screen"),
    ],
)
def test_a_recovery_resolves_where_that_is_wanted(flavour: str, layout: Layout, resolution: str | None) -> None:
    site = sites(layout=layout)[flavour]
    with jira_of(site, on_recovery="resolve") as jira:
        made = jira.create(delivery())
        jira.update(delivery(), made, news(site, "recovery"))
        found = issue(site)["resolution"]
        assert (issue(site)["status"], found and found["name"], len(said(site))) == ("Done", resolution, 1)


@pytest.mark.parametrize("path", ["*/transitions", "*/comment"])
@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.ERROR])
def test_resolved_once_and_told_once_whatever_answer_is_lost(site: JiraStandIn, path: str, kind: FaultKind) -> None:
    with jira_of(site, on_recovery="resolve") as jira:
        made = jira.create(delivery())
        site.fail(Fault(kind=kind, method="POST", path=path, calls=(1,)))
        with pytest.raises(DeliveryError):
            jira.update(delivery(), made, news(site, "recovery"))
        jira.update(delivery(in_doubt=True), made, news(site, "recovery"))
        assert (issue(site)["status"], len(said(site))) == ("Done", 1)


def test_what_a_person_has_resolved_stays_as_that_person_said(site: JiraStandIn) -> None:
    with jira_of(site, on_recovery="resolve") as jira:
        made = jira.create(delivery())
        site.people.move(made.external_id, "Done")
        resolved = issue(site)["resolution"]
        jira.update(delivery(), made, news(site, "recovery"))
        assert (issue(site)["resolution"], len(said(site))) == (resolved, 1)
        assert not [one for one in site.store()["requests"] if one["path"].endswith("/transitions")]


def test_a_workflow_that_asks_for_more_than_we_have_is_left_to_people() -> None:
    site = JiraStandIn(layout=Layout(asks_for_reason=True))
    with jira_of(site, on_recovery="resolve") as jira:
        made = jira.create(delivery())
        jira.update(delivery(), made, news(site, "recovery"))
        assert (issue(site)["status"], len(said(site))) == ("To Do", 1)


def test_after_a_recovery_has_resolved_it_contact_opens_it_again(site: JiraStandIn) -> None:
    with jira_of(site, on_recovery="resolve") as jira:
        made = jira.create(delivery())
        jira.update(delivery(), made, news(site, "recovery"))
        jira.update(delivery(), made, news(site, "reopened", 3))
        assert (issue(site)["status"], issue(site)["resolution"], len(said(site))) == ("To Do", None, 2)


# --- what people have written ---------------------------------------------------------------------------------------

EDITED: dict[str, Any] = {
    "summary": "Excel macro on the CFO's machine",
    "description": "written anew by the analyst",
    "assignee": {"accountId": "5c20b3955d31276811fef31h"},
    "components": [],
    "customfield_10123": "IR-2026-118",
}


@pytest.mark.parametrize("priority", ["Highest", "Low"])
def test_what_people_have_written_is_never_overwritten(site: JiraStandIn, jira: Jira, priority: str) -> None:
    made = jira.create(delivery(LOW))
    kept = [label for label in issue(site)["fields"]["labels"] if label != "severity-low"]
    site.people.edit(made.external_id, **EDITED, labels=[*kept, "cfo", "severity-low"], priority={"name": priority})
    raised = delivery({**LOW, "severity": "high"})
    for seq, kind in enumerate(("severity", "evidence", "recovery", "reopened", "seen"), 2):
        jira.update(raised, made, news(site, kind, seq))
    fields = issue(site)["fields"]
    assert {name: fields[name] for name in EDITED} == EDITED
    severity = "severity-low" if priority == "Highest" else "severity-high"
    assert sorted(fields["labels"]) == sorted([*kept, "cfo", severity])
    assert fields["priority"]["name"] == ("Highest" if priority == "Highest" else "High")


def test_the_summary_rises_with_the_case_while_it_is_still_ours(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery(LOW))
    assert issue(site)["fields"]["summary"].startswith("[Low 28] T1583.007 python.exe (SAM)")
    jira.update(delivery({**LOW, "severity": "high", "score": 71}), made, news(site, "severity"))
    assert issue(site)["fields"]["summary"].startswith("[High 71] T1583.007 python.exe (SAM)")
    assert issue(site)["fields"]["priority"]["name"] == "High"
    jira.update(delivery({**LOW, "severity": "critical", "score": 90}), made, news(site, "evidence", 3))
    assert issue(site)["fields"]["summary"].startswith("[High 71]"), "only a rise is worth a new headline"


def test_the_summary_rises_when_the_case_has_got_another_title_too(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery(LOW))
    risen = {**LOW, "title": "python.exe under cmd.exe", "severity": "high", "score": 71, "earlier_titles": [LOW["title"]]}
    jira.update(delivery(cast("CaseDocument", risen)), made, news(site, "severity"))
    assert issue(site)["fields"]["summary"] == "[High 71] T1583.007 python.exe under cmd.exe"


def test_a_summary_with_one_letter_changed_is_somebody_elses(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery(LOW))
    site.people.edit(made.external_id, summary=f"{issue(site)['fields']['summary']}!")
    jira.update(delivery({**LOW, "severity": "high", "score": 71}), made, news(site, "severity"))
    assert issue(site)["fields"]["summary"].startswith("[Low 28]")


def test_a_severity_that_falls_is_a_comment_and_nothing_else(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    before = issue(site)["fields"]
    jira.update(delivery({**CRITICAL, "severity": "low"}), made, news(site, "evidence"))
    assert (issue(site)["fields"], len(said(site))) == (before, 1)


# --- gone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["recovery", *sorted(OF_CONTACT)])
@pytest.mark.parametrize("how", ["delete", "hide"])
def test_an_issue_that_is_not_there_any_more_is_gone(site: JiraStandIn, jira: Jira, how: str, kind: str) -> None:
    made = jira.create(delivery())
    getattr(site.people, how)(made.external_id)
    with pytest.raises(DeliveryError) as caught:
        jira.update(delivery(), made, news(site, kind))
    assert caught.value.reason is Reason.GONE
    assert jira.find(delivery(in_doubt=True, doubt_age_s=1000.0)) is None


def test_an_issue_is_not_gone_because_we_see_nothing_of_its_project() -> None:
    site = JiraStandIn(layout=Layout(rights=Layout().rights - {"BROWSE_PROJECTS"}))
    with jira_of(site, internal=False) as jira:
        made = jira.create(delivery())
        site.people.hide(made.external_id)
        with pytest.raises(DeliveryError) as caught:
            jira.update(delivery(), made, news(site, "evidence"))
        assert caught.value.reason is Reason.NOT_FOUND


# --- the next generation --------------------------------------------------------------------------------------------

CLOSED = Ticket("SEC-1", "SEC-1", "https://jira.example/browse/SEC-1")


def following(generation: int = 2, **more: Any) -> Any:
    return delivery(generation=generation, previous=CLOSED, **more)


def test_a_later_issue_names_the_one_that_it_follows(site: JiraStandIn, jira: Jira) -> None:
    jira.create(delivery())
    made = jira.create(following())
    second = issue(site, made.external_id)
    assert {CRITICAL_KEY, f"{CRITICAL_KEY}-g2", "enricher"} <= set(second["fields"]["labels"])
    description = json.dumps(second["fields"]["description"])
    assert "Follows " in description
    assert "https://jira.example/browse/SEC-1" in description
    assert [(link["type"], link["key"]) for link in second["links"]] == [("Relates", "SEC-1")]
    assert f"{CRITICAL_KEY}-g2" not in issue(site)["fields"]["labels"]


def test_each_generation_is_found_by_its_own_label(site: JiraStandIn, jira: Jira) -> None:
    assert jira.find(following(in_doubt=True, doubt_age_s=1000.0)) is None
    first = jira.create(delivery())
    assert jira.find(following(in_doubt=True, doubt_age_s=1000.0)) is None
    second, third = jira.create(following()), jira.create(following(3))
    assert jira.find(delivery(in_doubt=True)) == first
    assert jira.find(following(in_doubt=True)) == second
    assert jira.find(following(3, in_doubt=True)) == third
    site.people.delete(first.external_id)
    assert jira.find(delivery(in_doubt=True, doubt_age_s=1000.0)) is None


def test_a_link_that_cannot_be_made_stops_nothing() -> None:
    site = JiraStandIn(layout=Layout(link_types=("Blocks",)))
    with jira_of(site) as jira:
        jira.create(delivery())
        made = jira.create(following())
        assert (made.external_id, issue(site, "SEC-2")["links"]) == ("SEC-2", [])


# --- a quiet period that ends ---------------------------------------------------------------------------------------


def test_a_person_decides_after_the_quiet_period_where_that_is_wanted(site: JiraStandIn) -> None:
    with jira_of(site, after_quiet="hold") as jira:
        with pytest.raises(DeliveryError) as caught:
            jira.find(delivery(in_doubt=True, doubt_age_s=299.0))
        assert caught.value.reason is Reason.SETTLING
        with pytest.raises(DeliveryError) as caught:
            jira.find(delivery(in_doubt=True, doubt_age_s=300.0))
        assert caught.value.reason is Reason.HELD
        assert jira.find(delivery()) is None, "nobody has tried yet"
        made = jira.create(delivery())
        assert jira.find(delivery(in_doubt=True, doubt_age_s=300.0)) == made
