"""What is measured against what: bare Flask, our service, and a no-engine relay that only makes the same POSTs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

WORKERS, THREADS = 2, 8
START_S = 30.0

UNPACED = {
    "ENRICHER_JIRA_RATE": "0",
    "ENRICHER_SERVICENOW_RATE": "0",
    "ENRICHER_SLACK_RATE": "0",
    "ENRICHER_SLACK_DIGEST_AT": "0",
    "ENRICHER_CANARY_MINUTES": "0",
    "ENRICHER_INBOX_LIMIT": "0",
    "ENRICHER_DISK_FREE_MIB": "0",
}
"""No rates, digests, canaries or marks: what the machine does is measured, not what it is held back to."""

BARE = """
import orjson
from flask import Flask, request

app = Flask(__name__)


@app.post("/webhooks/sumo")
def accept():
    orjson.loads(request.get_data())
    return b'{"status":"accepted"}', 202, {"Content-Type": "application/json"}


@app.get("/healthz")
def healthz():
    return "ok"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(
    command: list[str], environment: Mapping[str, str], folder: Path, ready: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, until its `ready` address answers; ended by its process group."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ENRICHER_", "PROMETHEUS_"))}
    with (folder / f"{Path(command[-1]).name}-{free_port()}.log").open("wb") as log:
        child = subprocess.Popen(
            command, env=clean | dict(environment), cwd=folder, stderr=log, stdout=log, start_new_session=True
        )
    try:
        _await(ready, child)
        yield child
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(60)


def _await(url: str, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and child.poll() is None:
        try:
            if httpx2.get(url, timeout=1).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    """Flask that parses the body and answers 202, under the same gunicorn."""
    (folder / "bare.py").write_text(BARE)
    with gunicorn("bare:app", {}, folder) as port:
        yield port


@contextmanager
def gunicorn(app: str, environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--worker-class=gthread", f"--workers={WORKERS}", f"--threads={THREADS}"),
        *("--keep-alive=75", "--no-control-socket", f"--bind=127.0.0.1:{port}", app),
    ]
    with process(command, environment, folder, f"http://127.0.0.1:{port}/healthz"):
        yield port


@contextmanager
def ours(half: str, database: str, folder: Path, extra: Mapping[str, str] | None = None) -> Iterator[int]:
    """`enricher web` (accept only) or `enricher serve` (everything)."""
    port = free_port()
    environment = {
        "ENRICHER_BIND": f"127.0.0.1:{port}",
        "ENRICHER_DATABASE_URL": database,
        "ENRICHER_WEB_PROCESSES": str(WORKERS),
        "ENRICHER_WEB_THREADS": str(THREADS),
        "ENRICHER_LOOKUPS": "off",
        **UNPACED,
        **(extra or {}),
    }
    if half == "web":
        subprocess.run(
            [sys.executable, "-m", "enricher", "db", "upgrade"],
            env=os.environ | environment,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    with process([sys.executable, "-m", "enricher", half], environment, folder, f"http://127.0.0.1:{port}/healthz"):
        yield port
