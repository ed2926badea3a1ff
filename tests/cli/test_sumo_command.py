"""`enricher sumo`: what is printed of the Sumo Logic side, and the linter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from enricher.cli import main

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "config/sumo/connection-template.json"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of the operator's, and a scope of his own."""
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("ENRICHER_SUMO_SCOPE", "_sourceCategory=corp/sysmon")


def sumo(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sumo", *arguments])


def told(*arguments: str) -> Any:
    result = sumo(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# --- searches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["xml", "json", "otel", "cloud-siem"])
def test_every_search_of_a_form_is_printed_below_its_name(form: str) -> None:
    page, document = sumo("query", "--form", form).stdout, told("query", "--form", form)
    assert document
    for one in document:
        assert (one["form"], one["characters"]) == (form, len(one["text"]))
        assert one["characters"] <= 4_000
        assert f"// {one['name']} ({one['characters']:,} characters)\n{one['text']}\n" in page


def test_one_search_alone_is_ready_to_paste() -> None:
    first = told("query")[0]
    assert sumo("query", "--name", first["name"]).stdout == f"{first['text']}\n"
    wrong = sumo("query", "--name", "nothing")
    assert wrong.exit_code == 2
    assert first["name"] in wrong.output


def test_the_form_and_the_scope_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHER_SUMO_FORM", "json")
    assert {one["form"] for one in told("query")} == {"json"}
    assert all("_sourceCategory=corp/sysmon" in one["text"] for one in told("query"))


def test_only_some_platforms() -> None:
    found = told("query", "--platforms", "cf-workers, vercel")
    assert sorted(platform for one in found for platform in one["platforms"]) == ["cf-workers", "vercel"]
    wrong = sumo("query", "--platforms", "cf-worker\x1b[2J")
    assert wrong.exit_code == 1
    assert "did you mean cf-workers?" in wrong.output
    assert "\x1b" not in wrong.output


def test_the_companion_hunting_and_preflight() -> None:
    assert all(one["name"].startswith("starts-") for one in told("query", "--processes"))
    assert told("query", "--preflight")[0]["name"] == "preflight"
    assert "// " in sumo("query", "--hunting").stdout
    assert sumo("query", "--hunting", "--form", "cloud-siem").exit_code == 2


def test_searches_and_dashboard_over_the_cases_that_were_sent_back(tmp_path: Path) -> None:
    found = told("query", "--cases")
    assert {"cases_now", "severity_over_time"} <= {one["name"] for one in found}
    assert all(one["text"].startswith("_sourceCategory=enricher/cases\n") for one in found)
    panels = json.loads(sumo("dashboard").stdout)["panels"]
    assert [one["queries"][0]["queryString"] for one in panels] == [one["text"] for one in found]
    assert sumo("query", "--cases", "--out", str(tmp_path / "q")).exit_code == 0
    assert (tmp_path / "q" / "sumo-cases-cases_now.txt").read_text() == f"{found[0]['text']}\n"


def test_their_category_is_that_of_the_destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "destinations.yml").write_text("further:\n  back: {kind: sumo, url_env: BACK, category: soc/cases}\n")
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("BACK", raising=False)
    assert "_sourceCategory=soc/cases" in sumo("query", "--cases", "--name", "cases_now").stdout
    assert "_sourceCategory=soc/cases" in sumo("dashboard").stdout
    assert 'default     = "soc/cases"' in sumo("terraform").stdout


def test_each_search_as_a_file(tmp_path: Path) -> None:
    result = sumo("query", "--out", str(tmp_path / "new/queries"))
    assert result.exit_code == 0
    files = {path.name: path.read_text() for path in (tmp_path / "new/queries").iterdir()}
    assert files == {f"sumo-xml-{one['name']}.txt": f"{one['text']}\n" for one in told("query")}
    (tmp_path / "file").write_text("")
    assert sumo("query", "--out", str(tmp_path / "file/x")).exit_code == 1


# --- the rest of what is printed ------------------------------------------------------------------------------------


def test_sigma_rules(tmp_path: Path) -> None:
    assert all(one["logsource"]["product"] == "windows" for one in told("sigma"))
    assert sumo("sigma").stdout.count("logsource:") == len(told("sigma"))
    sumo("sigma", "--out", str(tmp_path))
    assert (tmp_path / "serverless-c2.sigma.yml").read_text() == sumo("sigma").stdout


def test_the_diff_names_what_cannot_be_saved() -> None:
    verdicts = [one["verdict"] for one in told("seed-diff")]
    assert "invalid" in verdicts
    assert sumo("seed-diff").stdout.count("invalid") >= verdicts.count("invalid")


def test_the_configuration_of_sysmon_is_xml(tmp_path: Path) -> None:
    assert etree.fromstring(sumo("sysmon-config").stdout).tag == "Sysmon"
    sumo("sysmon-config", "--out", str(tmp_path))
    assert (tmp_path / "sysmon-serverless.xml").read_text() == sumo("sysmon-config").stdout


# --- lint -----------------------------------------------------------------------------------------------------------


def test_notes_are_no_fault() -> None:
    result = sumo("lint", str(TEMPLATE))
    assert result.exit_code == 0
    assert f"{TEMPLATE}:22: note: {{{{AlertGroup}}}} may come empty" in result.stdout


def test_faults_have_file_and_line(tmp_path: Path) -> None:
    wrong, query = tmp_path / "wrong.json", tmp_path / "query.txt"
    wrong.write_text(TEMPLATE.read_text().replace('"{{ResultsJson}}"', "{{ResultsJson}}"))
    query.write_text('_sourceCategory=x\n| json "a" as name')
    result = sumo("lint", str(TEMPLATE), str(wrong), "--query", str(query), "--header", "Authorization: Bearer sec,ret")
    assert result.exit_code == 1
    assert f"{wrong}:24: {{{{ResultsJson}}}} stands outside quotes" in result.stdout
    assert f"{query}:2: the field name has the name of {{{{Name}}}}" in result.stdout
    assert "--header:1: a comma" in result.stdout
    assert "ret" not in result.stdout.replace("returned", "")
    document = json.loads(sumo("lint", str(wrong), "--json").stdout)
    assert document["errors"] == 1
    assert {"file": str(wrong), "line": 24} == {key: document["remarks"][-1][key] for key in ("file", "line")}


def test_a_template_for_a_scheduled_search(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    path.write_text('{"searchName": "{{SearchName}}", "aggregateResults": "{{AggregateResultsJson}}"}')
    assert sumo("lint", str(path)).exit_code == 0
    assert sumo("lint", "--for", "monitor", str(path)).exit_code == 1


def test_a_hostile_file_is_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "hostile.json"
    path.write_bytes(b'{"a": "{{\x1b[2J}}", "b": "\xff"}')
    result = sumo("lint", str(path))
    assert result.exit_code == 1
    assert "\x1b" not in result.output
