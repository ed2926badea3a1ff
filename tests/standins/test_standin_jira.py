"""The Jira stand-in refuses what Jira Cloud refuses, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from enricher.standins import Fault, FaultKind, Jira, running
from enricher.standins.jira.fields import Layout
from tests.standins.standin_client import Clock, connect

pytestmark = pytest.mark.slow

BODIES = Path(__file__).parents[1] / "data" / "destination-bodies"
ISSUE = "/rest/api/3/issue"
SEARCH = "/rest/api/3/search/jql"
LABEL = "enricher-2412d6c5edbed00f"
INTERNAL = [{"key": "sd.public.comment", "value": {"internal": True}}]


@pytest.fixture
def jira(clock: Clock) -> Iterator[Jira]:
    with running(Jira(search_lag=30.0, clock=clock)) as standin:
        yield standin


@pytest.fixture
def client(jira: Jira) -> Iterator[httpx2.Client]:
    with connect(jira.url, auth=(jira.email, jira.token)) as client:
        yield client


def body(name: str) -> Any:
    return json.loads((BODIES / name).read_text())


def doc(*texts: str) -> dict[str, Any]:
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts]
    return {"type": "doc", "version": 1, "content": paragraphs}


def issue(**fields: Any) -> dict[str, Any]:
    return {"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "a case", **fields}}


def created(client: httpx2.Client, **fields: Any) -> str:
    response = client.post(ISSUE, json=issue(**fields))
    assert response.status_code == 201, response.text
    key: str = response.json()["key"]
    return key


def hits(client: httpx2.Client, jql: str, **more: Any) -> list[dict[str, Any]]:
    response = client.post(SEARCH, json={"jql": jql, **more})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["issues"]
    return found


# --- create ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["critical", "low"])
def test_the_example_bodies_are_taken(jira: Jira, client: httpx2.Client, name: str) -> None:
    response = client.post(ISSUE, json=body(f"jira-v3-create.{name}.json"))
    assert response.status_code == 201
    key = response.json()["key"]
    assert client.post(f"{ISSUE}/{key}/comment", json=body(f"jira-v3-comment.{name}.json")).status_code == 201
    (stored,) = jira.store()["issues"]
    assert stored["key"] == key == "SEC-1"
    assert "enricher" in stored["fields"]["labels"]
    assert list(stored["properties"]) == ["enricher.case"]
    assert [comment["public"] for comment in stored["comments"]] == [False]


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        pytest.param({"summary": None}, "summary", "must specify a summary", id="no summary"),
        pytest.param({"summary": "a" * 256}, "summary", "255", id="summary too long"),
        pytest.param({"summary": "a\nb"}, "summary", "newline", id="summary of two lines"),
        pytest.param({"project": {"key": "OTHER"}}, "project", "valid project", id="unknown project"),
        pytest.param({"project": {"key": []}}, "project", "valid project", id="project key that is no text"),
        pytest.param({"issuetype": {"name": "Alert"}}, "issuetype", "valid issue type", id="unknown issue type"),
        pytest.param(
            {"labels": ["a b"]}, "labels", "The label 'a b' contains spaces which is invalid.", id="label with a space"
        ),
        pytest.param({"labels": ["a" * 256]}, "labels", "255", id="label too long"),
        pytest.param({"labels": "enricher"}, "labels", "array", id="labels that are no list"),
        pytest.param({"description": "*wiki*"}, "description", "must be an Atlassian Document", id="description as text"),
        pytest.param({"security": {"id": "10010"}}, "security", "not on the appropriate screen", id="security level"),
        pytest.param({"customfield_99999": "x"}, "customfield_99999", "not on the appropriate screen", id="unknown field"),
        pytest.param({"components": ["SOC"]}, "components", "'id' or 'name'", id="component as text"),
        pytest.param({"components": [{"name": "NOC"}]}, "components", "not valid", id="unknown component"),
        pytest.param({"priority": {"name": "Urgent"}}, "priority", "priority", id="unknown priority"),
        pytest.param({"customfield_10124": {"value": "Dire"}}, "customfield_10124", "not valid", id="unknown option"),
        pytest.param({"customfield_10123": "a" * 256}, "customfield_10123", "255", id="text field too long"),
    ],
)
def test_create_refuses(jira: Jira, client: httpx2.Client, fields: dict[str, Any], field: str, text: str) -> None:
    response = client.post(ISSUE, json=issue(**fields))
    assert response.status_code == 400
    assert text in response.json()["errors"][field]
    assert jira.store()["issues"] == []


def test_all_wrong_fields_are_named_at_once(client: httpx2.Client) -> None:
    assert set(client.post(ISSUE, json={"fields": {}}).json()["errors"]) == {"project", "issuetype", "summary"}


def test_a_field_of_both_fields_and_update_is_refused(client: httpx2.Client) -> None:
    sent = issue(labels=["a"]) | {"update": {"labels": [{"add": "b"}]}}
    assert "labels" in client.post(ISSUE, json=sent).json()["errors"]


@pytest.mark.parametrize("sent", [b"", b"[]", b"{", b'{"fields": []}', b'{"unknown": 1}'])
def test_a_body_that_is_no_issue_is_refused(client: httpx2.Client, sent: bytes) -> None:
    response = client.post(ISSUE, content=sent, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert any(response.json().values())


def test_a_body_that_is_no_json_is_refused(client: httpx2.Client) -> None:
    assert client.post(ISSUE, content=b"a=b", headers={"Content-Type": "text/plain"}).status_code == 415


def test_many_at_once_get_a_key_each(jira: Jira, client: httpx2.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda n: created(client, summary=f"case {n}"), range(40)))
    assert sorted(keys) == sorted(f"SEC-{n}" for n in range(1, 41))
    assert {one["key"]: one["fields"]["summary"] for one in jira.store()["issues"]} == {
        key: f"case {n}" for n, key in enumerate(keys)
    }


def test_text_that_is_too_long_burns_a_key(jira: Jira, client: httpx2.Client) -> None:
    response = client.post(ISSUE, json=issue(description=doc("a" * 32_767)))
    assert (response.status_code, response.json()) == (400, {"errorMessages": ["CONTENT_LIMIT_EXCEEDED"], "errors": {}})
    assert created(client) == "SEC-2"
    assert [stored["key"] for stored in jira.store()["issues"]] == ["SEC-2"]


def test_a_security_level_is_taken_where_the_screen_has_it() -> None:
    layout = Layout(screen=Layout().screen | {"security"})
    with running(Jira(layout=layout)) as jira, connect(jira.url, auth=(jira.email, jira.token)) as client:
        created(client, security={"id": "10010"})
        assert client.post(ISSUE, json=issue(security={"id": "1"})).status_code == 400


# --- who asks, and how often ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [None, ("enricher@corp.example", "wrong"), ("other@corp.example", "stand-in")])
def test_a_wrong_login_is_refused(jira: Jira, auth: tuple[str, str] | None) -> None:
    assert httpx2.post(jira.url + ISSUE, json=issue(), auth=auth).status_code == 401
    assert httpx2.get(f"{jira.url}/rest/api/3/myself", auth=auth).status_code == 401
    assert jira.store()["issues"] == []


def test_a_scoped_token_works_at_the_gateway_only() -> None:
    with running(Jira(scoped=True)) as jira:
        auth = (jira.email, jira.token)
        assert httpx2.post(jira.url + ISSUE, json=issue(), auth=auth).status_code == 401
        assert httpx2.post(f"{jira.url}/ex/jira/{jira.cloud_id}{ISSUE}", json=issue(), auth=auth).status_code == 201


def test_an_issue_takes_twenty_writes_in_two_seconds(clock: Clock, client: httpx2.Client) -> None:
    key = created(client)
    other = created(client)
    for n in range(20):
        assert client.post(f"{ISSUE}/{key}/comment", json={"body": doc(f"{n}")}).status_code == 201
    refused = client.post(f"{ISSUE}/{key}/comment", json={"body": doc("one more")})
    assert refused.status_code == 429
    assert refused.headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert refused.headers["Retry-After"] == "2"
    assert client.post(f"{ISSUE}/{other}/comment", json={"body": doc("other")}).status_code == 201
    clock.now += 2
    assert client.post(f"{ISSUE}/{key}/comment", json={"body": doc("one more")}).status_code == 201


def test_an_endpoint_takes_a_hundred_posts_in_a_burst(clock: Clock, client: httpx2.Client) -> None:
    for _ in range(100):
        created(client)
    refused = client.post(ISSUE, json=issue())
    assert (refused.status_code, refused.headers["RateLimit-Reason"]) == (429, "jira-burst-based")
    clock.now += 1
    created(client)


def test_limits_can_be_off() -> None:
    with running(Jira(limits=False)) as jira, connect(jira.url, auth=(jira.email, jira.token)) as client:
        for _ in range(101):
            created(client)


# --- reading and searching ------------------------------------------------------------------------------------------


def test_the_search_lags_and_reading_by_key_does_not(clock: Clock, client: httpx2.Client) -> None:
    key = created(client, labels=[LABEL])
    assert hits(client, f'project = SEC AND labels = "{LABEL}"') == []
    assert client.get(f"{ISSUE}/{key}").json()["fields"]["labels"] == [LABEL]
    fetched = client.post(f"{ISSUE}/bulkfetch", json={"issueIdsOrKeys": [key, "SEC-99"], "fields": ["labels"]}).json()
    assert [one["key"] for one in fetched["issues"]] == [key]
    clock.now += 30
    assert len(hits(client, f'project = SEC AND labels = "{LABEL}"')) == 1


def test_reconcile_shows_the_ids_it_names(client: httpx2.Client) -> None:
    made = client.post(ISSUE, json=issue(labels=[LABEL])).json()
    created(client, labels=[LABEL])
    found = hits(client, f"labels = {LABEL}", reconcileIssues=[int(made["id"])])
    assert found == [{"id": made["id"]}]


def test_the_search_shows_old_labels_until_the_index_has_the_new(clock: Clock, client: httpx2.Client) -> None:
    key = created(client, labels=["old"])
    clock.now += 30
    assert client.put(f"{ISSUE}/{key}", json={"update": {"labels": [{"remove": "old"}, {"add": "new"}]}}).status_code == 204
    assert len(hits(client, "labels = old")) == 1
    assert hits(client, "labels = new") == []
    clock.now += 30
    assert hits(client, "labels = old") == []
    assert len(hits(client, "labels = new")) == 1


def test_a_search_without_fields_gives_ids_only(clock: Clock, client: httpx2.Client) -> None:
    key = created(client, labels=[LABEL])
    clock.now += 30
    assert hits(client, "project = SEC") == [{"id": "10001"}]
    (hit,) = hits(client, "project = SEC", fields=["labels", "status"])
    assert (hit["key"], set(hit["fields"])) == (key, {"labels", "status"})


def test_search_pages_by_token(clock: Clock, client: httpx2.Client) -> None:
    keys = [created(client) for _ in range(3)]
    clock.now += 30
    asked: dict[str, Any] = {"jql": "project = SEC ORDER BY created ASC, key ASC", "maxResults": 2, "fields": ["summary"]}
    first = client.post(SEARCH, json=asked).json()
    second = client.post(SEARCH, json=asked | {"nextPageToken": first["nextPageToken"]}).json()
    assert [one["key"] for one in first["issues"] + second["issues"]] == keys
    assert (first["isLast"], second["isLast"], "total" in first) == (False, True, False)
    assert client.post(SEARCH, json=asked | {"nextPageToken": "made up"}).status_code == 400


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        pytest.param({"jql": ""}, "Unbounded", id="no restriction"),
        pytest.param({"jql": "ORDER BY created DESC"}, "Unbounded", id="order alone"),
        pytest.param({"jql": 'label = "x"'}, "does not exist", id="mistyped field"),
        pytest.param({"jql": "issue.property[enricher.case].score > 1"}, "does not exist", id="property is not searchable"),
        pytest.param({"jql": "project ="}, "ends too early", id="half a clause"),
        pytest.param({"jql": "project = SEC project = SEC"}, "Expecting operator", id="no and between"),
        pytest.param({"jql": "created >= yesterday"}, "Date value", id="no date"),
        pytest.param({"jql": "project = SEC", "startAt": 0}, "startAt", id="paging of the old search"),
        pytest.param({"jql": "project = SEC", "reconcileIssues": list(range(51))}, "50", id="too many to reconcile"),
    ],
)
def test_search_refuses(client: httpx2.Client, sent: dict[str, Any], text: str) -> None:
    response = client.post(SEARCH, json=sent)
    assert response.status_code == 400
    assert text in response.json()["errorMessages"][0]


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_old_search_is_gone(client: httpx2.Client, version: str) -> None:
    response = client.get(f"/rest/api/{version}/search", params={"jql": "project = SEC"})
    assert response.status_code == 410
    assert "/rest/api/3/search/jql" in response.json()["errorMessages"][0]


def test_an_issue_without_permission_looks_like_none(jira: Jira, clock: Clock, client: httpx2.Client) -> None:
    key = created(client)
    jira.people.hide(key)
    clock.now += 30
    assert client.get(f"{ISSUE}/{key}").status_code == client.get(f"{ISSUE}/SEC-99").status_code == 404
    assert client.get(f"{ISSUE}/{key}").json() == client.get(f"{ISSUE}/SEC-99").json()
    assert hits(client, "project = SEC") == []


# --- comments, transitions, links -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        pytest.param({}, "can not be empty", id="no body"),
        pytest.param({"body": "text"}, "Atlassian Document", id="body as text"),
        pytest.param({"body": doc("a"), "internal": True}, "unrecognised", id="unknown key"),
        pytest.param({"body": doc("a" * 32_767)}, "CONTENT_LIMIT_EXCEEDED", id="too long"),
        pytest.param({"body": doc("")}, "INVALID_INPUT", id="empty text node"),
    ],
)
def test_comments_that_are_refused(jira: Jira, client: httpx2.Client, sent: dict[str, Any], text: str) -> None:
    key = created(client)
    response = client.post(f"{ISSUE}/{key}/comment", json=sent)
    assert response.status_code == 400
    assert text in response.text
    assert jira.store()["issues"][0]["comments"] == []


def test_a_comment_is_public_unless_it_says_otherwise(jira: Jira, client: httpx2.Client) -> None:
    key = created(client)
    for properties in ([], INTERNAL):
        client.post(f"{ISSUE}/{key}/comment", json={"body": doc("text"), "properties": properties})
    assert [one["public"] for one in jira.store()["issues"][0]["comments"]] == [True, False]


def test_comments_newest_first_and_their_properties_by_id(client: httpx2.Client) -> None:
    key = created(client)
    for n in range(3):
        client.post(f"{ISSUE}/{key}/comment", json={"body": doc(f"{n}"), "properties": INTERNAL})
    page = client.get(
        f"{ISSUE}/{key}/comment", params={"orderBy": "-created", "maxResults": "2", "expand": "properties"}
    ).json()
    assert [one["body"] for one in page["comments"]] == [doc("2"), doc("1")]
    assert page["total"] == 3
    assert not any("properties" in one for one in page["comments"])
    ids = [int(one["id"]) for one in page["comments"]]
    listed = client.post("/rest/api/3/comment/list", params={"expand": "properties"}, json={"ids": ids}).json()
    assert [one["properties"] for one in listed["values"]] == [INTERNAL, INTERNAL]


def test_resolve_by_the_transition_that_is_offered(jira: Jira, client: httpx2.Client) -> None:
    key = created(client)
    offered = client.get(f"{ISSUE}/{key}/transitions", params={"expand": "transitions.fields"}).json()["transitions"]
    (done,) = [one for one in offered if one["to"]["statusCategory"]["key"] == "done"]
    resolution = done["fields"]["resolution"]["allowedValues"][0]["name"]
    sent = {
        "transition": {"id": done["id"]},
        "fields": {"resolution": {"name": resolution}},
        "update": {"comment": [{"add": {"body": doc("closed")}}]},
    }
    response = client.post(f"{ISSUE}/{key}/transitions", json=sent)
    assert (response.status_code, response.content) == (204, b"")
    (stored,) = jira.store()["issues"]
    assert (stored["status"], stored["resolution"]["name"], len(stored["comments"])) == ("Done", "Done", 1)
    assert client.post(f"{ISSUE}/{key}/transitions", json=sent).status_code == 400
    assert len(jira.store()["issues"][0]["comments"]) == 1


def test_a_resolution_that_is_not_on_the_screen_is_refused() -> None:
    layout = Layout(resolution_on_screen=False)
    with running(Jira(layout=layout)) as jira, connect(jira.url, auth=(jira.email, jira.token)) as client:
        key = created(client)
        sent = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}}}
        refused = client.post(f"{ISSUE}/{key}/transitions", json=sent)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["resolution"])
        assert client.post(f"{ISSUE}/{key}/transitions", json={"transition": {"id": "31"}}).status_code == 204
        assert jira.store()["issues"][0]["resolution"] is None


def test_a_conflicting_transition_is_a_fault(jira: Jira, client: httpx2.Client) -> None:
    key = created(client)
    jira.fail(Fault(kind=FaultKind.ERROR, path="*/transitions", method="POST", status=409, commits=False))
    assert client.post(f"{ISSUE}/{key}/transitions", json={"transition": {"id": "31"}}).status_code == 409
    assert jira.store()["issues"][0]["status"] == "To Do"


def test_an_edit_ignores_a_transition(jira: Jira, client: httpx2.Client) -> None:
    key = created(client)
    sent = {"fields": {"priority": {"name": "Highest"}}, "transition": {"id": "31"}}
    assert client.put(f"{ISSUE}/{key}", json=sent).status_code == 204
    assert client.put(f"{ISSUE}/{key}", params={"returnIssue": "true"}, json=sent).json()["key"] == key
    (stored,) = jira.store()["issues"]
    assert (stored["status"], stored["fields"]["priority"]["name"]) == ("To Do", "Highest")


def test_a_remote_link_is_replaced_by_its_global_id(jira: Jira, client: httpx2.Client) -> None:
    key = created(client)
    target = {"url": "https://sumo.example/alert/1", "title": "Alert"}
    first = {"globalId": "sumo-1", "relationship": "alert", "object": target}
    assert client.post(f"{ISSUE}/{key}/remotelink", json=first).status_code == 201
    assert client.post(f"{ISSUE}/{key}/remotelink", json={"globalId": "sumo-1", "object": target}).status_code == 200
    assert client.post(f"{ISSUE}/{key}/remotelink", json={"globalId": "a" * 256, "object": target}).status_code == 400
    (link,) = jira.store()["issues"][0]["remotelinks"]
    assert link["relationship"] is None


def test_properties_are_set_and_replaced(client: httpx2.Client) -> None:
    key = created(client)
    path = f"{ISSUE}/{key}/properties/enricher.case"
    assert client.get(path).status_code == 404
    assert client.put(path, json={"score": 1}).status_code == 201
    assert client.put(path, json={"score": 2}).status_code == 200
    assert client.get(path).json()["value"] == {"score": 2}
    assert client.put(path, json="a" * 32_768).status_code == 400


def test_issues_are_linked_on_both_sides(jira: Jira, client: httpx2.Client) -> None:
    first, second = created(client), created(client)
    sent = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": second}, "outwardIssue": {"key": first}}
    assert client.post("/rest/api/3/issueLink", json=sent).status_code == 201
    assert client.post("/rest/api/3/issueLink", json=sent | {"type": {"name": "Copies"}}).status_code == 404
    assert [one["links"][0]["key"] for one in jira.store()["issues"]] == [second, first]


# --- the site, the page, the folder ---------------------------------------------------------------------------------


def test_what_a_client_asks_before_it_begins(jira: Jira, client: httpx2.Client) -> None:
    assert client.get("/rest/api/3/myself").json()["emailAddress"] == jira.email
    assert client.get("/rest/api/3/serverInfo").json()["deploymentType"] == "Cloud"
    assert client.get("/rest/api/3/project/SEC").json()["key"] == "SEC"
    assert client.get("/rest/api/3/project/NONE").status_code == 404
    assert client.get("/rest/api/3/mypermissions").status_code == 400
    may = client.get("/rest/api/3/mypermissions", params={"permissions": "CREATE_ISSUES,ADMINISTER"}).json()["permissions"]
    assert {name: one["havePermission"] for name, one in may.items()} == {"CREATE_ISSUES": True, "ADMINISTER": False}
    (incident, _) = client.get(f"{ISSUE}/createmeta/SEC/issuetypes").json()["issueTypes"]
    fields = client.get(f"{ISSUE}/createmeta/SEC/issuetypes/{incident['id']}").json()["fields"]
    assert {one["fieldId"] for one in fields if one["required"]} == {"project", "issuetype", "summary"}
    (priority,) = [one for one in fields if one["fieldId"] == "priority"]
    assert priority["allowedValues"][0] == {"id": "1", "name": "Highest"}


def test_the_page_escapes_what_the_ticket_holds(client: httpx2.Client) -> None:
    key = created(client, summary="<script>alert(1)</script>", description=doc("<img src=x onerror=alert(1)>"))
    client.post(f"{ISSUE}/{key}/comment", json={"body": doc("<b>bold</b>")})
    for page in (f"/browse/{key}", "/browse"):
        assert "&lt;script&gt;" in client.get(page).text
    shown = client.get(f"/browse/{key}").text
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;b&gt;bold" in shown


def test_the_page_shows_every_node_that_the_example_uses(client: httpx2.Client) -> None:
    client.post(ISSUE, json=body("jira-v3-create.critical.json"))
    shown = client.get("/browse/SEC-1").text
    assert '<div class="panel' in shown
    assert "ws-fin-0142" in shown
    assert client.get("/browse/SEC-2").status_code == 404


def test_a_folder_keeps_issues_and_numbers(tmp_path: Path) -> None:
    for keys in (["SEC-1"], ["SEC-1", "SEC-3"]):
        with (
            running(Jira(state=tmp_path)) as jira,
            connect(jira.url, auth=(jira.email, jira.token)) as client,
        ):
            created(client, labels=["kept"])
            assert [one["key"] for one in jira.store()["issues"]] == keys
            assert len(hits(client, "labels = kept")) == len(keys)
            client.post(ISSUE, json=issue(description=doc("a" * 32_767)))


# --- what happens to an issue afterwards ------------------------------------------------------------------------------


def moved(client: httpx2.Client, key: str, transition: str, **fields: Any) -> httpx2.Response:
    return client.post(f"{ISSUE}/{key}/transitions", json={"transition": {"id": transition}, "fields": fields})


def times(client: httpx2.Client, key: str) -> dict[str, Any]:
    asked = "resolution,resolutiondate,statuscategorychangedate,created"
    found: dict[str, Any] = client.get(f"{ISSUE}/{key}", params={"fields": asked}).json()["fields"]
    return found


def test_a_resolution_has_its_date_until_it_is_taken_away(client: httpx2.Client, clock: Clock) -> None:
    key = created(client)
    new = times(client, key)
    assert (new["resolutiondate"], new["statuscategorychangedate"]) == (None, new["created"])
    clock.now += 60
    assert moved(client, key, "31", resolution={"name": "Done"}).status_code == 204
    done = times(client, key)
    assert done["resolutiondate"] == done["statuscategorychangedate"] > new["created"]
    clock.now += 60
    assert moved(client, key, "21").status_code == 204
    reopened = times(client, key)
    assert reopened["resolution"]["name"] == "Done", "nobody has taken it away"
    assert reopened["resolutiondate"] == done["resolutiondate"] < reopened["statuscategorychangedate"]
    assert moved(client, key, "31").status_code == 204
    assert moved(client, key, "11", resolution=None).status_code == 204
    assert (times(client, key)["resolution"], times(client, key)["resolutiondate"]) == (None, None)


def test_a_workflow_that_takes_the_resolution_away_itself_shows_it_on_no_screen() -> None:
    with (
        running(Jira(layout=Layout(reopening_shows_resolution=False))) as jira,
        connect(jira.url, auth=(jira.email, jira.token)) as client,
    ):
        key = created(client)
        moved(client, key, "31", resolution={"name": "Done"})
        refused = moved(client, key, "11", resolution=None)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["resolution"])
        assert moved(client, key, "11").status_code == 204
        assert jira.store()["issues"][0]["resolution"] is None


@pytest.mark.parametrize(
    ("layout", "offered"),
    [
        pytest.param(Layout(), ["To Do", "In Progress"], id="any way out"),
        pytest.param(Layout(done_is_final=True), [], id="a last status"),
        pytest.param(Layout(rights=Layout().rights - {"TRANSITION_ISSUES"}), [], id="no right"),
    ],
)
def test_what_leads_out_of_done(layout: Layout, offered: list[str]) -> None:
    with running(Jira(layout=layout)) as jira, connect(jira.url, auth=(jira.email, jira.token)) as client:
        key = created(client)
        jira.people.move(key, "Done")
        found = client.get(f"{ISSUE}/{key}/transitions").json()["transitions"]
        assert [one["name"] for one in found] == offered
        assert moved(client, key, "11").status_code == (204 if offered else 400 if layout.done_is_final else 403)


def test_a_field_that_a_transition_asks_for_is_required() -> None:
    with (
        running(Jira(layout=Layout(asks_for_reason=True))) as jira,
        connect(jira.url, auth=(jira.email, jira.token)) as client,
    ):
        key = created(client)
        assert list(moved(client, key, "31").json()["errors"]) == ["customfield_10123"]
        assert moved(client, key, "31", customfield_10123="false alarm").status_code == 204


def test_what_people_do_is_seen_by_everybody(jira: Jira, client: httpx2.Client, clock: Clock) -> None:
    first, second = created(client, labels=[LABEL]), created(client)
    client.post(
        "/rest/api/3/issueLink",
        json={"type": {"name": "Relates"}, "inwardIssue": {"key": first}, "outwardIssue": {"key": second}},
    )
    clone = jira.people.clone(first)
    jira.people.edit(second, summary="Written anew")
    fields = {key: client.get(f"{ISSUE}/{key}").json()["fields"] for key in (first, second, clone)}
    assert (fields[clone]["labels"], fields[second]["summary"]) == ([LABEL], "Written anew")
    assert fields[clone]["creator"]["accountId"] != fields[first]["creator"]["accountId"] == jira.me["accountId"]
    assert [link["outwardIssue"]["key"] for link in fields[first]["issuelinks"]] == [second]
    jira.people.delete(second)
    assert client.get(f"{ISSUE}/{second}").status_code == 404
    assert client.get(f"{ISSUE}/{first}").json()["fields"]["issuelinks"] == []
    clock.now += 30
    assert {hit["key"] for hit in hits(client, "project = SEC", fields=["labels"])} == {first, clone}


def test_the_types_of_links_are_listed(client: httpx2.Client) -> None:
    found = client.get("/rest/api/3/issueLinkType").json()["issueLinkTypes"]
    assert [(one["name"], one["outward"]) for one in found] == [
        ("Duplicate", "duplicates"),
        ("Relates", "relates to"),
        ("Blocks", "blocks"),
    ]
