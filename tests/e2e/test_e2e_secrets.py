"""Secrets and a whole payload are planted, everything goes right and everything goes wrong: nothing of them is shown anywhere.

What was sent can be read again in two places only, behind the read token: the alert's body, and its own page. Programs that
hold that token get a case's command lines as they were logged; people and tickets get them masked.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import httpx2
import pytest

from enricher.core.document import Json
from enricher.standins import Fault, FaultKind, Jira, ServiceNow, Slack, running
from enricher.standins.servicenow.accounts import Account
from tests.e2e import alerts
from tests.e2e.databases import PostgresDatabase
from tests.e2e.harness import CHANNEL, CREATE, UNPACED, Service, pause, serving, until

pytestmark = pytest.mark.slow

EMAIL, USER = "enricher@corp.example", "enricher"
OURS = {
    name: f"planted-{name}-6f1d"
    for name in ("webhook", "read", "write", "jira", "servicenow", "slack", "signing", "database", "sumo")
} | {f"{name}-hook": f"planted-{name}-hook-6f1d" for name in ("jira", "servicenow")}
"""What the service is given; the names say whose they are."""
THEIRS = {"variable": "planted-api-9c2b", "login": "planted-curl-9c2b", "option": "planted-option-9c2b"}
"""Secrets in the command line of a process on somebody's host."""
COMMAND = (
    f"powershell.exe -NoP -Command \"$env:API_TOKEN='{THEIRS['variable']}'; curl -u admin:{THEIRS['login']}"
    f' https://beacon.workers.dev --password {THEIRS["option"]}"'
)
MARK = "whole-payload-41aa"
"""In a part of the payload that no case is made of."""
STRANGERS = "strangers-guess-77e0"
"""A token that is not ours, and the password that somebody mistook for it."""
LEAKS = [
    *OURS.values(),
    MARK,
    STRANGERS,
    *(b64encode(f"{name}:{OURS[whose]}".encode()).decode() for name, whose in ((EMAIL, "jira"), (USER, "servicenow"))),
]
LEFT_OUT = re.compile(r"^(/api/v1)?/alerts/[^/]+(/body)?$")
"""Where an alert's own body is handed out; `/api/v1/alerts/<id>` without it is looked at all the same."""


EVIDENCE = ("/api/v1/cases", "/api/v1/explain")


def wrong_in(where: str) -> list[str]:
    """What must not be found in an answer of this address."""
    return LEAKS if where.partition(" ")[2].startswith(EVIDENCE) else [*LEAKS, *THEIRS.values()]


def secret_settings(database: str) -> dict[str, str]:
    return UNPACED | {
        "ENRICHER_DATABASE_URL": with_password(database) if database.startswith("postgresql") else database,
        "ENRICHER_WEBHOOK_TOKENS": f"sumo:{OURS['webhook']}",
        "ENRICHER_API_READ_TOKEN": OURS["read"],
        "ENRICHER_API_WRITE_TOKEN": OURS["write"],
        "ENRICHER_JIRA_EMAIL": EMAIL,
        "ENRICHER_JIRA_TOKEN": OURS["jira"],
        "ENRICHER_JIRA_PROJECT": "SEC",
        "ENRICHER_JIRA_ISSUE_TYPE": "Incident",
        "ENRICHER_JIRA_WEBHOOK_SECRET": OURS["jira-hook"],
        "ENRICHER_SERVICENOW_USER": USER,
        "ENRICHER_SERVICENOW_PASSWORD": OURS["servicenow"],
        "ENRICHER_SERVICENOW_WEBHOOK_SECRET": OURS["servicenow-hook"],
        "ENRICHER_SLACK_TOKEN": OURS["slack"],
        "ENRICHER_SLACK_SIGNING_SECRET": OURS["signing"],
        "ENRICHER_SLACK_CHANNEL": CHANNEL,
        "ENRICHER_SUMO_API_URL": "http://127.0.0.1:9",
        "ENRICHER_SUMO_ACCESS_ID": OURS["sumo"],
        "ENRICHER_SUMO_ACCESS_KEY": OURS["sumo"],
        "ENRICHER_JIRA_QUIET_SECONDS": "1",
        "ENRICHER_LEASE_SECONDS": "2",
    }


def with_password(url: str) -> str:
    """The server asks for none, and the client is given one all the same."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"postgres:{OURS['database']}@{parts.netloc.rpartition('@')[2]}"))


def planted(name: str) -> bytes:
    return alerts.trigger(name, [alerts.creation(name, COMMAND), *alerts.contact(name)], notes=MARK)


@dataclass
class Seen:
    """Everything that the service has shown to anybody, by where."""

    shown: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, answer: httpx2.Response) -> httpx2.Response:
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.shown[f"{len(self.shown)} {where}"] = f"{headers}\n\n{answer.text}"
        return answer

    def leaks(self) -> list[str]:
        return [f"{leak} in {where}" for where, text in self.shown.items() for leak in wrong_in(where) if leak in text]

    def look_around(self, service: Service) -> None:
        """Every page that links lead to, every listing of the API, what is under the ids in them, and what is open to all."""
        reading = {"Authorization": f"Bearer {OURS['read']}"}
        waiting = ["/", *self._documented(service)]
        for path in ("/metrics", "/readyz", "/healthz"):
            self.add(path, service.client.get(path))
        visited: set[str] = set()
        while waiting:
            path = waiting.pop()
            if (
                path in visited
                or (LEFT_OUT.match(path) and not path.startswith("/api/v1/alerts/"))
                or path.endswith("/body")
            ):
                continue
            visited.add(path)
            answer = self.add(path, service.client.get(path, headers=reading))
            waiting += [link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)', answer.text)]
            if path.startswith("/api/v1/cases?") or path == "/api/v1/cases":
                for case in answer.json()["cases"]:
                    waiting.append(f"/api/v1/cases/{case['key']}")
        assert len(visited) > 20, visited

    def _documented(self, service: Service) -> Iterator[str]:
        document = service.client.get("/openapi.json").json()
        yield from (path for path, item in document["paths"].items() if "get" in item and "{" not in path)


# --- destinations that work, then fail in every way ------------------------------------------------------------------


@contextmanager
def destinations(stack: ExitStack) -> Iterator[tuple[dict[str, str], dict[str, Jira | ServiceNow | Slack]]]:
    """Stand-ins that want the planted secrets; where they are, and themselves."""
    jira = stack.enter_context(running(Jira(email=EMAIL, token=OURS["jira"], limits=False)))
    servicenow = stack.enter_context(running(ServiceNow(account=Account(user=USER, password=OURS["servicenow"]))))
    slack = stack.enter_context(running(Slack(token=OURS["slack"], rate=0.0)))
    yield (
        {
            "ENRICHER_JIRA_URL": jira.url,
            "ENRICHER_SERVICENOW_URL": servicenow.url,
            "ENRICHER_SLACK_URL": f"{slack.url}/api",
        },
        {"jira": jira, "servicenow": servicenow, "slack": slack},
    )


FAULTS = (
    Fault(kind=FaultKind.DROP, method="POST"),
    Fault(kind=FaultKind.REFUSE, method="POST"),
    Fault(kind=FaultKind.ERROR, method="POST", status=500),
    Fault(kind=FaultKind.ERROR, method="POST", status=502, commits=False),
    Fault(kind=FaultKind.ERROR, method="POST", status=400, commits=False),
    Fault(kind=FaultKind.LIMIT, method="POST", retry_after=1.0),
    Fault(kind=FaultKind.TRUNCATE, method="POST"),
    Fault(kind=FaultKind.HTML, method="POST"),
)


class Echo(BaseHTTPRequestHandler):
    """A service that refuses everything, and repeats in its refusal all that it was told: headers, path and body."""

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = f"{self.path} {self.headers['Authorization']} {body}"
        error: Json = {"message": told, "detail": told}
        said: Json = {"ok": False, "error": told, "errorMessages": [told], "errors": {"summary": told}, "message": told}
        answer = json.dumps(said if self.path.startswith("/api/") and "/now/" not in self.path else said | {"error": error})
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_any  # noqa: N815 - http.server names them

    def log_message(self, *_: object) -> None: ...


@contextmanager
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True  # a connection that is kept open waits for nobody
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def watched(settings: dict[str, str], folder: Path) -> Iterator[tuple[Service, Seen]]:
    """A service, and in the end everything that it has shown, its log too, held against all that was planted."""
    log, seen = folder / "service.log", Seen()
    with serving(settings, log) as service:
        service.client.headers["Authorization"] = f"Bearer {OURS['read']}"
        yield service, seen
        seen.look_around(service)
    seen.shown["the log"] = log.read_text()
    assert not (leaks := seen.leaks()), "\n".join(leaks)


_number = count()


def send(service: Service, seen: Seen, content: bytes | None = None) -> str:
    """Send an alert, planted if none is given; its id."""
    content = planted(f"planted-{next(_number)}") if content is None else content
    answer = seen.add("the webhook", service.post(content, Authorization=f"Bearer {OURS['webhook']}"))
    return str(answer.json().get("alert_id"))


def test_nothing_planted_is_shown_when_all_goes_well_or_wrong(postgres: str, postgres_server: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        where, services = stack.enter_context(destinations(stack))
        database = PostgresDatabase(postgres, postgres_server)
        service, seen = stack.enter_context(watched(secret_settings(postgres) | where, tmp_path))
        first = send(service, seen)
        key = service.settled(first)["cases"][0]
        service.delivered(key)
        tickets = json.dumps([one.store() for one in services.values()], default=str)
        assert "[masked]" in tickets  # the command line is in them, without its secrets
        assert not [leak for leak in wrong_in("tickets") if leak in tickets]

        knock_at_every_door(service, seen)
        fail_in_every_way(service, seen, services, postgres)
        with database.gone():
            until(lambda: service.client.get("/readyz").status_code == 503, "a database that is gone")
            send(service, seen)
            for path in ("/", "/readyz", "/metrics", "/api/v1/cases"):
                seen.add(path, service.client.get(path))
            service.program.await_logged("claim_failed")
        until(service.is_ready, "readiness")
        refuse_our_secrets(services)
        service.settled(send(service, seen))
        until(lambda: b'reason="auth"' in service.client.get("/metrics").content, "a refused token")

        body = service.client.get(f"/api/v1/alerts/{first}/body")
        assert MARK in body.text
        assert httpx2.get(f"{service.url}/api/v1/alerts/{first}/body").status_code == 401


def knock_at_every_door(service: Service, seen: Seen) -> None:
    """Wrong tokens, wrong bodies, wrong ids."""
    wrong = {"Authorization": f"Bearer {STRANGERS}"}
    for path in ("/", "/api/v1/cases", "/cases/none", f"/api/v1/alerts/{first_of_nobody()}"):
        seen.add(f"{path}, a stranger", httpx2.get(f"{service.url}{path}", headers=wrong))
    seen.add("the webhook, a stranger", service.post(planted("stranger"), **wrong))
    right = f"Bearer {OURS['webhook']}"
    for content in (
        f'{{"{MARK}": '.encode(),
        json.dumps([MARK]).encode(),
        json.dumps({"results": MARK}).encode(),
        b"\xff" + MARK.encode(),
    ):
        seen.add("the webhook, unreadable", service.post(content, Authorization=right))
    seen.add("the webhook, compressed", service.post(planted("packed"), Authorization=right, Content_Encoding="br"))
    seen.add("the webhook, too large", service.post(MARK.encode() * 600_000, Authorization=right))
    for name in ("jira", "servicenow"):
        for secret in (STRANGERS, OURS[f"{name}-hook"]):
            seen.add(
                f"{name}'s webhook",
                service.client.post(f"/webhooks/{name}", content=MARK, headers={"Authorization": f"Bearer {secret}"}),
            )
    writing = {"Authorization": f"Bearer {OURS['write']}"}
    for path in ("dead-letters/none/retry", "quarantine/none/retry", "cases/none/reopen"):
        seen.add(path, service.client.post(f"/api/v1/{path}", headers=writing))
    seen.add("/api/v1/explain", service.client.post("/api/v1/explain", content=planted("explained")))


def first_of_nobody() -> str:
    return "00000000-0000-0000-0000-000000000000"


def fail_in_every_way(service: Service, seen: Seen, services: dict[str, Jira | ServiceNow | Slack], url: str) -> None:
    """Each fault once at the first call that would make a ticket, and its end awaited: delivered, or a dead letter."""
    for fault in FAULTS:
        pause(url, hours=0)  # what has failed so far would have it wait for minutes by now
        for one in services.values():
            one.fail(fault, Fault(kind=FaultKind.ERROR, status=503, method="GET", calls=(1,)))
        key = service.settled(send(service, seen))["cases"][0]
        await_reasons(service, key, f"{fault.kind} at each")
        seen.add("a case in trouble", service.client.get(f"/cases/{key}"))
        for one in services.values():
            one.fail()


def await_reasons(service: Service, key: str, what: str) -> None:
    """Until each destination has gone wrong."""
    until(lambda: all(one["reason"] for one in service.get(f"cases/{key}")["deliveries"]), what)


def refuse_our_secrets(services: dict[str, Jira | ServiceNow | Slack]) -> None:
    """Tokens were renewed there, and not here."""
    for one in services.values():
        one.fail(Fault(kind=FaultKind.ERROR, status=401, commits=False))


def test_what_a_destination_repeats_of_us_is_not_shown(tmp_path: Path) -> None:
    with echo() as url:
        where = {f"ENRICHER_{name}_URL": url for name in ("JIRA", "SERVICENOW")} | {"ENRICHER_SLACK_URL": f"{url}/api"}
        settings = secret_settings(f"sqlite:///{tmp_path}/enricher.db") | where
        with watched(settings, tmp_path) as (service, seen):
            key = service.settled(send(service, seen))["cases"][0]
            await_reasons(service, key, "a refusal by each")
            details = [one["detail"] for one in service.listed("dead-letters", "dead_letters")]
    # Else it repeated nothing, and this proved nothing.
    assert any(f"{CREATE['jira']} Basic [masked]" in str(detail) for detail in details), details
