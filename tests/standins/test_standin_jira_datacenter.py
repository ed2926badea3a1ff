"""The stand-ins for Jira Data Center and for service projects refuse what the real ones refuse, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from enricher.standins import Jira, JiraDataCenter, running
from enricher.standins.jira import Layout
from tests.standins.standin_client import Clock, connect

pytestmark = pytest.mark.slow

ISSUE = "/rest/api/2/issue"
SEARCH = "/rest/api/2/search"
REQUEST = "/rest/servicedeskapi/request"
LABEL = "enricher-2412d6c5edbed00f"
DOC = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a"}]}]}
INTERNAL = [{"key": "sd.public.comment", "value": {"internal": True}}]


@pytest.fixture
def jira(clock: Clock) -> Iterator[JiraDataCenter]:
    with running(JiraDataCenter(search_lag=30.0, clock=clock)) as standin:
        yield standin


@pytest.fixture
def client(jira: JiraDataCenter) -> Iterator[httpx2.Client]:
    with into(jira) as client:
        yield client


def into(jira: Jira) -> httpx2.Client:
    if isinstance(jira, JiraDataCenter):
        return connect(jira.url, headers={"Authorization": f"Bearer {jira.token}"})
    return connect(jira.url, auth=(jira.email, jira.token))


def issue(**fields: Any) -> dict[str, Any]:
    return {"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "a case", **fields}}


def created(client: httpx2.Client, path: str = ISSUE, **fields: Any) -> str:
    response = client.post(path, json=issue(**fields))
    assert response.status_code == 201, response.text
    key: str = response.json()["key"]
    return key


# --- Data Center ----------------------------------------------------------------------------------------------------


def test_markup_is_taken_as_it_is(jira: JiraDataCenter, client: httpx2.Client) -> None:
    key = created(client, description="h3. *bold*", labels=[LABEL])
    assert client.post(f"{ISSUE}/{key}/comment", json={"body": "{{code}}"}).status_code == 201
    (stored,) = jira.store()["issues"]
    assert (stored["fields"]["description"], stored["comments"][0]["body"]) == ("h3. *bold*", "{{code}}")
    assert "h3. *bold*" in client.get(f"/browse/{key}").text


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        pytest.param({"description": DOC}, "description", "must be a string", id="an Atlassian document"),
        pytest.param({"description": "a" * 32_768}, "description", "32,767", id="description too long"),
        pytest.param({"assignee": {"accountId": "5b10"}}, "assignee", "'name'", id="a person by account id"),
        pytest.param({"security": {"id": "10010"}}, "security", "not on the appropriate screen", id="security level"),
        pytest.param({"components": [{"id": "1"}]}, "components", "not valid", id="unknown component"),
        pytest.param({"priority": {"id": "9"}}, "priority", "priority", id="unknown priority"),
        pytest.param({"customfield_10124": {"value": "Dire"}}, "customfield_10124", "not valid", id="unknown option"),
    ],
)
def test_create_refuses(jira: JiraDataCenter, client: httpx2.Client, fields: dict[str, Any], field: str, text: str) -> None:
    response = client.post(ISSUE, json=issue(**fields))
    assert response.status_code == 400
    assert text in response.json()["errors"][field]
    assert jira.store()["issues"] == []


def test_people_are_named_by_user_name(jira: JiraDataCenter, client: httpx2.Client) -> None:
    created(client, assignee={"name": "soc.bot"})
    assert jira.store()["issues"][0]["fields"]["assignee"] == {"name": "soc.bot"}
    assert client.get("/rest/api/2/myself").json()["name"] == "enricher"


def test_a_field_that_the_site_requires_is_missed() -> None:
    with running(JiraDataCenter(layout=Layout(required=frozenset({"customfield_10123"})))) as jira, into(jira) as client:
        refused = client.post(ISSUE, json=issue())
        assert (refused.status_code, refused.json()["errors"]) == (
            400,
            {"customfield_10123": "customfield_10123 is required."},
        )
        created(client, customfield_10123="x")


@pytest.mark.parametrize("path", ["/rest/api/3/issue", "/rest/api/3/search/jql"])
def test_the_apis_of_cloud_are_not_there(client: httpx2.Client, path: str) -> None:
    assert client.post(path, json=issue()).status_code == 404


def test_passwords_are_for_people_and_a_few_wrong_ones_need_a_captcha(jira: JiraDataCenter) -> None:
    with connect(jira.url, auth=(jira.email, jira.token)) as client:
        answers = [client.get("/rest/api/2/myself") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 403]
    assert answers[3].headers["X-Authentication-Denied-Reason"].startswith("CAPTCHA_CHALLENGE; login-url=http://")


def test_a_wrong_token_is_refused(jira: JiraDataCenter) -> None:
    with connect(jira.url, headers={"Authorization": "Bearer no"}) as client:
        assert [client.get("/rest/api/2/myself").status_code for _ in range(5)] == [401] * 5


def test_every_answer_tells_how_many_requests_are_left(clock: Clock) -> None:
    with running(JiraDataCenter(tokens=2, clock=clock)) as jira, into(jira) as client:
        answers = [client.get("/rest/api/2/myself") for _ in range(3)]
        told = [
            [answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Interval-Seconds", "FillRate")]
            for answer in answers
        ]
        assert told == [["2", "1", "1", "2"], ["2", "0", "1", "2"], ["2", "0", "1", "2"]]
        assert [answer.headers["Retry-After"] for answer in answers] == ["0", "0", "1"]
        assert answers[2].status_code == 429
        clock.now += 1
        assert client.get("/rest/api/2/myself").status_code == 200


def test_the_search_pages_by_number_and_lags(clock: Clock, client: httpx2.Client) -> None:
    keys = [created(client, labels=[LABEL]) for _ in range(3)]
    asked: dict[str, Any] = {
        "jql": f'labels = "{LABEL}" ORDER BY created ASC, key ASC',
        "fields": ["labels"],
        "maxResults": 2,
    }
    assert client.post(SEARCH, json=asked).json()["issues"] == []
    clock.now += 30
    first = client.post(SEARCH, json=asked).json()
    second = client.get(SEARCH, params={**asked, "fields": "labels", "startAt": 2}).json()
    assert [one["key"] for one in first["issues"] + second["issues"]] == keys
    assert (first["total"], second["startAt"], set(second["issues"][0]["fields"])) == (3, 2, {"labels"})
    assert client.post(SEARCH, json={"jql": "project = SEC", "nextPageToken": "x"}).status_code == 400
    assert len(client.post(SEARCH, json={"jql": ""}).json()["issues"]) == 3, "no restriction is needed here"


def test_nodes_answer_in_turn_and_only_one_is_up_to_date(clock: Clock) -> None:
    with running(JiraDataCenter(search_lag=30.0, nodes=2, clock=clock)) as jira, into(jira) as client:
        created(client, labels=[LABEL])
        asked = {"jql": f"labels = {LABEL}"}
        assert [client.post(SEARCH, json=asked).json()["total"] for _ in range(4)] == [1, 0, 1, 0]
        clock.now += 30
        assert [client.post(SEARCH, json=asked).json()["total"] for _ in range(2)] == [1, 1]


def test_lists_of_the_create_screen_are_called_values_and_paged(client: httpx2.Client) -> None:
    types = client.get(f"{ISSUE}/createmeta/SEC/issuetypes", params={"maxResults": 1}).json()
    assert ([one["name"] for one in types["values"]], types["total"]) == (["Incident"], 2)
    path = f"{ISSUE}/createmeta/SEC/issuetypes/{types['values'][0]['id']}"
    fields = client.get(path, params={"startAt": 2, "maxResults": 3}).json()
    assert (len(fields["values"]), fields["total"]) == (3, 10)


def test_rights_that_are_missing_are_shown_and_enforced() -> None:
    layout = Layout(rights=Layout().rights - {"CREATE_ISSUES", "ADD_COMMENTS"})
    with running(JiraDataCenter(layout=layout)) as jira, into(jira) as client:
        shown = client.get("/rest/api/2/mypermissions").json()["permissions"]
        assert {name for name, one in shown.items() if one["havePermission"]} == layout.rights
        assert client.post(ISSUE, json=issue()).status_code == 403


# --- service projects -----------------------------------------------------------------------------------------------


@pytest.fixture(params=[Jira, JiraDataCenter], ids=["cloud", "datacenter"])
def desk(request: pytest.FixtureRequest) -> Iterator[Jira]:
    with running(request.param(layout=Layout(service_desk=True))) as standin:
        yield standin


def public(desk: Jira) -> list[bool]:
    return [comment["public"] for one in desk.store()["issues"] for comment in one["comments"]]


def test_a_service_project_says_what_it_is(desk: Jira) -> None:
    with into(desk) as client:
        assert client.get(f"{desk.root}/project/SEC").json()["projectTypeKey"] == "service_desk"


def test_a_comment_of_the_platform_is_public_unless_cloud_is_told_otherwise(desk: Jira) -> None:
    text: Any = "a" if desk.layout.data_center else DOC
    with into(desk) as client:
        path = f"{desk.root}/issue/{created(client, f'{desk.root}/issue')}/comment"
        answers = [client.post(path, json={"body": text, "properties": given}).json() for given in ([], INTERNAL)]
        assert public(desk) == [True, desk.layout.data_center]
        if not desk.layout.data_center:
            assert [one["jsdPublic"] for one in answers] == [True, False]
            assert client.get(f"{path}/{answers[1]['id']}").json()["jsdPublic"] is False


@pytest.mark.parametrize(("given", "shown"), [({}, True), ({"public": True}, True), ({"public": False}, False)])
def test_the_service_desk_s_own_comment_is_public_unless_told_otherwise(
    desk: Jira,
    given: dict[str, Any],
    shown: bool,  # noqa: FBT001 — a column of the table
) -> None:
    with into(desk) as client:
        key = created(client, f"{desk.root}/issue")
        made = client.post(f"{REQUEST}/{key}/comment", json={"body": "a", **given})
        assert (made.status_code, made.json()["public"], public(desk)) == (201, shown, [shown])


def test_a_comment_can_be_deleted(desk: Jira) -> None:
    with into(desk) as client:
        key = created(client, f"{desk.root}/issue")
        made = client.post(f"{REQUEST}/{key}/comment", json={"body": "a"}).json()
        path = f"{desk.root}/issue/{key}/comment/{made['id']}"
        assert [client.delete(path).status_code for _ in range(2)] == [204, 404]
        assert public(desk) == []


def test_elsewhere_there_is_no_service_desk(client: httpx2.Client) -> None:
    key = created(client)
    assert client.get("/rest/api/2/project/SEC").json()["projectTypeKey"] == "software"
    assert client.post(f"{REQUEST}/{key}/comment", json={"body": "a", "public": False}).status_code == 404
