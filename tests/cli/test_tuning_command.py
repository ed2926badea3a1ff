"""`enricher tuning list`, `test` and `new`: what they print, and with what they end."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.content.families import families
from enricher.settings import read_settings
from enricher.wiring import application, clock

RULE = r"""- id: {name}
  version: 1
  owner: team-web
  approver: soc
  reason: The shop's dev server calls its own preview.
  ticket: SEC-1042
  created: {created}
  expires: {expires}
  scope: {{groups: [developers]}}
  conditions:
    image: 'C:\Program Files\nodejs\node.exe'
    command_line: 're:^node vite\.js( --port \d+)?$'
    tenant: shop.vercel.app
  effect: cap
  cap_at: low
  mode: {mode}
  ends_when_unmatched_days: 30
  tests:
    must_match:
      - groups: [developers]
        image: 'C:\Program Files\nodejs\node.exe'
        command_line: node vite.js
        tenant: shop.vercel.app
    must_not:
      - tenant: evil.vercel.app
"""
FILLED = {
    "tenant": "corp-inventory.azurewebsites.net",
    "script": r"C:\Program Files\Corp Jobs\report.ps1",
}
PEOPLE = ("--owner", "team-windows", "--approver", "soc", "--ticket", "SEC-9")


def rule(name: str, days: int, mode: str = "live", age: int = 20) -> str:
    """A rule that ends so many days from now."""
    today = clock().date()
    begun, end = today - timedelta(days=age), today + timedelta(days=days)
    return RULE.format(name=name, created=begun, expires=end, mode=mode)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house's own content; its database is not there yet."""
    config = tmp_path / "config"
    (config / "tuning").mkdir(parents=True)
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(config))
    monkeypatch.setenv("ENRICHER_DATABASE_URL", f"sqlite:///{tmp_path}/e.db")
    return config


def write(folder: Path, *rules: str) -> None:
    (folder / "tuning" / "web.yml").write_text("".join(rules), encoding="utf-8")


def tuning(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tuning", *arguments])


def document(*arguments: str) -> Any:
    return json.loads(tuning(*arguments, "--json").stdout)


# --- list -----------------------------------------------------------------------------------------------------------


def test_list_without_a_database(folder: Path, tmp_path: Path) -> None:
    write(
        folder,
        rule("b-live", 50),
        rule("a-shadow", 50, "shadow"),
        rule("c-soon", 14),
        rule("d-over", 0),
        rule("e-next", 90, age=-1),
    )
    found = document("list")
    assert found["database"] is False
    assert [(doc["id"], doc["state"], doc["mode"], doc["days_left"], doc["matches"]) for doc in found["rules"]] == [
        ("d-over", "expired", "live", 0, None),
        ("c-soon", "expiring", "live", 14, None),
        ("a-shadow", "shadow", "shadow", 50, None),
        ("b-live", "live", "live", 50, None),
        ("e-next", "pending", "live", 90, None),
    ]
    first = found["rules"][0]
    assert (first["owner"], first["does"], first["scope"], first["unmatched_on"]) == (
        "team-web",
        "at most low",
        {"groups": ["developers"]},
        None,
    )
    shown = tuning("list")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].split()[:4] == ["rule", "state", "mode", "owner"]
    assert lines[1].split()[:3] == ["d-over", "expired", "live"]
    assert lines[-1] == "no database: matches are not known"
    assert not (tmp_path / "e.db").exists(), "to ask makes no database"


def test_list_with_matches(folder: Path, tmp_path: Path) -> None:
    write(folder, rule("seen-lately", 80), rule("never-seen", 80))
    app = application(read_settings({"database_url": f"sqlite:///{tmp_path}/e.db", "lookups": False}))
    app.store.upgrade()
    app.store.rule_book.loaded(["seen-lately"])
    app.store.close()
    found = document("list")
    assert found["database"] is True
    today = clock().date()
    assert [
        (doc["id"], doc["state"], doc["matches"], doc["last_match"], doc["unmatched_on"]) for doc in found["rules"]
    ] == [
        ("never-seen", "live", 0, None, None),
        ("seen-lately", "live", 0, None, str(today + timedelta(days=30))),
    ]
    assert found["rules"][1]["days_left"] == 30
    assert "no database" not in tuning("list").stdout


def test_list_of_what_cannot_be_loaded(folder: Path) -> None:
    write(folder, rule("own", 50).replace("approver: soc", "approver: team-web"))
    result = tuning("list")
    assert result.exit_code == 1
    assert "web.yml:4: rule 'own': 'team-web' owns it and approves it" in result.stderr


# --- test -----------------------------------------------------------------------------------------------------------


def test_rules_that_are_sound(folder: Path) -> None:
    write(folder, rule("a-rule", 50))
    result = tuning("test")
    assert (result.exit_code, result.stderr) == (0, "")
    _, rule_line, said = result.stdout.splitlines()
    assert rule_line.split()[:3] == ["✓", "a-rule", "live"]
    assert said == "1 tuning rule: its tests pass, and no malicious case of the corpus is hidden"
    assert document("test") == {"rules": 1, "problems": []}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("      - tenant: evil", "      - host: other\n      - tenant: evil", "web.yml:24: rule 'a-rule': test must_not[0]: the rule matches with host 'other'", id="a test fails"),
        pytest.param("command_line: node vite.js", "command_line: node other.js", "web.yml:19: rule 'a-rule': test must_match[0]: the rule does not match", id="it does not match"),
    ],
)  # fmt: skip
def test_rules_that_are_not(folder: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    write(folder, rule("a-rule", 50).replace(old, new))
    result = tuning("test")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip().endswith(said)
    assert document("test", str(folder))["problems"] == result.stderr.splitlines()
    (tmp_path / "other").mkdir()
    assert tuning("test", str(tmp_path / "other")).exit_code == 0


def test_a_rule_that_has_ended(folder: Path) -> None:
    write(folder, rule("a-rule", 0))
    result = tuning("test")
    assert result.exit_code == 1
    assert f"tuning/web.yml:1: rule 'a-rule': ended on {clock().date()}; give it a new end" in result.stderr
    assert CliRunner().invoke(main, ["check-config"]).exit_code == 1


# --- new ------------------------------------------------------------------------------------------------------------


def new(family: str, values: dict[str, str], *more: str) -> Result:
    return tuning("new", family, *(word for name, text in values.items() for word in ("--set", f"{name}={text}")), *more)


def test_a_new_rule_loads_as_it_is_printed(folder: Path) -> None:
    result = new("automation", FILLED, *PEOPLE, "--days", "30")
    assert (result.exit_code, result.stderr) == (0, "")
    (written,) = yaml.safe_load(result.stdout)
    today = clock().date()
    assert (written["mode"], written["created"], written["expires"]) == ("shadow", today, today + timedelta(days=30))
    write(folder, result.stdout)
    assert tuning("test").exit_code == 0
    again = new("automation", FILLED, *PEOPLE)
    assert again.exit_code == 1
    assert "is already in tuning/web.yml:1; ids are unique" in again.stderr
    assert new("automation", FILLED | {"id": "another-one"}, *PEOPLE).exit_code == 0


def test_its_output_may_go_into_the_folder_itself(folder: Path) -> None:
    write(folder, "")
    result = new("automation", FILLED, *PEOPLE)
    assert (result.exit_code, result.stderr) == (0, "")
    write(folder, "- id: [")
    result = new("automation", FILLED, *PEOPLE)
    assert (result.exit_code, result.stderr.count("problems of its own")) == (0, 1)


def test_who_answers_for_it_is_left_open(folder: Path) -> None:
    result = new("automation", FILLED, "--owner", "team-windows")
    assert result.exit_code == 0
    assert result.stderr == "fill in approver, ticket: until then it does not load\n"
    write(folder, result.stdout)
    assert tuning("test").exit_code == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param(FILLED | {"tenant": "azurewebsites.net"}, "'azurewebsites.net' is no tenant of a platform", id="a suffix"),
        pytest.param(FILLED | {"tenant": "script.google.com"}, "shared by all customers of Google Apps Script", id="nobody's"),
        pytest.param(FILLED | {"parent": "runner.exe"}, "'runner.exe' has no folder", id="a name alone"),
        pytest.param(FILLED | {"user": "*"}, "scope.users: '*': '*' is not read here", id="everybody"),
    ],
)  # fmt: skip
def test_values_that_make_no_rule(folder: Path, values: dict[str, str], said: str) -> None:
    result = new("automation", values)
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("automation",), "automation needs --set tenant=…, --set script=…", id="gaps"),
        pytest.param(("automation", "--set", "tenant"), "--set 'tenant': write NAME=VALUE", id="no value"),
        pytest.param(("automation", "--set", "x=1"), "automation has no x; there are tenant, script", id="no such gap"),
        pytest.param(("nothing",), "there is no family 'nothing'; there are agent, automation", id="no such family"),
    ],
)
def test_a_command_line_that_is_wrong(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    result = tuning("new", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_families_are_listed_with_their_gaps(folder: Path) -> None:
    shown = tuning("new").stdout
    listed = {family["family"]: family for family in document("new")["families"]}
    assert listed.keys() == families(None).keys()
    for name, family in listed.items():
        assert f"{name}: {family['about']}" in shown
        assert {gap["name"] for gap in family["placeholders"]} == families(None)[name].file.placeholders.keys()


def test_check_config_reads_the_families_too(folder: Path) -> None:
    (folder / "families").mkdir()
    (folder / "families" / "own.yml").write_text("about: x\nplaceholders: {}\nrule: {reason: '${who}'}\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["check-config"])
    assert result.exit_code == 1
    assert "families/own.yml:3: rule: ${who} is none of 'placeholders'" in result.stderr
