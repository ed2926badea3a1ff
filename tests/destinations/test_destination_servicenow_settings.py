"""From `destinations.yml` and the environment to the record: what is written, what is refused and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.destinations.servicenow import Form
from enricher.errors import ConfigurationError
from enricher.model import Severity
from enricher.settings import Settings, read_settings
from enricher.wiring.rendering import render, servicenow_form
from tests.destinations.cases import CRITICAL, LOW
from tests.destinations.settings_files import written

pytestmark = pytest.mark.usefixtures("no_variables")

FILE = """\
servicenow:
  url: https://acme.service-now.com
  client_id: client-1
  table: sn_si_incident
  assignment_group: SOC
  caller: enricher
  cmdb: on
  risk_score: case
  fields: {category: Phishing, u_site: Basel, u_tier: 2, u_sumo: true}
  priorities:
    critical: {priority: 1, business_criticality: 1}
    high: {priority: 2}
    medium: {priority: 3}
    low: {priority: 4}
    informational: {priority: 5}
"""


def read(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"ENRICHER_SERVICENOW_{name}", value)
    return read_settings(written(folder, text))


def test_everything_in_the_file_reaches_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(tmp_path, FILE, monkeypatch, CLIENT_SECRET="s3cret")
    assert settings.servicenow_cmdb
    body = render(CRITICAL, "servicenow", settings)
    expected: dict[str, object] = {
        "priority": "1",
        "business_criticality": "1",
        "risk_score": "98",
        "category": "Phishing",
        "u_site": "Basel",
    }
    expected |= {"u_tier": 2, "u_sumo": True, "assignment_group": "SOC", "caller": "enricher"}
    assert {name: body[name] for name in expected} == expected
    assert "business_criticality" not in render(LOW, "servicenow", settings)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = {severity.value: {"impact": 2, "urgency": 2} for severity in Severity}
    variables = {"TABLE": "incident", "CMDB": "off", "CALLER": "bot", "CLIENT_SECRET": "s"}
    variables |= {"FIELDS": '{"category": "network"}', "PRIORITIES": json.dumps(matrix)}
    settings = read(tmp_path, FILE, monkeypatch, **variables)
    assert servicenow_form(settings) == Form("incident", matrix, {"category": "network"}, send_risk_score=True)  # type: ignore[arg-type]  # a severity is its text
    body = render(CRITICAL, "servicenow", settings)
    assert (body["impact"], body["caller_id"], "priority" in body, "risk_score" in body) == ("2", "bot", False, False)
    assert not settings.servicenow_cmdb


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from-file\n")
    settings = read(tmp_path, FILE, monkeypatch, CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert settings.servicenow_client_secret is not None
    assert settings.servicenow_client_secret.get_secret_value() == "from-file"
    assert "from-file" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("servicenow:\n  fields: {sys_id: x, u_a: b}\n", "2: servicenow.fields: sys_id cannot be set: Enricher fills that in, or keeps it empty"),
        ("servicenow:\n  fields:\n    comments: hello\n", "2: servicenow.fields: comments cannot be set: Enricher fills that in, or keeps it empty"),
        ("servicenow:\n  fields:\n    U Site: x\n", "3: unknown key 'U Site'"),
        ("servicenow:\n  fields:\n    u_site: [1]\n", "3: servicenow.fields.u_site: should be a valid string, not a list"),
        ("servicenow:\n  assignment_group: SOC^active=false\n", "2: servicenow.assignment_group: String should match pattern"),
        ("servicenow:\n  table: ../x\n", "2: servicenow.table: String should match pattern"),
        ("servicenow:\n  client_secret: hunter2\n", "2: unknown key 'client_secret'"),
        ("servicenow:\n  cmdb: perhaps\n", "2: servicenow.cmdb: should be a valid boolean"),
        ("servicenow:\n  risk_score: mine\n", "2: servicenow.risk_score: should be 'instance' or 'case'"),
        ("servicenow:\n  priorities:\n    critical: {priority: 6}\n", "3: servicenow.priorities.critical.priority: should be less than or equal to 5"),
        ("servicenow:\n  priorities:\n    critical: {urgence: 1}\n", "3: unknown key 'urgence'; did you mean 'urgency'?"),
        ("servicenow:\n  priorities:\n    critical: {}\n", "3: servicenow.priorities.critical: should name impact and urgency, or priority"),
        ("servicenow:\n  priorities:\n    critical: {priority: 1}\n", "2: 'high' is missing in servicenow.priorities"),
    ],
)  # fmt: skip
def test_a_problem_has_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        written(tmp_path, text)
    lines = [line.removeprefix(f"{tmp_path}/destinations.yml:") for line in caught.value.problems]
    assert any(line.startswith(problem) for line in lines), lines


URL = {"URL": "https://acme.service-now.com"}
WHOLE = {**URL, "USER": "u", "PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (URL, "ENRICHER_SERVICENOW_URL is set, so ENRICHER_SERVICENOW_USER and ENRICHER_SERVICENOW_PASSWORD must be too, or ENRICHER_SERVICENOW_CLIENT_ID and ENRICHER_SERVICENOW_CLIENT_SECRET"),
        ({**URL, "CLIENT_ID": "c"}, "ENRICHER_SERVICENOW_URL is set, so ENRICHER_SERVICENOW_CLIENT_SECRET must be too"),
        ({**WHOLE, "CLIENT_SECRET": "hunter2"}, "ENRICHER_SERVICENOW_URL is set, so ENRICHER_SERVICENOW_CLIENT_ID must be too"),
        ({**WHOLE, "FIELDS": '{"sys_id": "hunter2"}'}, "ENRICHER_SERVICENOW_FIELDS names fields that are ours: sys_id"),
        ({**WHOLE, "FIELDS": "category=hunter2"}, 'ENRICHER_SERVICENOW_FIELDS should be a JSON object such as {"category": "network"}'),
        ({**WHOLE, "PRIORITIES": '{"low": {"priority": 4}}'}, "ENRICHER_SERVICENOW_PRIORITIES should weigh each severity; informational, medium, high, critical is missing"),
        ({**WHOLE, "CALLER": "a^b"}, "ENRICHER_SERVICENOW_CALLER String should match pattern"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], problem: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"ENRICHER_SERVICENOW_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        read_settings()
    assert caught.value.problems[0].startswith(problem)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"USER": "u", "PASSWORD": "p"}, id="Basic"),
        pytest.param({"CLIENT_ID": "c", "CLIENT_SECRET": "s"}, id="client credentials"),
        pytest.param({"USER": "u", "PASSWORD": "p", "CLIENT_ID": "c", "CLIENT_SECRET": "s"}, id="password grant"),
    ],
)
def test_each_way_in_is_enough(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name, value in {**URL, **given}.items():
        monkeypatch.setenv(f"ENRICHER_SERVICENOW_{name}", value)
    assert read_settings().servicenow_url == URL["URL"]
