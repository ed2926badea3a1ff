"""What the demonstration runs: the real service in processes of its own, and the stand-ins beside it in this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx2

from enricher.standins import KEY, Dns, Jira, Network, Rdap, ServiceNow, Slack, running
from enricher.standins.slack.pressing import App

START_S = 30.0
LOOK_EVERY_S = 0.05

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


class Standins:
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


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs, and the environment that it and every command beside it have."""

    url: str
    environment: Mapping[str, str]


@contextmanager
def service(standins: Standins, port: int, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """The service on a database of its own, set to the stand-ins and to `more`. Raises ClickException where it does not start."""
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
            | dict(more or {})
        )
        log = Path(folder) / "service.log"
        with log.open("wb") as output:
            service = subprocess.Popen([sys.executable, "-m", "enricher", "serve"], env=environment, stderr=output)
        try:
            _await_ready(url, service, log)
            yield Running(url, environment)
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
