"""Templates in the service: tried before they count, followed while it runs, and in the tickets that are shown and sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument
from enricher.core.layout import PLAIN
from enricher.destinations import adf
from enricher.errors import ConfigurationError
from enricher.settings import Settings, read_settings
from enricher.wiring.live import LiveContent
from enricher.wiring.rendering import render
from enricher.wiring.specimen import bare, longest
from enricher.wiring.templates import load_templates
from tests.destinations.cases import CRITICAL, LOW

NOTES = """\
summary: "{Severity}: {process} on {host}"
sections: [facts, notes, ledger]
facts: [case, severity, user]
headings: {notes: "From the SOC"}
rows: {ledger: 3, not_taken: 1}
notes:
  - {text: "Runbook for {technique}", link: "https://wiki.corp.example/{technique}?host={host}"}
  - {text: "Call {user} now", severity: [critical]}
"""
SLACK = "sections: [notes]\nsummary: '{Severity} on {host}'\nnotes: [{text: 'Call {user}', link: 'https://wiki.corp.example/'}]\n"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ENRICHER_BASE_URL", "https://enricher.corp.example")
    return read_settings()


def house(folder: Path, **templates: str) -> Path:
    (folder / "templates").mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / "templates" / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def shown(folder: Path, destination: str, settings: Settings, case: CaseDocument = CRITICAL) -> dict[str, Any]:
    return render(case, destination, settings, load_templates(folder))


def test_jira_is_laid_out_as_the_template_says(tmp_path: Path, settings: Settings) -> None:
    fields = shown(house(tmp_path, jira=NOTES), "jira", settings)["fields"]
    assert fields["summary"] == "Critical: powershell.exe on ws-fin-0142.corp.example"
    content = fields["description"]["content"]
    assert adf.plain(content[0]).startswith("Critical, 98 of 100, verdict malicious.")
    assert [adf.plain(node) for node in content if node["type"] == "heading"] == ["From the SOC", "Why this severity"]
    facts, ledger = (node["content"] for node in content if node["type"] == "table")
    assert [adf.plain(row["content"][0]) for row in facts] == ["Case", "Severity", "User"]
    assert [adf.plain(row["content"][0]) for row in ledger] == ["Step", "platform", "process", "…"]
    text = json.dumps(content, ensure_ascii=False)
    assert '"href": "https://wiki.corp.example/T1583.007?host=ws-fin-0142.corp.example"' in text
    assert "Call CORP\\\\m.alvarez now" in text


def test_a_note_is_for_its_severities(tmp_path: Path, settings: Settings) -> None:
    text = json.dumps(shown(house(tmp_path, jira=NOTES), "jira", settings, LOW))
    assert "Runbook for T1583.007" in text
    assert "Call CORP" not in text


def test_servicenow_is_laid_out_as_the_template_says(tmp_path: Path, settings: Settings) -> None:
    body = shown(house(tmp_path, servicenow=NOTES), "servicenow", settings)
    assert body["short_description"] == "Critical: powershell.exe on ws-fin-0142.corp.example"
    lines = body["description"].split("\n")
    assert [line for line in lines if line.isupper()] == ["FROM THE SOC", "WHY THIS SEVERITY"]
    assert "- Runbook for T1583.007: https://wiki.corp.example/T1583.007?host=ws-fin-0142.corp.example" in lines
    assert "Not taken: … 2 more, see case" in lines


def test_slack_is_laid_out_as_the_template_says(tmp_path: Path, settings: Settings) -> None:
    body = shown(house(tmp_path, slack=SLACK), "slack", settings)
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "section", "actions", "context"]
    assert body["blocks"][0]["text"]["text"] == ":rotating_light: Critical on ws-fin-0142.corp.example"
    assert body["blocks"][2]["text"]["text"] == "*Notes of the house*\n• <https://wiki.corp.example/|Call CORP\\m.alvarez>"
    assert CRITICAL["key"] in body["blocks"][-1]["elements"][0]["text"]
    assert "missing:" not in body["blocks"][-1]["elements"][0]["text"]
    assert body["attachments"] == []


def test_text_of_a_log_is_no_place_to_fill_in(tmp_path: Path, settings: Settings) -> None:
    document = cast("CaseDocument", {**CRITICAL, "user": "{key}{0.__class__}"})
    assert "Call {key}{0.__class__} now" in json.dumps(shown(house(tmp_path, jira=NOTES), "jira", settings, document))


def test_a_template_that_is_too_long_for_servicenow_is_refused(tmp_path: Path) -> None:
    long = "\n".join(f"  - {{text: '{'x' * 190}', link: 'https://wiki.corp.example/{'y' * 150}'}}" for _ in range(6))
    with pytest.raises(ConfigurationError) as caught:
        load_templates(house(tmp_path, servicenow=f"notes:\n{long}\n"))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path}/templates/servicenow.yml:1: a long case has 5,")


def test_the_packaged_templates_pass_the_trial_that_they_are_spared(tmp_path: Path) -> None:
    different = house(tmp_path, **dict.fromkeys(("jira", "servicenow", "slack"), "rows: {ledger: 39}\n"))
    assert load_templates(different) != PLAIN


@pytest.mark.parametrize("destination", ["jira", "servicenow", "slack"])
@pytest.mark.parametrize("case", [longest(), bare()], ids=["longest", "bare"])
def test_made_up_cases_are_whole(destination: str, case: CaseDocument, settings: Settings) -> None:
    assert case["key"] in json.dumps(render(case, destination, settings))


def test_a_changed_template_counts_at_once_and_a_bad_one_keeps_the_last_good(tmp_path: Path) -> None:
    live = LiveContent(house(tmp_path, jira="rows: {ledger: 3}\n"))
    live.load()
    assert live.templates().jira.rows == {"ledger": 3}
    house(tmp_path, jira="rows: {ledger: 12}\n")
    live.look_again()
    assert live.templates().jira.rows == {"ledger": 12}
    house(tmp_path, jira="rows: {ledger: none}\n")
    live.look_again()
    assert live.templates().jira.rows == {"ledger": 12}
    (problem,) = live.problems
    assert problem.startswith(f"{tmp_path}/templates/jira.yml:1: rows.ledger: should be a valid integer")
    assert live.programs().rules.digest
