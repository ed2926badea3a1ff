"""The services that the fault matrix is about, each with a stand-in of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import httpx2

from enricher import standins
from enricher.core.document import Json
from enricher.destinations.jira import Jira
from enricher.destinations.pagerduty import PagerDuty
from enricher.destinations.servicenow import Credentials, ServiceNow
from enricher.destinations.slack import Slack
from enricher.destinations.webhook import Webhook
from enricher.ports import Destination
from enricher.standins import Fault, FaultKind
from enricher.standins.service import Clock
from enricher.standins.servicenow.records import Rules
from tests.faults.back import InsightTarget, SumoTarget
from tests.faults.target import BASE, BELIEVED, LOST, OPENED, RAISED, RECOVERED, REOPENED, Call, Target, lost


class JiraTarget(Target):
    name = "jira"
    issue = "/rest/api/3/issue"
    calls = (
        Call("create", OPENED, "POST", issue),
        Call("search", OPENED, "POST", "*/search/jql", lost(issue)),
        Call("read issue", RAISED, "GET", f"{issue}/SEC-*[0-9]"),
        Call("set priority", RAISED, "PUT", f"{issue}/SEC-*[0-9]"),
        Call("comment", RAISED, "POST", f"{issue}/*/comment"),
        Call("list transitions", RECOVERED, "GET", f"{issue}/*/transitions"),
        Call("close", RECOVERED, "POST", f"{issue}/*/transitions", believed=frozenset({"400 on one field"})),
        Call("open again", REOPENED, "POST", f"{issue}/*/transitions", believed=frozenset({"400 on one field"})),
        Call("list comments", RAISED, "GET", f"{issue}/*/comment", lost(f"{issue}/*/comment")),
    )

    def make(self, clock: Clock) -> Any:
        return standins.Jira(clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        jira: Any = self.service
        return Jira(
            jira.url,
            jira.email,
            jira.token,
            project=jira.project,
            base_url=BASE,
            on_recovery="resolve",
            transport=transport,
        )

    def lag(self, seconds: float) -> None:
        jira: Any = self.service
        jira.site.lag = seconds

    def tickets(self, key: str) -> list[Json]:
        found = [issue for issue in self.service.store()["issues"] if key in issue["fields"]["labels"]]
        return [issue for issue in found if not any(label.startswith(f"{key}-g") for label in issue["fields"]["labels"])]

    def told(self, ticket: Json) -> list[str]:
        return [json.dumps(comment["body"]) for comment in ticket["comments"]]

    def state(self, ticket: Json) -> Json:
        fields = ticket["fields"]
        return {"status": ticket["status"], "priority": fields["priority"], "labels": _others(fields["labels"])}


class ServiceNowTarget(Target):
    name = "servicenow"
    table = "/api/now/v2/table/incident"
    calls: ClassVar[tuple[Call, ...]] = (
        Call("insert", OPENED, "POST", table),
        Call("get by sys_id", OPENED, "GET", f"{table}/*", lost(table)),
        Call(
            "query", OPENED, "GET", table, Fault(kind=FaultKind.RESET, method="POST", path=table, calls=(1,), commits=False)
        ),
        Call("read weight", RAISED, "GET", f"{table}/*"),
        Call("set weight", RAISED, "PATCH", f"{table}/*"),
        Call("note", RECOVERED, "PATCH", f"{table}/*"),
        Call("resolve", RECOVERED, "PATCH", f"{table}/*", skip=1, believed=BELIEVED | {"500 before", "503"}),
        Call("read state", REOPENED, "GET", f"{table}/*"),
        Call("open again", REOPENED, "PATCH", f"{table}/*", follows=BELIEVED),
        Call(
            "read notes",
            RECOVERED,
            "GET",
            f"{table}/*",
            Fault(kind=LOST, method="PATCH", path=f"{table}/*", calls=(1,)),
        ),
    )

    def make(self, clock: Clock) -> Any:
        return standins.ServiceNow(clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        instance: Any = self.service
        credentials = Credentials(instance.user, instance.password)
        code = "Solved (Permanently)"
        return ServiceNow(
            instance.url, credentials, base_url=BASE, on_recovery="resolve", close_code=code, transport=transport
        )

    def tickets(self, key: str) -> list[Json]:
        return [record for record in self.service.store()["incidents"] if record["correlation_id"] == key]

    def told(self, ticket: Json) -> list[str]:
        return list(ticket["work_notes"])

    def state(self, ticket: Json) -> Json:
        return {name: ticket[name] for name in ("state", "impact", "urgency", "priority", "active", "close_code")}


class ServiceNowWithoutOurIdsTarget(ServiceNowTarget):
    """An instance that gives its own `sys_id` to everything: only the query by `correlation_id` finds a record again."""

    name = "servicenow without our ids"
    calls = tuple(call for call in ServiceNowTarget.calls if call.name in {"insert", "query"})

    def make(self, clock: Clock) -> Any:
        return standins.ServiceNow(rules=Rules(honour_sys_id=False), clock=clock)


class SlackTarget(Target):
    name = "slack"
    post = "/api/chat.postMessage"
    calls = (
        Call("post", OPENED, "POST", post),
        Call("read history", OPENED, "POST", "/api/conversations.history", lost(post)),
        Call("edit", RAISED, "POST", "/api/chat.update"),
        Call("reply", RAISED, "POST", post),
        Call("read replies", RAISED, "POST", "/api/conversations.replies", lost(post)),
    )

    def make(self, clock: Clock) -> Any:
        return standins.Slack(rate=0, clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        slack: Any = self.service
        return Slack(slack.token, slack.channel, url=f"{slack.url}/api", base_url=BASE, transport=transport)

    def tickets(self, key: str) -> list[Json]:
        return [one for one in self.service.store()["messages"] if key in json.dumps(one["metadata"])]

    def told(self, ticket: Json) -> list[str]:
        return [json.dumps(reply) for reply in ticket["thread"]]

    def state(self, ticket: Json) -> Json:
        return {"text": ticket["text"].partition(", case ")[0]}


def _others(labels: list[str]) -> list[str]:
    """Labels without those that name the case."""
    return sorted(label for label in labels if not label.startswith("enricher-"))


class PagerDutyTarget(Target):
    """Its ticket is all that it holds under one key: an alert that was resolved, and the one that a new trigger opened."""

    name = "pagerduty"
    tells = frozenset({"severity", "reopened"})
    calls = (
        Call("trigger", OPENED, "POST", "/v2/enqueue"),
        Call("trigger again", RAISED, "POST", "/v2/enqueue"),
        Call("resolve", RECOVERED, "POST", "/v2/enqueue"),
    )

    def make(self, clock: Clock) -> Any:
        return standins.PagerDuty(clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        service: Any = self.service
        return PagerDuty(service.routing_key, url=service.url, base_url=BASE, transport=transport)

    def tickets(self, key: str) -> list[Json]:
        alerts = [one for one in self.service.store()["alerts"] if one["dedup_key"] == key]
        return [{"alerts": alerts}] if alerts else []

    def told(self, ticket: Json) -> list[str]:
        """Each once: the same event again is the same alert."""
        sent = (json.dumps(event) for alert in ticket["alerts"] for event in alert["log"] if event["action"] == "trigger")
        return list(dict.fromkeys(sent))[1:]

    def state(self, ticket: Json) -> Json:
        return {"alerts": [(alert["status"], alert["severity"]) for alert in ticket["alerts"]]}


class WebhookTarget(Target):
    """Its ticket is all messages of one key; the receiver keeps one of each id."""

    name = "webhook"
    calls = (Call("opened", OPENED, "POST", "/hook"), Call("updated", RAISED, "POST", "/hook"))

    def make(self, clock: Clock) -> Any:
        return standins.Receiver(clock=clock)

    def adapter(self, transport: httpx2.BaseTransport, clock: Clock) -> Destination:
        receiver: Any = self.service
        return Webhook(f"{receiver.url}/hook", [receiver.secret], transport=transport, clock=clock)

    def tickets(self, key: str) -> list[Json]:
        messages = [one for one in self.service.store()["messages"] if one["case"]["key"] == key]
        return [{"messages": messages}] if messages else []

    def told(self, ticket: Json) -> list[str]:
        return [message["event"] for message in ticket["messages"][1:]]

    def state(self, ticket: Json) -> Json:
        return {"types": [message["type"] for message in ticket["messages"]]}


_TARGETS = (
    JiraTarget,
    ServiceNowTarget,
    ServiceNowWithoutOurIdsTarget,
    SlackTarget,
    PagerDutyTarget,
    WebhookTarget,
    SumoTarget,
    InsightTarget,
)
TARGETS: dict[str, Callable[[Clock], Target]] = {target.name: target for target in _TARGETS}
CALLS = {target.name: target.calls for target in _TARGETS}
