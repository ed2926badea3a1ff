"""`enricher sumo connection`, `monitor`, `scheduled-search`, `terraform`, `roles` and `apply`, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.core.kit.installed import installed
from enricher.core.kit.objects import Objects, Options
from enricher.core.normalise import normalise
from enricher.core.payload import read
from enricher.core.rules import Rules
from enricher.model import Kind
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo import Message, SumoLogic
from enricher.standins.sumo.monitors import Runner
from enricher.wiring import install, kit
from tests.sumo.fakes import Hours

pytestmark = pytest.mark.slow

TOKEN = "webhook-secret-1234"
EVENT = (
    "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>22</EventID><Computer>ws-1.corp.example</Computer></System>"
    "<EventData><Data Name='UtcTime'>2026-11-24 02:00:00.000</Data><Data Name='ProcessGuid'>{7c1e2b40-96d1-65f0-3b12-00000000a100}</Data>"
    "<Data Name='ProcessId'>7316</Data><Data Name='QueryName'>beacon.example-lab.workers.dev</Data><Data Name='QueryStatus'>0</Data>"
    "<Data Name='Image'>C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Data></EventData></Event>"
)
HOOK = "https://enricher.corp.example/webhooks/sumo"


MADE: dict[Options, Objects] = {}


def once(rules: Rules, options: Options) -> Objects:
    """The kit of these options, made once for all tests."""
    if options not in MADE:
        MADE[options] = installed(rules, options)
    return MADE[options]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "installed", once)
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("ENRICHER_BASE_URL", "https://enricher.corp.example")
    monkeypatch.setenv("ENRICHER_WEBHOOK_TOKENS", f"other:abc,sumo-prod:{TOKEN}")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[SumoLogic]:
    """An account, and waiting for the pace of its calls that takes no time."""
    patience = Hours()
    monkeypatch.setattr(install, "Patience", lambda: patience)
    with running(SumoLogic(clock=patience.clock)) as sumo:
        monkeypatch.setenv("ENRICHER_SUMO_API_URL", sumo.url)
        monkeypatch.setenv("ENRICHER_SUMO_ACCESS_ID", "su1")
        monkeypatch.setenv("ENRICHER_SUMO_ACCESS_KEY", KEY)
        yield sumo


def sumo(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sumo", *arguments])


def changes(*arguments: str) -> list[dict[str, Any]]:
    result = sumo(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout)["changes"])


def actions(*arguments: str) -> set[str]:
    return {one["action"] for one in changes(*arguments)}


def writes(account: SumoLogic) -> int:
    return sum(one["method"] != "GET" for one in account.store()["requests"])


# --- printed --------------------------------------------------------------------------------------------------------


def test_the_connection_is_printed_without_its_token() -> None:
    body = json.loads(sumo("connection").stdout)
    assert (body["type"], body["url"]) == ("WebhookDefinition", HOOK)
    assert TOKEN not in sumo("connection").output
    assert all(json.loads(body[key]) for key in ("defaultPayload", "resolutionPayload"))
    assert (
        json.loads(sumo("connection", "--url", "https://other.example").stdout)["url"]
        == "https://other.example/webhooks/sumo"
    )


def test_a_payload_alone_is_a_test_and_nothing_else() -> None:
    for option in ("--payload", "--recovery"):
        assert read(sumo("connection", option).stdout_bytes).kind is Kind.TEST


def test_monitors_and_scheduled_searches_one_or_all() -> None:
    for command, query in (("monitor", "queries"), ("scheduled-search", "queryString")):
        bodies = json.loads(sumo(command, "--json").stdout)
        assert len(bodies) > 2
        assert all(query in one for one in bodies)
        assert json.loads(sumo(command, "--name", bodies[0]["name"]).stdout) == bodies[0]
    assert json.loads(sumo("monitor", "--name", bodies[0]["name"], "--json").stdout)[0]["name"] == bodies[0]["name"]
    assert sumo("monitor", "--name", "nothing").exit_code == 2
    assert sumo("monitor", "--form", "cloud-siem").exit_code == 1


def test_the_whole_kit_as_files(tmp_path: Path) -> None:
    assert sumo("kit").exit_code == 2
    assert sumo("kit", "--form", "cloud-siem", "--out", str(tmp_path / "no")).exit_code == 1
    result = sumo("kit", "--out", str(tmp_path / "kit"))
    assert result.exit_code == 0, result.output
    files = {str(path.relative_to(tmp_path / "kit")): path.read_text() for path in (tmp_path / "kit").rglob("*.*")}
    assert {"terraform/dashboard.tf", "dashboard/cases.json", "queries/cases/cases_now.txt", "roles.json"} <= set(files)
    assert TOKEN not in "".join(files.values())
    assert HOOK in files["rest/connection-enricher.json"]


def test_terraform_as_files(tmp_path: Path) -> None:
    result = sumo("terraform", "--out", str(tmp_path / "tf"))
    assert result.exit_code == 0, result.output
    files = {path.name: path.read_text() for path in (tmp_path / "tf").rglob("*.tf")}
    assert any('resource "sumologic_connection"' in text for text in files.values())
    assert TOKEN not in "".join(files.values())
    assert {Path(one["name"]).name for one in json.loads(sumo("terraform", "--json").stdout)} >= files.keys()


def test_roles() -> None:
    assert "manageMonitorsV2" in sumo("roles").stdout
    assert json.loads(sumo("roles", "--json").stdout)


# --- put there ------------------------------------------------------------------------------------------------------


def test_without_apply_nothing_is_written(account: SumoLogic) -> None:
    assert actions("apply") == {"create"}
    assert writes(account) == 0
    assert "nothing was written" in sumo("apply").stdout


@pytest.mark.parametrize("form", ["xml", "json", "otel"])
def test_applied_twice_the_second_time_nothing_changes(account: SumoLogic, form: str) -> None:
    first = changes("apply", "--apply", "--form", form)
    assert {one["action"] for one in first} == {"create"}
    assert {one["kind"] for one in first} >= {"connection", "folder", "monitor", "search"}
    before = writes(account)
    assert actions("apply", "--apply", "--form", form) == {"unchanged"}
    assert writes(account) == before
    (connection,) = account.library.connections.values()
    assert (connection["url"], connection["headers"]) == (HOOK, [{"name": "Authorization", "value": f"Bearer {TOKEN}"}])


def test_the_fields_of_cases_are_declared_where_that_is_asked_for(account: SumoLogic) -> None:
    assert "field" not in {one["kind"] for one in changes("apply")}
    found = changes("apply", "--cases", "--apply")
    assert [one["name"] for one in found if one["kind"] == "field"] == ["enricher_case", "enricher_severity"]
    assert sorted(one["fieldName"] for one in account.library.fields.values()) == ["enricher_case", "enricher_severity"]
    assert actions("apply", "--cases", "--apply") == {"unchanged"}


def test_another_form_changes_the_searches_only(account: SumoLogic) -> None:
    changes("apply", "--apply", "--form", "xml")
    found = [one for one in changes("apply", "--form", "json") if one["action"] == "update"]
    assert found
    assert {one["kind"] for one in found} == {"monitor"}
    assert all("queries" in one["keys"] for one in found)


def test_only_the_connection_then_only_the_monitors(account: SumoLogic) -> None:
    assert [one["kind"] for one in changes("connection", "--apply")] == ["connection"]
    found = changes("monitor", "--apply")
    assert found[0]["action"] == "unchanged"
    assert {one["kind"] for one in found} == {"connection", "folder", "monitor"}
    assert sumo("monitor", "--apply", "--name", "x").exit_code == 2


def test_killed_between_the_making_and_the_answer_nothing_is_there_twice(account: SumoLogic) -> None:
    account.fail(Fault(kind=FaultKind.DROP, method="POST", calls=(1, 2, 4, 6)))
    changes("apply", "--apply")
    assert actions("apply", "--apply") == {"unchanged"}
    names = [(one["parentId"], one["name"]) for one in account.library.monitors.values()]
    assert len(names) == len(set(names))
    assert (len(account.library.connections), len(account.library.searches)) == (1, 1)


def test_what_was_done_before_an_error_is_told(account: SumoLogic) -> None:
    account.fail(Fault(kind=FaultKind.DENY, status=403, method="POST", path="/api/v1/monitors"))
    result = sumo("apply", "--apply", "--json")
    assert result.exit_code == 1
    assert [one["kind"] for one in json.loads(result.stdout)["changes"]] == ["connection"]
    assert "forbidden" in result.stderr
    assert TOKEN not in result.output


def test_what_was_applied_finds_an_event_and_sends_it(account: SumoLogic) -> None:
    changes("apply", "--apply")
    now = 1_795_500_000.0
    sent: list[tuple[str, Mapping[str, str], bytes]] = []

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        sent.append((url, headers, body))
        return 202

    account.messages = [Message(raw=EVENT, host="ws-1.corp.example", at=now - 400)]
    told = Runner(account, post=post).run_due(now)
    assert [(one.trigger, one.group) for one in told] == [("Critical", ("ws-1.corp.example",)), ("", ())]
    alert, heartbeat = (read(body) for _, _, body in sent)
    assert (alert.kind, len(alert.rows), heartbeat.kind) == (Kind.MONITOR, 1, Kind.HEARTBEAT)
    assert alert.title == f"Serverless contact: {alert.name}"
    assert normalise(alert).events[0].computer == "ws-1.corp.example"
    assert {(url, headers["Authorization"]) for url, headers, _ in sent} == {(HOOK, f"Bearer {TOKEN}")}


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENRICHER_BASE_URL", None, "set ENRICHER_BASE_URL, or say --url"),
        ("ENRICHER_BASE_URL", "https://enricher.corp.example:8443", "443 and 80 only"),
        ("ENRICHER_WEBHOOK_TOKENS", None, "ENRICHER_WEBHOOK_TOKENS is not set"),
        ("ENRICHER_WEBHOOK_TOKENS", "a:123456789012,b:123456789013", "name a source"),
    ],
)
def test_what_is_missing_is_named(
    account: SumoLogic, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    result = sumo("apply")
    assert result.exit_code == 1
    assert said in result.stderr
    assert account.store()["requests"] == []


def test_without_keys_nothing_is_asked() -> None:
    result = sumo("apply")
    assert result.exit_code == 1
    assert "ENRICHER_SUMO_API_URL" in result.stderr


def test_the_token_is_of_the_source_that_is_named(account: SumoLogic) -> None:
    changes("connection", "--apply", "--source", "other")
    (connection,) = account.library.connections.values()
    assert connection["headers"][0]["value"] == "Bearer abc"
    assert sumo("connection", "--apply", "--source", "nobody").exit_code == 1
