"""The ServiceNow stand-in refuses, cuts and ignores what an instance does, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from enricher.standins import ServiceNow, running
from enricher.standins.servicenow.incidents import Rules
from enricher.standins.servicenow.service import SOC_GROUP
from tests.standins.standin_client import connect

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
