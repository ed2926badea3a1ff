"""Three small services in memory, each behind an httpx2 transport, that can be told to fail once on the next write.

A fault says when it strikes: `before` the service has acted, or `after`, when only the answer is lost or spoilt. What the
destinations did is judged by what these services hold.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs

import httpx2

from enricher.destinations.jira import Jira
from enricher.destinations.jira_flavour import CLOUD, DATA_CENTER, Flavour
from enricher.destinations.pagerduty import PagerDuty
from enricher.destinations.servicenow import Credentials, Form, ServiceNow
from enricher.destinations.slack import Slack
from enricher.destinations.webhook import Webhook
from enricher.ports import Destination

SECRET = "t0p-s3cr3t-v4lue"
Answer = Callable[[httpx2.Request], httpx2.Response]


@dataclass(frozen=True)
class Fault:
    """`answer` takes the request and raises or returns; `after`: the service has acted all the same."""

    answer: Answer
    after: bool = False


def raising(kind: type[httpx2.TransportError]) -> Answer:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise kind(f"{kind.__name__} while sending {SECRET}", request=request)

    return answer


def answering(status: int, body: str | Mapping[str, Any] = "", headers: Mapping[str, str] | None = None) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "application/json" if text.startswith(("{", "[")) else "text/html"
    return lambda _: httpx2.Response(status, text=text, headers={"Content-Type": kind, **(headers or {})})


def ok(body: Mapping[str, Any], status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


class Fake(Protocol):
    """What the contract needs of a service."""

    requests: list[httpx2.Request]
    faults: list[Fault]

    @property
    def looks_up(self) -> bool:
        """Whether it can be asked for a ticket; who cannot takes the same one twice for one."""
        ...

    def destination(self) -> Destination: ...
    def tickets(self) -> int: ...
    def told(self, event: str) -> int: ...
    def writes(self) -> int: ...


@dataclass
class FakeBase:
    """Records requests; strikes with the next fault on a write."""

    looks_up: ClassVar[bool] = True
    requests: list[httpx2.Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        if not self.is_write(request) or not self.faults:
            return self.serve(request)
        fault = self.faults.pop(0)
        if fault.after:
            self.serve(request)
        return fault.answer(request)

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.handle)

    def writes(self) -> int:
        return sum(self.is_write(request) for request in self.requests)

    def is_write(self, request: httpx2.Request) -> bool:
        raise NotImplementedError

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        raise NotImplementedError


def body_of(request: httpx2.Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.content)
    return body


@dataclass
class FakeJira(FakeBase):
    """Issues by key. The search sees an issue only while `indexed`. A service desk's customers read what is `public`."""

    flavour: Flavour = CLOUD
    service_desk: bool = False
    heeds_internal: bool = True
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    indexed: bool = True
    refuse_priority: bool = False

    def destination(self, **settings: Any) -> Jira:
        values = {"project": "SEC", "flavour": self.flavour, "transport": self.transport(), **settings}
        return Jira("https://acme.atlassian.net", "bot@corp.example", SECRET, **values)

    def tickets(self) -> int:
        return len(self.issues)

    def told(self, event: str) -> int:
        return sum(event in json.dumps(c["body"]) for issue in self.issues.values() for c in issue["comments"])

    def is_write(self, request: httpx2.Request) -> bool:
        path = request.url.path
        return request.method == "POST" and (path.endswith(("/issue", "/comment")))

    def add(self, body: dict[str, Any]) -> str:
        number = len(self.issues) + 9
        key = f"SEC-{number}"
        self.issues[key] = {"id": str(10000 + number), "key": key, "comments": [], **body}
        return key

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix(self.flavour.api).replace("/rest/servicedeskapi/request/", "/issue/")
        if request.url.path == self.flavour.search:
            return self._search(body_of(request))
        if path == "/issueLink":
            return httpx2.Response(201)
        if path == "/project/SEC":
            return ok({"key": "SEC", "projectTypeKey": "service_desk" if self.service_desk else "software"})
        if request.method == "POST" and path == "/issue":
            body = body_of(request)
            if self.refuse_priority and "priority" in body["fields"]:
                return ok({"errorMessages": [], "errors": {"priority": "Field 'priority' cannot be set."}}, 400)
            return ok({"id": "1", "key": self.add(body), "self": "x"}, 201)
        issue = self.issues.get(path.split("/")[2])
        if issue is None:
            return ok(
                {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}, 404
            )
        return self._on_issue(request, issue, path.split("/")[3:])

    def _on_issue(self, request: httpx2.Request, issue: dict[str, Any], rest: list[str]) -> httpx2.Response:
        if rest == ["comment"] and request.method == "POST":
            comment = body_of(request)
            said = {one["key"]: one["value"] for one in comment.get("properties", ())}
            internal = comment.get("public") is False or said.get("sd.public.comment") == {"internal": True}
            public = not (internal and self.heeds_internal)
            issue["comments"].append({**comment, "public": public, "jsdPublic": public})
            return ok({"id": str(len(issue["comments"])), "public": public, "jsdPublic": public}, 201)
        if rest[:1] == ["comment"] and len(rest) > 1:
            if request.method == "GET":
                return ok(issue["comments"][int(rest[1]) - 1])
            del issue["comments"][int(rest[1]) - 1]
            return httpx2.Response(204)
        if rest == ["comment"]:
            return ok({"comments": list(reversed(issue["comments"])), "total": len(issue["comments"])})
        if rest == ["transitions"] and request.method == "GET":
            return ok({"transitions": [{"id": "31", "to": {"statusCategory": {"key": "done"}}}]})
        if rest == ["transitions"]:
            issue["fields"]["status"] = {"statusCategory": {"key": "done"}}
            return httpx2.Response(204)
        if request.method == "PUT":
            issue["fields"].update(body_of(request)["fields"])
            return httpx2.Response(204)
        return ok(issue)

    def _search(self, query: dict[str, Any]) -> httpx2.Response:
        shown = [
            issue for issue in self.issues.values() if self.indexed and f'"{issue["fields"]["labels"][1]}"' in query["jql"]
        ]
        fields = {"labels", "status"} & set(query["fields"])
        hits = [{**issue, "fields": {name: issue["fields"].get(name) for name in fields}} for issue in reversed(shown)]
        return ok({"issues": hits, "isLast": True})


@dataclass
class FakeJiraDataCenter(FakeJira):
    """The same for Data Center."""

    flavour: Flavour = DATA_CENTER


@dataclass
class FakeServiceDesk(FakeJira):
    """The same for a service project."""

    service_desk: bool = True


@dataclass
class FakeServiceNow(FakeBase):
    """Records of one table, by sys_id."""

    table: str = "incident"
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeps_sys_id: bool = True
    understands_queries: bool = True

    def destination(self, **settings: Any) -> ServiceNow:
        values = {"form": Form(self.table), "transport": self.transport(), **settings}
        return ServiceNow("https://acme.service-now.com", Credentials("bot", SECRET), **values)

    def tickets(self) -> int:
        return len(self.records)

    def told(self, event: str) -> int:
        return sum(note.count(event) for record in self.records.values() for note in record["notes"])

    def is_write(self, request: httpx2.Request) -> bool:
        return request.method == "POST" or (request.method == "PATCH" and b"work_notes" in request.content)

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        sys_id = request.url.path.partition(f"/{self.table}")[2].strip("/")
        if request.method == "POST":
            return self._insert(body_of(request))
        if not sys_id:
            key = request.url.params["sysparm_query"].removeprefix("correlation_id=").partition("^")[0]
            hits = [r for r in self.records.values() if r["correlation_id"] == key or not self.understands_queries]
            return ok({"result": hits})
        if sys_id not in self.records:
            return ok({"error": {"message": "No Record found", "detail": "or an ACL"}, "status": "failure"}, 404)
        if request.method == "PATCH":
            change = body_of(request)
            self.records[sys_id]["notes"] += [change.pop("work_notes")] if "work_notes" in change else []
            self.records[sys_id].update(change)
        record = self.records[sys_id]
        shown = "true" in request.url.params.get("sysparm_display_value", "")
        return ok({"result": {**record, "work_notes": "\n\n".join(reversed(record["notes"])) if shown else ""}})

    def _insert(self, body: dict[str, Any]) -> httpx2.Response:
        sys_id = body["sys_id"] if self.keeps_sys_id else f"{len(self.records):032x}"
        if sys_id in self.records:
            return ok({"error": {"message": "Unique Key violation", "detail": ""}, "status": "failure"}, 403)
        note = body.pop("work_notes", "")
        self.records[sys_id] = {**body, "sys_id": sys_id, "number": f"INC{10042 + len(self.records):07}", "notes": [note]}
        return ok({"result": self.records[sys_id]}, 201)


@dataclass
class FakeSecurityIncidents(FakeServiceNow):
    """The same for Security Incident Response."""

    table: str = "sn_si_incident"


@dataclass
class FakeSlack(FakeBase):
    """Messages in order; a thread's replies carry `thread_ts`."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Slack's words for the next calls of a method."""
    page: int = 2

    def destination(self, **settings: Any) -> Slack:
        return Slack(SECRET, "C0SOC", **{"transport": self.transport(), **settings})

    def tickets(self) -> int:
        return sum("thread_ts" not in message for message in self.messages)

    def told(self, event: str) -> int:
        return sum(message["metadata"]["event_payload"]["event_id"] == event for message in self.messages)

    def is_write(self, request: httpx2.Request) -> bool:
        return request.url.path.endswith("/chat.postMessage")

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        method = request.url.path.rpartition("/")[2]
        if words := self.errors.get(method):
            return ok({"ok": False, "error": words.pop(0)})
        if method.startswith("conversations."):
            return self._list(method, {name: values[0] for name, values in parse_qs(request.content.decode()).items()})
        if method == "auth.test":
            return ok({"ok": True, "url": "https://acme.slack.com/"})
        body = body_of(request)
        if method == "chat.update":
            message = next((m for m in self.messages if m["ts"] == body["ts"]), None)
            if message is None:
                return ok({"ok": False, "error": "message_not_found"})
            message.update(body)
            return ok({"ok": True, "channel": body["channel"], "ts": body["ts"]})
        ts = f"179548{len(self.messages):04}.000100"
        self.messages.append({**body, "ts": ts})
        return ok({"ok": True, "channel": body["channel"], "ts": ts})

    def _list(self, method: str, form: dict[str, str]) -> httpx2.Response:
        replies = method == "conversations.replies"
        shown = [m for m in reversed(self.messages) if ("thread_ts" in m) == replies]
        if "latest" in form:
            shown = [m for m in shown if float(m["ts"]) <= float(form["latest"])]
        if form.get("include_all_metadata") != "true":
            shown = [{name: value for name, value in m.items() if name != "metadata"} for m in shown]
        start = int(form.get("cursor", "0"))
        more = str(start + self.page) if start + self.page < len(shown) else ""
        return ok({"ok": True, "messages": shown[start : start + self.page], "response_metadata": {"next_cursor": more}})


@dataclass
class FakePagerDuty(FakeBase):
    """Alerts by their key: the same event twice is one, and a resolve without an open alert is dropped."""

    looks_up: ClassVar[bool] = False
    alerts: dict[str, bool] = field(default_factory=dict)
    """Whether it is open."""
    events: set[str] = field(default_factory=set)
    resolved: int = 0

    def destination(self, **settings: Any) -> PagerDuty:
        return PagerDuty(SECRET, **{"transport": self.transport(), **settings})

    def tickets(self) -> int:
        return len(self.alerts)

    def told(self, event: str) -> int:
        return (event in self.events) + (self.resolved if event.endswith("-02") else 0)

    def is_write(self, request: httpx2.Request) -> bool:
        return request.method == "POST"

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        event = body_of(request)
        key = event["dedup_key"]
        if event["event_action"] == "trigger":
            self.alerts[key] = True
            self.events.add(event["payload"]["custom_details"]["event"])
        elif self.alerts.get(key):
            self.alerts[key], self.resolved = False, self.resolved + 1
        return ok({"status": "success", "message": "Event processed", "dedup_key": key}, 202)


@dataclass
class FakeReceiver(FakeBase):
    """Messages by their id; the same id twice is one."""

    looks_up: ClassVar[bool] = False
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def destination(self, **settings: Any) -> Webhook:
        secret = f"whsec_{b64encode(SECRET.encode() * 2).decode()}"
        values = {"transport": self.transport(), "clock": lambda: 1_795_485_600.0, **settings}
        made = Webhook("https://soar.corp.example/hook", [secret], **values)
        made._service.keep_secret(
            SECRET, most=1
        )  # a key of that length is none; its own is masked in test_destination_webhook
        return made

    def tickets(self) -> int:
        return sum(message["type"] == "case.opened" for message in self.messages.values())

    def told(self, event: str) -> int:
        return int(event in self.messages)

    def is_write(self, request: httpx2.Request) -> bool:
        return request.method == "POST"

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        self.messages.setdefault(request.headers["webhook-id"], body_of(request))
        return httpx2.Response(204)


FAKES: dict[str, Callable[[], Fake]] = {
    "jira-cloud": FakeJira,
    "jira-datacenter": FakeJiraDataCenter,
    "jira-jsm": FakeServiceDesk,
    "jira-jsm-datacenter": lambda: FakeServiceDesk(flavour=DATA_CENTER),
    "servicenow": FakeServiceNow,
    "servicenow-sir": FakeSecurityIncidents,
    "slack": FakeSlack,
    "pagerduty": FakePagerDuty,
    "webhook": FakeReceiver,
}
