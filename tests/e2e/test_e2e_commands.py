"""The commands as a person types them: the demonstration, the README's own lines, and how the service is stopped."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from enricher.cli.halves import watch
from tests.e2e import alerts
from tests.e2e.harness import PATIENCE_S, Program, Service, Standins, free_port, serving, until
from tests.e2e.judge import held

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "data" / "sysmon-events" / "manifest.json"
GRACE_S = 30
"""What a container is given between SIGTERM and SIGKILL."""


def test_the_demonstration_shows_the_whole_corpus(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "enricher", "demo", "--exit", "--json", "--port", str(free_port())]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=True)

    table = json.loads(shown.stdout)
    assert table["late"] == []
    rows = table["cases"]
    for row in rows:
        expected = {"jira", "servicenow", "slack"} if row["disposition"] == "open" else set()
        assert {name for name, ticket in row["tickets"].items() if ticket} == expected
    sent = {name for row in rows for name in row["sent"]}
    entries = json.loads(CORPUS.read_bytes())
    on = Counter(case["host"] for entry in entries for case in entry["expect"]["cases"])
    for entry in entries:
        expected_cases = entry["expect"]["cases"]
        of_this = [row for row in rows if f"corpus: {entry['case']}" in row["sent"]]
        assert bool(of_this) is bool(expected_cases)
        if all(on[case["host"]] == 1 for case in expected_cases):  # else the host's other alerts are judged with it
            assert [row["score"] for row in of_this] == [case["score"] for case in expected_cases]
    assert {"payload: monitor-alert", "payload: monitor-resolution", "payload: scheduled-search"} <= sent
    assert len({row["case"] for row in rows}) == len(rows)


def test_the_readme_sends_an_alert(tmp_path: Path) -> None:
    [line] = re.findall(r"^curl .*/webhooks/sumo$", (ROOT / "README.md").read_text(), re.MULTILINE)
    program, silent, option, file, url = shlex.split(line)
    assert (program, silent, option, file[0]) == ("curl", "-sS", "--data-binary", "@")

    with serving({"ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db"}, tmp_path / "service.log") as service:
        form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of any --data
        path = httpx2.URL(url).path
        answer = service.client.post(path, content=(ROOT / file[1:]).read_bytes(), headers=form)

        assert answer.status_code == 202
        assert len(service.settled(answer.json()["alert_id"])["cases"]) == 3


def test_sigterm_finishes_what_was_begun(tmp_path: Path) -> None:
    """Four calls to Jira are under way, four deliveries wait behind them: the answers come in time, and nothing is left in doubt."""
    with Standins(tmp_path / "standins") as standins:
        database = {"ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db"}
        log = tmp_path / "service.log"
        standins.fail("jira", {"kind": "trickle", "method": "POST", "path": "/rest/api/3/issue", "seconds": 3})
        service = Service(standins.environment() | database, log)
        try:
            service.start()
            service.await_ready()
            keys = [service.case(service.accept(alerts.trigger(f"busy-{number}")))["key"] for number in range(8)]
            until(lambda: len(standins.store("jira")["issues"]) == 4, "four calls under way")
            code = service.program.stop(GRACE_S)
            standins.fail("jira")
            service.start()
            service.await_ready()
            for key in keys:
                service.delivered(key)
        finally:
            service.close()

        assert code == 0
        assert service.program.logged("worker_stopped") == 1
        assert service.program.logged("ticket_adopted") == 0
        assert {key: len(tickets) for key, tickets in held(standins)["jira"].tickets.items()} == dict.fromkeys(keys, 1)


def test_the_web_half_alone_adds_up_what_its_processes_count(tmp_path: Path) -> None:
    database = {"ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db"}
    upgrade = Program(["enricher", "db", "upgrade"], database, tmp_path / "upgrade.log")
    with upgrade:
        assert upgrade.wait() == 0
    with serving(database, tmp_path / "web.log", "web") as service:
        for _ in range(6):
            assert service.post(b"not JSON").status_code == 400
        assert 'enricher_webhooks_total{answer="not_json"} 6.0' in service.client.get("/metrics").text.splitlines()


STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
OBEDIENT = "import signal; print(flush=True); signal.pause()"


@contextmanager
def halves(*sources: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that have begun."""
    running = [subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) for source in sources]
    try:
        for half in running:
            assert half.stdout is not None
            half.stdout.readline()
            half.stdout.close()
        yield running
    finally:
        for half in running:
            half.kill()
            half.wait()


def test_one_half_does_not_outlive_the_other() -> None:
    with halves("print(flush=True)", OBEDIENT) as running:
        assert watch(running, grace_s=PATIENCE_S) == [0, 0]


def test_a_half_that_breaks_is_told_of() -> None:
    with halves("print(flush=True); raise SystemExit(3)", OBEDIENT) as running:
        assert watch(running, grace_s=PATIENCE_S) == [1, 0]


def test_a_half_that_does_not_end_is_killed_after_the_grace() -> None:
    with halves("print(flush=True)", STUBBORN) as running:
        assert watch(running, grace_s=0.2) == [0, 1]
