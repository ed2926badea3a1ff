"""Jira stand-ins of every kind, and adapters that know their way in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from enricher.destinations.jira import Jira
from enricher.destinations.jira_flavour import CLOUD, DATA_CENTER
from enricher.standins import Jira as JiraStandIn
from enricher.standins import JiraDataCenter, running
from enricher.standins.jira import Layout

SERVICE_DESK = Layout(service_desk=True)


class Clock:
    """Seconds that only pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_795_500_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def jira_of(site: JiraStandIn, **settings: Any) -> Iterator[Jira]:
    """The site runs, and the adapter talks to it."""
    with running(site):
        flavour = DATA_CENTER if site.layout.data_center else CLOUD
        email = None if site.layout.data_center else site.email
        values = {"project": site.project, "flavour": flavour, **settings}
        with closing(Jira(site.url, email, values.pop("token", site.token), **values)) as jira:
            yield jira


def sites(**settings: Any) -> dict[str, JiraStandIn]:
    """One of each kind, by name."""
    return {"cloud": JiraStandIn(**settings), "datacenter": JiraDataCenter(**settings)}
