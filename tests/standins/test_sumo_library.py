"""The stand-in's connections, monitors, searches and fields: as strict as the schema, and read otherwise than written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest

from enricher.standins import KEY, running
from enricher.standins.sumo import SumoLogic
from enricher.standins.sumo.library import PERSONAL, ROOT
from tests.standins.standin_client import Clock, connect

pytestmark = pytest.mark.slow

CONNECTION: dict[str, Any] = {
    "type": "WebhookDefinition",
    "name": "c",
    "url": "https://example.com/",
    "defaultPayload": '{"a": "{{Name}}"}',
}
TRIGGER: dict[str, Any] = {
    "triggerType": "Critical",
    "detectionMethod": "LogsStaticCondition",
    "timeRange": "15m",
    "threshold": 0,
    "thresholdType": "GreaterThan",
    "occurrenceType": "ResultCount",
    "triggerSource": "AllResults",
}
MISSING: dict[str, Any] = {"triggerType": "MissingData", "detectionMethod": "LogsMissingDataCondition", "timeRange": "1h"}
MONITOR: dict[str, Any] = {
    "type": "MonitorsLibraryMonitor",
    "name": "m",
    "monitorType": "Logs",
    "queries": [{"rowId": "A", "query": "* | count"}],
    "triggers": [TRIGGER],
}
SEARCH: dict[str, Any] = {
    "name": "s",
    "queryString": "* | count",
    "parentId": PERSONAL,
    "timeRange": {},
    "schedule": {
        "scheduleType": "15Minutes",
        "timeZone": "UTC",
        "parseableTimeRange": {},
        "threshold": {"thresholdType": "group", "operator": "gt", "count": 0},
        "notification": {"taskType": "AlertSearchNotificationSyncDefinition"},
    },
}


@pytest.fixture
def sumo(clock: Clock) -> Iterator[SumoLogic]:
    with running(SumoLogic(clock=clock)) as standin:
        yield standin


@pytest.fixture
def client(sumo: SumoLogic, clock: Clock) -> Iterator[httpx2.Client]:
    def tick(_: httpx2.Request) -> None:
        clock.now += 1

    with connect(f"{sumo.url}/api/", auth=("su1", KEY), event_hooks={"request": [tick]}) as made:
        yield made


def refused(answer: httpx2.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    return str(error["message"])


def made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"type": "WebhookConnection"}, "type must be WebhookDefinition"),
        ({"name": ""}, "name must be text"),
        ({"name": "n" * 129}, "name must be text"),
        ({"description": "d" * 1025}, "description must be text"),
        ({"url": "ftp://example.com"}, "url must be http"),
        ({"webhookType": "Generic"}, "webhookType must be one of"),
        ({"defaultPayload": '{"a": {{ResultsJson}}}'}, "defaultPayload must be JSON"),
        ({"defaultPayload": {"a": 1}}, "defaultPayload must be JSON"),
        ({"resolutionPayload": ""}, "resolutionPayload must be JSON"),
        ({"headers": {"Authorization": "x"}}, "headers must be a list"),
        ({"headers": [{"name": "A", "value": "x,y"}]}, "a comma ends a header"),
        ({"customHeaders": [{"name": f"X-{n}", "value": "1"} for n in range(6)]}, "5 at most"),
        ({"payload": "{}"}, "unknown property"),
    ],
)
def test_connections_that_are_refused(client: httpx2.Client, more: Mapping[str, Any], said: str) -> None:
    assert said in refused(client.post("v1/connections", json={**CONNECTION, **more}))
    assert made(client.get("v1/connections"))["data"] == []


def test_a_connection_is_written_read_changed_and_deleted(client: httpx2.Client, sumo: SumoLogic) -> None:
    one = made(
        client.post("v1/connections", json={**CONNECTION, "headers": [{"name": "Authorization", "value": "secret"}]})
    )
    assert one["type"] == "WebhookConnection"
    assert made(client.get(f"v1/connections/{one['id']}")) == one
    assert "exists" in refused(client.post("v1/connections", json=CONNECTION))
    assert made(client.put(f"v1/connections/{one['id']}", json={**CONNECTION, "name": "d"}))["name"] == "d"
    assert "secret" not in str(sumo.store())
    assert "type" in refused(client.delete(f"v1/connections/{one['id']}"))
    assert client.delete(f"v1/connections/{one['id']}?type=WebhookConnection").status_code == 204
    assert refused(client.get(f"v1/connections/{one['id']}"), 404)


# --- monitors -------------------------------------------------------------------------------------------------------


def put(client: httpx2.Client, parent: str = ROOT, **more: Any) -> httpx2.Response:
    return client.post("v1/monitors", params={"parentId": parent}, json={**MONITOR, **more})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"type": "MonitorsLibraryMonitorResponse"}, "type must be"),
        ({"monitorType": "Log"}, "monitorType must be one of"),
        ({"queries": []}, "a logs monitor has one"),
        ({"queries": [{"rowId": "A", "query": "a" * 4001}]}, "query must be text of 1 to 4000"),
        ({"queries": [{"rowId": "A", "query": "* | eval x = 1"}]}, "query: "),
        ({"triggers": []}, "triggers must not be empty"),
        ({"triggers": [TRIGGER | {"triggerType": "Missing Data"}]}, "triggerType must be one of"),
        ({"triggers": [TRIGGER | {"timeRange": "20m"}]}, "timeRange must be one of"),
        ({"triggers": [TRIGGER | {"threshold": 1001}]}, "threshold must be a number up to 1000"),
        ({"triggers": [TRIGGER | {"threshold": None}]}, "threshold must be a number"),
        ({"triggers": [TRIGGER | {"thresholdType": "Greater"}]}, "thresholdType must be one of"),
        ({"triggers": [TRIGGER | {"frequency": "often"}]}, "frequency must be a number"),
        ({"triggers": [MISSING | {"detectionMethod": "LogsStaticCondition"}]}, "does not go with"),
        ({"notifications": [{"notification": {"connectionType": "Webhook", "connectionId": "0"}}]}, "names no connection"),
        ({"notifications": [{"notification": {"connectionType": "webhook"}}]}, "connectionType must be one of"),
        ({"notificationGroupFields": [f"f{n}" for n in range(11)]}, "10 at most"),
        ({"notificationGroupFields": ["_messageTime"]}, "no alert may be grouped by"),
        ({"evaluationDelay": "soon"}, "evaluationDelay must be"),
        ({"alertName": "{{ResultsJson}}"}, "alertName cannot hold"),
        ({"severity": "high"}, "unknown property 'severity'"),
    ],
)
def test_monitors_that_are_refused(client: httpx2.Client, more: Mapping[str, Any], said: str) -> None:
    assert said in refused(put(client, **more))


def test_a_monitor_is_read_otherwise_than_it_is_written(client: httpx2.Client) -> None:
    folder = made(
        client.post("v1/monitors", params={"parentId": ROOT}, json={"type": "MonitorsLibraryFolder", "name": "f"})
    )
    one = made(put(client, folder["id"], triggers=[TRIGGER, MISSING]))
    assert (folder["type"], one["type"]) == ("MonitorsLibraryFolderResponse", "MonitorsLibraryMonitorResponse")
    assert (one["parentId"], one["version"]) == (folder["id"], 0)
    assert one["triggers"][0]["timeRange"] == "-15m"
    inside = made(client.get(f"v1/monitors/{folder['id']}"))["children"]
    assert [(child["id"], child["contentType"]) for child in inside] == [(one["id"], "Monitor")]
    assert [child["id"] for child in made(client.get("v1/monitors/root"))["children"]] == [folder["id"]]
    assert "exists" in refused(put(client, folder["id"]))
    assert made(put(client))["parentId"] == ROOT


def test_a_monitor_is_changed_by_its_version_only(client: httpx2.Client) -> None:
    one = made(put(client))
    address = f"v1/monitors/{one['id']}"
    assert refused(client.put(address, json=MONITOR), 409)
    assert made(client.put(address, json=MONITOR | {"version": 0}))["version"] == 1
    assert refused(client.put(address, json=MONITOR | {"version": 0}), 409)
    assert refused(put(client, "00000000000000FF"), 404)
    assert "no folder" in refused(put(client, one["id"], name="n"))


# --- scheduled searches and fields ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"queryString": "* | eval"}, "queryString: "),
        ({"timeRange": "15m"}, "timeRange must be an object"),
        ({"schedule": {**SEARCH["schedule"], "scheduleType": "5Minutes"}}, "scheduleType must be one of"),
        ({"schedule": {**SEARCH["schedule"], "scheduleType": "Custom"}}, "cronExpression must be there"),
        ({"schedule": {**SEARCH["schedule"], "notification": None}}, "notification must be an object"),
        (
            {"schedule": {**SEARCH["schedule"], "notification": {"taskType": "WebhookSearchNotificationSyncDefinition"}}},
            "webhookId names no connection",
        ),
    ],
)
def test_searches_that_are_refused(client: httpx2.Client, more: Mapping[str, Any], said: str) -> None:
    assert said in refused(client.post("v1/logSearches", json={**SEARCH, **more}))


def test_a_search_lies_in_the_folder_of_whose_keys_these_are(client: httpx2.Client) -> None:
    personal = made(client.get("v2/content/folders/personal"))["id"]
    one = made(client.post("v1/logSearches", json=SEARCH | {"parentId": personal}))
    assert made(client.get("v1/logSearches"))["logSearches"] == [one]
    assert refused(client.post("v1/logSearches", json=SEARCH | {"parentId": ROOT}), 404)
    assert made(client.put(f"v1/logSearches/{one['id']}", json=SEARCH | {"name": "t"}))["name"] == "t"


def test_a_field_is_there_once_whatever_its_case(client: httpx2.Client) -> None:
    one = made(client.post("v1/fields", json={"fieldName": "enricher_case"}))
    assert one["state"] == "Enabled"
    assert "exists" in refused(client.post("v1/fields", json={"fieldName": "Enricher_Case"}))
    assert "must be a name" in refused(client.post("v1/fields", json={"fieldName": "a b"}))
    assert made(client.get("v1/fields"))["data"] == [one]


# --- who may, how often, how much -----------------------------------------------------------------------------------


def test_only_with_keys_and_four_times_a_second(sumo: SumoLogic, client: httpx2.Client, clock: Clock) -> None:
    with connect(sumo.url) as stranger:
        assert stranger.get("/api/v1/connections").status_code == 401
    clock.now += 5
    with connect(sumo.url, auth=("su1", KEY)) as quick:
        assert [quick.get("/api/v1/connections").status_code for _ in range(5)] == [200, 200, 200, 200, 429]


def test_lists_come_in_pages(sumo: SumoLogic, client: httpx2.Client) -> None:
    for n in range(5):
        sumo.library.connections[f"{n:016X}"] = CONNECTION | {"name": str(n), "headers": []}
    first = made(client.get("v1/connections", params={"limit": 3}))
    rest = made(client.get("v1/connections", params={"limit": 3, "token": first["next"]}))
    assert [one["name"] for page in (first, rest) for one in page["data"]] == list("01234")
    assert "next" not in rest
    assert refused(client.get("v1/connections", params={"limit": 101}))
