"""The documents' examples, run as they are printed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enricher import content
from enricher.settings import read_settings
from enricher.wiring import application
from enricher.wiring.live import load_all
from tests.house.pages import ROOT, blocks, page

pytestmark = pytest.mark.slow


def run(*arguments: str, columns: int = 110) -> subprocess.CompletedProcess[str]:
    environment = {"COLUMNS": str(columns), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "enricher", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def command_lines(name: str) -> list[str]:
    return [
        line for block in blocks(page(name), "sh") for line in block.splitlines() if line.startswith(".venv/bin/enricher ")
    ]


@pytest.mark.parametrize("line", [*command_lines("README.md"), *command_lines("docs/commands.md")])
def test_every_command_line_printed_works(line: str) -> None:
    finished = run(*shlex.split(line)[1:])
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


def test_the_readmes_excerpt_is_what_explain_prints() -> None:
    [line] = command_lines("README.md")
    printed = [text.rstrip() for text in run(*shlex.split(line)[1:]).stdout.splitlines()]
    [excerpt] = blocks(page("README.md"), "text")
    for part in excerpt.split("…\n"):
        wanted = part.splitlines()
        assert any(printed[at : at + len(wanted)] == wanted for at in range(len(printed))), part


def test_the_readmes_make_targets_exist() -> None:
    lines = [line for block in blocks(page("README.md"), "sh") for line in block.splitlines()]
    targets = [line.split()[1] for line in lines if line.startswith("make ")]
    assert targets
    assert set(targets) <= set(re.findall(r"(?m)^([a-z]+):", page("Makefile")))


@dataclass(frozen=True)
class Curl:
    """A curl line as the documents print it."""

    path: str
    body: bytes | None


def curls(name: str) -> list[Curl]:
    found = []
    for line in (line for block in blocks(page(name), "sh") for line in block.splitlines() if line.startswith("curl ")):
        words = shlex.split(line.partition("|")[0])
        files = [word.removeprefix("@") for word in words if word.startswith("@")]
        body = (ROOT / files[0]).read_bytes() if files else None
        found += [Curl(word.partition(":8080")[2], body) for word in words if word.startswith("http://127.0.0.1:8080/")]
    return found


def test_every_curl_printed_is_answered_as_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the wired application in this process; the end-to-end tests run the README's line against a real one."""
    monkeypatch.chdir(ROOT)
    app = application(read_settings({"database_url": f"sqlite:///{tmp_path}/e.db", "lookups": False}))
    app.store.upgrade()
    client = app.web().test_client()
    try:
        for number, curl in enumerate([*curls("README.md"), *curls("docs/api.md"), *curls("docs/runbook.md")]):
            answer = client.post(curl.path, data=curl.body) if curl.body else client.get(curl.path)
            assert answer.status_code == (202 if number == 0 else 200), (curl.path, answer.text)
            work_off(app)
    finally:
        app.store.close()


def work_off(app: Any) -> None:
    flow = app.flow()
    for claim in app.store.inbox.claim(10):
        assert app.store.inbox.settle(claim, flow.settlement(claim.body, claim.received_at))


def test_the_connection_template_is_the_tested_one() -> None:
    template = page("config/sumo/connection-template.json")
    assert template == page("tests/data/sumo-payloads/connection-template.json")
    assert all(
        re.fullmatch(r"\{\{\w+\}\}", value) for key, value in json.loads(template).items() if key not in {"schema", "kind"}
    )


def test_the_examples_of_content_load(tmp_path: Path) -> None:
    for block in blocks(page("docs/configuration.md"), "yaml"):
        first, _, rest = block.partition("\n")
        if first.startswith("# config/"):
            (tmp_path / first.removeprefix("# config/")).parent.mkdir(exist_ok=True)
            with (tmp_path / first.removeprefix("# config/")).open("a") as file:  # several blocks are parts of one file
                file.write(rest)
    (tmp_path / "tuning").mkdir()
    [rule] = blocks(page("docs/tuning.md"), "yaml")
    (tmp_path / "tuning/team-web.yml").write_text(rule)
    assert {path.name for path in tmp_path.iterdir()} == {
        "estate.yml",
        "destinations.yml",
        "playbook.yml",
        "templates",
        "tuning",
    }
    programs, templates = load_all(tmp_path)
    assert templates.jira.notes[0].link == "https://wiki.corp.example/runbooks/{technique}"
    assert [found.id for found in programs.rules.tuning] == ["dev-vite-preview"]
    assert programs.rules.estate.entries
    assert content.destinations(tmp_path)["jira_project"] == "SEC"
    plan = content.delivery_plan(tmp_path)
    assert (plan.further[0].name, plan.routes[0].to[-1]) == ("soc-pager", "soar")
