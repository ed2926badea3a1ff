"""`check` of Jira: each thing that is missing is named in one line, before a ticket needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enricher.cli.checking import check_config
from enricher.core.issue_fields import Option
from enricher.destinations.jira_fields import PRIORITIES, SiteFields
from enricher.destinations.jira_flavour import FLAVOURS
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity
from enricher.standins import Fault, FaultKind, running
from enricher.standins import Jira as JiraStandIn
from enricher.standins.jira import Layout
from tests.destinations.cases import delivery
from tests.destinations.jira_sites import jira_of, sites

pytestmark = pytest.mark.slow

SECURE = replace(Layout(), screen=Layout().screen | {"security"})
FULL = SiteFields(
    priorities={severity: Option(id=str(5 - severity.rank)) for severity in Severity},
    components=(Option("SOC"),),
    security=Option(id="10010"),
    assignee="soc.bot",
    custom={"customfield_10123": "text", "customfield_10124": {"value": "High"}},
)
MISSING: dict[str, tuple[Layout, dict[str, Any], list[str]]] = {
    "project": (Layout(), {"project": "NOPE"}, ["there is no project NOPE, or this account may not see it"]),
    "issue type": (
        Layout(),
        {"issue_type": "Security Incident"},
        ["SEC has no issue type 'Security Incident'; it has Incident, Task"],
    ),
    "right to comment": (
        Layout(rights=Layout().rights - {"ADD_COMMENTS"}),
        {},
        ["the account has no permission ADD_COMMENTS in SEC: no news can be told"],
    ),
    "right to take a comment back from customers": (
        Layout(service_desk=True, rights=Layout().rights - {"DELETE_OWN_COMMENTS"}),
        {},
        ["the account has no permission DELETE_OWN_COMMENTS in SEC: a comment that came out public cannot be taken back"],
    ),
    "many values, of which a line names a few": (
        Layout(components=tuple(f"C{n}" for n in range(12))),
        {"fields": SiteFields(components=(Option("SOC"),))},
        ["field 'components' has no value with name 'SOC'; it has C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, 2 more"],
    ),
    "a value that would write on the terminal": (
        Layout(components=("\x1b[2J\u202egpj",)),
        {"fields": SiteFields(components=(Option("SOC"),))},
        ["field 'components' has no value with name 'SOC'; it has [U+001B][2J[U+202E]gpj"],
    ),
    "right to create": (
        Layout(rights=Layout().rights - {"CREATE_ISSUES"}),
        {},
        [
            "the account has no permission CREATE_ISSUES in SEC: no ticket can be opened",
            "SEC has no issue type 'Incident'; it has none that this account may create",
        ],
    ),
    "right to set security": (
        replace(SECURE, rights=Layout().rights - {"SET_ISSUE_SECURITY"}),
        {"fields": SiteFields(security=Option("SOC only"))},
        [
            "the account has no permission SET_ISSUE_SECURITY in SEC: a security level cannot be set, so no ticket can be opened",
            "field 'security' is not on the create screen of Incident in SEC",
        ],
    ),
    "labels, which hold our key": (
        Layout(screen=Layout().screen - {"labels"}),
        {},
        ["field 'labels' is not on the create screen of Incident in SEC"],
    ),
    "custom field": (
        Layout(),
        {"fields": SiteFields(custom={"customfield_10999": "x"})},
        ["field 'customfield_10999' is not on the create screen of Incident in SEC"],
    ),
    "a field that the site requires": (
        Layout(required=frozenset({"customfield_10123"})),
        {},
        [
            "field 'customfield_10123' (Case key) is required on the create screen of Incident in SEC, and jira.fields does not set it"
        ],
    ),
    "priority by name": (
        Layout(),
        {"fields": SiteFields(priorities={**PRIORITIES, Severity.LOW: Option("Minor")})},
        ["field 'priority' has no value with name 'Minor'; it has Highest, High, Medium, Low, Lowest"],
    ),
    "priority by id": (
        Layout(),
        {"fields": SiteFields(priorities={**PRIORITIES, Severity.LOW: Option(id="77")})},
        ["field 'priority' has no value with id '77'; it has Highest, High, Medium, Low, Lowest"],
    ),
    "priority that was asked for": (
        Layout(screen=Layout().screen - {"priority"}),
        {"fields": SiteFields(priorities={**PRIORITIES, Severity.LOW: Option(id="5")})},
        ["field 'priority' is not on the create screen of Incident in SEC"],
    ),
    "priority that nobody asked for": (
        Layout(screen=Layout().screen - {"priority"}),
        {},
        ["warning: field 'priority' is not on the create screen of Incident in SEC"],
    ),
    "a default priority": (
        Layout(priorities={"1": "Highest", "2": "High", "3": "Medium", "4": "Low"}),
        {},
        ["warning: field 'priority' has no value with name 'Lowest'; it has Highest, High, Medium, Low"],
    ),
    "component": (
        Layout(),
        {"fields": SiteFields(components=(Option("SOC"), Option("CERT")))},
        ["field 'components' has no value with name 'CERT'; it has SOC"],
    ),
    "option of a custom field": (
        Layout(),
        {"fields": SiteFields(custom={"customfield_10124": {"value": "Dire"}})},
        ["field 'customfield_10124' has no value with value 'Dire'; it has Critical, High, Medium, Low, Informational"],
    ),
    "security level": (
        SECURE,
        {"fields": SiteFields(security=Option(id="1"))},
        ["field 'security' has no value with id '1'; it has SOC only"],
    ),
}


def site_of(kind: str, layout: Layout) -> JiraStandIn:
    return sites(layout=layout)[kind]


@pytest.mark.parametrize("kind", FLAVOURS)
@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_named(kind: str, name: str) -> None:
    layout, settings, problems = MISSING[name]
    with jira_of(site_of(kind, layout), **settings) as jira:
        assert list(jira.check()) == problems


@pytest.mark.parametrize("kind", FLAVOURS)
@pytest.mark.parametrize(
    ("layout", "fields"),
    [
        pytest.param(Layout(), SiteFields(), id="as it comes"),
        pytest.param(SECURE, FULL, id="with every field set"),
        pytest.param(
            Layout(screen=Layout().screen | {"reporter"}, required=frozenset({"reporter"})),
            SiteFields(),
            id="a reporter, whom Jira fills in",
        ),
        pytest.param(
            Layout(required=frozenset({"customfield_10123"})),
            SiteFields(custom={"customfield_10123": "x"}),
            id="a required field that is set",
        ),
        pytest.param(
            Layout(issue_types={**{str(n): f"Type {n}" for n in range(60)}, "10001": "Incident"}),
            SiteFields(),
            id="the issue type on the second page",
        ),
    ],
)
def test_a_site_that_is_set_up_passes_and_nothing_is_made(kind: str, layout: Layout, fields: SiteFields) -> None:
    site = site_of(kind, layout)
    with jira_of(site, fields=fields) as jira:
        assert list(jira.check()) == []
        assert site.store()["issues"] == []
        assert {one["method"] for one in site.store()["requests"]} == {"GET"}


@pytest.mark.parametrize("kind", FLAVOURS)
def test_a_wrong_token_is_no_line_but_an_error(kind: str) -> None:
    with jira_of(site_of(kind, Layout()), token="wrong") as jira, pytest.raises(DeliveryError) as caught:
        jira.check()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize("kind", FLAVOURS)
def test_what_passes_can_be_created(kind: str) -> None:
    """The check asks for what a create needs: where it passes, the issue is taken with every field."""
    site = site_of(kind, SECURE)
    with jira_of(site, fields=FULL) as jira:
        jira.create(delivery())
        (issue,) = site.store()["issues"]
        held = {name: issue["fields"][name] for name in ("priority", "components", "security", "customfield_10124")}
        assert held == {
            "priority": {"id": "1", "name": "Highest"},
            "components": [{"id": "10100", "name": "SOC"}],
            "security": {"id": "10010", "name": "SOC only"},
            "customfield_10124": {"id": "10201", "value": "High"},
        }


@pytest.mark.parametrize("kind", FLAVOURS)
def test_check_config_live_prints_each_line(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(kind, Layout(rights=Layout().rights - {"LINK_ISSUES"}))
    with running(site):
        settings = {
            "URL": site.url,
            "FLAVOUR": kind,
            "EMAIL": site.email,
            "TOKEN": site.token,
            "PROJECT": "SEC",
            "ISSUE_TYPE": "Incident",
            "COMPONENTS": '["CERT"]',
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"ENRICHER_JIRA_{name}", value)
        assert check_config(None, as_json=False, live=True) == 1
    said = capsys.readouterr().err
    assert "jira: the account has no permission LINK_ISSUES in SEC: a second ticket of one case cannot be linked\n" in said
    assert "jira: field 'components' has no value with name 'CERT'; it has SOC\n" in said


def test_a_jira_that_does_not_show_its_create_screens_is_said_to_be_unchecked() -> None:
    site = site_of("datacenter", Layout())
    site.fail(Fault(kind=FaultKind.ERROR, path="*/createmeta/*", status=404))
    with jira_of(site) as jira:
        assert list(jira.check()) == [
            "warning: fields are not checked: this Jira does not show its create screens (before 8.4)"
        ]


@pytest.mark.parametrize("kind", FLAVOURS)
def test_links_that_cannot_be_made_are_no_fault(kind: str) -> None:
    with jira_of(site_of(kind, Layout(link_types=("Duplicate",)))) as jira:
        assert list(jira.check()) == [
            "warning: there is no link type 'Relates': a ticket that follows a closed one names it, but is not linked"
        ]
    site = site_of(kind, Layout())
    site.fail(Fault(kind=FaultKind.ERROR, path="*/issueLinkType", status=404))
    with jira_of(site) as jira:
        assert list(jira.check()) == [
            "warning: links between issues are switched off: what belongs together is named in comments only"
        ]
