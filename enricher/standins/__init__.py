"""Stand-ins for Jira, ServiceNow, Slack, PagerDuty, a webhook's receiver, Sumo Logic, DNS and RDAP on loopback, for `enricher demo` and for tests.

They refuse what the real services refuse, fail as they are told to, and are judged by what is in their own store:

    with running(Jira()) as jira:
        jira.fail(Fault(kind=FaultKind.DROP, method="POST", path="/rest/api/3/issue", calls=(1,)))
        ...
        assert len(jira.store()["issues"]) == 1
"""

from enricher.standins.dns import Answer, Dns
from enricher.standins.faults import Fault, FaultKind, FaultPlan, random_faults
from enricher.standins.jira import Jira, JiraDataCenter
from enricher.standins.pagerduty import PagerDuty
from enricher.standins.rdap import Network, Rdap
from enricher.standins.receiver import Receiver
from enricher.standins.server import running
from enricher.standins.service import KEY
from enricher.standins.servicenow import ServiceNow
from enricher.standins.slack import Slack
from enricher.standins.sumo import SumoLogic

__all__ = [
    "KEY",
    "Answer",
    "Dns",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Jira",
    "JiraDataCenter",
    "Network",
    "PagerDuty",
    "Rdap",
    "Receiver",
    "ServiceNow",
    "Slack",
    "SumoLogic",
    "random_faults",
    "running",
]
