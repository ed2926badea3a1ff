"""Real processes on loopback: the stand-ins, the service, and a client that waits for what both come to hold.

Used by the end-to-end tests and by the soak. Every program runs in a process group of its own, which is how it is ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Self, TypeVar

import httpx2
from sqlalchemy import func, select, update

from enricher.core.document import Json
from enricher.core.merge import merge
from enricher.standins import KEY
from enricher.store import open_store
from enricher.store.database import FOLLOW_UPS, Transaction
from enricher.store.schema import OPEN_FOLLOW_UPS, follow_ups
from enricher.store.schema_upkeep import destination_health
from enricher.wiring import clock

START_S = 60.0
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02
"""Another process rings no bell here: what it does is looked for."""
DESTINATIONS = ("jira", "servicenow", "slack")
CREATE = {
    "jira": "/rest/api/3/issue",
    "servicenow": "/api/now/v2/table/incident",
    "slack": "/api/chat.postMessage",
}
"""Where a POST makes a ticket."""
PROCESSES = {"serve": 5, "web": 3, "work": 1}
"""A web server with two workers, the worker, and with `serve` a supervisor."""
CHANNEL = "C0SOCALERT1"
UNPACED = {
    "ENRICHER_JIRA_RATE": "0",
    "ENRICHER_SERVICENOW_RATE": "0",
    "ENRICHER_SLACK_RATE": "0",
    "ENRICHER_SLACK_DIGEST_AT": "0",
    "ENRICHER_CANARY_MINUTES": "0",
}
"""No rates, no digests, no canaries: what is not about them is not slowed down by them, and has one thread for each case."""

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, timeout_s: float = PATIENCE_S) -> T:
    """Look until there is something; what `look` returned. Raises TimeoutError."""
    ends_at = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        if time.monotonic() > ends_at:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(LOOK_EVERY_S)


def pause(url: str, hours: float) -> None:
    """Let the destinations be left alone for so long; 0 wipes out whatever failed there before."""
    store = open_store(url, clock=clock, merge=merge, deliver_to=lambda _: ())

    def write(tx: Transaction) -> None:
        until_then = tx.now + timedelta(hours=hours) if hours else None
        tx.conn.execute(destination_health.delete().where(destination_health.c.name.in_(DESTINATIONS)))
        row = {"failures": 0, "tokens": 1.0, "tokens_at": tx.now, "paused_until": until_then}
        tx.conn.execute(destination_health.insert(), [{"name": name, **row} for name in DESTINATIONS])
        tx.wakes.update(DESTINATIONS)

    store.access.write(write)
    store.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Program:
    """A command in a process group of its own. `entering` is put before it: another program that becomes this one."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        entering: Sequence[str] = (),
    ) -> None:
        self._arguments = [*entering, sys.executable, "-m", *arguments]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENRICHER_", "PROMETHEUS_"))}
        self._environment = kept | dict(environment or {})
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None
        self.first_line = b""

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Of its first process, which is the number of its group too."""
        if self._running is None:
            raise RuntimeError("it is not running")
        return self._running.pid

    def start(self, *, wait_for_line: bool = False) -> None:
        output: IO[bytes] | int = self._log.open("ab") if self._log else subprocess.DEVNULL
        self._running = subprocess.Popen(
            self._arguments,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if wait_for_line else subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        )
        if not isinstance(output, int):
            output.close()
        if wait_for_line and self._running.stdout:
            self.first_line = self._running.stdout.readline()

    def kill(self) -> None:
        """SIGKILL for every process of the group, all at once."""
        self._end(signal.SIGKILL)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """SIGTERM for the first process, as a service manager does it; its exit code."""
        if self._running is None:
            raise RuntimeError("it is not running")
        self._running.send_signal(signal.SIGTERM)
        code = self.wait(timeout_s)
        self._end(signal.SIGKILL)
        return code

    def terminate(self) -> None:
        """SIGTERM for the first process, and no waiting."""
        os.kill(self.pid, signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP for every process of the group: it does nothing more, and does not know it."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def is_stopped(self) -> bool:
        """Whether its first process does nothing until it is told to go on."""
        return (Path("/proc") / str(self.pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Let it end by itself; its exit code."""
        if self._running is None:
            raise RuntimeError("it is not running")
        return self._running.wait(timeout_s)

    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def logged(self, event: str) -> int:
        """How often it has logged an event, in all its lives."""
        if self._log is None:
            raise RuntimeError("it has no log")
        return self._log.read_bytes().count(b'"event": "%b"' % event.encode()) if self._log.exists() else 0

    def await_logged(self, event: str, *, more: int = 1) -> None:
        wanted = self.logged(event) + more
        until(lambda: self.logged(event) >= wanted, f"{more} more {event} in the log", START_S)

    def processes(self) -> list[int]:
        """The processes of its group."""
        return sorted(_in_group(self.pid))

    def _end(self, sign: signal.Signals) -> None:
        if self._running is None:
            return
        group = self._running.pid
        if _in_group(group) or self.alive():
            os.killpg(group, sign)
        self._running.wait(PATIENCE_S)
        if self._running.stdout:
            self._running.stdout.close()
        self._running = None
        until(lambda: not _in_group(group), f"the end of process group {group}")


def _in_group(group: int) -> Iterator[int] | list[int]:
    """Processes that live in a group; those that ended and wait for their parent do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(status[2]) == group and status[0] not in "ZX":
                found.append(int(entry.name))
    return found


def memory(pid: int) -> int:
    """What a process holds of the machine's memory, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


class Standins:
    """Jira, ServiceNow and Slack in one process that outlives the service."""

    def __init__(self, folder: Path, *options: str) -> None:
        ports = [f"--{name}-port=0" for name in DESTINATIONS]
        self._program = Program(["enricher.standins", *ports, f"--state={folder}", *options])
        self._urls: dict[str, str] = {}
        self._client = httpx2.Client(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        self._program.start(wait_for_line=True)
        self._urls = json.loads(self._program.first_line)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._program.kill()

    def environment(self) -> dict[str, str]:
        return {
            "ENRICHER_JIRA_URL": self._urls["jira"],
            "ENRICHER_JIRA_EMAIL": "enricher@corp.example",
            "ENRICHER_JIRA_TOKEN": KEY,
            "ENRICHER_JIRA_PROJECT": "SEC",
            "ENRICHER_JIRA_ISSUE_TYPE": "Incident",
            "ENRICHER_SERVICENOW_URL": self._urls["servicenow"],
            "ENRICHER_SERVICENOW_USER": "enricher",
            "ENRICHER_SERVICENOW_PASSWORD": KEY,
            "ENRICHER_SLACK_URL": f"{self._urls['slack']}/api",
            "ENRICHER_SLACK_TOKEN": KEY,
            "ENRICHER_SLACK_CHANNEL": CHANNEL,
            **UNPACED,
        }

    def store(self, name: str) -> Json:
        """Everything that one of them holds, and every request with its time and outcome."""
        document: Json = self._client.get(f"{self._urls[name]}/_store").json()
        return document

    def fail(self, name: str, *faults: Json, seed: int = 0) -> None:
        """Fail like this from now on; with no faults, work."""
        plan = {"seed": seed, "faults": faults}
        self._client.post(f"{self._urls[name]}/_faults", json=plan).raise_for_status()

    def release(self, name: str) -> None:
        """Let go what hangs."""
        self._client.post(f"{self._urls[name]}/_faults/release").raise_for_status()


class Service:
    """`enricher serve` (or one half of it) and a client of its API."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, command: str = "serve", entering: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        defaults = {
            "ENRICHER_BIND": f"127.0.0.1:{self.port}",
            "ENRICHER_LOOKUPS": "off",
            "ENRICHER_CONFIG_DIR": "none",
            "TMPDIR": str(log.parent),
        }
        self.program = Program(["enricher", command], defaults | dict(environment), log, entering)
        self.client = httpx2.Client(base_url=self.url, timeout=PATIENCE_S)

    def start(self) -> None:
        self.program.start()

    def kill(self) -> None:
        self.program.kill()

    def close(self) -> None:
        self.client.close()
        self.program.kill()

    def await_ready(self) -> None:
        until(self.is_ready, f"readiness of {self.url}", START_S)

    def is_ready(self) -> bool:
        if not self.program.alive():
            raise RuntimeError("the service has ended")
        try:
            return self.client.get("/readyz").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    # --- what one may ask of it -------------------------------------------------------------------------------------

    def post(self, content: bytes, **headers: str) -> httpx2.Response:
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/webhooks/sumo", content=content, headers=sent)

    def accept(self, content: bytes) -> str:
        """Send an alert that must be taken; its id."""
        answer = self.post(content)
        if answer.status_code != httpx2.codes.ACCEPTED:
            raise RuntimeError(f"{answer.status_code} {answer.text}")
        return str(answer.json()["alert_id"])

    def get(self, path: str, **arguments: str) -> Json:
        document: Json = self.client.get(f"/api/v1/{path}", params=arguments).raise_for_status().json()
        return document

    def listed(self, path: str, name: str) -> list[Json]:
        """Every page of a listing."""
        found: list[Json] = []
        after: str | None = ""
        while after is not None:
            page = self.get(path, limit="100", **({"after": after} if after else {}))
            found += page[name]
            after = page["next"]
        return found

    def settled(self, alert_id: str, timeout_s: float = PATIENCE_S) -> Json:
        """The alert, when it is done or dead."""

        def look() -> Json | None:
            record = self.get(f"alerts/{alert_id}")
            return record if record["state"] in {"done", "dead"} else None

        return until(look, f"alert {alert_id}", timeout_s)

    def case(self, alert_id: str) -> Json:
        """The only case of an alert, when it is settled."""
        [key] = self.settled(alert_id)["cases"]
        return self.get(f"cases/{key}")

    def delivered(self, key: str, *destinations: str, timeout_s: float = PATIENCE_S) -> Json:
        """The case, when all its deliveries (or those to some destinations) are."""

        def look() -> Json | None:
            case = self.get(f"cases/{key}")
            wanted = [one for one in case["deliveries"] if not destinations or one["destination"] in destinations]
            return case if all(one["state"] == "delivered" for one in wanted) else None

        return until(look, f"the deliveries of {key}", timeout_s)

    def delivery(self, key: str, destination: str) -> Json:
        case = self.get(f"cases/{key}")
        return next(one for one in case["deliveries"] if one["destination"] == destination)


@contextmanager
def serving(
    environment: Mapping[str, str], log: Path, command: str = "serve", entering: Sequence[str] = ()
) -> Iterator[Service]:
    """A service that is ready, ended with all its processes."""
    service = Service(environment, log, command, entering)
    service.start()
    try:
        service.await_ready()
        until(lambda: len(service.program.processes()) == PROCESSES[command], "all its processes", START_S)
        yield service
    finally:
        service.close()


class Waiting:
    """What the cases in a service's database wait for; `hasten` lets the time pass that they would wait."""

    def __init__(self, database: str) -> None:
        self._store = open_store(database, clock=clock, merge=merge, deliver_to=lambda _: ())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def hasten(self, case: str) -> None:
        """Make everything that this case waits for due now, and wake the service."""

        def write(tx: Transaction) -> None:
            its = update(follow_ups).where(follow_ups.c.case_key == case, follow_ups.c.state == "waiting")
            tx.conn.execute(its.values(due_at=tx.now))
            tx.wakes.add(FOLLOW_UPS)

        self._store.access.write(write)

    def open(self, case: str) -> int:
        """How many things this case waits for."""
        with self._store.access.read() as conn:
            its = select(func.count()).where(follow_ups.c.case_key == case, OPEN_FOLLOW_UPS)
            return conn.execute(its).scalar_one()
