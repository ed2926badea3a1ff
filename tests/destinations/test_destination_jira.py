from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import httpx2
import pytest

from enricher.core.issue_fields import Option
from enricher.destinations.jira import Jira
from enricher.destinations.jira_fields import SiteFields
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from enricher.model import Severity
from enricher.ports import Ticket
from enricher.standins import Jira as JiraStandIn
from enricher.standins import running
from enricher.standins.jira import Layout
from enricher.worker.deliveries import DeliveryJob
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, RAISED, delivery
from tests.destinations.fakes import FakeJira, Fault, answering, body_of
from tests.destinations.jira_sites import jira_of, sites
from tests.worker.fakes import FakeOutbox


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0.0, 5.0), (5.0, 15.0), (30.0, 30.0), (60.0, 120.0), (200.0, 100.0), (299.0, 1.0)],
)
def test_nothing_found_is_not_believed_at_once(age: float, expected: float) -> None:
    with pytest.raises(DeliveryError) as caught:
        FakeJira().destination().find(delivery(in_doubt=True, doubt_age_s=age))
    assert caught.value.reason is Reason.SETTLING
    assert caught.value.retry_after == pytest.approx(expected)


@pytest.mark.parametrize(("age", "quiet"), [(300.0, 300.0), (1.0, 0.0), (60.0, 60.0)])
def test_nothing_found_after_the_quiet_period_is_believed(age: float, quiet: float) -> None:
    assert FakeJira().destination(quiet_s=quiet).find(delivery(in_doubt=True, doubt_age_s=age)) is None


def test_a_first_attempt_has_nothing_to_wait_for() -> None:
    assert FakeJira().destination().find(delivery()) is None


def test_an_issue_that_the_search_shows_late_is_adopted() -> None:
    fake = FakeJira(indexed=False)
    jira = fake.destination()
    made = jira.create(delivery())
    with pytest.raises(DeliveryError):
        jira.find(delivery(in_doubt=True, doubt_age_s=5.0))
    fake.indexed = True
    assert jira.find(delivery(in_doubt=True, doubt_age_s=20.0)) == made


def test_the_search_is_bounded_and_asks_for_labels() -> None:
    fake = FakeJira()
    fake.destination(project='S"EC').find(delivery(in_doubt=True, doubt_age_s=1000.0))
    body = body_of(fake.requests[0])
    assert body["jql"] == f'project = "S\\"EC" AND labels = "{CRITICAL_KEY}" ORDER BY created ASC'
    assert body["fields"] == ["labels", "status", "creator"]


def test_twins_keep_the_older_close_the_other_and_are_reported() -> None:
    fake = FakeJira()
    reported: list[tuple[str, Sequence[Ticket]]] = []
    jira = fake.destination(on_twins=lambda key, tickets: reported.append((key, tickets)))
    first = jira.create(delivery())
    jira.create(delivery())
    assert jira.find(delivery(in_doubt=True)) == first
    assert [(key, [ticket.external_id for ticket in tickets]) for key, tickets in reported] == [
        (CRITICAL_KEY, ["SEC-9", "SEC-10"])
    ]
    link = next(body_of(request) for request in fake.requests if request.url.path.endswith("/issueLink"))
    assert (link["outwardIssue"]["key"], link["inwardIssue"]["key"]) == ("SEC-9", "SEC-10")
    twin = fake.issues["SEC-10"]
    assert twin["fields"]["status"]["statusCategory"]["key"] == "done"
    assert "Duplicate of SEC-9" in json.dumps(twin["comments"])
    assert not fake.issues["SEC-9"]["comments"]
    jira.twins(CRITICAL_KEY)
    assert len(twin["comments"]) == 1, "joined once"


def test_a_twin_that_cannot_be_joined_does_not_hide_the_ticket() -> None:
    fake = FakeJira()
    jira = fake.destination()
    first = jira.create(delivery())
    jira.create(delivery())
    fake.faults.append(Fault(answering(500, "{}")))
    assert jira.find(delivery(in_doubt=True)) == first


def test_a_priority_that_the_screen_lacks_is_left_out() -> None:
    fake = FakeJira(refuse_priority=True)
    made = fake.destination().create(delivery())
    assert fake.tickets() == 1
    assert "priority" not in fake.issues[made.external_id]["fields"]


def test_any_other_refusal_is_not_tried_again() -> None:
    fake = FakeJira(
        faults=[Fault(answering(400, {"errorMessages": [], "errors": {"components": "Component name 'SOC' is not valid"}}))]
    )
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert (caught.value.reason, fake.writes()) == (Reason.INVALID, 1)
    assert "components: Component name 'SOC' is not valid" in caught.value.detail


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("Low", "Highest", id="raised"),
        pytest.param("Highest", "Highest", id="already there"),
        pytest.param("Blocker", "Blocker", id="not one of ours: left alone"),
    ],
)
def test_severity_raises_the_priority(now: str, expected: str) -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery())
    fake.issues[made.external_id]["fields"]["priority"] = {"name": now}
    jira.update(delivery(), made, RAISED)
    assert fake.issues[made.external_id]["fields"]["priority"]["name"] == expected


def test_severity_never_lowers_a_priority_that_a_person_set() -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery(LOW))
    fake.issues[made.external_id]["fields"]["priority"] = {"name": "High"}
    jira.update(delivery(LOW), made, RAISED)
    assert fake.issues[made.external_id]["fields"]["priority"] == {"name": "High"}
    assert not [request for request in fake.requests if request.method == "PUT"]


def test_news_is_told_where_the_priority_is_not_on_the_edit_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery())
    fake.issues[made.external_id]["fields"]["priority"] = {"name": "Low"}
    serve, refused = fake.serve, answering(400, {"errors": {"priority": "Field 'priority' cannot be set."}})
    monkeypatch.setattr(fake, "serve", lambda request: refused(request) if request.method == "PUT" else serve(request))
    jira.update(delivery(), made, RAISED)
    assert fake.told(f"{CRITICAL_KEY}-03") == 1


def test_the_summary_rises_where_the_priority_is_not_on_the_edit_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery({**CRITICAL, "severity": "low", "score": 28}))
    serve, refused = fake.serve, answering(400, {"errors": {"priority": "Field 'priority' cannot be set."}})
    put: list[dict[str, Any]] = []

    def served(request: httpx2.Request) -> httpx2.Response:
        if request.method != "PUT":
            return serve(request)
        put.append(body_of(request))
        return refused(request) if "priority" in put[-1]["fields"] else httpx2.Response(204)

    monkeypatch.setattr(fake, "serve", served)
    jira.update(delivery(), made, RAISED)
    assert [sorted(body["fields"]) for body in put] == [["priority", "summary"], ["summary"]]
    assert put[1]["fields"]["summary"].startswith("[Critical 98] ")
    assert "update" not in put[1], "the label says what the priority says"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "resolution"),
    [
        pytest.param(Layout(), "Duplicate", id="on the screen"),
        pytest.param(Layout(resolutions={"1": "Fixed", "2": "Dropped"}), "Fixed", id="no such resolution: the first"),
        pytest.param(Layout(resolution_on_screen=False), None, id="not on the screen"),
    ],
)
def test_a_twin_is_closed_with_a_resolution(layout: Layout, resolution: str | None) -> None:
    site = JiraStandIn(layout=layout)
    with jira_of(site) as jira:
        for _ in range(2):
            jira.create(delivery())
        jira.find(delivery(in_doubt=True))
        twin = site.store()["issues"][1]
        assert (twin["status"], twin["resolution"] and twin["resolution"]["name"]) == ("Done", resolution)


def test_the_severity_label_follows() -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery(LOW))
    jira.update(delivery({**LOW, "severity": "high"}), made, RAISED)
    change = next(body_of(request) for request in fake.requests if request.method == "PUT")
    assert change["update"]["labels"] == [{"remove": "severity-low"}, {"add": "severity-high"}]


def test_tickets_are_browsed_on_the_site_and_made_through_the_gateway() -> None:
    fake = FakeJira()
    made = fake.destination(site_url="https://soc.example/").create(delivery())
    assert made == Ticket("SEC-9", "SEC-9", "https://soc.example/browse/SEC-9")


def test_comments_are_internal() -> None:
    fake = FakeJira()
    jira = fake.destination()
    made = jira.create(delivery())
    jira.update(delivery(), made, RAISED)
    (comment,) = fake.issues[made.external_id]["comments"]
    assert {"key": "sd.public.comment", "value": {"internal": True}} in comment["properties"]


@pytest.mark.parametrize(
    "url", ["ftp://jira", "https://169.254.169.254", "http://[::ffff:169.254.169.254]/", "https://a@b", "jira", ""]
)
def test_an_address_that_no_destination_has_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="jira"):
        Jira(url, "bot@corp.example", "token", project="SEC")


def test_more_than_the_first_page_of_hits_of_other_cases_is_not_ours() -> None:
    fake = FakeJira()
    fake.add({"fields": {"labels": ["enricher", CRITICAL["key"] + "0"]}})
    assert fake.destination().find(delivery(in_doubt=True, doubt_age_s=1000.0)) is None


# --- what a site wants in its issues --------------------------------------------------------------------------------


def test_fields_of_the_site_stand_in_the_issue() -> None:
    fake = FakeJira()
    fields = SiteFields(
        priorities={Severity.CRITICAL: Option(id="1")},
        components=(Option("SOC"), Option(id="10200")),
        security=Option(id="10010"),
        assignee="5b10a2844c20165700ede21g",
        custom={"customfield_10123": "text", "customfield_10124": {"value": "High"}},
    )
    fake.destination(fields=fields).create(delivery())
    sent = body_of(fake.requests[0])["fields"]
    assert {
        name: sent[name] for name in sent if name not in {"summary", "description", "labels", "project", "issuetype"}
    } == {
        "priority": {"id": "1"},
        "components": [{"name": "SOC"}, {"id": "10200"}],
        "security": {"id": "10010"},
        "assignee": {"id": "5b10a2844c20165700ede21g"},
        "customfield_10123": "text",
        "customfield_10124": {"value": "High"},
    }


def test_a_severity_without_a_priority_has_none() -> None:
    fake = FakeJira()
    fake.destination(fields=SiteFields(priorities={Severity.CRITICAL: Option("P1")})).create(delivery(LOW))
    assert "priority" not in body_of(fake.requests[0])["fields"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cloud", "datacenter"])
@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(Layout(), id="level not on the screen"),
        pytest.param(Layout(screen=Layout().screen - {"priority"}), id="priority and level not on the screen"),
        pytest.param(
            Layout(screen=Layout().screen | {"security"}, rights=Layout().rights - {"SET_ISSUE_SECURITY"}),
            id="no right to set one",
        ),
        pytest.param(Layout(screen=Layout().screen | {"security"}, security_levels={}), id="no such level"),
    ],
)
def test_without_its_security_level_no_issue_is_opened(kind: str, layout: Layout) -> None:
    site = sites(layout=layout)[kind]
    with jira_of(site, fields=SiteFields(security=Option(id="10010"))) as jira:
        with pytest.raises(DeliveryError) as caught:
            jira.create(delivery())
        assert (caught.value.reason, caught.value.outcome) == (Reason.CONFIGURATION, Outcome.REJECTED)
        assert caught.value.detail.startswith("no issue was opened, since its security level cannot be set: HTTP 400 ")
        assert site.store()["issues"] == []


def test_a_case_that_cannot_be_kept_secret_is_parked_with_its_reason() -> None:
    fake = FakeJira(faults=[Fault(answering(400, {"errors": {"security": "Security level is not valid"}}))])
    outbox = FakeOutbox()
    jira = fake.destination(fields=SiteFields(security=Option("SOC only")))
    DeliveryJob(outbox, jira, lambda: 0.5).do(delivery())
    assert [call[:3:2] for call in outbox.calls] == [("bury", "configuration")]
    assert fake.tickets() == 0


@pytest.mark.slow
def test_a_scoped_token_works_at_the_gateway_and_its_links_open_on_the_site() -> None:
    site = JiraStandIn(scoped=True)
    with running(site):
        jira = Jira(
            f"{site.url}/ex/jira/{site.cloud_id}", site.email, site.token, project=site.project, site_url=f"{site.url}/"
        )
        with closing(jira):
            made = jira.create(delivery())
            assert jira.find(delivery(in_doubt=True)) == made
        assert made.url == f"{site.url}/browse/SEC-1"
        assert httpx2.get(made.url).status_code == 200
