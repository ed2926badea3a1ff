"""The ServiceNow stand-in refuses, cuts and ignores what an instance does, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from enricher.standins import KEY, ServiceNow, running
from enricher.standins.servicenow.accounts import Account
from enricher.standins.servicenow.records import Rules
from enricher.standins.servicenow.tables import SOC_GROUP
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

BODIES = Path(__file__).parents[1] / "data" / "destination-bodies"
TABLE = "/api/now/v2/table/incident"
JOURNAL = "/api/now/v2/table/sys_journal_field"
SYS_ID = "02a85418c8df5f96962ac60cb275b5f1"
JSON_TYPE = {"Content-Type": "application/json"}


@contextmanager
def instance(**settings: Any) -> Iterator[tuple[ServiceNow, httpx2.Client]]:
    with (
        running(ServiceNow(**settings)) as standin,
        connect(standin.url, auth=(standin.user, standin.password), headers={"Accept": "application/json"}) as client,
    ):
        yield standin, client


@pytest.fixture
def pair() -> Iterator[tuple[ServiceNow, httpx2.Client]]:
    with instance() as pair:
        yield pair


@pytest.fixture
def servicenow(pair: tuple[ServiceNow, httpx2.Client]) -> ServiceNow:
    return pair[0]


@pytest.fixture
def client(pair: tuple[ServiceNow, httpx2.Client]) -> httpx2.Client:
    return pair[1]


def inserted(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    response = client.post(TABLE, json={"short_description": "a case", **fields})
    assert response.status_code == 201, response.text
    record: dict[str, Any] = response.json()["result"]
    return record


def listed(client: httpx2.Client, query: str, **more: str) -> list[dict[str, Any]]:
    response = client.get(TABLE, params={"sysparm_query": query, **more})
    assert response.status_code == 200
    rows: list[dict[str, Any]] = response.json()["result"]
    return rows


@pytest.mark.parametrize("name", ["critical", "low"])
def test_the_example_bodies_are_taken(servicenow: ServiceNow, client: httpx2.Client, name: str) -> None:
    body = json.loads((BODIES / f"servicenow-incident-create.{name}.json").read_text())
    fields = "sys_id,number,state,priority,correlation_id,no_such_field"
    response = client.post(TABLE, params={"sysparm_fields": fields}, json=body)
    assert response.status_code == 201
    record = response.json()["result"]
    assert set(record) == {"sys_id", "number", "state", "priority", "correlation_id"}
    assert (record["sys_id"], record["number"], record["state"]) == (body["sys_id"], "INC0010001", "1")
    assert response.headers["Location"].endswith(f"{TABLE}/{body['sys_id']}")
    (stored,) = servicenow.store()["incidents"]
    assert stored["description"] == body["description"]
    assert stored["work_notes"] == [body["work_notes"]]


@pytest.mark.parametrize("auth", [None, ("enricher", "wrong")])
def test_a_wrong_login_is_refused(servicenow: ServiceNow, auth: tuple[str, str] | None) -> None:
    response = httpx2.post(servicenow.url + TABLE, json={}, auth=auth)
    assert (response.status_code, response.json()["status"]) == (401, "failure")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Accept": "application/json"}, 400, id="no content type"),
        pytest.param({"Accept": "", **JSON_TYPE}, 400, id="no accept"),
        pytest.param({"Accept": "text/html", **JSON_TYPE}, 406, id="accept of a browser"),
        pytest.param({"Accept": "application/json", "Content-Type": "text/plain"}, 415, id="plain text"),
        pytest.param({"Accept": "application/json", **JSON_TYPE}, 201, id="both"),
    ],
)
def test_headers(servicenow: ServiceNow, client: httpx2.Client, headers: dict[str, str], status: int) -> None:
    assert client.post(TABLE, content=b"{}", headers=headers).status_code == status
    assert len(servicenow.store()["incidents"]) == (status == 201)


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [("1", "1", "1"), ("1", "2", "2"), ("1", "3", "3"), ("2", "1", "2"), ("2", "2", "3"), ("2", "3", "4"), ("3", "3", "5")],
)
def test_priority_is_computed(client: httpx2.Client, impact: str, urgency: str, priority: str) -> None:
    assert inserted(client, impact=impact, urgency=urgency, priority="1")["priority"] == priority


def test_priority_follows_an_update(client: httpx2.Client) -> None:
    sys_id = inserted(client)["sys_id"]
    response = client.patch(f"{TABLE}/{sys_id}", json={"impact": 1, "urgency": 1})
    assert response.json()["result"]["priority"] == "1"


def test_the_clients_sys_id_is_the_primary_key(servicenow: ServiceNow, client: httpx2.Client) -> None:
    assert inserted(client, sys_id=SYS_ID)["sys_id"] == SYS_ID
    again = client.post(TABLE, json={"sys_id": SYS_ID, "short_description": "again"})
    assert again.status_code == 403
    assert "Unique Key violation" in again.json()["error"]["detail"]
    (stored,) = servicenow.store()["incidents"]
    assert stored["short_description"] == "a case"


def test_a_sys_id_can_be_ignored() -> None:
    with instance(rules=Rules(honour_sys_id=False)) as (servicenow, client):
        assert {inserted(client, sys_id=SYS_ID)["sys_id"] for _ in range(2)}.isdisjoint({SYS_ID})
        assert len(servicenow.store()["incidents"]) == 2


def test_text_is_cut_without_a_word(client: httpx2.Client) -> None:
    record = inserted(client, short_description="a" * 200, description="b" * 5000, correlation_id="c" * 101, u_unknown="x")
    assert [len(record[name]) for name in ("short_description", "description", "correlation_id")] == [160, 4000, 100]
    assert "u_unknown" not in record


def test_a_query_finds_by_correlation(client: httpx2.Client) -> None:
    inserted(client, correlation_id="one")
    inserted(client, correlation_id="two")
    assert [row["correlation_id"] for row in listed(client, "correlation_id=two^active=true")] == ["two"]
    assert listed(client, "correlation_id=three") == []
    assert len(listed(client, "correlation_id=one^ORcorrelation_id=two")) == 2
    assert [row["number"] for row in listed(client, "active=true^ORDERBYDESCnumber", sysparm_limit="1")] == ["INC0010002"]


def test_a_mistyped_field_is_left_out_of_the_query(client: httpx2.Client) -> None:
    inserted(client, correlation_id="one")
    assert [row["correlation_id"] for row in listed(client, "corelation_id=three^active=true")] == ["one"]


def test_an_instance_may_answer_an_invalid_query_with_nothing() -> None:
    with instance(invalid_query_returns_no_rows=True) as (_, client):
        inserted(client)
        assert listed(client, "corelation_id=three^active=true") == []


def test_the_limit_counts_before_the_acl(servicenow: ServiceNow, client: httpx2.Client) -> None:
    hidden = inserted(client)["sys_id"]
    inserted(client)
    servicenow.unreadable.add(hidden)
    assert listed(client, "active=true^ORDERBYnumber", sysparm_limit="1") == []
    assert len(listed(client, "active=true", sysparm_limit="2")) == 1
    assert client.get(f"{TABLE}/{hidden}").status_code == 404


def test_version_one_answers_404_where_nothing_is_found(client: httpx2.Client) -> None:
    assert client.get("/api/now/v1/table/incident").status_code == 404
    assert client.get(TABLE).json() == {"result": []}


def test_notes_append_on_every_write(servicenow: ServiceNow, client: httpx2.Client) -> None:
    sys_id = inserted(client, work_notes="opened")["sys_id"]
    for _ in range(2):
        answer = client.patch(f"{TABLE}/{sys_id}", json={"work_notes": "again", "comments": "to the caller"})
        assert answer.json()["result"]["work_notes"] == ""
    (stored,) = servicenow.store()["incidents"]
    assert (stored["work_notes"], len(stored["comments"])) == (["opened", "again", "again"], 2)
    notes = client.get(JOURNAL, params={"sysparm_query": f"element_id={sys_id}^element=work_notes"}).json()["result"]
    assert [note["value"] for note in notes] == ["opened", "again", "again"]
    shown = client.get(f"{TABLE}/{sys_id}", params={"sysparm_display_value": "true"}).json()["result"]["work_notes"]
    assert shown.count("(Work notes)\nagain\n") == 2
    assert shown.index("again") < shown.index("opened")


def test_the_journal_may_be_closed_to_the_account() -> None:
    with instance(journal_readable=False) as (servicenow, client):
        inserted(client, work_notes="opened")
        assert client.get(JOURNAL).json() == {"result": []}
        assert servicenow.store()["incidents"][0]["work_notes"] == ["opened"]


@pytest.mark.parametrize("status", [403, 500])
def test_resolving_needs_its_fields(status: int) -> None:
    with instance(rules=Rules(resolve_status=status)) as (servicenow, client):
        path = f"{TABLE}/{inserted(client)['sys_id']}"
        for sent in ({"state": "6"}, {"state": "6", "close_code": "Solution provided"}):
            assert client.patch(path, json={**sent, "work_notes": "resolved"}).status_code == status
        assert servicenow.store()["incidents"][0]["state"] == "1"
        assert servicenow.store()["incidents"][0]["work_notes"] == []
        sent = {"state": "6", "close_code": "Solution provided", "close_notes": "recovered"}
        assert client.patch(path, json=sent).json()["result"]["state"] == "6"


def test_closing_is_for_administrators(client: httpx2.Client) -> None:
    path = f"{TABLE}/{inserted(client)['sys_id']}"
    response = client.patch(path, json={"state": "7", "close_code": "x", "close_notes": "y"})
    assert (response.status_code, "ACL Exception" in response.text) == (403, True)


RESOLVED = {"state": "6", "close_code": "Solution provided", "close_notes": "reimaged"}


def test_a_resolved_incident_says_when_and_may_be_taken_again(servicenow: ServiceNow, client: httpx2.Client) -> None:
    path = f"{TABLE}/{inserted(client)['sys_id']}"
    resolved = client.patch(path, json=RESOLVED).json()["result"]
    assert resolved["resolved_at"] == resolved["sys_updated_on"] != ""
    assert (resolved["active"], resolved["closed_at"]) == ("true", "")
    opened = client.patch(path, json={"state": "2"}).json()["result"]
    assert (opened["state"], opened["resolved_at"], opened["close_notes"]) == ("2", "", "reimaged")
    assert servicenow.store()["incidents"][0]["state"] == "2"


@pytest.mark.parametrize(
    ("allowed", "statuses"), [({"1"}, [403, 200]), (set(), [403, 403])], ids=["only to new", "not at all"]
)
def test_a_rule_may_keep_it_from_being_taken_again(allowed: set[str], statuses: list[int]) -> None:
    with instance(rules=Rules(reopen_to=frozenset(allowed))) as (_, client):
        path = f"{TABLE}/{inserted(client)['sys_id']}"
        client.patch(path, json=RESOLVED)
        assert [client.patch(path, json={"state": state}).status_code for state in ("2", "1")] == statuses


def test_a_site_may_want_more_before_it_resolves() -> None:
    with instance(rules=Rules(resolve_needs=("u_cause",), custom={"u_cause": 40})) as (_, client):
        path = f"{TABLE}/{inserted(client)['sys_id']}"
        assert client.patch(path, json=RESOLVED).status_code == 403
        assert client.patch(path, json={**RESOLVED, "u_cause": "beacon"}).status_code == 200


@pytest.mark.parametrize("state", ["7", "8"])
def test_what_a_person_has_closed_takes_nothing_any_more(servicenow: ServiceNow, client: httpx2.Client, state: str) -> None:
    sys_id = inserted(client)["sys_id"]
    servicenow.by_hand(sys_id, state=state, short_description="mine", work_notes="false positive")
    for sent in ({"work_notes": "more"}, {"state": "2"}, {"impact": "1"}):
        assert client.patch(f"{TABLE}/{sys_id}", json=sent).status_code == 403
    (stored,) = servicenow.store()["incidents"]
    assert [stored[name] for name in ("state", "active", "short_description")] == [state, "false", "mine"]
    assert stored["work_notes"] == ["false positive"]
    assert stored["closed_at"]


def test_a_deleted_record_is_not_found_and_its_key_is_free(servicenow: ServiceNow, client: httpx2.Client) -> None:
    inserted(client, sys_id=SYS_ID)
    servicenow.delete(SYS_ID)
    assert client.get(f"{TABLE}/{SYS_ID}").status_code == 404
    assert client.patch(f"{TABLE}/{SYS_ID}", json={"work_notes": "x"}).status_code == 404
    assert servicenow.store()["incidents"] == []
    assert inserted(client, sys_id=SYS_ID)["sys_id"] == SYS_ID


def test_a_business_rule_may_abort() -> None:
    with instance(rules=Rules(abort_rule="Require CI")) as (servicenow, client):
        response = client.post(TABLE, json={})
        assert (response.status_code, "aborted by Business Rule 'Require CI^" in response.text) == (403, True)
        assert servicenow.store()["incidents"] == []


def test_a_business_rule_may_change_what_was_sent() -> None:
    with instance(rules=Rules(on_insert={"urgency": "1", "assignment_group": SOC_GROUP})) as (_, client):
        record = inserted(client, impact="1", urgency="3")
        assert (record["priority"], record["assignment_group"]["value"]) == ("1", SOC_GROUP)


def test_references_are_links_unless_asked_otherwise(client: httpx2.Client) -> None:
    sys_id = inserted(client, assignment_group=SOC_GROUP)["sys_id"]

    def group(**params: str) -> Any:
        return client.get(f"{TABLE}/{sys_id}", params=params).json()["result"]["assignment_group"]

    assert group()["value"] == SOC_GROUP
    assert group(sysparm_exclude_reference_link="true") == SOC_GROUP
    assert group(sysparm_display_value="true")["display_value"] == "SOC"


def test_other_tables_are_read_only(client: httpx2.Client) -> None:
    groups = client.get("/api/now/v2/table/sys_user_group", params={"sysparm_query": "name=SOC^active=true"}).json()[
        "result"
    ]
    assert [one["sys_id"] for one in groups] == [SOC_GROUP]
    assert client.get(f"/api/now/v2/table/sys_user_group/{SOC_GROUP}").json()["result"]["name"] == "SOC"
    assert client.post("/api/now/v2/table/sys_user_group", json={}).status_code == 403
    assert client.get("/api/now/v2/table/no_such_table").status_code == 400


# --- security incidents ---------------------------------------------------------------------------------------------

SECURITY = "/api/now/v2/table/sn_si_incident"
CLOSING = {"state": "3", "close_code": "Threat mitigated", "close_notes": "host reimaged"}


def opened(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    response = client.post(SECURITY, json={"short_description": "a case", **fields})
    assert response.status_code == 201, response.text
    record: dict[str, Any] = response.json()["result"]
    return record


def test_a_security_incident_begins_as_a_draft(servicenow: ServiceNow, client: httpx2.Client) -> None:
    record = opened(client, priority="1", u_unknown="x", alert_rule="r", caller="6816f79cc0a8016401c5a33be04be441")
    assert (record["number"], record["state"], record["priority"], record["risk_score"]) == ("SIR0010001", "10", "1", "80")
    assert (record["active"], record["alert_rule"], record["caller"]["value"][:4]) == ("true", "r", "6816")
    assert "u_unknown" not in record
    assert (len(servicenow.store()["security_incidents"]), servicenow.store()["incidents"]) == (1, [])
    assert servicenow.tickets["incident"].all() == []


def test_a_risk_score_that_was_sent_is_no_longer_computed(client: httpx2.Client) -> None:
    sys_id = opened(client, priority="4", risk_score="77")["sys_id"]
    record = client.patch(f"{SECURITY}/{sys_id}", json={"priority": "1"}).json()["result"]
    assert (record["risk_score"], record["risk_score_override"]) == ("77", "true")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        pytest.param(["16", "18", "19", "20", "100"], 200, id="one after the other"),
        pytest.param(["16", "10"], 200, id="and back"),
        pytest.param(["16", "7"], 200, id="cancelled on the way"),
        pytest.param(["19"], 403, id="not two at once"),
        pytest.param(["3"], 403, id="not closed from the draft"),
        pytest.param(["6"], 403, id="no state of an incident"),
        pytest.param(["7", "10"], 403, id="not opened again"),
    ],
)
def test_the_states_of_a_security_incident(client: httpx2.Client, states: list[str], status: int) -> None:
    path = f"{SECURITY}/{opened(client)['sys_id']}"
    answers = [client.patch(path, json={"state": state}).status_code for state in states]
    assert answers == [*[200] * (len(states) - 1), status]


def test_closing_a_security_incident_needs_its_fields(client: httpx2.Client) -> None:
    path = f"{SECURITY}/{opened(client)['sys_id']}"
    for state in ("16", "18", "19", "20", "100"):
        client.patch(path, json={"state": state})
    assert client.patch(path, json={"state": "3"}).status_code == 403
    assert client.patch(path, json=CLOSING).json()["result"]["active"] == "false"


def test_security_incidents_are_for_their_roles_only() -> None:
    with instance(account=Account(roles=("itil",))) as (servicenow, client):
        for answer in (client.get(SECURITY), client.post(SECURITY, json={})):
            assert (answer.status_code, "ACL Exception" in answer.text) == (403, True)
        assert client.post(TABLE, json={}).status_code == 201
        assert servicenow.store()["security_incidents"] == []


def test_each_table_has_its_own_journal_and_page(servicenow: ServiceNow, client: httpx2.Client) -> None:
    inserted(client, sys_id=SYS_ID, work_notes="of the incident")
    opened(client, sys_id=SYS_ID, work_notes="of the security incident")
    assert [servicenow.store()[word][0]["work_notes"] for word in ("incidents", "security_incidents")] == [
        ["of the incident"],
        ["of the security incident"],
    ]
    shown = client.get(f"/nav_to.do?uri=sn_si_incident.do?sys_id={SYS_ID}", follow_redirects=True)
    assert (shown.url.path, "of the security incident" in shown.text) == (f"/security_incident/{SYS_ID}", True)
    assert client.get("/no_such_word").status_code == 404


# --- rights, fields, rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "method", "status"),
    [("read", "GET", 403), ("create", "POST", 403), ("write", "PATCH", 403), ("create", "GET", 200)],
)
def test_rights_by_table(servicenow: ServiceNow, client: httpx2.Client, right: str, method: str, status: int) -> None:
    sys_id = inserted(client)["sys_id"]
    servicenow.denied.add((right, "incident"))
    path = TABLE if method == "POST" else f"{TABLE}/{sys_id}"
    answer = client.request(method, path, json=None if method == "GET" else {"impact": "1"})
    assert answer.status_code == status
    assert len(servicenow.store()["incidents"]) == 1


def test_rows_of_a_table_may_be_hidden(servicenow: ServiceNow, client: httpx2.Client) -> None:
    sys_id = inserted(client)["sys_id"]
    servicenow.hidden.add("incident")
    assert listed(client, "") == []
    assert client.get(f"{TABLE}/{sys_id}").status_code == 404


def test_what_is_mandatory_is_asked_for() -> None:
    with instance(rules=Rules(mandatory=("u_site",), custom={"u_site": 5})) as (servicenow, client):
        refused = client.post(TABLE, json={"short_description": "x"})
        assert (refused.status_code, "mandatory: u_site" in refused.text) == (403, True)
        assert servicenow.store()["incidents"] == []
        assert inserted(client, u_site="Basel-1")["u_site"] == "Basel"


def test_a_field_that_may_not_be_written_is_dropped_without_a_word() -> None:
    with instance(rules=Rules(unwritable=frozenset({"category"}))) as (_, client):
        assert inserted(client, category="network")["category"] == ""


def test_the_dictionary_knows_the_fields(client: httpx2.Client) -> None:
    def rows(table: str, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get(f"/api/now/v2/table/{table}", params={"sysparm_query": query}).json()[
            "result"
        ]
        return found

    (row,) = rows("sys_dictionary", "nameINincident,task^element=correlation_id")
    assert (row["name"], row["max_length"], row["read_only"]) == ("task", "100", "false")
    (above,) = rows("sys_db_object", "name=sn_si_incident")
    assert above["super_class.name"] == "task"
    assert {row["value"] for row in rows("sys_choice", "name=incident^element=impact")} == {"1", "2", "3"}


# --- OAuth ----------------------------------------------------------------------------------------------------------

GRANT = {"grant_type": "client_credentials", "client_id": "enricher-client", "client_secret": KEY}
BY_PASSWORD = {**GRANT, "grant_type": "password", "username": "enricher", "password": KEY}


@contextmanager
def clocked(**settings: Any) -> Iterator[tuple[ServiceNow, httpx2.Client, list[float]]]:
    now = [1_795_500_000.0]
    with (
        running(ServiceNow(clock=lambda: now[0], **settings)) as standin,
        connect(standin.url, headers={"Accept": "application/json"}) as client,
    ):
        yield standin, client, now


def status_with(client: httpx2.Client, token: str) -> int:
    return client.get(TABLE, headers={"Authorization": f"Bearer {token}"}).status_code


def token_of(client: httpx2.Client, form: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/oauth_token.do", data=form).json()
    return answer


@pytest.mark.parametrize("form", [GRANT, BY_PASSWORD], ids=["client credentials", "password"])
def test_a_token_opens_the_door_until_it_ends(form: dict[str, str]) -> None:
    with clocked() as (servicenow, client, now):
        token = token_of(client, form)
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 1800)
        assert status_with(client, token["access_token"]) == 200
        now[0] += 1799
        assert status_with(client, token["access_token"]) == 200
        now[0] += 1
        assert status_with(client, token["access_token"]) == 401
        token = token_of(client, form)
        servicenow.door.revoke()
        assert status_with(client, token["access_token"]) == 401


def test_the_password_grant_hands_out_the_present_token() -> None:
    with clocked() as (_, client, now):
        first = token_of(client, BY_PASSWORD)
        now[0] += 1000
        again = token_of(client, BY_PASSWORD)
        assert (again["access_token"], again["expires_in"]) == (first["access_token"], 800)
        assert token_of(client, GRANT)["access_token"] != token_of(client, GRANT)["access_token"]
        now[0] += 800
        assert token_of(client, BY_PASSWORD)["access_token"] != first["access_token"]


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        pytest.param({}, {**GRANT, "client_secret": "no"}, id="wrong secret"),
        pytest.param({}, {**BY_PASSWORD, "password": "no"}, id="wrong password"),
        pytest.param({}, {**GRANT, "grant_type": "implicit"}, id="unknown grant"),
        pytest.param({"grants": ("password",)}, GRANT, id="client credentials not enabled"),
    ],
)
def test_a_token_that_is_not_given(settings: dict[str, Any], form: dict[str, str]) -> None:
    with clocked(account=Account(**settings)) as (_, client, _now):
        answer = client.post("/oauth_token.do", data=form)
        assert (answer.status_code, answer.json()["error_description"]) == (401, "access_denied")


def test_basic_may_be_closed() -> None:
    with instance(account=Account(basic=False)) as (_, client):
        assert client.get(TABLE).status_code == 401


def test_a_token_is_asked_for_by_a_form(client: httpx2.Client) -> None:
    assert client.post("/oauth_token.do", json=GRANT).status_code == 400


def test_an_hourly_rule() -> None:
    now = 1_795_500_000.0
    with instance(hourly=2, clock=lambda: now) as (_, client):
        inserted(client)
        inserted(client)
        refused = client.post(TABLE, json={})
        assert (refused.status_code, refused.json()["error"]["message"]) == (429, "Rate limit exceeded")
        reset = int(refused.headers["X-RateLimit-Reset"])
        assert (reset % 3600, 0 < reset - now <= 3600) == (0, True)
        assert int(refused.headers["Retry-After"]) == reset - now


def test_unknown_records_and_bodies(client: httpx2.Client) -> None:
    assert client.get(f"{TABLE}/{SYS_ID}").status_code == 404
    assert client.patch(f"{TABLE}/{SYS_ID}", json={}).status_code == 404
    for content in (b"", b"[]", b"{"):
        assert client.post(TABLE, content=content, headers=JSON_TYPE).status_code == 400


def test_the_page_escapes_what_the_record_holds(servicenow: ServiceNow) -> None:
    auth = (servicenow.user, servicenow.password)
    with connect(servicenow.url, auth=auth, follow_redirects=True) as client:
        inserted(client, sys_id=SYS_ID, short_description="<script>x</script>", work_notes="<b>note</b>")
        shown = client.get(f"/nav_to.do?uri=incident.do?sys_id={SYS_ID}")
        assert shown.url.path == f"/incident/{SYS_ID}"
        assert "&lt;script&gt;" in shown.text
        assert "&lt;b&gt;note" in shown.text
        assert "<script" not in shown.text
        assert SYS_ID in client.get("/").text
        assert client.get("/incident/none").status_code == 404


def test_a_folder_keeps_records_notes_and_numbers(tmp_path: Path) -> None:
    for number in ("INC0010001", "INC0010002"):
        with instance(state=tmp_path) as (servicenow, client):
            assert inserted(client, work_notes="kept")["number"] == number
            assert [one["work_notes"] for one in servicenow.store()["incidents"]] == [["kept"]] * int(number[-1])
