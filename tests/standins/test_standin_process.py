"""The stand-ins as a process of their own: what it prints, what survives it, and that it fails as it was told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import httpx2
import pytest

from enricher.standins import KEY
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

BODY = {"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "a case", "labels": ["kept"]}}
AUTH = ("enricher@corp.example", KEY)


@contextmanager
def process(*arguments: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """Its addresses and the process itself, ended by SIGTERM."""
    command = [sys.executable, "-m", "enricher.standins", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield json.loads(running.stdout.readline()), running
        finally:
            running.terminate()
            assert running.wait(10) in {0, -signal.SIGKILL}


def test_all_of_them_answer() -> None:
    ports = [f"--{name}-port=0" for name in ("jira", "servicenow", "slack", "sumo", "rdap", "dns")]
    with process(*ports) as (listening, _):
        assert set(listening) == {"jira", "servicenow", "slack", "sumo", "rdap", "dns"}
        for name in ("jira", "servicenow", "slack", "sumo", "rdap"):
            assert httpx2.get(f"{listening[name]}/_store").json()["requests"] == []
        host, _, port = listening["dns"].partition(":")
        answer = dns.query.udp(dns.message.make_query("none.example", "A"), host, port=int(port), timeout=5)
        assert answer.rcode() == dns.rcode.NXDOMAIN


def test_what_it_holds_survives_a_kill(tmp_path: Path) -> None:
    arguments = ("--jira-port=0", f"--state={tmp_path}", "--search-lag=600")
    with process(*arguments) as (listening, killed):
        assert httpx2.post(f"{listening['jira']}/rest/api/3/issue", json=BODY, auth=AUTH).json()["key"] == "SEC-1"
        search = {"jql": "labels = kept"}
        found = httpx2.post(f"{listening['jira']}/rest/api/3/search/jql", json=search, auth=AUTH).json()
        assert found["issues"] == []
        killed.kill()
        killed.wait(10)
    with process(*arguments) as (listening, _):
        assert httpx2.post(f"{listening['jira']}/rest/api/3/issue", json=BODY, auth=AUTH).json()["key"] == "SEC-2"
        assert [one["key"] for one in httpx2.get(f"{listening['jira']}/_store").json()["issues"]] == ["SEC-1", "SEC-2"]


def test_it_fails_by_seed() -> None:
    def faults() -> list[str]:
        with process("--jira-port=0", "--fault-rate=0.9", "--fault-seed=3", "--no-limits") as (listening, _):
            with connect(listening["jira"], auth=AUTH, timeout=0.5) as client:
                for _ in range(12):
                    with suppress(httpx2.ReadTimeout, httpx2.RemoteProtocolError):
                        client.post("/rest/api/3/issue", json=BODY)
            return [one["fault"] for one in httpx2.get(f"{listening['jira']}/_store").json()["requests"]]

    first = faults()
    assert len(set(first)) > 2
    assert first == faults()
