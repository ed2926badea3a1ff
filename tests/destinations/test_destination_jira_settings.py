"""From `destinations.yml` and the environment to the issue: what is written, what is refused and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.destinations.jira_fields import PRIORITIES
from enricher.errors import ConfigurationError
from enricher.settings import Settings, read_settings
from enricher.wiring.destinations import destinations_of
from enricher.wiring.rendering import jira_fields, render
from tests.destinations.cases import CRITICAL, LOW
from tests.destinations.settings_files import written

pytestmark = pytest.mark.usefixtures("no_variables")

FILE = """\
jira:
  url: https://jira.corp.example
  site_url: https://browse.corp.example
  project: SEC
  flavour: datacenter
  issue_type: Incident
  comments: public
  priorities: {critical: {id: "1"}, high: Major, medium: {name: Minor}, informational: {id: 5}}
  components: [SOC, {id: "10200"}]
  security: {id: "10010"}
  assignee: soc.bot
  fields:
    customfield_10123: text
    customfield_10124: {value: High}
    customfield_10125: [{value: a}, {value: b}]
"""


def read(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"ENRICHER_JIRA_{name}", value)
    return read_settings(written(folder, text))


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        written(folder, text)
    return [problem.rpartition("/")[2] for problem in caught.value.problems]


def test_everything_in_the_file_reaches_the_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(tmp_path, FILE, monkeypatch, TOKEN="t")
    body = render(CRITICAL, "jira", settings)
    sent = {name: value for name, value in body["fields"].items() if name not in {"summary", "description", "labels"}}
    assert sent == {
        "project": {"key": "SEC"},
        "issuetype": {"name": "Incident"},
        "priority": {"id": "1"},
        "components": [{"name": "SOC"}, {"id": "10200"}],
        "security": {"id": "10010"},
        "assignee": {"name": "soc.bot"},
        "customfield_10123": "text",
        "customfield_10124": {"value": "High"},
        "customfield_10125": [{"value": "a"}, {"value": "b"}],
    }
    assert body["fields"]["description"].startswith("{panel:")
    assert settings.jira_comments == "public"
    assert settings.jira_site_url == "https://browse.corp.example"


def test_data_center_needs_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = destinations_of(read(tmp_path, FILE, monkeypatch, TOKEN="t"))["jira"]()
    made.close()
    with pytest.raises(ConfigurationError, match="ENRICHER_JIRA_EMAIL must be set"):
        read(tmp_path, FILE, monkeypatch, TOKEN="t", FLAVOUR="cloud")


def test_a_severity_that_is_not_named_keeps_jiras_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(tmp_path, FILE, monkeypatch, TOKEN="t")
    assert render(LOW, "jira", settings)["fields"]["priority"] == {"name": "Low"}
    assert jira_fields(Settings()).priorities is PRIORITIES


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        tmp_path,
        FILE,
        monkeypatch,
        TOKEN="t",
        PRIORITIES='{"critical": "Blocker"}',
        COMPONENTS='["CERT"]',
        SECURITY="SOC only",
        FIELDS='{"customfield_1": 2}',
    )
    fields = render(CRITICAL, "jira", settings)["fields"]
    assert (fields["priority"], fields["components"]) == ({"name": "Blocker"}, [{"name": "CERT"}])
    assert (fields["security"], fields["customfield_1"]) == ({"name": "SOC only"}, 2)
    assert "customfield_10123" not in fields


@pytest.mark.parametrize(
    ("value", "components"),
    [
        pytest.param("SOC", [{"name": "SOC"}], id="one"),
        pytest.param("SOC, Cyber Defence", [{"name": "SOC"}, {"name": "Cyber Defence"}], id="by comma"),
        pytest.param(
            '["A, B", {"id": "10200"}]', [{"name": "A, B"}, {"id": "10200"}], id="JSON, for a name with a comma and for ids"
        ),
    ],
)
def test_components_in_a_variable(monkeypatch: pytest.MonkeyPatch, value: str, components: list[dict[str, str]]) -> None:
    monkeypatch.setenv("ENRICHER_JIRA_COMPONENTS", value)
    assert [component.json for component in jira_fields(read_settings()).components] == components


def test_a_security_level_by_id_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHER_JIRA_SECURITY", '{"id": "10010"}')
    assert jira_fields(read_settings()).security == jira_fields(Settings(jira_security={"id": 10010})).security  # type: ignore[arg-type]  # as a file gives it


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        pytest.param("priorities: {dire: High}", "unknown key 'dire'", id="no severity"),
        pytest.param("priorities: {low: 3}", "jira.priorities.low: should be a name or {id: a number}", id="bare number"),
        pytest.param(
            "priorities: {low: {id: a}}",
            "jira.priorities.low: should be a name or {id: a number}",
            id="id that is no number",
        ),
        pytest.param(
            "security: {id: '1', name: a}", "jira.security: should be a name or {id: a number}", id="both id and name"
        ),
        pytest.param("security: {level: '1'}", "jira.security: should be a name or {id: a number}", id="unknown part"),
        pytest.param("security: {id: true}", "jira.security: should be a name or {id: a number}", id="a switch for an id"),
        pytest.param("components: SOC", "jira.components: should be a valid list, not 'SOC'", id="no list"),
        pytest.param("components: [{}]", "jira.components.0: should be a name or {id: a number}", id="empty component"),
        pytest.param("fields: {summary: x}", "jira.fields: 'summary' is ours", id="a field of ours"),
        pytest.param(
            "fields: {priority: {name: x}}",
            "jira.fields: 'priority' is ours; set jira.priorities",
            id="a field with a place",
        ),
        pytest.param(
            "fields: {'Case key': x}",
            "jira.fields: 'Case key' is no field's id, such as customfield_10123",
            id="a field by its name",
        ),
        pytest.param(
            "fields: {customfield_1: 2026-01-01}",
            "jira.fields.customfield_1: input was not a valid JSON value, not datetime.date(2026, 1, 1)",
            id="a value that JSON cannot hold",
        ),
        pytest.param(
            "comments: private",
            "jira.comments: should be 'internal' or 'public', not 'private'",
            id="neither kind of comment",
        ),
        pytest.param(
            "token: x", "unknown key 'token'; a secret stands in the environment or in a file of its own", id="a secret"
        ),
    ],
)
def test_what_is_wrong_is_named_at_its_line(tmp_path: Path, entry: str, problem: str) -> None:
    assert refused(tmp_path, f"jira:\n  project: SEC\n  {entry}\n") == [f"destinations.yml:3: {problem}"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("FIELDS", "customfield_1=x", "ENRICHER_JIRA_FIELDS should be a JSON object", id="no JSON"),
        pytest.param(
            "COMPONENTS", "[3]", "ENRICHER_JIRA_COMPONENTS should be a name or {id: a number}", id="bare number in a list"
        ),
        pytest.param("FIELDS", '{"summary": 1}', "ENRICHER_JIRA_FIELDS 'summary' is ours", id="a field of ours"),
        pytest.param("PRIORITIES", '{"low": 3}', "ENRICHER_JIRA_PRIORITIES should be a name or", id="bare number"),
        pytest.param("COMMENTS", "private", "ENRICHER_JIRA_COMMENTS should be 'internal' or 'public'", id="neither kind"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str) -> None:
    monkeypatch.setenv(f"ENRICHER_JIRA_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        read_settings()
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(problem)
