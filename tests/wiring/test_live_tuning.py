"""Tuning rules in a running process: what is wrong with changed files is refused, and the last good set stays in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from enricher.errors import ConfigurationError
from enricher.settings import read_settings
from enricher.wiring import application
from enricher.wiring.live import LiveContent, load_content

RULE = r"""- id: shop-preview
  version: 1
  owner: team-web
  approver: soc
  reason: The shop's dev server calls its own preview.
  ticket: SEC-1042
  created: 2026-11-01
  expires: 2027-01-30
  scope: {groups: [developers]}
  conditions:
    image: 'C:\Program Files\nodejs\node.exe'
    command_line: 're:^node vite\.js( --port \d+)?$'
    tenant: shop.vercel.app
  effect: cap
  cap_at: low
  tests:
    must_match:
      - groups: [developers]
        image: 'C:\Program Files\nodejs\node.exe'
        command_line: node vite.js
        tenant: shop.vercel.app
    must_not:
      - tenant: evil.vercel.app
"""
CORPUS = r"""- id: hides-an-attack
  version: 1
  owner: team-web
  approver: soc
  reason: It fits a malicious case of the corpus.
  ticket: SEC-1
  created: 2026-11-01
  scope: {groups: [nobody-is-in-this]}
  conditions:
    image: 'C:\Windows\System32\mshta.exe'
    command_line: 're:^(?:"[^"]*"|[^" ]*mshta(?:\.exe)?) +hxxps?:.*$'
    tenant: acct77.workers.dev
    schedule: {days: [sun], begins: '01:00', ends: '02:00'}
  effect: cap
  cap_at: low
  tests:
    must_match:
      - groups: [nobody-is-in-this]
        image: 'C:\Windows\System32\mshta.exe'
        command_line: mshta hxxp://x
        tenant: acct77.workers.dev
        contacts: [2026-11-22T01:30:00Z]
    must_not:
      - tenant: evil.workers.dev
"""


def days(*given: date) -> Callable[[], date]:
    """A calendar that moves on each time it is asked, and then stands."""
    left = list(given)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "web.yml").write_text(RULE, encoding="utf-8")
    return tmp_path


def change(folder: Path, live: LiveContent, text: str) -> None:
    (folder / "tuning" / "web.yml").write_text(text, encoding="utf-8")
    live.look_again()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("expires: 2027-01-30", "expires: 2026-11-20", "web.yml:1: rule 'shop-preview': ended on 2026-11-20; give it a new end and have that approved, or remove it", id="a date in the past"),
        pytest.param("  owner: team-web\n", "", "web.yml:1: 'owner' is missing in 0", id="no owner"),
        pytest.param("approver: soc", "approver: team-web", "web.yml:4: rule 'shop-preview': 'team-web' owns it and approves it; another must approve", id="its own approver"),
        pytest.param("{groups: [developers]}", "{groups: ['*']}", "web.yml:9: rule 'shop-preview': scope.groups: '*': '*' is not read here; write it out, or an anchored 're:^…$'", id="matches everything"),
        pytest.param("re:^node vite\\.js( --port \\d+)?$", "re:node vite", "web.yml:12: rule 'shop-preview': conditions.command_line: 're:node vite' is not anchored; begin with '^' and end with '$'", id="not anchored"),
        pytest.param("re:^node vite\\.js( --port \\d+)?$", "re:^(x{1,1000}){9}$", "web.yml:12: rule 'shop-preview': conditions.command_line: 're:^(x{1,1000}){9}$' cannot be read: invalid repetition size: {9}", id="explodes"),
        pytest.param("  conditions:\n    image:", "  conditions:\n    imgae:", "web.yml:11: unknown key 'imgae'; did you mean 'image'?", id="an unknown field"),
        pytest.param(RULE, RULE + RULE, "web.yml:24: rule 'shop-preview' is already in tuning/web.yml:1; ids are unique", id="a duplicate id"),
        pytest.param(RULE, "- id: [\n", "web.yml:2: is not YAML as read here: did not find expected node content", id="no YAML"),
        pytest.param(RULE, CORPUS.replace("hxxps?", "https?"), "fits the malicious case extra-malicious/office-mshta of the corpus; narrow it until it does not", id="hides a malicious case"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_the_last_good_set_stays(folder: Path, old: str, new: str, said: str) -> None:
    live = LiveContent(folder, today=days(date(2026, 11, 24)))
    live.load()
    assert RULE.count(old) == 1
    change(folder, live, RULE.replace(old, new).replace("mshta hxxp://x", "mshta http://x"))
    (problem,) = live.problems
    assert problem.endswith(said), problem
    assert [rule.id for rule in live.programs().rules.tuning] == ["shop-preview"]
    change(folder, live, RULE)
    assert live.problems == ()


def test_a_scope_or_a_schedule_hides_no_attack_from_the_guard(tmp_path: Path) -> None:
    """The corpus' hosts are in nobody's estate: a rule is held to it wherever and whenever it would act."""
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "web.yml").write_text(CORPUS, encoding="utf-8")
    assert load_content(tmp_path).rules.tuning, "its expression fits no line of the corpus"
    wider = CORPUS.replace("hxxps?", "https?").replace("mshta hxxp://x", "mshta http://x")
    (tmp_path / "tuning" / "web.yml").write_text(wider, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="hides-an-attack fits the malicious case extra-malicious/office-mshta"):
        load_content(tmp_path)


@pytest.mark.parametrize(
    ("image", "more", "said"),
    [
        pytest.param("C:\\Program Files\\nodejs\\node.exe", "", "the hash of node does not say what it runs", id="an interpreter by its hash alone"),
        pytest.param("C:\\Program Files\\nodejs\\node.exe", "    command_line: node a.js\n", None, id="with what it runs"),
        pytest.param("C:\\Program Files\\nodejs\\node.exe", "    tenant: shop.vercel.app\n", None, id="with whom it asks"),
        pytest.param("C:\\Program Files\\Vendor\\agent.exe", "", None, id="a program with one purpose"),
    ],
)  # fmt: skip
def test_a_hash_is_no_word_on_what_an_interpreter_runs(folder: Path, image: str, more: str, said: str | None) -> None:
    digest, user = "ab" * 32, "NT AUTHORITY\\SYSTEM"
    head = RULE.partition("  conditions:")[0]
    conditions = f"  conditions:\n    image: '{image}'\n    user: '{user}'\n    hash: {digest}\n{more}"
    facts = f"        groups: [developers]\n        image: '{image}'\n        user: '{user}'\n        hashes: {{sha256: {digest}}}\n"
    facts += "        command_line: node a.js\n        tenant: shop.vercel.app\n"
    tests = f"  tests:\n    must_match:\n      - host: any\n{facts}    must_not:\n      - hashes: {{}}\n"
    text = f"{head}{conditions}  effect: cap\n  cap_at: low\n{tests}"
    (folder / "tuning" / "web.yml").write_text(text, encoding="utf-8")
    if said is None:
        assert load_content(folder).rules.tuning
        return
    with pytest.raises(ConfigurationError, match=said):
        load_content(folder)


def test_a_service_starts_on_the_day_after_and_says_what_has_ended(folder: Path) -> None:
    with capture_logs() as logs:
        live = LiveContent(folder, today=days(date(2027, 1, 30)))
        live.load()
    assert [(entry["event"], entry["rule"], entry["owner"]) for entry in logs] == [
        ("tuning_rule_ended", "shop-preview", "team-web")
    ]
    assert live.problems == ()


def test_a_rule_that_ends_by_itself_does_not_stand_in_the_way_of_others(folder: Path) -> None:
    live = LiveContent(folder, today=days(date(2027, 1, 20), date(2027, 2, 1)))
    with capture_logs() as logs:
        live.load()
        change(folder, live, RULE + RULE.replace("shop-preview", "shop-next").replace("2027-01-30", "2027-03-01"))
        assert live.problems == ()
    assert [rule.id for rule in live.programs().rules.tuning] == ["shop-preview", "shop-next"]
    said = [(entry["event"], entry.get("rule")) for entry in logs]
    assert said == [
        ("tuning_rule_expiring", "shop-preview"),
        ("content_loaded", None),
        ("tuning_rule_ended", "shop-preview"),
    ]


def test_files_under_review_may_hold_no_rule_that_has_ended(folder: Path) -> None:
    assert load_content(folder, today=date(2027, 1, 29)).rules.tuning
    with pytest.raises(ConfigurationError, match=r"web\.yml:1: rule 'shop-preview': ended on 2027-01-30"):
        load_content(folder, today=date(2027, 1, 30))


def test_the_packaged_examples_may_end() -> None:
    assert load_content(None, today=date(2030, 1, 1)).rules.tuning


def test_readyz_says_so(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    database = tmp_path_factory.mktemp("store") / "e.db"
    app = application(read_settings({"database_url": f"sqlite:///{database}", "config_dir": str(folder), "lookups": False}))
    app.store.upgrade()
    try:
        client = app.web().test_client()
        before = client.get("/readyz").json
        assert before is not None
        assert (before["status"], before["problems"]) == ("ready", [])
        change(folder, app.live, RULE.replace("approver: soc", "approver: team-web"))
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json is not None
        assert "web.yml:4: rule 'shop-preview': 'team-web' owns it and approves it" in answer.json["problems"][0]
    finally:
        app.store.close()
