"""Alerts a second from POST to the last ticket, beside a relay without an engine that makes the same POSTs.

The relay keeps nothing: it answers 202 and a thread posts ready-made bodies. What it does a second is the ceiling that the
stand-ins and this machine allow; our share of it is the figure. Both run under gunicorn 2×8 with the stand-ins of the demo.
Both are given some alerts before the clock starts, so that imports, first connections and empty caches are not what is measured.
Ours has one worker process for each of two cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median

import httpx2
import orjson

from bench import bodies, servers
from bench.load import drive, request
from bench.postgres import database
from enricher.content import packaged
from enricher.standins import KEY

WARM_UP, ALERTS = 100, 600
ROUNDS = 3
WORKER_PROCESSES = 2
CONNECTIONS = 16
DRAIN_S = 120.0
CREATE = {
    "jira": "POST /rest/api/3/issue",
    "servicenow": "POST /api/now/v2/table/incident",
    "slack": "POST /api/chat.postMessage",
}


def run() -> dict[str, object]:
    """Alerts a second of both, and the ratio: the median of paired rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        url = stack.enter_context(database())
        engines = {"ours, SQLite": f"sqlite:///{folder}/e.db"} | ({"ours, PostgreSQL": url} if url else {})
        rates: dict[str, list[float]] = {name: [] for name in ("no engine", *engines)}
        posts: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                with (
                    standins_in(folder) as standins,
                    servers.ours("serve", engine, folder, environment_of(standins)) as port,
                ):
                    rates[name].append(_play(port, standins))
                    posts = _posts(standins)
            with standins_in(folder) as standins, _relay(folder, standins, posts) as port:
                rates["no engine"].append(_play(port, standins))
    return {
        "posts_per_alert": posts,
        **{
            name: {
                "alerts_per_s": round(median(each), 1),
                "ratio": round(median(one / other for one, other in zip(each, rates["no engine"], strict=True)), 3),
            }
            for name, each in rates.items()
        },
    }


@contextmanager
def standins_in(folder: Path) -> Iterator[dict[str, str]]:
    ports = {name: servers.free_port() for name in ("jira", "servicenow", "slack")}
    command = [sys.executable, "-m", "enricher.standins", "--no-limits"]
    for name, port in ports.items():
        command += [f"--{name}-port", str(port)]
    with servers.process(command, {}, folder, f"http://127.0.0.1:{ports['slack']}/_count"):
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


def environment_of(standins: Mapping[str, str]) -> dict[str, str]:
    return {
        "ENRICHER_WORKER_PROCESSES": str(WORKER_PROCESSES),
        "ENRICHER_JIRA_URL": standins["jira"],
        "ENRICHER_JIRA_EMAIL": "enricher@corp.example",
        "ENRICHER_JIRA_TOKEN": KEY,
        "ENRICHER_JIRA_PROJECT": "SEC",
        "ENRICHER_JIRA_ISSUE_TYPE": "Incident",
        "ENRICHER_SERVICENOW_URL": standins["servicenow"],
        "ENRICHER_SERVICENOW_USER": "enricher",
        "ENRICHER_SERVICENOW_PASSWORD": KEY,
        "ENRICHER_SLACK_URL": f"{standins['slack']}/api",
        "ENRICHER_SLACK_TOKEN": KEY,
        "ENRICHER_SLACK_CHANNEL": "C0SOCALERT1",
    }


def _play(port: int, standins: Mapping[str, str]) -> float:
    """Alerts a second, warm, from the first POST until every ticket is there."""
    _through(port, standins, WARM_UP, tickets=WARM_UP)
    began = time.perf_counter()
    _through(port, standins, ALERTS, tickets=WARM_UP + ALERTS)
    return ALERTS / (time.perf_counter() - began)


def _through(port: int, standins: Mapping[str, str], alerts: int, *, tickets: int) -> None:
    """Send so many alerts, and wait until each stand-in has so many tickets in all."""
    requests = (request("/webhooks/sumo", body) for body in islice(bodies.alerts(rows=2), alerts))
    result = drive(port, requests, connections=CONNECTIONS, seconds=DRAIN_S)
    if result.statuses != {202: alerts}:
        raise RuntimeError(f"answers other than 202: {result.statuses}")
    until = time.perf_counter() + DRAIN_S
    while any(done(url).get(CREATE[name], 0) < tickets for name, url in standins.items()):
        if time.perf_counter() > until:
            raise RuntimeError("the tickets did not all arrive")
        time.sleep(0.05)


def done(url: str) -> dict[str, int]:
    """Writes that succeeded, by method and path."""
    counts: dict[str, int] = httpx2.get(f"{url}/_count", timeout=30).json()
    return counts


def _posts(standins: Mapping[str, str]) -> dict[str, float]:
    """How many writes each stand-in got for an alert, so that the relay can make as many."""
    return {name: round(sum(done(url).values()) / (WARM_UP + ALERTS), 2) for name, url in standins.items()}


RELAY = Path(__file__).with_name("relay.py")


@contextmanager
def _relay(folder: Path, standins: Mapping[str, str], posts: Mapping[str, float]) -> Iterator[int]:
    (folder / "relay.py").write_text(RELAY.read_text())
    environment = {
        "RELAY_STANDINS": orjson.dumps(standins).decode(),
        "RELAY_POSTS": orjson.dumps(posts).decode(),
        "RELAY_KEY": KEY,
        "RELAY_BODIES": str(packaged("corpus") / "destination-bodies"),
    }
    with servers.gunicorn("relay:app", environment, folder) as port:
        yield port
