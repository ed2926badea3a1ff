"""What the loader accepts, and the exact words with which it refuses: those are what a detection engineer works with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.content import destinations, load, packaged
from enricher.content.documents import File, Problems, parse
from enricher.content.schema import schemas
from enricher.core.rules import Rules, TuningRule
from enricher.errors import ConfigurationError
from enricher.model import Severity

CONFIG = packaged("config")
ROLES = "'workstation', 'developer', 'build', 'server', 'domain_controller' or 'jump_host'"


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(directory)
    return [problem.removeprefix(f"{directory}/") for problem in caught.value.problems]


def house(tmp_path: Path, name: str, text: str) -> Path:
    """A configuration folder that holds this one file."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return tmp_path


def changed(name: str, old: str, new: str) -> str:
    text = (CONFIG / name).read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {name}"
    return text.replace(old, new, 1)


# --- what comes with the program ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load(None)


def test_packaged_configuration_is_whole(rules: Rules) -> None:
    assert {one.id: one.categories for one in rules.detections} == {"T1572": {"tunnel", "tunnel-agent"}, "T1583.007": set()}
    assert len(rules.catalog.platforms) == 174
    assert rules.severity.lineage["office_child"] == 30
    assert rules.severity.verdict_malicious_with_signs == (60.0, 40.0)
    assert rules.severity.shadow == frozenset({"path.script_writable_more"})
    assert "powershell" in rules.processes.classes["shell"]
    assert "chrome" in rules.browsers[0].names
    assert rules.estate.entries == ()
    assert rules.lineage["ides"]


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0, "informational"),
        (19, "informational"),
        (20, "low"),
        (39, "low"),
        (40, "medium"),
        (59, "medium"),
        (60, "high"),
        (80, "critical"),
    ],
)
def test_bands(rules: Rules, score: float, band: str) -> None:
    assert rules.severity.band(score) == band


@pytest.mark.parametrize("band", ["high", "critical"])
def test_the_playbook_has_concrete_steps_where_it_matters(rules: Rules, band: str) -> None:
    lines = rules.playbook.bands[band]
    assert 4 <= len(lines) <= 6
    filled = [line.format(host="H", tenant="T", user="U", platform="P", process="X") for line in lines]
    assert any("T" in line for line in filled)


def test_no_directory_an_absent_one_and_a_copy_say_the_same(tmp_path: Path, rules: Rules) -> None:
    assert load(tmp_path / "absent").severity == rules.severity
    copy = tmp_path / "config"
    shutil.copytree(CONFIG, copy)
    assert load(copy).digest == rules.digest


def test_digest_follows_every_byte(tmp_path: Path, rules: Rules) -> None:
    copy = tmp_path / "config"
    shutil.copytree(CONFIG, copy)
    with (copy / "severity.yml").open("a", encoding="utf-8") as file:
        file.write("# a remark\n")
    assert load(copy).digest != rules.digest
    (copy / "severity.yml").write_bytes((CONFIG / "severity.yml").read_bytes())
    shutil.move(copy / "tuning" / "examples.yml", copy / "tuning" / "renamed.yml")
    assert load(copy).digest != rules.digest


def test_a_house_of_its_own_has_no_examples(tmp_path: Path, rules: Rules) -> None:
    assert [rule.mode for rule in rules.tuning] == ["shadow", "shadow"]
    assert load(house(tmp_path, "severity.yml", (CONFIG / "severity.yml").read_text(encoding="utf-8"))).tuning == ()


def test_corpus_is_found() -> None:
    assert (packaged("corpus") / "sysmon-events" / "manifest.json").is_file()


def test_a_wheel_carries_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "enricher"
    (inside / "_packaged" / "config").mkdir(parents=True)
    monkeypatch.setattr("enricher.__file__", str(inside / "__init__.py"))
    assert packaged("config") == inside / "_packaged" / "config"
    assert packaged("corpus") == tmp_path / "tests" / "data"


def test_schemas_in_config_are_those_of_the_models() -> None:
    for name, text in schemas():
        assert (CONFIG / "schema" / name).read_text(encoding="utf-8") == text, f"write config/schema/{name} anew"


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("severity", "severity.yml"),
        ("detection", "detections/*.yml"),
        ("playbook", "playbook.yml"),
        ("estate", "estate.yml"),
        ("destinations", "destinations.yml"),
        ("tuning", "tuning/*.yml"),
        ("family", "families/*.yml"),
        ("processes", "catalog/processes.yml"),
        ("browsers", "catalog/browsers.yml"),
        ("folders", "catalog/folders.yml"),
        ("lineage", "catalog/lineage.yml"),
        ("template", "templates/jira.yml"),
        ("template", "templates/servicenow.yml"),
        ("template-slack", "templates/slack.yml"),
    ],
)
def test_editors_accept_what_the_loader_accepts(schema: str, pattern: str) -> None:
    validator = jsonschema.Draft202012Validator(
        json.loads((CONFIG / "schema" / f"{schema}.json").read_text(encoding="utf-8"))
    )
    files = list(CONFIG.glob(pattern))
    assert files
    for file in files:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        validator.validate(json.loads(json.dumps(data, default=str)))  # JSON has no dates


# --- refusals: files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("severity.yml", "", ["severity.yml:1: is empty"], id="empty"),
        pytest.param(
            "estate.yml",
            "hosts: [\n",
            ["estate.yml:2: is not YAML as read here: did not find expected node content"],
            id="not YAML",
        ),
        pytest.param(
            "estate.yml",
            "hosts: []\nhosts: []\n",
            ["estate.yml:2: 'hosts' stands twice; the first is on line 1"],
            id="a key twice",
        ),
        pytest.param(
            "estate.yml", "host: []\n", ["estate.yml:1: unknown key 'host'; did you mean 'hosts'?"], id="unknown key"
        ),
        pytest.param("estate.yml", "- a\n", ["estate.yml:1: the file: should be a mapping, not a list"], id="a list"),
        pytest.param(
            "estate.yml",
            "hosts:\n  - &x {hosts: [a]}\n  - *x\n",
            ["estate.yml:2: is not YAML as read here: anchors and aliases are not read; write the value out"],
            id="an anchor",
        ),
        pytest.param(
            "estate.yml",
            "hosts: " + "[" * 100_000,
            ["estate.yml:1: is not YAML as read here: more than 16 levels deep"],
            id="a bomb",
        ),
        pytest.param(
            "estate.yml",
            "hosts: !!python/object/apply:os.system [true]\n",
            ["estate.yml:1: is not YAML as read here: tags are not read; leave them out"],
            id="a tag runs nothing",
        ),
        pytest.param(
            "estate.yml",
            "hosts: []\n---\nhosts: []\n",
            ["estate.yml:2: is not YAML as read here: but found another document"],
            id="two documents",
        ),
        pytest.param("estate.yml", "hosts: []\n\x00", ["estate.yml:1: is not YAML: "], id="a NUL byte"),
        pytest.param(
            "estate.yml",
            "hosts:\n  - hosts: [ws-1]\n    role: laptop\n    owner: no\n",
            [
                "estate.yml:3: hosts.0.role: should be " + ROLES + ", not 'laptop'",
                "estate.yml:4: hosts.0.owner: should be a valid string, not False",
            ],
            id="all problems at once, each at its line",
        ),
        pytest.param(
            "estate.yml",
            "hosts:\n  - hosts: [a]\n    maintenance: [{days: [sat], begins: 22:00, ends: '02:00'}]\n",
            ["estate.yml:3: hosts.0.maintenance.0.begins: should be a valid string, not 1320"],
            id="a time without quotes is a number in YAML",
        ),
        pytest.param(
            "playbook.yml",
            "high:\n  - Call {owner}.\n  - 'Look at {.'\n",
            [
                "playbook.yml:2: high.0: cannot fill in ['owner']; there are guid, host, platform, process, since, tenant, user",
                "playbook.yml:3: high.1: expected '}' before end of string; write a brace twice to print it",
            ],
            id="a place nobody fills",
        ),
        pytest.param(
            "playbook.yml", "hihg: []\n", ["playbook.yml:1: unknown key 'hihg'; did you mean 'high'?"], id="an unknown band"
        ),
        pytest.param(
            "detections/T1583.007.yml",
            "id: T1583\nname: x\nurl: http://attack.example\n",
            [
                "detections/T1583.007.yml:1: 'tactic' is missing",
                "detections/T1583.007.yml:3: url: String should match pattern '^https://', not 'http://attack.example'",
            ],
            id="detection",
        ),
        pytest.param("catalog/lineage.yml", "ides: [code]\nidea: []\n", None, id="lineage groups"),
        pytest.param(
            "destinations.yml",
            "jira:\n  url: https://example.atlassian.net\n  token: hunter2\n",
            ["destinations.yml:3: unknown key 'token'; a secret stands in the environment or in a file of its own"],
            id="no secrets in files",
        ),
    ],
)
def test_files(tmp_path: Path, name: str, text: str, expected: list[str] | None) -> None:
    found = problems_of(house(tmp_path, name, text))
    if expected is None:
        assert "catalog/lineage.yml:2: unknown key 'idea'" in found
        assert "catalog/lineage.yml:1: 'office_parents' is missing" in found
    elif expected[0].endswith(": "):
        assert found[0].startswith(expected[0])
    else:
        assert found == expected


def test_what_is_not_text_or_not_readable(tmp_path: Path) -> None:
    house(tmp_path, "severity.yml", "")
    (tmp_path / "severity.yml").write_bytes(b"bands: {}\n# \xff\n")
    (tmp_path / "playbook.yml").mkdir()
    assert problems_of(tmp_path) == [
        "severity.yml:2: is not UTF-8; save it as UTF-8",
        "playbook.yml:1: cannot be read: Is a directory",
    ]


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    assert load(house(tmp_path, "estate.yml", "\ufeffhosts: []\n")).estate.entries == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("low: 20", "low: .nan", "4: bands.low: should be a finite number, not nan", id="NaN"),
        pytest.param("low: 20", "low: '20'", "4: bands.low: should be a valid number, not '20'", id="text"),
        pytest.param("low: 20", "low: true", "4: bands.low: should be a valid number, not True", id="a switch"),
        pytest.param(
            "low: 20",
            "low: 45",
            "4: bands: give informational, low, medium, high, critical, each beginning above the one before, the first at 0",
            id="bands out of order",
        ),
        pytest.param(
            "cname: 0.3", "cname: 1.3", "7: factor.cname: should be less than or equal to 1, not 1.3", id="a factor above 1"
        ),
        pytest.param(
            "office_child: 30",
            "ofice_child: 30",
            "11: unknown key 'ofice_child'; did you mean 'office_child'?",
            id="a rule misspelt",
        ),
        pytest.param(
            "{periodic: 10}", "{}", "18: behaviour: 'periodic' missing; write 0 to switch a rule off", id="a rule left out"
        ),
        pytest.param(
            "shadow: [path.script_writable_more]",
            "shadow: [path.nothing]",
            "25: shadow: there is no rule 'path.nothing'; write 'group.name', such as 'path.script_writable'",
            id="a shadow of nothing",
        ),
        pytest.param(
            "shadow: [path.script_writable_more]",
            "shadow: [command.flag]",
            "25: shadow: 'command.flag' is a limit, not a rule; write 'command.flags'",
            id="a shadow of what a rule is made of",
        ),
        pytest.param(
            "shadow: [path.script_writable_more]",
            "shadow: [dns.most]",
            "25: shadow: 'dns.most' is a limit, not a rule; write the rules of 'dns'",
            id="a shadow of a limit",
        ),
        pytest.param(
            "periodic: 40",
            "periodic: 101",
            "22: floor.periodic: should be less than or equal to 100, not 101",
            id="a floor above all",
        ),
    ],
)
def test_severity(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert f"severity.yml:{expected}" in problems_of(house(tmp_path, "severity.yml", changed("severity.yml", old, new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("\ncf-pages,", "\nCF_pages,", "3: id 'CF_pages': use small letters and digits with single hyphens", id="id"),
        pytest.param("\ncf-pages,", "\ncf-workers,", "3: id 'cf-workers' stands twice; ids are unique", id="id twice"),
        pytest.param(",**.pages.dev,", ",**pages.dev,", "3: '**pages.dev': '**pages' is no label; use small letters, digits, '-', '_', '*', '**' "
                     "alone, or alternatives as in '{a|b}'", id="pattern"),
        pytest.param(",S2,score,4,", ",S2,score,6,", "3: weight '6': use a whole number from 1 to 5", id="weight"),
        pytest.param(",S2,score,4,", ",S2,sometimes,4,", "3: scope 'sometimes': use one of score, context, compat", id="scope"),
        pytest.param(",S2,score,4,", ",S11,score,4,", "3: seed_pattern 'S11': write '-', or S1 to S10 and a remark", id="S11 is not S1"),
        pytest.param(",S2,score,4,", ",,score,4,", "3: seed_pattern '': write '-', or S1 to S10 and a remark", id="seed pattern"),
        pytest.param("psl,proj.pages.dev", "label:0,proj.pages.dev", "3: tenant 'label:0': use 'psl', 'label:N' with N from 1, or 'none'", id="tenant"),
        pytest.param(",AS13335,known,https://www.cloudflare.com/ips-v4 (+ips-v6),S2", ",13335,known,x,S2", "3: expected_asn '13335': write AS and a number, separated by ';'", id="asn"),
        pytest.param(",,7f3a.proj", ",docs.example.com,7f3a.proj", "3: exclude 'docs.example.com' is not a name of '**.pages.dev', so it excludes nothing", id="exclude of another"),
        pytest.param(",,7f3a.proj", ",*.pages.dev,7f3a.proj", "3: exclude '*.pages.dev': write an exact host name in small letters, never a pattern", id="exclude by pattern"),
        pytest.param("\ncf-pages,", "\ncf-pages,x,", "3: 30 fields, not 29; put quotes around one with a comma", id="one comma too many"),
        pytest.param('"seed labels', '"seed" labels', "3: is not CSV: ", id="quotes"),
        pytest.param("id,platform", "id,plattform", "1: columns: missing 'platform', unknown 'plattform'; they are id,", id="header"),
    ],
)  # fmt: skip
def test_platforms(tmp_path: Path, old: str, new: str, expected: str) -> None:
    directory = house(tmp_path, "catalog/platforms.csv", changed("catalog/platforms.csv", old, new))
    assert any(problem.startswith(f"catalog/platforms.csv:{expected}") for problem in problems_of(directory))


def test_a_row_after_a_line_break_in_quotes_keeps_its_line(tmp_path: Path) -> None:
    text = changed("catalog/platforms.csv", '"seed labels', '"seed\nlabels').replace("\ncf-r2,", "\nCF-R2,")
    assert problems_of(house(tmp_path, "catalog/platforms.csv", text)) == [
        "catalog/platforms.csv:5: id 'CF-R2': use small letters and digits with single hyphens"
    ]


# --- refusals: tuning -----------------------------------------------------------------------------------------------

EXAMPLE = """\
- id: shop-preview
  version: 1
  owner: team-web
  approver: soc
  reason: The shop's dev server calls its own preview.
  ticket: SEC-1042
  created: 2026-11-01
  expires: 2027-01-30
  scope: {groups: [developers]}
  conditions:
    image: 'C:\\Program Files\\nodejs\\node.exe'
    command_line: 're:^node vite\\.js( --port \\d+)?$'
    tenant: shop.vercel.app
  effect: cap
  cap_at: low
  mode: live
  tests:
    must_match:
      - groups: [developers]
        image: 'c:/program files/nodejs/node.exe'
        command_line: node vite.js --port 5173
        tenant: shop.vercel.app
    must_not:
      - tenant: evil.vercel.app
"""


def tuning(tmp_path: Path, text: str = EXAMPLE) -> Path:
    return house(tmp_path, "tuning/web.yml", text)


def test_a_rule_as_it_should_be(tmp_path: Path) -> None:
    (rule,) = load(tuning(tmp_path)).tuning
    assert (rule.id, rule.source, rule.cap_at, rule.mode) == ("shop-preview", "tuning/web.yml:1", Severity.LOW, "live")
    assert rule.conditions["tenant"] == ("shop.vercel.app",)
    assert set(rule.matchers) == {"scope.groups", "image", "command_line", "tenant"}


def test_a_rule_lives_ninety_days_unless_it_says(tmp_path: Path) -> None:
    (rule,) = load(tuning(tmp_path, EXAMPLE.replace("  expires: 2027-01-30\n", ""))).tuning
    assert rule.expires.isoformat() == "2027-01-30"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("approver: soc", "approver: Team-Web", "4: 'team-web' owns it and approves it; another must approve", id="one person"),
        pytest.param("2027-01-30", "2027-11-02", "8: 'expires' is 366 days after 'created'; at most 365", id="for ever"),
        pytest.param("2027-01-30", "2026-11-01", "8: 'expires' must be after 'created'", id="over before it began"),
        pytest.param("{groups: [developers]}", "{}", "9: 'scope' is empty; name groups, users or hosts", id="no scope"),
        pytest.param("{groups: [developers]}", "{groups: ['*']}", "9: scope.groups: '*': '*' is not read here; write it out, or an anchored 're:^…$'", id="any group"),
        pytest.param("{groups: [developers]}", "{hosts: '*'}", "9: scope.hosts: '*' is any host; name some", id="any host"),
        pytest.param("{groups: [developers]}", "{hosts: '*.*'}", "9: scope.hosts: '*.*' is any host; name some", id="any host, again"),
        pytest.param("{groups: [developers]}", "{users: 're:^.+$'}", "9: scope.users: 're:^.+$' fits anything; say what must be there", id="any user"),
        pytest.param("    tenant: shop", "    hostname: shop", "10: one condition must be 'tenant' or 'hash'", id="a host alone"),
        pytest.param("    image: 'C:\\Program Files\\nodejs\\node.exe'\n", "", "10: 2 conditions; at least 3 of image, parent or ancestor or chain, command_line, "
                     "user, tenant or hostname, hash", id="two conditions"),
        pytest.param("    image: 'C:\\Program Files\\nodejs\\node.exe'\n", "    hostname: shop.vercel.app\n", "10: 2 conditions; at least 3 of image, parent "
                     "or ancestor or chain, command_line, user, tenant or hostname, hash", id="one thing said twice"),
        pytest.param("tenant: shop.vercel.app\n  effect", "hostname: script.google.com\n  effect", "10: 'script.google.com' is shared by all customers of "
                     "Google Apps Script web app: allowing it allows every one; add 'hash'", id="a path-tenant platform by host"),
        pytest.param("tenant: shop.vercel.app\n  effect", "tenant: script.google.com\n  effect", "13: conditions.tenant: 'script.google.com' is shared by all "
                     "customers of Google Apps Script web app, so it is nobody's tenant", id="a path-tenant platform as tenant"),
        pytest.param("tenant: shop.vercel.app\n  effect", "tenant: vercel.app\n  effect", "13: conditions.tenant: 'vercel.app' is no tenant of a platform in "
                     "the catalog; a suffix alone is every customer", id="a bare suffix"),
        pytest.param("tenant: shop.vercel.app\n  effect", "tenant: '*.vercel.app'\n  effect", "13: conditions.tenant: '*.vercel.app': tenants are compared whole; "
                     "list each", id="a pattern of tenants"),
        pytest.param("tenant: shop.vercel.app\n  effect", "tenant: 're:^.*$'\n  effect", "13: conditions.tenant: 're:' is not read here; write each tenant out",
                     id="an expression of tenants"),
        pytest.param("tenant: shop.vercel.app\n  effect", "hash: d41d8cd98f00b204e9800998ecf8427e\n  effect", "13: conditions.hash: "
                     "'d41d8cd98f00b204e9800998ecf8427e' is no SHA-256; write its 64 hexadecimal digits (others can be forged)", id="an MD5"),
        pytest.param("re:^node", "re:node", "12: conditions.command_line: 're:node vite\\.js( --port \\d+)?$' is not anchored; begin with '^' and end with '$'", id="not anchored"),
        pytest.param("\\d+)?$'", "\\d+)?\\$'", "12: conditions.command_line: 're:^node vite\\.js( --port \\d+)?\\$' is not anchored; begin with '^' and end with '$'", id="a dollar is no anchor"),
        pytest.param("re:^node vite\\.js( --port \\d+)?$", "re:^(node$", "12: conditions.command_line: 're:^(node$' cannot be read: missing ): ^(node$", id="bad expression"),
        pytest.param("re:^node vite\\.js( --port \\d+)?$", "re:^.*$", "12: conditions.command_line: 're:^.*$' fits anything; say what must be there", id="fits anything"),
        pytest.param("re:^node vite\\.js( --port \\d+)?$", "re:^(?=node).*$", "12: conditions.command_line: 're:^(?=node).*$' cannot be read: invalid perl operator: (?=", id="no look-ahead: it is not linear"),
        pytest.param("'C:\\Program Files\\nodejs\\node.exe'", "node.exe", "11: conditions.image: 'node.exe' has no folder; write the whole path, or any folder will do", id="any folder"),
        pytest.param("'C:\\Program Files\\nodejs\\node.exe'", "'C:\\*\\*\\node.exe'", "11: conditions.image: 'C:\\\\*\\\\*\\\\node.exe': at most one '*', for one part such as a version folder", id="two stars"),
        pytest.param("effect: cap\n", "effect: suppress\n", "4: 'suppress' needs two approvers; name two, or use 'cap'", id="suppress with one approver"),
        pytest.param("  cap_at: low\n", "", "14: effect 'cap' needs 'cap_at'", id="cap at what"),
        pytest.param("effect: cap\n", "effect: subtract\n", "15: 'cap_at' goes with effect 'cap', not 'subtract'", id="a cap that is none"),
        pytest.param("effect: cap\n  cap_at: low\n", "effect: subtract\n", "14: effect 'subtract' needs 'amount'", id="subtract what"),
        pytest.param("  mode: live\n", "  amount: 5\n", "16: 'amount' goes with effect 'subtract', not 'cap'", id="two effects"),
        pytest.param("      - tenant: evil.vercel.app", "      - host: other", "23: test must_not[0]: the rule matches with host 'other'", id="a test fails"),
        pytest.param("        tenant: shop.vercel.app\n", "", "18: test must_match[0]: the rule does not match", id="missing evidence in a test"),
    ],
)  # fmt: skip
def test_guards(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert EXAMPLE.count(old) >= 1
    line, _, said = expected.partition(": ")
    assert problems_of(tuning(tmp_path, EXAMPLE.replace(old, new, 1))) == [
        f"tuning/web.yml:{line}: rule 'shop-preview': {said}"
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("2027-01-30", "2027-02-30", "8: '2027-02-30' cannot be read: day is out of range for month", id="no such day"),
        pytest.param("2027-01-30", "soon", "8: 0.expires: should be a valid date, not 'soon'", id="no date"),
        pytest.param("2027-01-30", "20270130", "8: 0.expires: should be a valid date, not 20270130", id="a number is no date"),
        pytest.param("SEC-1042", "later", "6: 0.ticket: String should match pattern '^[A-Z][A-Z0-9_]*-?\\d+$', not 'later'", id="no ticket"),
        pytest.param("  owner: team-web\n", "", "1: 'owner' is missing in 0", id="no owner"),
        pytest.param("cap_at: low", "cap_at: critical", "15: 0.cap_at: should be 'informational', 'low', 'medium' or 'high', not 'critical'", id="no cap"),
        pytest.param("effect: cap\n", "effect: drop\n", "14: 0.effect: should be 'cap', 'subtract' or 'suppress', not 'drop'", id="no such effect"),
        pytest.param("    image:", "    imgae:", "11: unknown key 'imgae'; did you mean 'image'?", id="a condition misspelt"),
        pytest.param("      - tenant: evil.vercel.app\n", "", "23: 0.tests.must_not: should be a valid list, not empty", id="no counter-example"),
    ],
)  # fmt: skip
def test_shape_of_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert problems_of(tuning(tmp_path, EXAMPLE.replace(old, new, 1))) == [f"tuning/web.yml:{expected}"]


def test_suppress_with_two_approvers_loads(tmp_path: Path) -> None:
    text = EXAMPLE.replace("effect: cap\n  cap_at: low", "effect: suppress").replace(
        "approver: soc", "approver: [soc, ciso]"
    )
    (rule,) = load(tuning(tmp_path, text)).tuning
    assert (rule.effect, rule.approver) == ("suppress", "soc, ciso")


def test_a_hash_lets_a_path_tenant_platform_in(tmp_path: Path) -> None:
    digest = "ab" * 32
    text = EXAMPLE.replace(
        "    tenant: shop.vercel.app\n  effect", f"    hostname: script.google.com\n    hash: sha256:{digest}\n  effect"
    )
    text = text.replace(
        "        tenant: shop.vercel.app\n",
        f"        hostname: script.google.com\n        hashes: {{sha256: {digest.upper()}}}\n",
    )
    text = text.replace("- tenant: evil.vercel.app", "- hashes: {}")
    assert load(tuning(tmp_path, text)).tuning[0].conditions["hash"] == (f"sha256:{digest}",)


def test_an_id_twice_is_named_with_both_places(tmp_path: Path) -> None:
    house(tmp_path, "tuning/a.yml", EXAMPLE)
    assert problems_of(house(tmp_path, "tuning/b.yml", "# a copy\n" + EXAMPLE)) == [
        "tuning/b.yml:2: rule 'shop-preview' is already in tuning/a.yml:1; ids are unique"
    ]


def test_the_guard_may_refuse_a_rule(tmp_path: Path) -> None:
    asked: list[str] = []

    def guard(rule: TuningRule) -> str | None:
        asked.append(rule.id)
        return "office-mshta falls to low"

    with pytest.raises(ConfigurationError) as caught:
        load(tuning(tmp_path), guard=guard)
    assert asked == ["shop-preview"]
    assert caught.value.problems == (
        f"{tmp_path}/tuning/web.yml:1: rule 'shop-preview': would hide a known bad case: office-mshta falls to low",
    )
    assert load(tuning(tmp_path), guard=lambda _: None).tuning


def test_an_alternative_cannot_slip_past_the_anchors(tmp_path: Path) -> None:
    text = EXAMPLE.replace("re:^node vite\\.js( --port \\d+)?$", "re:^evil|node vite\\.js( --port \\d+)?|live$")
    text = text.replace("- tenant: evil.vercel.app", "- command_line: evil.exe node vite.js --port 5173")
    assert load(tuning(tmp_path, text)).tuning


def test_estate_and_destinations(tmp_path: Path) -> None:
    house(
        tmp_path,
        "destinations.yml",
        "jira: {url: 'https://jira.example', project: SEC, quiet_seconds: 60}\nslack: {channel: C1}\n",
    )
    text = "hosts:\n  - {hosts: ['WS-*'], groups: [staff], maintenance: [{days: [mon, sun], begins: '22:00', ends: '02:00'}]}\n"
    directory = house(tmp_path, "estate.yml", text + "service_accounts: ['CORP\\svc']\n")
    assert destinations(directory) == {
        "jira_url": "https://jira.example",
        "jira_project": "SEC",
        "jira_quiet_seconds": 60,
        "slack_channel": "C1",
    }
    estate = load(directory).estate
    facts = estate.about("ws-1.corp.example")
    assert facts is not None
    assert (facts.groups, facts.maintenance[0].days) == (frozenset({"staff"}), frozenset({0, 6}))
    assert estate.service_account("corp\\SVC")


@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from("ab:- [],{}&*!|>'\"\n\t#%@?0.~"), max_size=60))
def test_any_text_is_data_or_a_problem_with_a_line(text: str) -> None:
    problems = Problems()
    document = parse(File("x.yml", "x.yml", text), problems)
    assert (document is None) == bool(problems)
    assert all(problem.startswith("x.yml:") and problem.split(":")[1].isdecimal() for problem in problems)
