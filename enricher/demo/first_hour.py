"""`enricher demo --first-hour`: the nine steps of docs/first-hour.md, done on this machine with a stand-in Sumo Logic.

The service, the commands, the searches and the payloads are the real ones. The stand-in runs the searches over its messages and calls
the webhook as Sumo Logic would, through a proxy in this process; its clock is set on, so that an hour takes no hour.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import click
import httpx2
import orjson

from enricher.core.document import Json
from enricher.demo.surroundings import LOOK_EVERY_S, Running, Standins, service
from enricher.standins import KEY, SumoLogic, running
from enricher.standins.sumo.jobs import Message
from enricher.standins.sumo.language import parse
from enricher.standins.sumo.monitors import Runner, Sent
from enricher.wiring.corpus import cases

OUTSIDE = "https://enricher.corp.example"
"""Where Sumo Logic reaches the service: nobody is called there, the proxy of this rehearsal stands in its place."""
CATEGORY = "WinEvents/Sysmon"
EVERYDAY = ("benign/browsers", "benign/lookalike-domains")
TEST, HOST, SECOND_HOST = "test1-powershell-workers", "ws-fin-0142", "ws-fin-0177"
LATER_S, RECOVERED_S = 330.0, 1_200.0
"""Events are looked for five minutes after they came, and an alert is over when a quarter of an hour has brought none."""
PATIENCE_S = 90.0


class NotSeen(click.ClickException):
    """A step did not show what the page says."""


@dataclass(slots=True)
class Hour:
    """What the steps share."""

    sumo: SumoLogic
    standins: Standins
    running: Running
    token: str
    client: httpx2.Client
    now: float = field(default_factory=time.time)
    runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self.runner = Runner(self.sumo, post=self.proxied)

    def proxied(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        """What the proxy on port 443 does with a call of Sumo Logic's."""
        if not url.startswith(f"{OUTSIDE}/"):
            raise NotSeen("the connection calls another address than it should")
        return self.client.post(url.removeprefix(OUTSIDE), headers=dict(headers), content=body).status_code

    def ship(self, case: str, *, host: str = HOST) -> int:
        """Log the events of a case of the corpus in Sumo Logic, on this host; how many."""
        rows = next(alert.rows for name, alert in cases() if name == case)
        texts = [re.sub(HOST, host, row.text or "", flags=re.IGNORECASE) for row in rows]
        self.sumo.messages += [
            Message(raw=text, category=CATEGORY, host=f"{host}.corp.example", at=self.now) for text in texts
        ]
        return len(texts)

    def run(self) -> list[Sent]:
        """Let Sumo Logic run what is due a little later."""
        self.now += LATER_S
        return self.runner.run_due(self.now)

    def command(self, *words: str) -> str:
        """The output of a command of ours, in the service's own environment."""
        line = [sys.executable, "-m", "enricher", *words]
        done = subprocess.run(  # noqa: S603 - our own command, with words of this module
            line, env=dict(self.running.environment), capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        if done.returncode:
            raise NotSeen(f"enricher {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        """What `look` finds in the end. Raises NotSeen where it finds nothing in time."""
        until = time.monotonic() + PATIENCE_S
        while not (found := look()):
            if time.monotonic() > until:
                raise NotSeen(f"not seen in {PATIENCE_S:g} s: {what}")
            time.sleep(LOOK_EVERY_S)
        return found

    def cases(self) -> list[Json]:
        found: list[Json] = self.client.get("/api/v1/cases").json()["cases"]
        return found

    def issues(self) -> list[Json]:
        found: list[Json] = self.standins.jira.store()["issues"]
        return found


# --- the steps ------------------------------------------------------------------------------------------------------


def arrive(hour: Hour) -> Iterator[str]:
    """1."""
    for case in EVERYDAY:
        hour.ship(case, host="ws-lab-0001")
    query = parse(hour.command("sumo", "query", "--preflight", "--form", "xml"))
    for row in query.run([one.fields(n) for n, one in enumerate(hour.sumo.messages)]):
        yield ", ".join(f"{name} {value}" for name, value in row.items())


def reachable(hour: Hour) -> Iterator[str]:
    """2."""
    hour.command("check-config", "--live")
    yield "check-config --live: no complaint"
    yield f"GET {OUTSIDE}/healthz: {hour.client.get('/healthz').status_code}"


def install(hour: Hour) -> Iterator[str]:
    """3."""
    words = ("sumo", "apply", "--url", OUTSIDE, "--json")
    for word, applied in (("would", False), ("create", True), ("again", True)):
        done = orjson.loads(hour.command(*words, *(["--apply"] if applied else [])))["changes"]
        actions = {action: sum(one["action"] == action for one in done) for action in ("create", "update", "unchanged")}
        told = ", ".join(f"{count} {action}" for action, count in actions.items() if count)
        yield {"would": f"dry run: {told}", "create": f"--apply: {told}", "again": f"--apply once more: {told}"}[word]
        if word == "again" and actions["unchanged"] != len(done):
            raise NotSeen("a second --apply would still change something")


def press_test(hour: Hour) -> Iterator[str]:
    """4."""
    (connection,) = hour.sumo.library.connections.values()
    headers = {one["name"]: one["value"] for one in connection["headers"]}
    status = hour.proxied(connection["url"], headers, connection["defaultPayload"].encode())
    if status != httpx2.codes.OK or hour.cases():
        raise NotSeen(f"a test was answered {status}")
    yield "200 OK, and no case"


def hear(hour: Hour) -> Iterator[str]:
    """5."""
    sent = hour.run()
    if any(one.status != httpx2.codes.ACCEPTED for one in sent) or not sent:
        raise NotSeen(f"the heartbeat was answered {[one.status for one in sent]}")

    def heard() -> Json | None:
        sources = hour.client.get("/api/v1/sources").json()["sources"]
        return next((one for one in sources if one["source"] == "sumo" and one["kinds"].get("heartbeat")), None)

    source = hour.until("the heartbeat at Intake", heard)
    yield f"the source {source['source']} is heard: {source['kinds']['heartbeat']} heartbeat"


def prove(hour: Hour) -> Iterator[str]:
    """6."""
    hour.command("canary")
    yield "proved: jira, servicenow, slack; no ticket" if not hour.issues() else "a ticket was made"


def first_alert(hour: Hour) -> Iterator[str]:
    """7."""
    yield f"{hour.ship(TEST)} events of {TEST} on {HOST}"
    sent = _alerts(hour.run())
    yield f"{len(sent)} monitors have fired, for what was asked of DNS and for the start that names it: {sent[0].status}"
    (case,) = hour.until("one case with its lineage, delivered", lambda: _settled(hour.cases(), hour))
    (issue,) = hour.issues()
    yield f"{case['severity']} {case['score']}: {case['title']}"
    yield f"Jira {issue['key']}: {issue['fields']['summary']}"


def further_host(hour: Hour) -> Iterator[str]:
    """8."""
    (issue,) = hour.issues()
    hour.ship(TEST, host=SECOND_HOST)
    sent = _alerts(hour.run())
    yield f"the same test on {SECOND_HOST}: {len(sent)} alerts; of {HOST}, whose alerts are open, Sumo Logic sends nothing"
    hour.until("an issue for the second host", lambda: len(hour.issues()) > 1)

    def told() -> list[str]:
        """The comments on the first issue that name the second host."""
        comments = next(one["comments"] for one in hour.issues() if one["key"] == issue["key"])
        return [text for one in comments if SECOND_HOST in (text := orjson.dumps(one["body"]).decode())]

    if len(hour.until("a comment in the first issue", told)) != 1:
        raise NotSeen("the first issue was told twice")
    yield f"Jira {issue['key']} has one comment that names {SECOND_HOST}: it contacts the same tenant"


def over(hour: Hour) -> Iterator[str]:
    """9."""
    hour.now += RECOVERED_S
    sent = [one for one in hour.run() if one.trigger == "ResolvedCritical"]
    yield f"nothing for a quarter of an hour: {len(sent)} recoveries"
    hour.until("both cases recovered", lambda: {one["state"] for one in hour.cases()} == {"recovered"})
    yield "each case has recovered; its ticket says so, and stays open for a person"


STEPS: Mapping[str, Callable[[Hour], Iterator[str]]] = {
    "See whether the events arrive": arrive,
    "Start Enricher where Sumo Logic reaches it": reachable,
    "Make the connection and the monitors": install,
    "Press Test Alert": press_test,
    "Hear the heartbeat": hear,
    "Prove the destinations": prove,
    "Run a test, and read the ticket": first_alert,
    "See new rows reach the open ticket": further_host,
    "See it end": over,
}
"""As the page has them."""


def _settled(found: Sequence[Json], hour: Hour) -> list[Json]:
    """The cases, once nothing is on its way of any of them."""
    whole = [hour.client.get(f"/api/v1/cases/{one['key']}").json() for one in found]
    done = all(case["lineage"] and all(d["state"] == "delivered" for d in case["deliveries"]) for case in whole)
    return whole if done else []


def _alerts(sent: Sequence[Sent]) -> list[Sent]:
    found = [one for one in sent if one.trigger == "Critical"]
    if not found:
        raise NotSeen("no monitor has fired")
    return found


# --- the whole ------------------------------------------------------------------------------------------------------


def rehearse(*, port: int, as_json: bool) -> int:
    """Do all of it and say what was seen; ends by itself. Raises NotSeen."""
    seen: list[Json] = []
    with ExitStack() as stack:
        hour = _hour(stack, port)
        for number, (title, step) in enumerate(STEPS.items(), start=1):
            lines: list[str] = []
            if not as_json:
                click.echo(f"{number}. {title}")
            for line in step(hour):
                lines.append(line)
                if not as_json:
                    click.echo(f"   {line}")
            seen.append({"step": number, "title": title, "seen": lines})
    if as_json:
        sys.stdout.buffer.write(orjson.dumps({"steps": seen}, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


def _hour(stack: ExitStack, port: int) -> Hour:
    standins = Standins(stack)
    sumo = stack.enter_context(running(SumoLogic(limits=False)))
    token = secrets.token_hex(16)
    more = {
        "ENRICHER_WEBHOOK_TOKENS": f"sumo:{token}",
        "ENRICHER_SUMO_API_URL": sumo.url,
        "ENRICHER_SUMO_ACCESS_ID": "suRehearsal",
        "ENRICHER_SUMO_ACCESS_KEY": KEY,
        "ENRICHER_SUMO_SCOPE": f"_sourceCategory={CATEGORY}",
    }
    there = stack.enter_context(service(standins, port, more))
    client = stack.enter_context(httpx2.Client(base_url=there.url, timeout=30, trust_env=False))
    return Hour(sumo, standins, there, token, client)
