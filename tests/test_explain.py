"""`enricher explain`: what it reads, what it prints, and how it says that it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from tests.fakes import CORPUS, PAYLOADS

CASE = CORPUS / "test1-powershell-workers"


def explain(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)], input=given)


def keys(result: Result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    return [case["key"] for case in json.loads(result.stdout)["cases"]]


WHOLE = b"<Events>" + b"".join(path.read_bytes() for path in sorted(CASE.glob("*.xml"))) + b"</Events>"


def test_a_folder_a_file_and_standard_input_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "events.xml"
    file.write_bytes(WHOLE)
    from_folder = keys(explain(CASE, "--json"))
    assert len(from_folder) == 1
    assert keys(explain(file, "--json")) == keys(explain("-", "--json", given=WHOLE)) == from_folder


def test_a_payload_in_a_file() -> None:
    document = json.loads(explain(PAYLOADS / "monitor-alert.json", "--json").stdout)
    assert document["input"]["kind"] == "monitor"
    assert len(document["cases"]) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b'{"results": ', "not_json", id="cut JSON"),
        pytest.param(b"[1, 2]", "", id="a list of numbers is rows of nothing"),
        pytest.param(b"\xff\xfe\xfa", "not_utf8", id="no text at all"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(content)
    result = explain(file, "--json")
    if reason:
        assert result.exit_code == 2
        assert reason in result.stderr
        assert result.stdout == ""
    else:
        assert result.exit_code == 0
        document = json.loads(result.stdout)
        assert document["cases"] == []
        assert document["dropped"]


def test_a_file_that_is_not_there() -> None:
    result = explain("no-such-file.json")
    assert result.exit_code == 2
    assert "no-such-file.json" in result.stderr


def test_an_empty_folder(tmp_path: Path) -> None:
    result = explain(tmp_path)
    assert result.exit_code == 2
    assert "no_files" in result.stderr


@pytest.mark.parametrize(
    "case",
    [
        "test1-powershell-workers",
        "benign/browsers",
        "benign/lookalike-domains",
        "variants/pid-reuse",
        "edge-cases/zero-guid",
    ],
)
def test_a_page(case: str) -> None:
    result = explain(CORPUS / case)
    assert result.exit_code == 0
    document = json.loads(explain(CORPUS / case, "--json").stdout)
    for one in document["cases"]:
        assert one["key"] in result.stdout
        assert one["ledger_digest"] in result.stdout
        assert f"{one['severity']} {one['score']}" in result.stdout
    assert result.stdout.count("is in no case") == len(document["dropped"])


def test_a_page_obeys_no_control_characters(tmp_path: Path) -> None:
    row = {
        "event_id": "1",
        "computer": "h",
        "process_guid": "{7C1E2B40-96D1-65F0-0001-000000000001}",
        "image": "C:\\x\\\u202etxt.exe",
        "command_line": "curl https://a.b.workers.dev/ \x1b[2J [bold]x[/bold] \u009b31m",
    }
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"schema": "enricher/1", "name": "n", "results": [row]}))
    page = explain(file).stdout
    assert "\x1b[2J" not in page
    assert "\u202e" not in page
    assert "\u009b" not in page
    assert "[bold]x[/bold]" in page


@pytest.mark.parametrize("destination", ["jira", "servicenow", "slack"])
def test_a_tickets_body(destination: str) -> None:
    result = explain(CASE, "--render", destination)
    assert result.exit_code == 0
    bodies = json.loads(result.stdout)
    assert len(bodies) == 1
    assert "enricher-" in json.dumps(bodies)


@pytest.mark.slow
def test_the_program_as_it_is_installed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "enricher", "explain", "-", "--json"],
        input=WHOLE,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert [case["key"] for case in json.loads(run.stdout)["cases"]] == keys(explain(CASE, "--json"))


@pytest.mark.slow
def test_the_program_says_no() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "enricher", "explain", "-"], input=b"{", capture_output=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert b"not_json" in run.stderr
    assert b"Traceback" not in run.stderr
