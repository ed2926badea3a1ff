"""`enricher explain`: what it reads, what it prints, and how it says that it cannot."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.cli.page import show
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


def test_a_page_shows_whose_child_and_how_regular() -> None:
    page = explain(CASE).stdout
    lineage, contacts = page[page.index("Lineage") :], page[page.index("Contacts") :]
    names = [
        lineage.index(name) for name in ("explorer.exe  observed", "cmd.exe  observed", "powershell.exe  this process")
    ]
    assert names == sorted(names)
    assert contacts.startswith("Contacts 5 contacts in 9 s, every 2.3")
    assert contacts.splitlines()[1].count("▏") == 5
    assert "owner of the address: look-ups are switched off" in page


def test_a_page_for_a_terminal_that_knows_only_ascii() -> None:
    result = CliRunner(charset="ascii").invoke(main, ["explain", str(CASE)])
    assert result.exit_code == 0
    assert result.stdout_bytes.isascii()
    assert "`-- powershell.exe  this process" in result.stdout
    drawn = result.stdout[result.stdout.index("Contacts") :].splitlines()[1]
    assert drawn.count("|") == 5


def shown(monkeypatch: pytest.MonkeyPatch, **changes: object) -> str:
    """The page of one case of the corpus with some of its facts changed, 200 columns wide."""
    monkeypatch.setenv("COLUMNS", "200")
    document = json.loads(explain(CASE, "--json").stdout)
    document["cases"] = [{**document["cases"][0], **changes}]
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    show(document)
    return out.getvalue()


def test_a_page_shows_the_look_ups_that_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"about": "104.21.48.117", "detail": {}, "age_s": 0, "reason": None}
    page = shown(
        monkeypatch,
        enrichments=[
            {**address, "source": "asn", "status": "stale", "detail": {"origin": "cymru"}, "age_s": 180_000},
            {**address, "source": "ptr", "status": "timeout", "reason": "no answer in 5 s"},
            {**address, "source": "rdap", "status": "disabled", "reason": "switched off"},
        ],
    )
    rows = [line.split() for line in page[page.index("Look-ups") :].splitlines()[2:4]]
    assert rows[0] == ["Owner", "(ASN)", "104.21.48.117", "stale", "2", "d", "Team", "Cymru"]
    assert rows[1] == [
        "Reverse",
        "lookup",
        "(PTR)",
        "104.21.48.117",
        "timeout",
        "just",
        "asked",
        "no",
        "answer",
        "in",
        "5",
        "s",
    ]
    assert "RDAP" not in page


def test_a_page_shows_history_estate_and_the_link_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {**dict.fromkeys(("image", "name", "command_line", "pid", "user")), "guid": "7C1E2B40-11AA", "source": "missing"}
    page = shown(
        monkeypatch,
        lineage=[gone],
        prevalence=2,
        shared_hosts=["ws-hr-0007"],
        first_seen_estate="2026-03-08T09:14:23Z",
        history_since="2026-01-01T00:00:00Z",
        missing=[],
        estate={"role": "server", "groups": [], "owner": "ops", "maintenance": False, "service_account": True},
    )
    assert "GUID 7C1E2B40-11AA  missing" in page
    assert "3 d before this case; by 2 hosts, also ws-hr-0007; history since 2026-01-01" in page
    assert "server, owner ops; the account is a service account" in page


def test_a_case_without_a_parent_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    page = shown(monkeypatch, lineage=[])
    assert page.index("parent not known") < page.index("powershell.exe  this process")


def test_a_parent_of_which_only_the_guid_is_known(tmp_path: Path) -> None:
    row = {
        "event_id": "1",
        "computer": "h",
        "process_guid": "{7C1E2B40-96D1-65F0-0001-000000000001}",
        "parent_process_guid": "{7C1E2B40-96D1-65F0-0002-000000000002}",
        "image": "C:\\Windows\\System32\\curl.exe",
        "command_line": "curl https://a.b.workers.dev/",
    }
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"schema": "enricher/1", "name": "n", "results": [row]}))
    page = explain(file).stdout
    assert "GUID 7C1E2B40-96D1-65F0-0002-000000000002  missing" in page
    assert "unknown process" not in page
    assert "only its GUID is known" in page


HARM = "\x1b[2J[bold]x[/bold]\u202e\u2028"


@pytest.mark.parametrize(
    "changes",
    [
        {"contacts": [HARM]},
        {"estate": {"role": HARM, "groups": [HARM], "owner": HARM, "maintenance": True, "service_account": True}},
        {"first_seen_estate": HARM, "history_since": HARM, "prevalence": 2, "shared_hosts": [HARM]},
        {"lineage": [{"image": HARM, "name": None, "command_line": HARM * 1000, "guid": HARM, "source": HARM}]},
        {"enrichments": [{"source": HARM, "about": HARM, "status": HARM, "detail": {}, "age_s": 1, "reason": HARM}]},
        {
            "beacon": {
                "class": HARM,
                "period_s": 1.0,
                "score": 1.0,
                "sightings": 1,
                "reason": HARM,
                "window": HARM,
                "other": HARM,
            }
        },
    ],
    ids=["contacts", "estate", "history", "lineage", "look-ups", "beacon"],
)
def test_hostile_text_in_a_new_place_is_text(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]) -> None:
    page = shown(monkeypatch, **changes)
    assert not set("\x1b\u202e\u2028") & set(page)
    assert len(page) < 20_000


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
