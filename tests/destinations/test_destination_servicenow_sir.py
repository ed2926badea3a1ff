"""Security Incident Response, references and the live check, against the stand-in over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from enricher.cli.checking import check_config
from enricher.core.document import CaseDocument
from enricher.destinations.servicenow import Credentials, Form, ServiceNow, sys_id_of
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.model import Severity
from enricher.standins import Fault, FaultKind
from enricher.standins import ServiceNow as StandIn
from enricher.standins.servicenow.accounts import Account
from enricher.standins.servicenow.records import Rules
from enricher.standins.servicenow.tables import ENRICHER_USER, SOC_GROUP, dictionary_row
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, LOW_KEY, RAISED, RECOVERY, delivery

pytestmark = pytest.mark.slow

SIR = Form("sn_si_incident")
HOST = "ws-fin-0142.corp.example"
ITEM = "b0c4030ac0a800090152e7a4564ca36c"
OTHER_ITEM = "c" * 32

Make = Callable[..., tuple[StandIn, ServiceNow]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes an instance and an adapter for it: settings of the one and of the other."""
    made: list[tuple[StandIn, ServiceNow]] = []

    def pair(instance: dict[str, Any] | None = None, **settings: Any) -> tuple[StandIn, ServiceNow]:
        site = StandIn(**(instance or {}))
        site.start()
        made.append((site, ServiceNow(site.url, Credentials(site.user, site.password), **{"form": SIR, **settings})))
        return made[-1]

    yield pair
    for site, destination in made:
        destination.close()
        site.stop()


def held(site: StandIn, word: str = "security_incidents") -> dict[str, Any]:
    """The only record that there is."""
    (record,) = site.store()[word]
    return cast("dict[str, Any]", record)


def asked(site: StandIn, table: str) -> int:
    return sum(request["path"].endswith(f"/table/{table}") for request in site.store()["requests"])


def graded(severity: Severity, score: int = 50) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, "severity": severity.value, "score": score})


# --- security incidents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "priority"), list(zip(sorted(Severity, key=lambda severity: -severity.rank), "12345", strict=True))
)
def test_severity_is_the_priority_of_a_security_incident(make: Make, severity: Severity, priority: str) -> None:
    site, servicenow = make()
    servicenow.create(delivery(graded(severity)))
    record = held(site)
    assert (record["priority"], record["state"], record["business_criticality"]) == (priority, "10", "3")
    assert site.store()["incidents"] == []


def test_a_security_incident_names_its_rule_and_says_nothing_to_its_caller(make: Make) -> None:
    site, servicenow = make()
    ticket = servicenow.create(delivery())
    servicenow.update(delivery(), ticket, RECOVERY)
    record = held(site)
    assert record["alert_rule"] == "T1583.007 Acquire Infrastructure: Serverless"
    assert (record["correlation_id"], record["sys_id"]) == (CRITICAL_KEY, sys_id_of(CRITICAL_KEY, "sn_si_incident"))
    assert [f"{CRITICAL_KEY}-{seq:02d}" in note for seq, note in enumerate(record["work_notes"], 1)] == [True, True]
    assert record["comments"] == []
    assert (ticket.label, record["impact"], record["urgency"]) == ("SIR0010001", "", "")
    assert ticket.url == f"{site.url}/nav_to.do?uri=sn_si_incident.do%3Fsys_id%3D{record['sys_id']}"


@pytest.mark.parametrize(
    ("ours", "score", "overridden"),
    [pytest.param(False, "80", "false", id="the instance's"), pytest.param(True, "98", "true", id="the case's")],
)
def test_who_says_the_risk_score(make: Make, ours: bool, score: str, overridden: str) -> None:  # noqa: FBT001 — a column
    site, servicenow = make(form=Form("sn_si_incident", send_risk_score=ours))
    servicenow.create(delivery())
    assert (held(site)["risk_score"], held(site)["risk_score_override"]) == (score, overridden)


def test_a_rising_severity_raises_priority_and_risk_score(make: Make) -> None:
    site, servicenow = make(form=Form("sn_si_incident", send_risk_score=True))
    ticket = servicenow.create(delivery(graded(Severity.LOW, 30)))
    servicenow.update(delivery(graded(Severity.CRITICAL, 90)), ticket, RAISED)
    assert (held(site)["priority"], held(site)["risk_score"], held(site)["state"]) == ("1", "90", "10")


def test_what_an_analyst_put_higher_stays(make: Make) -> None:
    site, servicenow = make(form=Form("sn_si_incident", send_risk_score=True))
    ticket = servicenow.create(delivery(graded(Severity.LOW, 30)))
    site.tickets["sn_si_incident"].update(ticket.external_id, {"priority": "1", "risk_score": "99", "state": "16"})
    servicenow.update(delivery(graded(Severity.MEDIUM, 50)), ticket, RAISED)
    assert (held(site)["priority"], held(site)["risk_score"], held(site)["state"]) == ("1", "99", "16")


def test_weights_of_ones_own(make: Make) -> None:
    weights = {severity: {"priority": 2, "business_criticality": 1} for severity in Severity}
    site, servicenow = make(form=Form("sn_si_incident", weights=weights, fields={"category": "Phishing"}))
    servicenow.create(delivery(LOW))
    record = held(site)
    assert (record["priority"], record["business_criticality"], record["category"]) == ("2", "1", "Phishing")


def test_a_second_insert_finds_the_first_security_incident(make: Make) -> None:
    site, servicenow = make()
    assert servicenow.create(delivery()) == servicenow.create(delivery())
    assert len(site.store()["security_incidents"]) == 1


def test_an_instance_that_ignores_our_key_is_searched_by_correlation(make: Make) -> None:
    site, servicenow = make({"rules": Rules(honour_sys_id=False)})
    servicenow.create(delivery(LOW))
    ticket = servicenow.create(delivery())
    assert servicenow.find(delivery(in_doubt=True)) == ticket
    assert len(site.store()["security_incidents"]) == 2


def test_an_account_without_a_role_is_refused(make: Make) -> None:
    site, servicenow = make({"account": Account(roles=("itil",))})
    with pytest.raises(DeliveryError) as caught:
        servicenow.create(delivery())
    assert (caught.value.reason, site.store()["security_incidents"]) == (Reason.FORBIDDEN, [])


def test_a_mandatory_field_that_is_missing_is_named(make: Make) -> None:
    site, servicenow = make({"rules": Rules(mandatory=("u_site",), custom={"u_site": 40})})
    with pytest.raises(DeliveryError) as caught:
        servicenow.create(delivery())
    assert (caught.value.reason, site.store()["security_incidents"]) == (Reason.FORBIDDEN, [])
    assert "u_site" in caught.value.detail


def test_fields_of_the_sites_own_are_filled_in(make: Make) -> None:
    form = Form("sn_si_incident", fields={"u_site": "Basel", "u_tier": 1, "u_sumo": True})
    custom = {"u_site": 40, "u_tier": 40, "u_sumo": 40}
    site, servicenow = make({"rules": Rules(mandatory=("u_site",), custom=custom)}, form=form)
    servicenow.create(delivery())
    assert [held(site)[name] for name in custom] == ["Basel", "1", "true"]


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        pytest.param(Rules(), [], id="kept as sent"),
        pytest.param(
            Rules(unwritable=frozenset({"category", "assignment_group"})), ["category", "assignment_group"], id="dropped"
        ),
        pytest.param(Rules(on_insert={"priority": "3"}), ["priority"], id="changed by a business rule"),
    ],
)
def test_fields_that_the_instance_changed_are_named_and_not_fought(make: Make, rules: Rules, fields: list[str]) -> None:
    site, servicenow = make({"rules": rules}, group="SOC", form=Form("sn_si_incident", fields={"category": "Phishing"}))
    with capture_logs() as log:
        servicenow.create(delivery())
    assert [entry["fields"] for entry in log if entry["event"] == "ticket_fields_changed"] == ([fields] if fields else [])
    assert [request["method"] for request in site.store()["requests"] if request["method"] != "GET"] == ["POST"]


# --- group and caller -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["SOC", SOC_GROUP])
@pytest.mark.parametrize("caller", ["enricher", "enricher@corp.example", ENRICHER_USER])
@pytest.mark.parametrize(("table", "field"), [("incident", "caller_id"), ("sn_si_incident", "caller")])
def test_group_and_caller_by_name_or_key(make: Make, group: str, caller: str, table: str, field: str) -> None:
    site, servicenow = make(form=Form(table), group=group, caller=caller)
    servicenow.create(delivery())
    record = held(site, "incidents" if table == "incident" else "security_incidents")
    assert (record["assignment_group"], record[field]) == (SOC_GROUP, ENRICHER_USER)


def test_a_group_is_looked_up_once_an_hour(make: Make) -> None:
    now = [0.0]
    site, servicenow = make(group="SOC", clock=lambda: now[0])
    for passed, expected in ((0, 1), (3599, 1), (2, 2)):
        now[0] += passed
        servicenow.create(delivery())
        assert asked(site, "sys_user_group") == expected


def test_a_key_needs_no_look_up(make: Make) -> None:
    site, servicenow = make(group=SOC_GROUP)
    servicenow.create(delivery())
    assert asked(site, "sys_user_group") == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([], "none is called SOC", id="no such group"),
        pytest.param([{"sys_id": SOC_GROUP, "name": "SOC", "active": "false"}], "none is called SOC", id="not active"),
        pytest.param(
            [{"sys_id": key * 32, "name": "SOC", "active": "true"} for key in "ab"], "2 are called SOC", id="two of a name"
        ),
        pytest.param(
            [{"sys_id": SOC_GROUP, "label": "Facilities"}], "none is called SOC", id="a query that finds unrelated groups"
        ),
    ],
)
def test_a_group_that_is_not_exactly_one_is_left_out_and_said(make: Make, rows: list[dict[str, str]], said: str) -> None:
    site, servicenow = make(group="SOC")
    site.tables["sys_user_group"] = rows
    servicenow.create(delivery())
    assert held(site)["assignment_group"] == ""
    assert f"No assignment group is set: {said}." in held(site)["work_notes"][0]


def test_groups_that_may_not_be_read_do_not_stop_the_ticket(make: Make) -> None:
    site, servicenow = make(group="SOC")
    site.denied.add(("read", "sys_user_group"))
    servicenow.create(delivery())
    assert "No assignment group is set: 'SOC' cannot be looked up (forbidden)." in held(site)["work_notes"][0]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(FaultKind.ERROR, Reason.CONNECT), (FaultKind.DROP, Reason.CONNECT), (FaultKind.LIMIT, Reason.RATE_LIMITED)],
)
def test_a_group_that_cannot_be_asked_for_now_is_waited_for(make: Make, kind: FaultKind, reason: Reason) -> None:
    site, servicenow = make(group="SOC")
    site.fail(Fault(kind=kind, path="*/sys_user_group", calls=(1,)))
    with pytest.raises(DeliveryError) as caught:
        servicenow.create(delivery())
    assert (caught.value.reason, caught.value.outcome) == (reason, Outcome.NOT_SENT)
    assert site.store()["security_incidents"] == []
    servicenow.create(delivery())
    assert held(site)["assignment_group"] == SOC_GROUP


# --- the configuration item -----------------------------------------------------------------------------------------


def item(name: str, fqdn: str = "", key: str = ITEM) -> dict[str, str]:
    return {"sys_id": key, "name": name, "fqdn": fqdn}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([item(HOST)], ITEM, id="its name"),
        pytest.param([item("WS-FIN-0142")], ITEM, id="its short name, in capitals"),
        pytest.param([item("asset 4711", HOST.upper())], ITEM, id="its FQDN"),
        pytest.param([item("ws-fin-0142", HOST), item("printer", key=OTHER_ITEM)], ITEM, id="among others"),
        pytest.param([item("ws-fin-0142", "ws-fin-0142.other.example")], "", id="of that name in another domain"),
        pytest.param([item("ws-fin-0142"), item("ws-fin-0142", key=OTHER_ITEM)], "", id="two of that name"),
        pytest.param([item("ws-fin-0142", HOST), item(HOST, key=OTHER_ITEM)], "", id="two in two ways"),
        pytest.param([{"sys_id": ITEM, "label": "printer"}], "", id="a query that finds unrelated items"),
        pytest.param([], "", id="none"),
    ],
)
def test_the_hosts_configuration_item(make: Make, items: list[dict[str, str]], expected: str) -> None:
    site, servicenow = make(cmdb=True)
    site.tables["cmdb_ci"] = items
    servicenow.create(delivery())
    record = held(site)
    assert record["cmdb_ci"] == expected
    assert ("No configuration item is set" in record["work_notes"][0]) == (not expected)


def test_how_many_items_there_are_is_said(make: Make) -> None:
    site, servicenow = make(cmdb=True)
    site.tables["cmdb_ci"] = [item("ws-fin-0142", key=key * 32) for key in "abc"]
    servicenow.create(delivery())
    assert f"No configuration item is set: 3 are called {HOST}." in held(site)["work_notes"][0]


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.DROP, FaultKind.HTML, FaultKind.TRUNCATE, FaultKind.LIMIT])
def test_a_ticket_does_not_wait_for_the_cmdb(make: Make, kind: FaultKind) -> None:
    site, servicenow = make(cmdb=True)
    site.fail(Fault(kind=kind, path="*/cmdb_ci"))
    servicenow.create(delivery())
    assert "No configuration item is set: the CMDB could not be asked" in held(site)["work_notes"][0]


def test_a_host_is_looked_up_once(make: Make) -> None:
    site, servicenow = make(cmdb=True)
    site.tables["cmdb_ci"] = [item(HOST)]
    for key in ("enricher-0000000000000001", "enricher-0000000000000002"):
        servicenow.create(delivery(cast("CaseDocument", {**CRITICAL, "key": key})))
    assert asked(site, "cmdb_ci") == 1
    assert [record["cmdb_ci"] for record in site.store()["security_incidents"]] == [ITEM, ITEM]


@pytest.mark.parametrize("host", ["x^ORname=ws-dc-01", "ws 1", "ws-1\n", "", "*", "ws-1=", "a" * 300, "ẞ.example"])
def test_a_host_that_is_no_name_enters_no_query(make: Make, host: str) -> None:
    site, servicenow = make(cmdb=True)
    site.tables["cmdb_ci"] = [item("ws-dc-01"), item("ws-1", key=OTHER_ITEM)]
    servicenow.create(delivery(cast("CaseDocument", {**CRITICAL, "host": host})))
    assert asked(site, "cmdb_ci") == 0
    assert held(site)["cmdb_ci"] == ""


# --- check ----------------------------------------------------------------------------------------------------------

NOT_KNOWN = "warning: no ticket of ours in sn_si_incident yet, so whether we may insert and keep our sys_id is not known"


def test_a_well_set_up_instance_has_no_problem(make: Make) -> None:
    site, servicenow = make(group="SOC", caller="enricher", cmdb=True)
    site.tables["cmdb_ci"] = [item(HOST)]
    assert servicenow.check() == [NOT_KNOWN]
    assert [site.store()[word] for word in ("incidents", "security_incidents")] == [[], []]
    servicenow.create(delivery())
    before = site.store()["security_incidents"]
    assert servicenow.check() == []
    assert site.store()["security_incidents"] == before


def test_an_incident_table_is_well_too(make: Make) -> None:
    _, servicenow = make(form=Form("incident", fields={"category": "network"}), group=SOC_GROUP, caller=ENRICHER_USER)
    servicenow.create(delivery())
    assert servicenow.check() == []


def spoil_group(site: StandIn) -> None:
    site.tables["sys_user_group"] = []


def retire_group(site: StandIn) -> None:
    site.tables["sys_user_group"][0]["active"] = "false"


def drop_field(site: StandIn) -> None:
    site.tables["sys_dictionary"] = [row for row in site.tables["sys_dictionary"] if row["element"] != "alert_rule"]


def of(site: StandIn, table: str, element: str) -> dict[str, str]:
    rows = site.tables["sys_dictionary"]
    return next(row for row in rows if (row["name"], row["element"]) == (table, element))


WRONG: dict[str, tuple[dict[str, Any], Callable[[StandIn], object], list[str]]] = {
    "no such group": (
        {"group": "SOC"},
        spoil_group,
        ["assignment group 'SOC': No assignment group is set: none is called SOC."],
    ),
    "no group of that key": (
        {"group": SOC_GROUP},
        spoil_group,
        [f"assignment group {SOC_GROUP}: no such record in sys_user_group"],
    ),
    "a retired group": ({"group": SOC_GROUP}, retire_group, [f"assignment group {SOC_GROUP} is not active"]),
    "no such caller": (
        {"caller": "nobody@corp.example"},
        lambda _: None,
        ["caller 'nobody@corp.example': No caller is set: none is called nobody@corp.example."],
    ),
    "a mistyped field": (
        {"form": Form("sn_si_incident", fields={"u_sit": "Basel"})},
        lambda _: None,
        ["field u_sit is not in sn_si_incident: what is sent would be dropped"],
    ),
    "a field that was taken away": (
        {},
        drop_field,
        ["field alert_rule is not in sn_si_incident: what is sent would be dropped"],
    ),
    "a read-only field": (
        {},
        lambda site: of(site, "sn_si_incident", "alert_rule").update(read_only="true"),
        ["field alert_rule is read-only: what is sent would be dropped"],
    ),
    "a correlation id that is too short": (
        {},
        lambda site: of(site, "task", "correlation_id").update(max_length="20"),
        ["field correlation_id holds 20 characters, ours are up to 29: the rest would be cut"],
    ),
    "a short description": (
        {},
        lambda site: of(site, "task", "description").update(max_length="1000"),
        ["warning: field description holds 1000 characters, ours are up to 4000: the rest would be cut"],
    ),
    "a mandatory field": (
        {},
        lambda site: site.tables["sys_dictionary"].append(dictionary_row("sn_si_incident", "u_site", mandatory="true")),
        ["warning: field u_site is mandatory and not sent: the instance may refuse tickets until `fields` has it"],
    ),
    "an unknown choice": (
        {"form": Form("sn_si_incident", fields={"category": "Beaconing"})},
        lambda _: None,
        [
            "field category has no choice 'Beaconing'; it has Denial of Service, Malicious code, Phishing, Unauthorized access"
        ],
    ),
    "a dictionary that is not shown": (
        {},
        lambda site: site.hidden.add("sys_dictionary"),
        ["warning: fields are not checked: sys_dictionary shows nothing to this account"],
    ),
    "a dictionary that may not be read": (
        {},
        lambda site: site.denied.add(("read", "sys_dictionary")),
        ["warning: fields are not checked: sys_dictionary shows nothing to this account (forbidden)"],
    ),
    "a CMDB that may not be read": (
        {"cmdb": True},
        lambda site: site.denied.add(("read", "cmdb_ci")),
        ["cmdb_ci may not be read (forbidden): allow it, or switch the look-up off"],
    ),
    "an empty CMDB": (
        {"cmdb": True},
        lambda _: None,
        ["warning: cmdb_ci shows nothing to this account: no ticket will name a configuration item"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_missing_thing_is_one_line(make: Make, name: str) -> None:
    settings, spoil, expected = WRONG[name]
    site, servicenow = make(**settings)
    spoil(site)
    assert servicenow.check() == [*expected, NOT_KNOWN]


@pytest.mark.parametrize("table", ["sn_si_incident", "u_no_such_table"])
def test_a_table_that_may_not_be_read_is_all_that_is_said(make: Make, table: str) -> None:
    _, servicenow = make({"account": Account(roles=("itil",))}, form=Form(table))
    (line,) = servicenow.check()
    assert line.startswith(f"table {table} does not exist or may not be read (HTTP 40")


def test_an_instance_that_ignores_our_key_is_said(make: Make) -> None:
    _, servicenow = make({"rules": Rules(honour_sys_id=False)})
    servicenow.create(delivery())
    (line,) = servicenow.check()
    assert line.startswith("warning: the instance does not keep the sys_id that we choose")


def test_one_ticket_with_our_key_proves_that_it_is_kept(make: Make) -> None:
    site, servicenow = make()
    servicenow.create(delivery())
    site.tickets["sn_si_incident"].insert({"correlation_id": LOW_KEY, "short_description": "imported by hand"})
    assert servicenow.check() == []


def test_a_wrong_password_is_an_error_not_a_line(make: Make) -> None:
    site, _ = make()
    destination = ServiceNow(site.url, Credentials(site.user, "no"))
    with pytest.raises(DeliveryError) as caught:
        destination.check()
    destination.close()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize(
    ("group", "ended", "problems"),
    [
        pytest.param("SOC", 0, [], id="a warning alone is no failure"),
        pytest.param(
            "NOC",
            1,
            ["servicenow: assignment group 'NOC': No assignment group is set: none is called NOC."],
            id="a problem is",
        ),
    ],
)
def test_check_config_live(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    group: str,
    ended: int,
    problems: list[str],
) -> None:
    site, _ = make()
    account = site.account
    variables = {"URL": site.url, "CLIENT_ID": account.client_id, "CLIENT_SECRET": account.client_secret}
    for name, value in {**variables, "TABLE": "sn_si_incident", "ASSIGNMENT_GROUP": group}.items():
        monkeypatch.setenv(f"ENRICHER_SERVICENOW_{name}", value)
    assert check_config(None, as_json=True, live=True) == ended
    report = orjson.loads(capsysbinary.readouterr().out)
    assert report["problems"] == problems
    assert f"servicenow: {NOT_KNOWN.removeprefix('warning: ')}" in report["warnings"]
    assert site.store()["security_incidents"] == []
