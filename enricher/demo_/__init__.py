"""`enricher demo`: the whole service beside stand-ins on loopback, fed with every case of the corpus and every payload.

The service is the real one, in processes of its own; the stand-ins live in this process. Nothing leaves the machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx2
import orjson
from rich.console import Console
from rich.table import Table

from enricher.content import packaged
from enricher.core.document import Json
from enricher.standins import KEY, Dns, Jira, Network, Rdap, ServiceNow, Slack, running
from enricher.standins.slack.pressing import App
from enricher.wiring.corpus import cases

START_S = 30.0
PLAY_S = 120.0
LOOK_EVERY_S = 0.05
WIDE_ENOUGH = 124

_ORIGINS = {
    "104.16.0.0/12": "13335 | 104.16.0.0/12 | US | arin | 2014-03-28",
    "172.64.0.0/13": "13335 | 172.64.0.0/13 | US | arin | 2015-02-25",
    "142.250.0.0/15": "15169 | 142.250.0.0/15 | US | arin | 2012-05-24",
    "216.239.32.0/19": "15169 | 216.239.32.0/19 | US | arin | 2000-11-22",
    "34.128.0.0/10": "396982 | 34.128.0.0/10 | US | arin | 2018-09-28",
    "3.0.0.0/9": "16509 | 3.0.0.0/9 | US | arin | 2018-06-25",
    "18.208.0.0/13": "14618 | 18.208.0.0/13 | US | arin | 2018-01-26",
    "35.156.0.0/14": "16509 | 35.156.0.0/14 | US | arin | 2016-08-09",
    "52.192.0.0/11": "16509 | 52.192.0.0/11 | US | arin | 2015-09-02",
    "54.160.0.0/11": "16509 | 54.160.0.0/11 | US | arin | 2014-06-20",
    "20.48.0.0/12": "8075 | 20.48.0.0/12 | US | arin | 2017-10-18",
    "20.96.0.0/12": "8075 | 20.96.0.0/12 | US | arin | 2017-10-18",
    "76.76.21.0/24": "16509 | 76.76.21.0/24 | US | arin | 2020-05-13",
    "81.69.0.0/16": "45090 | 81.69.0.0/16 | CN | apnic | 2006-04-11",
    "2600:1f18::/33": "14618 | 2600:1f18::/33 | US | arin | 2012-08-29",
}
_NAMES = {
    13335: "13335 | US | arin | 2010-07-14 | CLOUDFLARENET - Cloudflare, Inc., US",
    15169: "15169 | US | arin | 2000-03-30 | GOOGLE - Google LLC, US",
    396982: "396982 | US | arin | 2018-04-12 | GOOGLE-CLOUD-PLATFORM - Google LLC, US",
    16509: "16509 | US | arin | 2000-05-04 | AMAZON-02 - Amazon.com, Inc., US",
    14618: "14618 | US | arin | 2005-11-04 | AMAZON-AES - Amazon.com, Inc., US",
    8075: "8075 | US | arin | 1997-03-31 | MICROSOFT-CORP-MSN-AS-BLOCK, US",
    45090: "45090 | CN | apnic | 2008-09-18 | TENCENT-NET-AP Shenzhen Tencent, CN",
}
_NETWORKS = [
    Network(
        prefix="104.16.0.0/12",
        handle="NET-104-16-0-0-1",
        name="CLOUDFLARENET",
        holder="Cloudflare, Inc.",
        abuse="abuse@cloudflare.example",
    ),
    Network(prefix="3.0.0.0/9", handle="NET-3-0-0-0-1", name="AT-88-Z", holder="Amazon", abuse="abuse@amazonaws.example"),
]


@dataclass(frozen=True, slots=True)
class Played:
    """One thing that was sent, and what the webhook said."""

    name: str
    answer: Json
    status: int


def play(*, stay: bool, port: int, as_json: bool) -> int:
    """Run the demonstration. Returns 1 when a case or a ticket did not arrive in time."""
    for sign in (signal.SIGINT, signal.SIGTERM):  # also where the shell started us with SIGINT ignored
        signal.signal(sign, _interrupt)
    with ExitStack() as stack:
        standins = _Standins(stack)
        url = stack.enter_context(_service(standins, port))
        with httpx2.Client(base_url=url, timeout=30) as client:
            sent = [_send(client, name, body) for name, body in messages()]
            rows, late = _await(client, sent)
            if as_json:
                sys.stdout.buffer.write(
                    orjson.dumps({"cases": rows, "late": late, "console": url}, option=orjson.OPT_INDENT_2) + b"\n"
                )
            else:
                _show(rows, sent, late, url, standins)
        if stay:
            _until_interrupted()
    return 1 if late else 0


class _Standins:
    """Jira, ServiceNow, Slack, DNS and RDAP, each with its own store and rules."""

    def __init__(self, stack: ExitStack) -> None:
        self.jira = stack.enter_context(running(Jira(limits=False)))
        self.servicenow = stack.enter_context(running(ServiceNow()))
        self.slack = stack.enter_context(running(Slack(rate=0.0)))
        self.dns = stack.enter_context(running(Dns(origins=_ORIGINS, as_names=_NAMES)))
        self.rdap = stack.enter_context(running(Rdap(_NETWORKS)))

    def environment(self) -> dict[str, str]:
        """What an operator would set."""
        return {
            "ENRICHER_JIRA_URL": self.jira.url,
            "ENRICHER_JIRA_EMAIL": "enricher@corp.example",
            "ENRICHER_JIRA_TOKEN": KEY,
            "ENRICHER_JIRA_PROJECT": "SEC",
            "ENRICHER_JIRA_ISSUE_TYPE": "Incident",
            "ENRICHER_SERVICENOW_URL": self.servicenow.url,
            "ENRICHER_SERVICENOW_USER": "enricher",
            "ENRICHER_SERVICENOW_PASSWORD": KEY,
            "ENRICHER_SLACK_URL": f"{self.slack.url}/api",
            "ENRICHER_SLACK_TOKEN": KEY,
            "ENRICHER_SLACK_CHANNEL": "C0SOCALERT1",
            "ENRICHER_SLACK_SIGNING_SECRET": KEY,
            "ENRICHER_SLACK_ROLES": '{"engineer": ["*"]}',
            "ENRICHER_SLACK_MENTIONS": '{"critical": "S0SOCONCALL"}',
            "ENRICHER_DNS_SERVERS": self.dns.address,
            "ENRICHER_RDAP_URL": self.rdap.url,
        }


@contextmanager
def _service(standins: _Standins, port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    standins.slack.pressing.app = App(url=f"{url}/webhooks/slack", secret=KEY)
    with tempfile.TemporaryDirectory(prefix="enricher-demo-") as folder:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENRICHER_", "PROMETHEUS_"))}
        environment = (
            kept
            | standins.environment()
            | {
                "ENRICHER_BIND": f"127.0.0.1:{port}",
                "ENRICHER_BASE_URL": url,
                "ENRICHER_DATABASE_URL": f"sqlite:///{folder}/enricher.db",
            }
        )
        log = Path(folder) / "service.log"
        with log.open("wb") as output:
            service = subprocess.Popen([sys.executable, "-m", "enricher", "serve"], env=environment, stderr=output)
        try:
            _await_ready(url, service, log)
            yield url
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)


def _await_ready(url: str, service: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if service.poll() is not None:
            break
        try:
            if httpx2.get(f"{url}/readyz", timeout=1).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        time.sleep(LOOK_EVERY_S)
    raise click.ClickException(f"the service did not start; its log says:\n{log.read_text()[-2000:]}")


# --- what is sent ---------------------------------------------------------------------------------------------------


def messages() -> Iterator[tuple[str, bytes]]:
    """Every case of the corpus as Sumo's monitor would send it, then every example payload as it is."""
    for number, (name, alert) in enumerate(cases(), start=1):
        rows = [{"Message": row.text, "Time": None} for row in alert.rows]
        body = {
            "schema": "enricher/1",
            "kind": "monitor",
            "name": f"T1583.007 Serverless C2 - {name}",
            "triggerType": "Critical",
            "numQueryResults": str(len(rows)),
            "alertResponseUrl": f"https://service.us2.sumologic.com/ui/#/alert/{number:016X}",
            "results": orjson.dumps(rows).decode(),
        }
        yield f"corpus: {name}", orjson.dumps(body)
    payloads = sorted((packaged("corpus") / "sumo-payloads").glob("*.json"))
    for path in sorted(payloads, key=lambda p: ("resolution" in p.name or "closed" in p.name, p.name)):
        yield f"payload: {path.stem}", path.read_bytes()


def _send(client: httpx2.Client, name: str, body: bytes) -> Played:
    response = client.post("/webhooks/sumo", content=body, headers={"Content-Type": "application/json"})
    return Played(name, response.json(), response.status_code)


# --- what came of it ------------------------------------------------------------------------------------------------


def _await(client: httpx2.Client, sent: list[Played]) -> tuple[list[Json], list[str]]:
    """Wait until every alert is settled and every delivery is done; what did not get there in time is named."""
    until = time.monotonic() + PLAY_S
    keys: dict[str, list[str]] = {}
    late: list[str] = []
    for played in sent:
        if "alert_id" in played.answer:
            record = _until_settled(client, played.answer["alert_id"], until)
            for key in record["cases"]:
                keys.setdefault(key, []).append(played.name)
            late += [played.name] if record["state"] not in {"done", "dead"} else []
    rows = [_row(_until_delivered(client, key, until), names) for key, names in keys.items()]
    return rows, late + [row["case"] for row in rows if not row["delivered"]]


def _until_settled(client: httpx2.Client, alert_id: str, until: float) -> Any:
    while True:
        record = client.get(f"/api/v1/alerts/{alert_id}").json()
        if record["state"] in {"done", "dead"} or time.monotonic() > until:
            return record
        time.sleep(LOOK_EVERY_S)


def _until_delivered(client: httpx2.Client, key: str, until: float) -> Any:
    while True:
        case = client.get(f"/api/v1/cases/{key}").json()
        if all(d["state"] in {"delivered", "dead"} for d in case["deliveries"]) or time.monotonic() > until:
            return case
        time.sleep(LOOK_EVERY_S)


def _row(case: Any, names: list[str]) -> Json:
    tickets = {d["destination"]: d for d in case["deliveries"]}
    return {
        "sent": names,
        "case": case["key"],
        "title": case["title"],
        "severity": case["severity"],
        "score": case["score"],
        "verdict": case["verdict"],
        "disposition": case["disposition"],
        "tickets": {name: d["label"] or d["external_id"] for name, d in tickets.items()},
        "delivered": all(d["state"] == "delivered" for d in tickets.values()),
    }


def _show(rows: list[Json], sent: list[Played], late: list[str], url: str, standins: _Standins) -> None:
    console = Console(highlight=False)
    console.width = max(console.width, WIDE_ENOUGH)  # a key cut short is no key; a narrow terminal wraps
    table = Table(title="Cases", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in ("severity", "score", "case", "Jira", "ServiceNow", "Slack", "sent by"):
        table.add_column(heading, justify="right" if heading == "score" else "left", no_wrap=heading != "sent by")
    for row in sorted(rows, key=lambda r: (-r["score"], r["case"])):
        tickets = [_shown(row["tickets"].get(name)) for name in ("jira", "servicenow", "slack")]
        first, *more = row["sent"]
        names = first.removeprefix("corpus: ") + (f" +{len(more)}" if more else "")
        table.add_row(row["severity"], str(row["score"]), row["case"], *tickets, names)
    console.print(table)
    console.print("\nInformational cases get no ticket by default; they stand on the console.")
    for played in sent:
        if "alert_id" not in played.answer:
            console.print(f"{played.name}: answered {played.status} {orjson.dumps(played.answer).decode()}", markup=False)
    for name in late:
        console.print(f"did not arrive in time: {name}", markup=False)
    console.print(
        f"\nConsole     {url}/\nJira        {standins.jira.url}/browse/SEC-1\nSlack       {standins.slack.url}/archives/C0SOCALERT1"
    )


def _shown(label: str | None) -> str:
    return label.removeprefix("Slack thread ") if label else "-"


def _until_interrupted() -> None:
    click.echo("\nEverything stays up until Ctrl-C.")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
