"""What `check-config` says of further destinations and routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from enricher.cli import main

FILE = """\
further:
  record: {kind: file, path: PATH}
  pager: {kind: pagerduty, routing_key_env: A_PAGER_KEY}
routes:
  - {when: {severity: critical}, to: [slack, pager]}
  - {to: record}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("ENRICHER_CI", raising=False)
    (tmp_path / "destinations.yml").write_text(FILE.replace("PATH", str(tmp_path / "cases.jsonl")))
    return tmp_path


def check(*options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, ["check-config", "--json", *options])
    return result.exit_code, json.loads(result.stdout)


def test_a_secret_that_is_not_there_is_a_problem(folder: Path) -> None:
    code, report = check()
    where = f"{folder}/destinations.yml:3: further.pager.routing_key_env: A_PAGER_KEY is empty or not set"
    assert (code, report["problems"]) == (1, [where])


def test_a_route_to_what_is_not_set_up_is_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PAGER_KEY", "k" * 32)
    code, report = check()
    assert (code, report["problems"]) == (0, [])
    assert report["warnings"] == [f"{folder}/destinations.yml:5: slack is not set up"]


def test_a_problem_of_the_file_is_named_once(folder: Path) -> None:
    (folder / "destinations.yml").write_text("routes:\n  - {to: pigeon}\n")
    code, report = check()
    assert code == 1
    assert len(report["problems"]) == 1


def test_live_asks_further_destinations_too(folder: Path) -> None:
    (folder / "destinations.yml").write_text(f"further:\n  record: {{kind: file, path: {folder}/none/cases.jsonl}}\n")
    code, report = check("--live")
    assert (code, report["problems"]) == (1, ["record: configuration: No such file or directory"])
