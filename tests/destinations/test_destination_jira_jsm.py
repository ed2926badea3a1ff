"""A service project, whose customers read comments: what the site holds as public is a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from enricher.destinations.jira import Jira
from enricher.destinations.jira_flavour import CLOUD, DATA_CENTER, Flavour
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.standins import Jira as JiraStandIn
from tests.destinations import golden_files
from tests.destinations.cases import CRITICAL_KEY, RAISED, RECOVERY, delivery
from tests.destinations.fakes import FakeJira, FakeServiceDesk, answering, body_of
from tests.destinations.fakes import Fault as Failure
from tests.destinations.jira_sites import SERVICE_DESK, jira_of, sites

pytestmark = pytest.mark.slow


@pytest.fixture(params=["cloud", "datacenter"])
def site(request: pytest.FixtureRequest) -> JiraStandIn:
    return sites(layout=SERVICE_DESK)[request.param]


@pytest.fixture
def jira(site: JiraStandIn) -> Iterator[Jira]:
    with jira_of(site) as jira:
        yield jira


def comments(site: JiraStandIn) -> list[dict[str, Any]]:
    return [comment for issue in site.store()["issues"] for comment in issue["comments"]]


def test_no_customer_reads_our_comments(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    for news in (RECOVERY, RAISED):
        jira.update(delivery(), made, news)
    assert [comment["public"] for comment in comments(site)] == [False, False]
    assert [f"{CRITICAL_KEY}-{seq:02d}" in str(comments(site)[seq - 2]["body"]) for seq in (2, 3)] == [True, True]


def test_the_note_on_a_twin_is_internal_too(site: JiraStandIn, jira: Jira) -> None:
    jira.create(delivery())
    jira.create(delivery())
    jira.find(delivery(in_doubt=True))
    assert [comment["public"] for comment in comments(site)] == [False]


def test_news_that_was_told_internally_is_found_again(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    jira.update(delivery(), made, RECOVERY)
    jira.update(delivery(in_doubt=True), made, RECOVERY)
    assert len(comments(site)) == 1


def test_comments_are_public_where_the_setting_says_so(site: JiraStandIn) -> None:
    with jira_of(site, internal=False) as jira:
        made = jira.create(delivery())
        jira.update(delivery(), made, RECOVERY)
        assert [comment["public"] for comment in comments(site)] == [True]


def test_the_kind_of_project_is_asked_once(site: JiraStandIn, jira: Jira) -> None:
    made = jira.create(delivery())
    for news in (RECOVERY, RAISED):
        jira.update(delivery(), made, news)
    asked = [one for one in site.store()["requests"] if one["path"] == f"{site.root}/project/SEC"]
    assert len(asked) == 1


@pytest.mark.parametrize("flavour", [CLOUD, DATA_CENTER], ids=["cloud", "datacenter"])
def test_a_comment_that_came_out_public_all_the_same_is_taken_back_and_reported(flavour: Flavour) -> None:
    fake = FakeServiceDesk(flavour=flavour, heeds_internal=False)
    jira = fake.destination()
    made = jira.create(delivery())
    with pytest.raises(DeliveryError) as caught:
        jira.update(delivery(), made, RECOVERY)
    assert (caught.value.reason, caught.value.outcome) == (Reason.CONFIGURATION, Outcome.REJECTED)
    assert caught.value.detail == "comment 1 of SEC-9 came out public and was deleted"
    assert fake.issues["SEC-9"]["comments"] == []


def test_a_comment_that_cannot_be_taken_back_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeServiceDesk(heeds_internal=False)
    serve = fake.serve
    refused = answering(403, {"errorMessages": ["You may not delete it."]})
    monkeypatch.setattr(fake, "serve", lambda request: refused(request) if request.method == "DELETE" else serve(request))
    jira = fake.destination()
    with pytest.raises(DeliveryError, match="came out public and could not be deleted"):
        jira.update(delivery(), jira.create(delivery()), RECOVERY)


def test_without_the_kind_of_project_nothing_is_told() -> None:
    """Whether customers read along is not guessed."""
    fake = FakeServiceDesk()
    jira = fake.destination()
    made = jira.create(delivery())
    serve = fake.serve
    fake.serve = lambda request: answering(503)(request) if "/project/" in request.url.path else serve(request)  # type: ignore[method-assign]  # fails for a while
    with pytest.raises(DeliveryError):
        jira.update(delivery(), made, RECOVERY)
    assert fake.issues["SEC-9"]["comments"] == []
    fake.serve = serve  # type: ignore[method-assign]  # works again
    jira.update(delivery(), made, RECOVERY)
    assert [comment["public"] for comment in fake.issues["SEC-9"]["comments"]] == [False]


def test_elsewhere_a_comment_that_calls_itself_public_is_none_of_customers_business() -> None:
    """Cloud says `jsdPublic: true` wherever there is no service desk."""
    fake = FakeJira(heeds_internal=False)
    jira = fake.destination()
    jira.update(delivery(), jira.create(delivery()), RECOVERY)
    assert len(fake.issues["SEC-9"]["comments"]) == 1


@pytest.mark.parametrize("flavour", [CLOUD, DATA_CENTER], ids=["cloud", "datacenter"])
def test_golden_internal_comment(flavour: Flavour) -> None:
    fake = FakeServiceDesk(flavour=flavour)
    jira = fake.destination()
    jira.update(delivery(), jira.create(delivery()), RECOVERY)
    sent = fake.requests[-1]
    golden_files.check(f"jira-jsm-{flavour.name}.recovery", {"path": sent.url.path, "body": body_of(sent)})


def test_a_dropped_answer_makes_no_second_comment() -> None:
    fake = FakeServiceDesk(flavour=DATA_CENTER)
    jira = fake.destination()
    made = jira.create(delivery())
    fake.faults.append(Failure(answering(502, "<html>"), after=True))
    with pytest.raises(DeliveryError):
        jira.update(delivery(), made, RECOVERY)
    jira.update(delivery(in_doubt=True), made, RECOVERY)
    assert fake.told(f"{CRITICAL_KEY}-02") == 1
