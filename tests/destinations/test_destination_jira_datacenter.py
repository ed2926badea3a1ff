"""Jira Data Center: API v2, wiki markup, tokens, a search by number that another node may not have indexed yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import cast

import httpx2
import pytest

from enricher.core.document import CaseDocument
from enricher.core.issue_fields import Option
from enricher.destinations.jira import Jira
from enricher.destinations.jira_fields import SiteFields
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.model import Severity
from enricher.ports import Ticket
from enricher.standins import Fault, FaultKind, JiraDataCenter
from enricher.standins.jira import Layout
from tests.destinations import golden_files
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, RAISED, RECOVERY, delivery, hostile
from tests.destinations.fakes import SECRET, FakeJiraDataCenter, answering, body_of
from tests.destinations.fakes import Fault as Failure
from tests.destinations.jira_sites import Clock, jira_of
from tests.destinations.wiki_reader import read

pytestmark = pytest.mark.slow


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(clock: Clock) -> JiraDataCenter:
    return JiraDataCenter(search_lag=30.0, clock=clock)


@pytest.fixture
def jira(site: JiraDataCenter) -> Iterator[Jira]:
    with jira_of(site) as jira:
        yield jira


def test_an_issue_of_wiki_markup_and_a_comment(site: JiraDataCenter, jira: Jira) -> None:
    made = jira.create(delivery())
    jira.update(delivery(), made, RECOVERY)
    (issue,) = site.store()["issues"]
    assert made == Ticket("SEC-1", "SEC-1", f"{site.url}/browse/SEC-1")
    assert CRITICAL_KEY in issue["fields"]["labels"]
    assert "Critical, 98 of 100, verdict malicious. Excel started mshta" in read(issue["fields"]["description"])[0]
    assert [f"{CRITICAL_KEY}-02" in comment["body"] for comment in issue["comments"]] == [True]


def test_hostile_text_is_taken_and_stays_text(site: JiraDataCenter, jira: Jira) -> None:
    jira.create(delivery(hostile()))
    (issue,) = site.store()["issues"]
    shown = "\n".join(read(issue["fields"]["description"]))
    assert "{code}x{code} [code]<b>x</b>[/code]" in shown
    assert "IMAGE" not in shown
    assert "MENTION" not in shown


def test_what_is_sent() -> None:
    fake = FakeJiraDataCenter()
    jira = fake.destination(fields=SiteFields(priorities={Severity.CRITICAL: Option(id="1")}, assignee="soc.bot"))
    made = jira.create(delivery())
    jira.update(delivery(), made, RECOVERY)
    jira.find(delivery(in_doubt=True))
    assert [(request.method, request.url.path) for request in fake.requests] == [
        ("POST", "/rest/api/2/issue"),
        ("GET", "/rest/api/2/project/SEC"),
        ("POST", "/rest/api/2/issue/SEC-9/comment"),
        ("POST", "/rest/api/2/search"),
    ]
    assert {request.headers["Authorization"] for request in fake.requests} == {f"Bearer {SECRET}"}
    fields = body_of(fake.requests[0])["fields"]
    assert (fields["priority"], fields["assignee"]) == ({"id": "1"}, {"name": "soc.bot"})
    golden_files.check("jira-datacenter.search", body_of(fake.requests[3]))


def test_the_index_of_another_node_is_waited_for(clock: Clock) -> None:
    site = JiraDataCenter(search_lag=60.0, nodes=2, clock=clock)
    with jira_of(site) as jira:
        made = jira.create(delivery())
        assert jira.find(delivery(in_doubt=True, doubt_age_s=5.0)) == made, "the node that has it"
        with pytest.raises(DeliveryError) as caught:
            jira.find(delivery(in_doubt=True, doubt_age_s=5.0))
        assert (caught.value.reason, caught.value.retry_after) == (Reason.SETTLING, 15.0)
        clock.now += 60
        assert [jira.find(delivery(in_doubt=True, doubt_age_s=65.0)) for _ in range(2)] == [made, made]


def test_nothing_found_after_the_quiet_period_is_believed(jira: Jira) -> None:
    assert jira.find(delivery(in_doubt=True, doubt_age_s=300.0)) is None


def test_an_answer_that_was_lost_makes_no_second_issue(site: JiraDataCenter, clock: Clock, jira: Jira) -> None:
    site.fail(Fault(kind=FaultKind.DROP, method="POST", path="/rest/api/2/issue", calls=(1,)))
    with pytest.raises(DeliveryError) as caught:
        jira.create(delivery())
    assert caught.value.outcome is Outcome.UNKNOWN
    clock.now += 30
    found = jira.find(delivery(in_doubt=True, doubt_age_s=30.0))
    assert found is not None
    assert [issue["key"] for issue in site.store()["issues"]] == [found.external_id]


def test_twins_keep_the_older_close_the_other_and_are_reported(clock: Clock) -> None:
    reported: list[tuple[str, Sequence[Ticket]]] = []
    site = JiraDataCenter(clock=clock)
    with jira_of(site, on_twins=lambda key, tickets: reported.append((key, tickets))) as jira:
        first, second = jira.create(delivery()), jira.create(delivery())
        assert jira.find(delivery(in_doubt=True)) == first
        older, twin = site.store()["issues"]
        assert (older["status"], twin["status"]) == ("To Do", "Done")
        assert twin["resolution"]["name"] == "Duplicate"
        assert [(link["type"], link["key"]) for link in twin["links"]] == [("Duplicate", first.external_id)]
        assert "Duplicate of SEC-1" in twin["comments"][0]["body"]
        assert older["comments"] == []
        assert reported == [(CRITICAL_KEY, [first, second])]


def test_severity_raises_the_priority_by_id(clock: Clock) -> None:
    by_id = {severity: Option(id=str(5 - severity.rank)) for severity in Severity}
    site = JiraDataCenter(clock=clock)
    with jira_of(site, fields=SiteFields(priorities=by_id)) as jira:
        made = jira.create(delivery(LOW))
        assert site.store()["issues"][0]["fields"]["priority"]["name"] == "Low"
        jira.update(delivery({**LOW, "severity": "critical"}), made, RAISED)
        (issue,) = site.store()["issues"]
        assert issue["fields"]["priority"]["name"] == "Highest"
        assert "severity-critical" in issue["fields"]["labels"]
        jira.update(delivery({**LOW, "severity": "high"}), made, {**RAISED, "seq": 4})
        assert site.store()["issues"][0]["fields"]["priority"]["name"] == "Highest", "never down"


def test_a_priority_that_the_screen_lacks_is_left_out(clock: Clock) -> None:
    site = JiraDataCenter(layout=Layout(screen=Layout().screen - {"priority"}), clock=clock)
    with jira_of(site) as jira:
        jira.create(delivery())
        assert len(site.store()["issues"]) == 1


def test_a_limit_is_obeyed_and_no_wait_is_asked_for_while_requests_are_left(clock: Clock) -> None:
    site = JiraDataCenter(tokens=2, clock=clock)
    with jira_of(site) as jira:
        jira.create(delivery())
        jira.create(delivery(LOW))
        with pytest.raises(DeliveryError) as caught:
            jira.find(delivery(in_doubt=True, doubt_age_s=1.0))
        assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, 1.0)
        clock.now += 1
        assert jira.find(delivery(in_doubt=True, doubt_age_s=1.0)) is not None


def test_retry_after_zero_is_no_wait() -> None:
    fake = FakeJiraDataCenter(faults=[Failure(answering(429, {"message": "slow"}, {"retry-after": "0"}))])
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, 0.0)


def test_a_wrong_token_is_said_once_and_not_tried_again_by_itself(site: JiraDataCenter) -> None:
    with jira_of(site, token="wrong") as jira:
        with pytest.raises(DeliveryError) as caught:
            jira.create(delivery())
        assert (caught.value.reason, caught.value.outcome) == (Reason.AUTH, Outcome.NOT_SENT)
        assert len(site.store()["requests"]) == 1


def test_a_captcha_is_named() -> None:
    why = {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://jira.corp.example/login.jsp"}
    fake = FakeJiraDataCenter(faults=[Failure(answering(403, "<html>denied</html>", why))])
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert caught.value.reason is Reason.AUTH
    assert "CAPTCHA_CHALLENGE; login-url=https://jira.corp.example/login.jsp" in caught.value.detail


def test_the_token_is_in_no_error(site: JiraDataCenter) -> None:
    with jira_of(site) as jira:
        site.fail(Fault(kind=FaultKind.ERROR, method="POST", path="*", status=500))
        with pytest.raises(DeliveryError) as caught:
            jira.create(delivery())
        assert site.token not in repr(caught.value)


def test_text_of_the_other_kind_is_refused_by_either() -> None:
    document = json.dumps({"fields": {"description": {"type": "doc", "version": 1, "content": []}}})
    with jira_of(JiraDataCenter()) as jira:
        client: httpx2.Client = jira._service._client
        answer = client.post("/rest/api/2/issue", content=document, headers={"Content-Type": "application/json"})
        assert answer.json()["errors"]["description"] == "Operation value must be a string"
        assert client.post("/rest/api/3/issue", content=document).status_code == 404


def test_the_longest_description_is_within_what_jira_takes() -> None:
    long = cast("CaseDocument", {**CRITICAL, "next_steps": ["{" * 3000] * 400, "missing": ["|" * 3000] * 400})
    site = JiraDataCenter()
    with jira_of(site) as jira:
        jira.create(delivery(long))
        assert len(site.store()["issues"]) == 1
