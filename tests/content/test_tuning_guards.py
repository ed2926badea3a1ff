"""What a tuning rule may ask, and what keeps it from hiding what it was not written for: each refusal with its line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.content import load
from enricher.core.rules import TuningRule
from enricher.errors import ConfigurationError

RULE = r"""- id: nightly-report
  version: 1
  owner: team-windows
  approver: soc
  reason: The nightly report to our own app.
  ticket: SEC-1042
  created: 2026-11-01
  expires: 2027-01-30
  scope: {users: ['NT AUTHORITY\SYSTEM']}
  conditions:
    image: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe'
    parent: 'C:\Program Files\Corp Jobs\runner.exe'
    command_line: 're:^powershell -File "?C:\\Program Files\\Corp Jobs\\[\w-]+\.ps1"?$'
    tenant: corp-report.azurewebsites.net
  effect: cap
  cap_at: low
  mode: live
  tests:
    must_match:
      - user: 'NT AUTHORITY\SYSTEM'
        image: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe'
        parents: ['C:\Program Files\Corp Jobs\runner.exe', 'C:\Windows\System32\services.exe']
        command_line: powershell -File "C:\Program Files\Corp Jobs\report.ps1"
        tenant: corp-report.azurewebsites.net
        contacts: [2026-11-24T22:30:00Z, 2026-11-25T01:30:00Z]
    must_not:
      - tenant: evil-report.azurewebsites.net
"""
LINE = r"""    command_line: 're:^powershell -File "?C:\\Program Files\\Corp Jobs\\[\w-]+\.ps1"?$'"""
IMAGE = r"    image: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe'"
PARENT = r"    parent: 'C:\Program Files\Corp Jobs\runner.exe'"
NIGHT = "    schedule: {days: [tue, wed], begins: '22:00', ends: '02:00'}"


def written(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = RULE
    for old, new in changes:
        assert text.count(old) >= 1, f"{old!r} is not in the rule"
        text = text.replace(old, new, 1)
    (tmp_path / "tuning").mkdir(exist_ok=True)
    (tmp_path / "tuning" / "jobs.yml").write_text(text, encoding="utf-8")
    return tmp_path


def loaded(tmp_path: Path, *changes: tuple[str, str]) -> TuningRule:
    (rule,) = load(written(tmp_path, *changes)).tuning
    return rule


def problem(tmp_path: Path, *changes: tuple[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, *changes))
    (said,) = caught.value.problems
    return said.removeprefix(f"{tmp_path}/tuning/").replace("rule 'nightly-report': ", "")


def test_the_rule_of_this_page_is_sound(tmp_path: Path) -> None:
    rule = loaded(tmp_path)
    assert (rule.schedule, rule.ends_when_unmatched_days) == ((), None)


# --- what a rule may ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param(NIGHT, 1, id="one window"),
        pytest.param(NIGHT.replace("{", "[{").replace("}", "}, {days: [sun], begins: '00:00', ends: '00:00'}]"), 2, id="two"),
    ],
)  # fmt: skip
def test_a_schedule(tmp_path: Path, line: str, count: int) -> None:
    rule = loaded(tmp_path, (LINE, f"{LINE}\n{line}"))
    assert len(rule.schedule) == count
    assert rule.conditions["schedule"][0] == "tue, wed 22:00-02:00"
    assert "schedule" not in rule.matchers


@pytest.mark.parametrize(
    "contacts",
    [
        pytest.param("[2026-11-24T21:59:59Z]", id="too early"),
        pytest.param("[2026-11-24T22:30:00Z, null]", id="one time is not known"),
        pytest.param("[]", id="no contact is known"),
    ],
)
def test_a_schedule_is_tested_like_any_condition(tmp_path: Path, contacts: str) -> None:
    guard = ("      - tenant: evil", f"      - contacts: {contacts}\n      - tenant: evil")
    assert loaded(tmp_path, (LINE, f"{LINE}\n{NIGHT}"), guard)
    assert "test must_not[0]: the rule matches with contacts" in problem(tmp_path, guard)


def test_a_chain_is_each_in_its_place(tmp_path: Path) -> None:
    chain = r"    chain: ['C:\Program Files\Corp Jobs\runner.exe', 'C:\Windows\System32\services.exe']"
    other = (
        "      - tenant: evil",
        r"      - parents: ['C:\Program Files\Corp Jobs\runner.exe']" + "\n      - tenant: evil",
    )
    rule = loaded(tmp_path, (PARENT, chain), other)
    assert set(rule.matchers) == {"scope.users", "image", "chain.1", "chain.2", "command_line", "tenant"}
    swapped = r"    chain: ['C:\Windows\System32\services.exe', 'C:\Program Files\Corp Jobs\runner.exe']"
    assert problem(tmp_path, (PARENT, swapped)) == "jobs.yml:19: test must_match[0]: the rule does not match"


def test_an_end_for_want_of_matches(tmp_path: Path) -> None:
    assert loaded(tmp_path, ("  mode: live", "  mode: live\n  ends_when_unmatched_days: 30")).ends_when_unmatched_days == 30


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("approver: soc", "approver: ' Team-Windows '", "4: 'team-windows' owns it and approves it; another must approve", id="its own approver, spelt otherwise"),
        pytest.param("effect: cap\n  cap_at: low", "effect: suppress", "4: 'suppress' needs two approvers; name two, or use 'cap'", id="suppress by one"),
        pytest.param("approver: soc\n", "approver: [soc, 'SOC ']\n", None, id="one approver twice is one"),
        pytest.param("  approver: soc\n", "", "1: 'approver' is missing in 0", id="no approver"),
        pytest.param("  owner: team-windows\n", "", "1: 'owner' is missing in 0", id="no owner"),
        pytest.param("2027-01-30", "2026-10-30", "8: 'expires' must be after 'created'", id="ended before it began"),
        pytest.param("2027-01-30", "2027-11-30", "8: 'expires' is 394 days after 'created'; at most 365", id="over a year"),
        pytest.param("    tenant: corp", "    hots: x\n    tenant: corp", "14: unknown key 'hots'; did you mean 'hosts'?", id="an unknown field"),
        pytest.param("  mode: live", "  mode: live\n  ends_when_unmatched_days: 0", "18: 0.ends_when_unmatched_days: should be greater than or equal to 1, not 0", id="ended at once"),
        pytest.param("{users: ['NT AUTHORITY\\SYSTEM']}", "{users: ['*']}", "9: scope.users: '*': '*' is not read here; write it out, or an anchored 're:^…$'", id="any user"),
        pytest.param("{users: ['NT AUTHORITY\\SYSTEM']}", "{users: [' ']}", "9: scope.users: ' ' is blank", id="a blank user"),
        pytest.param("{users: ['NT AUTHORITY\\SYSTEM']}", "{users: ['re:^.*\\\\.*$']}", "9: scope.users: 're:^.*\\\\.*$' fits anything; say what must be there", id="any user of any domain"),
        pytest.param("{users: ['NT AUTHORITY\\SYSTEM']}", "{hosts: ['re:^.*-.*$']}", "9: scope.hosts: 're:^.*-.*$' fits anything; say what must be there", id="any host with a hyphen"),
        pytest.param(IMAGE, "    image: 're:^.*\\\\powershell\\.exe$'", "11: conditions.image: fits 'c:\\\\users\\\\public\\\\powershell.exe' too; begin with the folder it lives in", id="a name in any folder"),
        pytest.param(IMAGE, "    image: 're:^c:\\\\.*powershell\\.exe$'", "11: conditions.image: fits 'c:\\\\users\\\\public\\\\powershell.exe' too; begin with the folder it lives in", id="a name on any drive's folder"),
        pytest.param(PARENT, "    parent: 're:^.*\\\\Corp Jobs\\\\runner\\.exe$'", None, id="a folder's name is something"),
        pytest.param(PARENT, "    ancestor: 're:^.*[\\\\/]runner\\.exe$'", "12: conditions.ancestor: fits 'c:\\\\users\\\\public\\\\runner.exe' too; begin with the folder it lives in", id="an ancestor in any folder"),
        pytest.param(PARENT, "    parent: runner.exe", "12: conditions.parent: 'runner.exe' has no folder; write the whole path, or any folder will do", id="a name alone"),
        pytest.param(LINE, "    command_line: 're:^.*$'", "13: conditions.command_line: 're:^.*$' fits anything; say what must be there", id="any line"),
        pytest.param(LINE, "    command_line: 're:powershell'", "13: conditions.command_line: 're:powershell' is not anchored; begin with '^' and end with '$'", id="no anchors"),
        pytest.param(LINE, "    command_line: 're:^.*report\\.ps1.*$'", "13: conditions.command_line: 're:^.*report\\.ps1.*$' fits with anything before and after; say how it begins or ends", id="anchors that hold nothing"),
        pytest.param(LINE, "    command_line: 're:^(?:.|\\n)*report(?:.|\\n)*\\z'", "13: conditions.command_line: fits with anything before and after; say how it begins or ends", id="the same, in other words"),
        pytest.param(LINE, "    command_line: 're:^(.*a){500}$'", "13: conditions.command_line: 're:^(.*a){500}$' grows to 5502 steps; at most 2000, so repeat less, or split the rule", id="explodes"),
        pytest.param(LINE, "    command_line: 're:^(a{1,1000}){1,1000}$'", "13: conditions.command_line: 're:^(a{1,1000}){1,1000}$' cannot be read: invalid repetition size: {1,1000}", id="explodes more"),
        pytest.param(LINE, "    command_line: 're:^(a+)+$'", "19: test must_match[0]: the rule does not match", id="what explodes elsewhere is linear here"),
        pytest.param("    tenant: corp-report", "    tenant: azurewebsites.net #", "14: conditions.tenant: 'azurewebsites.net' is no tenant of a platform in the catalog; a suffix alone is every customer", id="a bare suffix"),
        pytest.param("    tenant: corp-report", "    hostname: script.google.com #", "10: 'script.google.com' is shared by all customers of Google Apps Script web app: allowing it allows every one; add 'hash'", id="a shared host alone"),
        pytest.param("    tenant: corp-report", "    hostname: corp-report", "10: one condition must be 'tenant' or 'hash'", id="a host alone"),
        pytest.param(f"{PARENT}\n{LINE}\n", f"{NIGHT}\n", "10: 2 conditions; at least 3 of image, parent or ancestor or chain, command_line, user, tenant or hostname, hash", id="a schedule is no third condition"),
        pytest.param("      - tenant: evil", "      - host: other.example\n      - tenant: evil", "26: test must_not[0]: the rule matches with host 'other.example'", id="a test fails"),
        pytest.param("- id: nightly-report", "- id: [", None, id="no YAML"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, old: str, new: str, said: str | None) -> None:
    if said is None and "id: [" in new:
        assert "jobs.yml:" in problem(tmp_path, (old, new))
        assert "is not YAML" in problem(tmp_path, (old, new))
    elif said is None:
        assert loaded(tmp_path, (old, new))
    else:
        assert problem(tmp_path, (old, new)) == f"jobs.yml:{said}"


WMI = r"C:\Windows\System32\wbem\WmiPrvSE.exe"
EXAMPLE_PARENT = r"parents: ['C:\Program Files\Corp Jobs\runner.exe', 'C:\Windows\System32\services.exe']"


@pytest.mark.parametrize(
    ("condition", "parents"),
    [
        pytest.param(f"    parent: '{WMI}'", f"['{WMI}']", id="as the parent"),
        pytest.param(f"    ancestor: '{WMI}'", f"['{WMI}']", id="as an ancestor"),
        pytest.param(f"    ancestor: ['C:\\Windows\\System32\\svchost.exe', '{WMI}']", f"['{WMI}']", id="as one of several"),
        pytest.param(f"    chain: ['{WMI}', 'C:\\Windows\\System32\\svchost.exe']", f"['{WMI}', 'C:\\Windows\\System32\\svchost.exe']", id="in a chain"),
        pytest.param("    parent: 're:^c:\\\\windows\\\\.*\\.exe$'", f"['{WMI}']", id="in an expression"),
    ],
)  # fmt: skip
def test_wmi_alone_is_no_reason(tmp_path: Path, condition: str, parents: str) -> None:
    """WmiPrvSE → PowerShell is lateral movement as much as it is DSC: what it starts must be said."""
    changes = [(PARENT, condition), (EXAMPLE_PARENT, f"parents: {parents}")]
    assert loaded(tmp_path, *changes)
    said = problem(tmp_path, *changes, (f"{LINE}\n", ""))
    assert (
        said
        == "jobs.yml:10: WmiPrvSE starts what an intruder asks for, too: add 'command_line' with the script it may start"
    )


def test_a_path_with_a_star_for_the_only_folder_is_a_name_alone(tmp_path: Path) -> None:
    said = problem(
        tmp_path, (PARENT, r"    parent: 'C:\*\runner.exe'"), (EXAMPLE_PARENT, r"parents: ['C:\jobs\runner.exe']")
    )
    assert said.startswith("jobs.yml:12: conditions.parent: fits 'c:\\\\nowhere\\\\runner.exe' too")


@pytest.mark.parametrize(
    "text", ["- id: x\n\tversion: 1\n", "\x00", "{", "just words\n", "", "&a [*a]\n", "!!python/object:x {}\n"]
)
def test_what_is_no_list_of_rules(tmp_path: Path, text: str) -> None:
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "jobs.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    assert all(problem.startswith(f"{tmp_path}/tuning/jobs.yml:") for problem in caught.value.problems)
