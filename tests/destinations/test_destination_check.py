"""`check` reads, creates nothing, and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from enricher.destinations.jira import Jira
from enricher.destinations.servicenow import Credentials, ServiceNow
from enricher.destinations.slack import Slack
from enricher.errors import DeliveryError, Reason
from enricher.standins import Jira as JiraStandin
from enricher.standins import ServiceNow as ServiceNowStandin
from enricher.standins import Slack as SlackStandin
from enricher.standins import running

pytestmark = pytest.mark.slow

Adapter = Jira | ServiceNow | Slack


class Sites:
    """The three stand-ins, and adapters that know their way in."""

    def __init__(self, jira: JiraStandin, servicenow: ServiceNowStandin, slack: SlackStandin) -> None:
        self.jira_site, self.servicenow_site, self.slack_site = jira, servicenow, slack

    def jira(self, token: str | None = None) -> Adapter:
        return Jira(self.jira_site.url, self.jira_site.email, token or self.jira_site.token, project="SEC")

    def servicenow(self, password: str | None = None) -> Adapter:
        site = self.servicenow_site
        return ServiceNow(site.url, Credentials(site.user, password or site.password))

    def slack(self, token: str | None = None, channel: str | None = None) -> Adapter:
        site = self.slack_site
        return Slack(token or site.token, channel or site.channel, url=site.api_url)


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with running(JiraStandin()) as jira, running(ServiceNowStandin()) as servicenow, running(SlackStandin()) as slack:
        yield Sites(jira, servicenow, slack)


@pytest.mark.parametrize("name", ["jira", "servicenow", "slack"])
def test_a_good_account_passes_and_nothing_is_made(sites: Sites, name: str) -> None:
    destination = getattr(sites, name)()
    with closing(destination):
        destination.check()
    store = getattr(sites, f"{name}_site").store()
    assert [held for held in ("issues", "incidents", "messages") if store.get(held)] == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda s: s.jira(token="no"), Reason.AUTH, id="jira: wrong token"),
        pytest.param(lambda s: s.servicenow(password="no"), Reason.AUTH, id="servicenow: wrong password"),
        pytest.param(lambda s: s.slack(token="no"), Reason.AUTH, id="slack: wrong token"),
        pytest.param(lambda s: s.slack(channel="C9"), Reason.CONFIGURATION, id="slack: no such channel"),
    ],
)
def test_what_is_wrong_is_said(sites: Sites, make: Callable[[Sites], Adapter], reason: Reason) -> None:
    destination = make(sites)
    with closing(destination), pytest.raises(DeliveryError) as error:
        destination.check()
    assert error.value.reason is reason
