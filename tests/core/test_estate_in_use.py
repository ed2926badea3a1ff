"""What the estate says, from its file to the case document and to tuning rules: roles, windows, service accounts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from enricher.content import load
from enricher.core.finding import Finding, tune
from enricher.core.programs import Programs
from enricher.errors import ConfigurationError
from enricher.lookups import NoLookups
from enricher.model import Event, Severity
from enricher.wiring.flow import Flow
from tests.fakes import ADDRESS, HOST, POWERSHELL, RELAY, START, TODAY, USER, asked, connected, graded, grouped, started

ESTATE = """\
hosts:
  - hosts: ['ws-fin-*.corp.example']
    groups: [Finance]
    maintenance: [{days: [tue], begins: '02:00', ends: '03:00'}]
service_accounts: ['corp\\M.Alvarez']
"""
RULE = """\
- id: nightly-job
  version: 1
  owner: team-finance
  approver: soc
  reason: The nightly job of the finance team.
  ticket: SEC-7
  created: 2026-11-01
  expires: 2027-01-30
  scope: {groups: [finance], maintenance: true, service_account: true}
  conditions:
    image: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe'
    command_line: 're:^powershell -File nightly\\.ps1$'
    tenant: example-lab.workers.dev
  effect: cap
  cap_at: low
  mode: live
  tests:
    must_match:
      - groups: [Finance]
        image: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe'
        command_line: powershell -File nightly.ps1
        tenant: example-lab.workers.dev
        maintenance: true
        service_account: true
    must_not:
      - maintenance: false
      - maintenance: null
      - service_account: false
      - service_account: null
"""


def house(folder: Path, rule: str = RULE, estate: str = ESTATE) -> Path:
    (folder / "tuning").mkdir(exist_ok=True)
    (folder / "tuning" / "rules.yml").write_text(rule, encoding="utf-8")
    (folder / "estate.yml").write_text(estate, encoding="utf-8")
    return folder


def found(folder: Path, *events: Event) -> Finding:
    rules = load(folder)
    (finding,) = tune(graded(*events, programs=Programs(rules)), rules, TODAY)
    return finding


def nightly(*seconds: float, user: str | None = USER) -> list[Event]:
    """The job at these seconds after two o'clock on a Tuesday night."""
    job = started(POWERSHELL, "powershell -File nightly.ps1", user=user)
    return [job, asked(user=user), *(connected(second, user=user) for second in seconds)]


@pytest.mark.parametrize(
    ("events", "severity"),
    [
        pytest.param(nightly(60), Severity.LOW, id="in the window, by the account"),
        pytest.param(nightly(60, 3_590), Severity.LOW, id="every contact in the window"),
        pytest.param(nightly(60, 3_600), Severity.MEDIUM, id="one contact after it"),
        pytest.param(nightly(-1), Severity.MEDIUM, id="a second before it"),
        pytest.param(nightly(60, user="CORP\\other"), Severity.MEDIUM, id="by another account"),
        pytest.param(nightly(60, user=None), Severity.MEDIUM, id="by nobody known"),
    ],
)
def test_a_window_and_an_account(tmp_path: Path, events: list[Event], severity: Severity) -> None:
    finding = found(house(tmp_path), *events)
    assert finding.graded.severity is Severity.MEDIUM
    assert finding.tuned.severity is severity


@pytest.mark.parametrize(
    "estate",
    [
        pytest.param(ESTATE.replace("ws-fin-*", "ws-hr-*"), id="the host is in no entry"),
        pytest.param(ESTATE.replace("    maintenance", "    # maintenance"), id="the host has no window"),
        pytest.param(ESTATE.replace("Finance", "Sales"), id="the host is in another group"),
        pytest.param(ESTATE.partition("service_accounts")[0], id="no accounts are named"),
        pytest.param("hosts: []\n", id="an empty file"),
    ],
)
def test_what_the_estate_does_not_say_does_not_hold(tmp_path: Path, estate: str) -> None:
    finding = found(house(tmp_path, estate=estate), *nightly(60))
    assert finding.tuned.severity is Severity.MEDIUM
    assert finding.tuned.exceptions == ()


@pytest.mark.parametrize(
    ("last", "matched"),
    [
        pytest.param(timedelta(minutes=50), True, id="until before it closes"),
        pytest.param(timedelta(minutes=70), False, id="until after it closed"),
        pytest.param(timedelta(days=7), False, id="until the next week's"),
        pytest.param(None, False, id="until nobody knows when"),
    ],
)
@pytest.mark.parametrize("asks", ["maintenance: true", "schedule"])
def test_a_row_that_stands_for_several_contacts(
    tmp_path: Path, asks: str, last: timedelta | None, *, matched: bool
) -> None:
    text = RULE
    if asks == "schedule":
        window = "    schedule: {days: [tue], begins: '02:00', ends: '03:00'}\n  effect"
        text = RULE.replace("maintenance: true, ", "").replace("  effect", window)
        text = text.partition("        maintenance: true")[0]
        text += "        service_account: true\n        contacts: [2026-03-10T02:30:00Z]\n"
        text += "    must_not:\n      - contacts: [2026-03-10T03:30:00Z]\n"
    *rest, contact = nightly(60)
    several = replace(contact, count=5, last_at=contact.at + last if contact.at and last else None)
    assert bool(found(house(tmp_path, text), *rest, several).tuned.exceptions) is matched


def test_a_contact_without_a_time_is_in_no_window(tmp_path: Path) -> None:
    events = [replace(event, at=None) for event in nightly(60)]
    assert found(house(tmp_path), *events).tuned.exceptions == ()


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        pytest.param("{maintenance: true}", "'scope' is empty; name groups, users or hosts", id="a window is no scope"),
        pytest.param("{service_account: true}", "'scope' is empty; name groups, users or hosts", id="nor is an account"),
        pytest.param("{groups: [finance], maintenance: false}", "maintenance", id="only true can be asked for"),
    ],
)
def test_scopes_that_are_refused(tmp_path: Path, scope: str, said: str) -> None:
    text = RULE.replace("{groups: [finance], maintenance: true, service_account: true}", scope)
    with pytest.raises(ConfigurationError, match=said):
        load(house(tmp_path, text))


def test_a_window_that_the_rule_does_not_ask_for_changes_nothing(tmp_path: Path) -> None:
    text = RULE.replace(", maintenance: true, service_account: true", "").partition("    must_not")[0]
    text += "    must_not:\n      - tenant: evil-lab.workers.dev\n"
    assert found(house(tmp_path, text), *nightly(3_600, user="CORP\\other")).tuned.severity is Severity.LOW


# --- in the case document -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estate", "events", "expected"),
    [
        pytest.param(
            ESTATE,
            nightly(60, 3_600),
            {"role": None, "groups": ["Finance"], "owner": None, "maintenance": True, "service_account": True},
            id="a window that one contact fell into",
        ),
        pytest.param(
            ESTATE.replace("    groups", "    role: server\n    owner: team-x\n    groups"),
            nightly(3_600, user="CORP\\other"),
            {"role": "server", "groups": ["Finance"], "owner": "team-x", "maintenance": False, "service_account": False},
            id="role and owner, no window, another account",
        ),
        pytest.param(
            ESTATE.partition("service_accounts")[0],
            nightly(60),
            {"role": None, "groups": ["Finance"], "owner": None, "maintenance": True, "service_account": None},
            id="no accounts are named",
        ),
        pytest.param(
            "service_accounts: ['corp\\M.Alvarez']\n",
            nightly(60),
            {"role": None, "groups": [], "owner": None, "maintenance": False, "service_account": True},
            id="an account alone",
        ),
        pytest.param("hosts: [{hosts: [elsewhere], role: server}]\n", nightly(60), None, id="neither host nor account"),
        pytest.param("hosts: []\n", nightly(60), None, id="an empty file"),
    ],
)
def test_the_document_carries_what_routing_needs(
    tmp_path: Path, estate: str, events: list[Event], expected: object
) -> None:
    (case,) = grouped(*events, programs=Programs(load(house(tmp_path, estate=estate)))).cases
    assert case.document["estate"] == expected


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estate", "said"),
    [
        pytest.param("hosts: []\n", [], id="no file to speak of"),
        pytest.param("service_accounts: ['x']\n", [], id="accounts alone name no hosts"),
        pytest.param(
            "hosts: [{hosts: [elsewhere], role: server}]\n",
            ["estate role: config/estate.yml does not name the host"],
            id="not named",
        ),
        pytest.param(ESTATE, ["estate role: config/estate.yml names the host without one"], id="named, no role"),
        pytest.param("hosts: [{hosts: ['ws-*'], role: developer}]\n", [], id="a role"),
    ],
)
def test_the_role_is_missing_where_the_file_might_have_said_it(tmp_path: Path, estate: str, said: list[str]) -> None:
    programs = Programs(load(house(tmp_path, estate=estate)))
    row = {"event_id": "22", "computer": HOST, "query_name": RELAY, "query_status": "0", "query_results": ADDRESS}
    body = {"schema": "enricher/1", "kind": "monitor", "name": "m", "results": [row | {"image": POWERSHELL}]}
    document = Flow(lambda: programs, NoLookups(), None, owner=False).explain(json.dumps(body).encode(), START)
    assert [m for case in document["cases"] for m in case["missing"] if m.startswith("estate")] == said


# --- its file -------------------------------------------------------------------------------------------------------


def test_the_estates_names_are_read_whatever_their_alphabet(tmp_path: Path) -> None:
    text = "hosts:\n  - {hosts: ['BÜRO-*', 'xn--bcher-kva'], role: server}\n"
    estate = load(house(tmp_path, estate=text)).estate
    assert {host: (facts := estate.about(host)) and facts.role for host in ("büro-3.corp.example", "Bücher", HOST)} == {
        "büro-3.corp.example": "server",
        "Bücher": "server",
        HOST: None,
    }
    with pytest.raises(ConfigurationError, match="hosts"):
        load(house(tmp_path, estate="hosts:\n  - {hosts: ['a b']}\n"))
